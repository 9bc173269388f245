"""The contract, health, metrics, the token review, and the processes' own commands."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import aiohttp
import pytest
import yaml
from sqlalchemy import NullPool, text
from sqlalchemy.ext.asyncio import create_async_engine

from funkhaus.domain.subject import Role
from funkhaus_api.app import PUBLIC, ROUTES
from tests.conftest import ROOT
from tests.support.ports import free_port

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.api import Client, World

REVIEW = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview"}


def contract() -> dict[str, dict[str, object]]:
    loaded: dict[str, dict[str, object]] = yaml.safe_load(
        (ROOT / "platform/funkhaus_api/openapi.yaml").read_text()
    )
    return loaded


def test_every_route_is_in_the_contract_and_the_other_way_round() -> None:
    served = {(route.method.lower(), route.path) for route in ROUTES}
    promised = {
        (method, path)
        for path, item in contract()["paths"].items()
        for method in item  # type: ignore[attr-defined]
        if method != "parameters"
    }
    assert served == promised


def test_what_is_open_to_everybody_is_open_in_the_contract_too() -> None:
    open_ = {(route.method.lower(), route.path) for route in ROUTES if route.handler in PUBLIC}
    promised = {
        (method, path)
        for path, item in contract()["paths"].items()
        for method, operation in item.items()  # type: ignore[attr-defined]
        if method != "parameters" and operation.get("security") == []
    }
    assert open_ == promised


def test_path_parameters_are_declared() -> None:
    document = contract()
    for path, item in document["paths"].items():
        declared = set()
        for parameter in item.get("parameters", []):  # type: ignore[attr-defined]
            name = parameter.get("$ref", "").rpartition("/")[2]
            found = document["components"]["parameters"][name] if name else parameter  # type: ignore[index]
            declared |= {found["name"]} if found["in"] == "path" else set()
        assert declared == set(re.findall(r"{(\w+)}", path)), path


async def test_the_contract_is_served(nobody: Client) -> None:
    reply = await nobody.get("/v1/openapi.yaml")
    assert yaml.safe_load(reply.body) == contract()


async def test_metrics_never_hold_a_users_words(owner: Client) -> None:
    await owner.get("/v1/tenants/blue/namespaces/default/functions/secret-name")
    await owner.ask("BREW", "/v1/some-other-secret")
    text = (await owner.get("/metrics")).body.decode()
    assert 'route="/v1/tenants/{tenant}/namespaces/{namespace}/functions/{function}"' in text
    assert "secret" not in text
    assert "BREW" not in text


async def test_a_token_review_says_what_kubectl_may_be(world: World, nobody: Client) -> None:
    token = await world.token("blue", Role.DEVELOPER)
    status = (await nobody.post("/internal/tokenreview", REVIEW | {"spec": {"token": token}})).json[
        "status"
    ]
    assert status["authenticated"] is True
    assert re.fullmatch(r"fh:[0-9a-f-]{36}", status["user"]["username"])
    assert status["user"]["groups"] == ["fh:blue:developer"]
    assert set(status["user"]["extra"]) == {"funkhaus.dev/token-id", "funkhaus.dev/subject"}


async def test_a_token_review_of_what_is_no_token(world: World, nobody: Client) -> None:
    revoked = await world.token("blue", Role.OWNER, revoked=True)
    for token in ("", "nonsense", revoked):
        reply = await nobody.post("/internal/tokenreview", REVIEW | {"spec": {"token": token}})
        assert reply.json["status"]["authenticated"] is False
        assert "user" not in reply.json["status"]
    for wrong in (
        {},
        REVIEW,
        REVIEW | {"spec": {"token": 3}},
        {"apiVersion": "v1", "spec": {"token": "x"}},
    ):
        (await nobody.post("/internal/tokenreview", wrong)).problem(400, "malformed")


async def test_a_token_review_is_for_this_machine_only(world: World, nobody: Client) -> None:
    token = await world.token("blue", Role.OWNER)
    reply = await nobody.post(
        "/internal/tokenreview",
        REVIEW | {"spec": {"token": token}},
        headers={"X-Forwarded-For": "192.0.2.1"},
    )
    reply.problem(404, "not-found")


# ── the processes ──


def environment(database: str, **more: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.environ.get("PYTHONPATH", str(ROOT / "platform")),
        "FUNKHAUS_DATABASE_URL": database,
        "FUNKHAUS_TOKEN_PEPPER": "a pepper of at least thirty-two characters",
        **more,
    }


def run(database: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "funkhaus_api", *words],
        env=environment(database),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def test_migrate_then_bootstrap_twice(empty_database: str, tmp_path: Path) -> None:
    file = tmp_path / "secrets" / "admin"
    before = await asyncio.to_thread(
        run, empty_database, "bootstrap-admin", "--token-file", str(file)
    )
    assert before.returncode == 2
    assert "python -m funkhaus_api migrate" in before.stderr
    assert not file.exists()
    migrated = await asyncio.to_thread(run, empty_database, "migrate")
    assert migrated.returncode == 0, migrated.stderr
    first = await asyncio.to_thread(
        run, empty_database, "bootstrap-admin", "--token-file", str(file)
    )
    token = file.read_text().strip()
    assert first.returncode == 0, first.stderr
    assert token.startswith("fh_adm_")
    assert token not in first.stdout + first.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    await asyncio.to_thread(run, empty_database, "bootstrap-admin", "--token-file", str(file))
    assert file.read_text().strip() == token
    file.write_text("fh_adm_torn")
    await asyncio.to_thread(run, empty_database, "bootstrap-admin", "--token-file", str(file))
    assert file.read_text().strip() not in {token, "fh_adm_torn"}


async def test_serving_refuses_a_schema_it_does_not_know(database: str) -> None:
    engine = create_async_engine(database, poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = 'ffff'"))
        await connection.execute(text("DELETE FROM compatible_revisions"))
        await connection.execute(text("INSERT INTO compatible_revisions VALUES ('ffff')"))
    await engine.dispose()
    refused = await asyncio.to_thread(run, database, "serve")
    assert refused.returncode == 2
    assert "revision ffff" in refused.stderr
    assert "python -m funkhaus_api migrate" in refused.stderr


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("FUNKHAUS_TOKEN_PEPPER", "short", "at least 32"),
        ("FUNKHAUS_DATABASE_URL", "mysql://root:secret@host/db", "postgresql+asyncpg://"),
        (
            "FUNKHAUS_DATABASE_URL",
            "postgresql+asyncpg://u:secret@127.0.0.1:1/db",
            "can't be reached",
        ),
        ("FUNKHAUS_API_PROT", "1", "FUNKHAUS_API_PORT"),
    ],
)
def test_a_setting_that_can_not_be(variable: str, value: str, words: str) -> None:
    env = environment("postgresql+asyncpg://u@127.0.0.1:1/db") | {variable: value}
    done = subprocess.run(
        [sys.executable, "-m", "funkhaus_api"],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert words in done.stderr
    assert "secret" not in done.stderr
    assert "Traceback" not in done.stderr


async def test_a_process_serves_and_ends_on_sigterm(database: str, tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    cluster = {"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    user = {"name": "u", "user": {"token": "t"}}
    config = {"clusters": [cluster], "contexts": [context], "users": [user], "current-context": "c"}
    kubeconfig.write_text(yaml.safe_dump(config))
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "funkhaus_api",
        env=environment(database, FUNKHAUS_API_PORT=str(port), FUNKHAUS_KUBECONFIG=str(kubeconfig)),
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(30), aiohttp.ClientSession() as session:
            while True:
                try:
                    async with session.get(f"http://127.0.0.1:{port}/readyz") as answer:
                        assert answer.status == 200
                        break
                except aiohttp.ClientConnectionError:
                    await asyncio.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        _, said = await asyncio.wait_for(process.communicate(), 20)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, said
    assert b"Traceback" not in said
