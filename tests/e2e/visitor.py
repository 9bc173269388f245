"""Somebody with a shell, a home and a browser of their own, who signs in at the house's identity provider."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from dataclasses import dataclass
from html import unescape
from typing import TYPE_CHECKING

import httpx

from tests.support.idp import Person

from .house import Ran, run

if TYPE_CHECKING:
    from pathlib import Path

    from .house import House

SECONDS = 60
_PROGRAM = re.compile(r"http://127\.0\.0\.1:\d+/callback\?")


@dataclass(frozen=True)
class Visitor:
    """One who is nobody until they sign in; `password` is the provider's."""

    house: House
    address: str
    password: str
    home: Path

    @property
    def env(self) -> dict[str, str]:
        """A shell in which nobody left a token."""
        mine = {"FUNKHAUS_API": self.house.api, "FUNKHAUS_NO_KEYRING": "1", "HOME": str(self.home)}
        theirs = {name: value for name, value in os.environ.items() if name[:9] != "FUNKHAUS_"}
        return theirs | mine | {"NO_COLOR": "1"}

    def cli(self, *words: str, stdin: str | None = None) -> Ran:
        """`funkhaus`, as whoever is signed in."""
        return run(["funkhaus", *words], self.env, stdin=stdin)

    def done(self, *words: str, stdin: str | None = None) -> str:
        """What `funkhaus` printed; fails where it did."""
        ran = self.cli(*words, stdin=stdin)
        assert ran.code == 0, f"{words}: {ran.out}{ran.err}"
        return ran.out

    def kubectl(self, *words: str, stdin: str | None = None) -> Ran:
        """`kubectl`, with the kubeconfig that `take_kubeconfig` wrote."""
        env = self.env | {"KUBECONFIG": str(self.home / "kubeconfig")}
        return run(["kubectl", "--request-timeout=20s", *words], env, stdin=stdin)

    def take_kubeconfig(self, tenant: str, namespace: str = "default") -> None:
        """Have one written for a namespace."""
        place = ("--tenant", tenant, "--namespace", namespace)
        self.done("kubeconfig", *place, "--output", str(self.home / "kubeconfig"))

    def login(self) -> str:
        """Sign in with a browser on this machine; what the command said."""
        with self._begun("login", "--no-browser") as process:
            try:
                end, page = asyncio.run(
                    self._person.sign_in(_shown(process, r"(http\S+/auth\?\S+)"), _PROGRAM)
                )
                assert end, page
                assert (
                    httpx.get(end, trust_env=False, timeout=SECONDS).status_code == httpx.codes.OK
                )
                return self._ended(process)
            finally:
                process.kill()

    def login_by_device(self) -> str:
        """Sign in with a browser elsewhere; what the command said."""
        with self._begun("login", "--device") as process:
            try:
                code = _shown(process, r"\n  ([A-Z]{4}-[A-Z]{4})\n")
                url, form = f"{self.house.api}/device", {"code": code, "provider": "dev"}
                _, page = asyncio.run(self._person.sign_in(url, "none", form=form))
                secret = re.search(r'name="code" value="([^"]+)"', page)
                assert secret, page
                said = {"code": unescape(secret[1]), "decision": "allow"}
                answer = httpx.post(f"{url}/decision", data=said, trust_env=False, timeout=SECONDS)
                assert answer.status_code == httpx.codes.OK, answer.text
                return self._ended(process)
            finally:
                process.kill()

    @property
    def _person(self) -> Person:
        return Person(self.address, self.password)

    def _begun(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["funkhaus", *words],
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @staticmethod
    def _ended(process: subprocess.Popen[str]) -> str:
        out, err = process.communicate(timeout=SECONDS)
        assert process.returncode == 0, err
        return out


def _shown(process: subprocess.Popen[str], pattern: str) -> str:
    """What a command shows on its standard error."""
    text = ""
    assert process.stderr is not None
    while not (found := re.search(pattern, text)):
        line = process.stderr.readline()
        assert line, text
        text += line
    return found[1]
