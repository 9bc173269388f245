"""An identity provider of a test's own: `cluster/idp` on Node, on a free port of loopback; and a person at its form."""

from __future__ import annotations

import hashlib
import json
import os
import re
import selectors
import shutil
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import aiohttp

from .ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(__file__).resolve().parents[2] / "cluster/idp"
CACHE = Path(os.environ.get("FUNKHAUS_CACHE") or Path.home() / ".cache/funkhaus")
PASSWORD = "a password of the tests"
SECONDS = 60
HOPS = 12


@dataclass(frozen=True)
class IdentityProvider:
    """One that answers."""

    issuer: str
    client: str


def missing() -> list[str]:
    """The programs that aren't there."""
    return [name for name in ("node", "npm") if not shutil.which(name)]


def _installed() -> Path:
    """The provider with its packages, in the cache under the lock's digest: installed once."""
    lock = hashlib.sha256((SOURCE / "package-lock.json").read_bytes()).hexdigest()[:20]
    folder = CACHE / "idp" / lock
    if not folder.exists():
        draft = folder.with_name(f".{lock}.{os.getpid()}")
        draft.mkdir(parents=True)
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(SOURCE / name, draft / name)
        done = subprocess.run(
            ["npm", "ci", "--omit=dev"], cwd=draft, capture_output=True, text=True, timeout=300, check=False
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        try:
            draft.rename(folder)
        except OSError:  # another run was faster
            shutil.rmtree(draft)
    return folder


@contextmanager
def running(
    folder: Path, redirect: str, *options: str, port: int = 0
) -> Iterator[IdentityProvider]:
    """A provider that sends browsers back to `redirect` only; `options` are further ones of the script's."""
    password = folder / "idp-password"
    password.write_text(PASSWORD + "\n")
    port = port or free_port()
    # The script lies with its packages: Node looks for them beside the file that asks.
    home = folder / "idp"
    home.mkdir(exist_ok=True)
    shutil.copy(SOURCE / "server.mjs", home / "server.mjs")
    shutil.copy(SOURCE / "package.json", home / "package.json")
    if not (home / "node_modules").exists():
        (home / "node_modules").symlink_to(_installed() / "node_modules")
    command = [
        "node", "server.mjs", "--port", str(port), "--redirect", redirect, "--password-file", str(password), *options,
    ]  # fmt: skip
    with (folder / "idp.log").open("ab") as log:
        server = subprocess.Popen(command, cwd=home, stdout=subprocess.PIPE, stderr=log)
    try:
        document = json.loads(_line(server, folder))
        yield IdentityProvider(document["issuer"], document["client"])
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(5)


def _line(server: subprocess.Popen[bytes], folder: Path) -> bytes:
    assert server.stdout is not None
    deadline = time.monotonic() + SECONDS
    with selectors.DefaultSelector() as selector:
        selector.register(server.stdout, selectors.EVENT_READ)
        while time.monotonic() < deadline and server.poll() is None:
            if selector.select(0.5) and (line := server.stdout.readline()):
                return line
    raise AssertionError(f"the provider did not start:\n{(folder / 'idp.log').read_text()[-2000:]}")


class Person:
    """Somebody with a browser that keeps cookies and runs no script."""

    def __init__(self, login: str, password: str = PASSWORD) -> None:
        self.login, self.password = login, password

    async def sign_in(
        self, url: str, until: str | re.Pattern[str], *, form: dict[str, str] | None = None
    ) -> tuple[str, str]:
        """Follow `url` (or send a `form` there) through the provider's form; where that ends: the first address that
        begins with `until` (or matches it), unvisited, or ``""``, and the last page's text.
        """
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=jar) as browser:
            method, data = ("POST", form) if form else ("GET", None)
            text = ""
            for _ in range(HOPS):
                async with browser.request(method, url, data=data, allow_redirects=False) as answer:
                    text = await answer.text()
                    if location := answer.headers.get("Location"):
                        url, method, data = urljoin(url, location), "GET", None
                        if url.startswith(until) if isinstance(until, str) else until.match(url):
                            return url, text
                        continue
                if answer.status != 200 or 'name="password"' not in text:
                    return "", text
                action = re.search(r'<form method="post" action="([^"]+)"', text)
                assert action, text
                url, method = urljoin(url, unescape(action[1])), "POST"
                data = {"login": self.login, "password": self.password}
        return "", text
