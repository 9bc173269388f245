"""The rules and OPA's configuration as the chart ships them: laid out as kubelet lays out a ConfigMap, put in force by the
chart's job, fetched by OPA with the container's own arguments and the keys the chart makes.
"""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from funkhaus.auth.bundle_signing import RsaSigner
from funkhaus.domain.errors import UnavailableError
from funkhaus.policy.client import OpaDecider
from funkhaus.policy.folder import read_folder
from tests.support import signing
from tests.support.api import World, serving
from tests.support.opa import POLICIES, started
from tests.support.ports import free_port
from tests.support.questions import function, question
from tests.support.stores import MemoryStores

if TYPE_CHECKING:
    from pathlib import Path

CHART = POLICIES.parent / "helm" / "funkhaus"
SECONDS = 20.0


@pytest.fixture(scope="module")
def documents() -> list[dict[str, Any]]:
    words = ("--namespace", "funkhaus-system", "--set", "registry.host=r")
    done = subprocess.run(
        ["helm", "template", "funkhaus", str(CHART), *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def named(documents: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    (found,) = (
        document
        for document in documents
        if (document["kind"], document["metadata"]["name"]) == (kind, name)
    )
    return found


def pod(documents: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    template: dict[str, Any] = named(documents, kind, name)["spec"]["template"]
    return template


def mounted(
    documents: list[dict[str, Any]], template: dict[str, Any], volume: str, folder: Path
) -> Path:
    """A volume of a ConfigMap as kubelet writes it: files below a dated folder, links beside it."""
    (source,) = (item for item in template["spec"]["volumes"] if item["name"] == volume)
    data = named(documents, "ConfigMap", source["configMap"]["name"])["data"]
    dated = folder / volume / "..2026_01_01_00_00_00.1"
    for item in source["configMap"]["items"]:
        path = dated / item["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(data[item["key"]])
    (folder / volume / "..data").symlink_to(dated.name)
    for entry in dated.iterdir():
        (folder / volume / entry.name).symlink_to(f"..data/{entry.name}")
    return folder / volume


def argv(template: dict[str, Any], places: dict[str, str]) -> list[str]:
    """The container's own arguments, with its ports and folders moved."""
    (container,) = (item for item in template["spec"]["containers"] if item["name"] == "opa")
    words = []
    for word in container["args"]:
        for old, new in places.items():
            word = word.replace(old, new)  # noqa: PLW2901 - one replacement after the other
        words.append(word)
    return ["opa", *words]


@pytest.mark.parametrize("process", ["funkhaus-webhook", "funkhaus-controller"])
async def test_opa_judges_by_the_release_s_rules(
    documents: list[dict[str, Any]], process: str, tmp_path: Path, opa_url: str
) -> None:
    del opa_url  # skips or fails where OPA is missing
    secret = named(documents, "Secret", "funkhaus-policy-keys")["data"]
    keys = {name: base64.b64decode(text).decode() for name, text in secret.items()}
    feed = signing.feed(RsaSigner(keys["signing-key"]))
    world = World(MemoryStores(), feed=replace(feed, token=keys["bundle-token"]))
    services = world.services()
    rules = read_folder(
        mounted(documents, pod(documents, "Job", "funkhaus-rules-first"), "rules", tmp_path)
    )
    assert rules == read_folder(POLICIES)
    assert await services.policies.come_with_the_release(rules, first=True)

    template = pod(documents, "Deployment", process)
    configuration = mounted(documents, template, "opa-configuration", tmp_path)
    (tmp_path / "keys").mkdir()
    for name in ("certificate", "bundle-token"):
        (tmp_path / "keys" / name).write_text(keys[name])
    port = free_port()
    places = {
        "127.0.0.1:8181": f"127.0.0.1:{port}",
        "0.0.0.0:8282": f"127.0.0.1:{free_port()}",
        "/opa-configuration": str(configuration),
        "/policy-keys": str(tmp_path / "keys"),
        "/kept": str(tmp_path / "kept"),
    }
    async with serving(services) as api:
        file = configuration / "opa.yaml"
        told = file.read_text()
        assert "http://funkhaus-api.funkhaus-system.svc/v1" in told
        for old, new in {**places, "http://funkhaus-api.funkhaus-system.svc": api.url}.items():
            told = told.replace(old, new)
        file.write_text(told)
        log = tmp_path / "opa.log"
        starting = started(argv(template, places), f"http://127.0.0.1:{port}", log)
        address = await asyncio.to_thread(starting.__enter__)
        try:
            async with OpaDecider(address, timeout=5) as decider:
                await loaded(decider)
                assert (await decider.decide(question(function()))).findings == ()
                verdict = await decider.decide(question(function(runtime="cobol74")))
                assert [finding.code for finding in verdict.findings] == ["runtime-unknown"]
                assert verdict.decision_id
                assert verdict.revision == rules.revision
        finally:
            await asyncio.to_thread(starting.__exit__, None, None, None)


async def loaded(decider: OpaDecider) -> None:
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                await decider.ready()
            except UnavailableError:
                await asyncio.sleep(0.05)
            else:
                return


def test_b62_nobody_but_the_api_server_has_the_signing_key(documents: list[dict[str, Any]]) -> None:
    holders = [
        document["metadata"]["name"]
        for document in documents
        if "signing-key" in json.dumps(document.get("spec", {}))
    ]
    assert holders == ["funkhaus-api"]


def test_no_test_is_loaded_by_opa(documents: list[dict[str, Any]]) -> None:
    assert "_test" not in json.dumps(named(documents, "ConfigMap", "funkhaus-opa"))


def test_the_first_rules_come_before_the_processes_and_later_ones_after_them(
    documents: list[dict[str, Any]],
) -> None:
    hooks = {
        document["metadata"]["name"]: document["metadata"]["annotations"]["helm.sh/hook"]
        for document in documents
        if document["kind"] == "Job"
    }
    assert hooks["funkhaus-rules-first"] == hooks["funkhaus-migrate"] == "pre-install,pre-upgrade"
    assert hooks["funkhaus-rules"] == "post-upgrade"
