"""`funkhaus login|whoami|logout` as processes, against a real API and a real identity provider."""

from __future__ import annotations

import asyncio
import os
import re
import stat
from html import unescape
from typing import TYPE_CHECKING

import aiohttp
import pytest

from funkhaus.auth.oidc import OidcProviders, parse
from funkhaus.domain.login import callback
from funkhaus.factory import SystemClock
from tests.support import keyring_backend
from tests.support.api import World, serving
from tests.support.idp import Person, running
from tests.support.ports import free_port
from tests.support.stores import MemoryStores

from .process import Ran, run, start

if TYPE_CHECKING:
    import subprocess
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("idp_programs")
ALONE = {"FUNKHAUS_TOKEN": "", "FUNKHAUS_NO_KEYRING": "1"}


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    """The API's address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with running(tmp_path, callback(address)) as idp:
        world = World(MemoryStores(), clock=SystemClock(), public_url=address)  # type: ignore[arg-type]  # a clock
        configured = parse(
            f'[{{"id": "dev", "issuer": "{idp.issuer}", "clientId": "{idp.client}",'
            ' "scopes": ["openid", "profile", "email"]}]'
        )
        world.providers = providers = OidcProviders(configured, callback(address), world.clock)
        async with serving(world.services(), port=port):
            yield address
        await providers.close()


async def shown(process: subprocess.Popen[str], pattern: str) -> str:
    """What the command shows on stderr."""
    text = ""
    assert process.stderr is not None
    while not (found := re.search(pattern, text)):
        line = await asyncio.to_thread(process.stderr.readline)
        assert line, text
        text += line
    return found[1]


async def ended(process: subprocess.Popen[str]) -> Ran:
    out, err = await asyncio.to_thread(process.communicate, timeout=30)
    return Ran(process.returncode, out, err)


async def command(url: str, home: Path, *words: str, environ: dict[str, str] = ALONE) -> Ran:
    return await asyncio.to_thread(run, url, home, *words, **environ)


async def sign_in(url: str, home: Path, environ: dict[str, str]) -> Ran:
    """`funkhaus login` by Ada, to its end."""
    process = start(url, home, "login", "--no-browser", **environ)
    address = await shown(process, r"(http://127\.0\.0\.1:\S+/auth\?\S+)")
    program = re.compile(r"http://127\.0\.0\.1:\d+/callback\?")
    end, page = await Person("ada@example.com").sign_in(address, program)
    assert end, page
    assert await visit(end) == 200
    return await ended(process)


async def visit(url: str, method: str = "GET", **data: str) -> int:
    async with (
        aiohttp.ClientSession() as browser,
        browser.request(method, url, data=data) as answer,
    ):
        return answer.status


async def test_a_person_signs_in_looks_and_signs_out(url: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    process = start(url, home, "login", "--no-browser", **ALONE)
    address = await shown(process, r"(http://127\.0\.0\.1:\S+/auth\?\S+)")
    program = re.compile(r"http://127\.0\.0\.1:\d+/callback\?")
    end, page = await Person("ada@example.com").sign_in(address, program)
    assert end, page
    forged = re.sub(r"state=[^&]+", "state=forged", end)
    assert await visit(forged) == 404  # somebody else's request changes nothing
    assert await visit(end.replace("/callback", "/elsewhere")) == 404
    assert await visit(end) == 200
    done = await ended(process)
    assert (done.code, "Signed in as Ada Lovelace" in done.out) == (0, True), done
    (kept,) = (home / ".config/funkhaus/sessions").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    token = kept.read_text().strip()
    assert token.startswith("fh_ses_")
    assert token not in done.out + done.err
    me = await command(url, home, "whoami")
    assert (me.code, "Ada Lovelace" in me.out) == (0, True), me
    made = await command(url, home, "tenant", "create", "acme")
    assert made.code == 0, made
    out = await command(url, home, "logout")
    assert (out.code, out.out) == (0, "Signed out.\n"), out
    assert not list((home / ".config/funkhaus/sessions").iterdir())
    async with aiohttp.ClientSession() as client:
        headers = {"Authorization": f"Bearer {token}"}
        async with client.get(f"{url}/v1/me", headers=headers) as answer:
            assert answer.status == 401  # ended there, not only forgotten here
    assert (await command(url, home, "whoami")).code == 4
    assert (await command(url, home, "logout")).code == 3


async def test_a_device_without_a_browser(url: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    process = start(url, home, "login", "--device", **ALONE)
    code = await shown(process, r"\n  ([A-Z]{4}-[A-Z]{4})\n")
    form = {"code": code, "provider": "dev"}
    _, page = await Person("bob@example.com").sign_in(f"{url}/device", "none", form=form)
    secret = re.search(r'name="code" value="([^"]+)"', page)
    assert secret, page
    decided = await visit(
        f"{url}/device/decision", "POST", code=unescape(secret[1]), decision="allow"
    )
    assert decided == 200
    done = await ended(process)
    assert (done.code, "Signed in as Bob Ross" in done.out) == (0, True), done
    assert "Bob Ross" in (await command(url, home, "whoami")).out


async def test_a_file_others_can_read_is_not_used(url: str, tmp_path: Path) -> None:
    from funkhaus_cli.keeping import Keeper

    home = tmp_path / "home"
    keeper = Keeper(ALONE, home / ".config/funkhaus", url, "default")
    path = keeper.keep("fh_ses_x")
    os.chmod(path, 0o644)  # noqa: PTH101 - the text is what keep() says
    refused = await command(url, home, "whoami")
    assert (refused.code, "can be read by others" in refused.err) == (4, True), refused


def with_keyring(folder: Path, **more: str) -> dict[str, str]:
    return {
        "FUNKHAUS_TOKEN": "",
        "PYTHON_KEYRING_BACKEND": keyring_backend.NAME,
        keyring_backend.FILE: str(folder / "keyring.json"),
    } | more


def files(home: Path) -> list[Path]:
    folder = home / ".config/funkhaus/sessions"
    return list(folder.iterdir()) if folder.exists() else []


async def test_where_there_is_a_keyring_it_keeps_the_session(url: str, tmp_path: Path) -> None:
    home, environ = tmp_path / "home", with_keyring(tmp_path)
    await sign_in(url, home, ALONE)  # from before there was one
    assert len(files(home)) == 1
    done = await sign_in(url, home, environ)
    assert (done.code, "kept in the keyring" in done.out) == (0, True), done
    assert files(home) == []
    ((account, token),) = keyring_backend.held(tmp_path / "keyring.json").items()
    assert (account, token[:7]) == (f"funkhaus/default@{url}", "fh_ses_")
    assert "Ada Lovelace" in (await command(url, home, "whoami", environ=environ)).out
    other = await command(url, home, "whoami", "--context", "default", environ=ALONE)
    assert other.code == 4  # kept nowhere else
    out = await command(url, home, "logout", environ=environ)
    assert (out.code, out.out) == (0, "Signed out.\n"), out
    assert keyring_backend.held(tmp_path / "keyring.json") == {}
    assert await status_of(url, token) == 401
    assert (await command(url, home, "whoami", environ=environ)).code == 4


async def test_a_locked_keyring_is_as_good_as_none(url: str, tmp_path: Path) -> None:
    home, locked = tmp_path / "home", with_keyring(tmp_path, KEYRING_TROUBLE="locked")
    done = await sign_in(url, home, locked)
    assert done.code == 0, done
    (kept,) = files(home)
    assert f"kept in {kept}" in done.out
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert "Ada Lovelace" in (await command(url, home, "whoami", environ=locked)).out


async def test_what_a_keyring_does_not_forget_is_ended_all_the_same(
    url: str, tmp_path: Path
) -> None:
    home, environ = tmp_path / "home", with_keyring(tmp_path)
    assert (await sign_in(url, home, environ)).code == 0
    (token,) = keyring_backend.held(tmp_path / "keyring.json").values()
    out = await command(url, home, "logout", environ=environ | {"KEYRING_TROUBLE": "delete"})
    assert (out.code, "did not forget the token: not today" in out.err) == (1, True), out
    assert await status_of(url, token) == 401


async def status_of(url: str, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession() as client,
        client.get(f"{url}/v1/me", headers=headers) as answer,
    ):
        return answer.status
