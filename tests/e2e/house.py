"""The running house as its users meet it: the CLI, REST, kubectl and the ingress, each a process or socket of its own."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")
SECONDS = 60
"""How long anything that has to become true may take."""


class Ran(NamedTuple):
    """What a command left."""

    code: int
    out: str
    err: str


def run(
    argv: list[str], env: dict[str, str], *, stdin: str | None = None, seconds: float = 120
) -> Ran:
    """Run a command to its end."""
    done = subprocess.run(
        argv, env=env, input=stdin, capture_output=True, text=True, timeout=seconds, check=False
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def eventually(what: str, probe: Callable[[], T], seconds: float = SECONDS) -> T:
    """The first truthy answer of `probe`; fails with its last answer when none comes in time."""
    deadline = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(
                f"{what} did not come true in {seconds:g} s; last answer: {answer!r}"
            )
        time.sleep(0.3)


@dataclass(frozen=True)
class House:
    """Where the doors are."""

    api: str
    ingress: str
    kubeconfig: Path
    server: str
    ca: Path
    domain: str

    def cli(self, token: str, *words: str, stdin: str | None = None, seconds: float = 120) -> Ran:
        """`funkhaus` as the holder of `token`."""
        env = os.environ | {"FUNKHAUS_API": self.api, "FUNKHAUS_TOKEN": token, "NO_COLOR": "1"}
        env.pop("FUNKHAUS_TENANT", None)
        return run(["funkhaus", *words], env, stdin=stdin, seconds=seconds)

    def kubectl(self, *words: str, token: str = "", stdin: str | None = None) -> Ran:
        """`kubectl` as the cluster's admin, or with a tenant's token."""
        env = os.environ | {"KUBECONFIG": str(self.kubeconfig)}
        argv = ["kubectl", "--request-timeout=20s"]
        if token:
            # The admin kubeconfig carries a client certificate, which would win over a token.
            env["KUBECONFIG"] = os.devnull
            argv += [
                "--server",
                self.server,
                "--certificate-authority",
                str(self.ca),
                "--token",
                token,
            ]
        return run([*argv, *words], env, stdin=stdin)

    def admin_json(self, *words: str) -> Any:
        """The JSON answer of kubectl as admin; fails on refusal."""
        env = os.environ | {"KUBECONFIG": str(self.kubeconfig)}
        ran = run(["kubectl", "--request-timeout=20s", *words, "-o", "json"], env)
        assert ran.code == 0, ran.err
        return json.loads(ran.out)

    def rest(self, token: str, method: str, path: str, **options: Any) -> httpx.Response:
        """One REST call."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= options.pop("headers", {})
        return httpx.request(
            method, f"{self.api}{path}", headers=headers, timeout=60, trust_env=False, **options
        )

    def call(self, host: str, path: str = "/", **options: Any) -> httpx.Response:
        """One request through the ingress, by Host header."""
        headers = {"Host": host} | options.pop("headers", {})
        method = options.pop("method", "GET")
        return httpx.request(
            method, f"{self.ingress}{path}", headers=headers, timeout=60, trust_env=False, **options
        )


@dataclass(frozen=True)
class Tenant:
    """A tenant the test made, with its owner's token and one namespace."""

    house: House
    id: str
    token: str
    namespace: str = "default"

    @property
    def cluster_namespace(self) -> str:
        """Its Kubernetes namespace."""
        return f"{self.id}--{self.namespace}"

    def host(self, function: str) -> str:
        """The default host of a function."""
        return f"{function}.{self.id}.{self.house.domain}"

    def cli(self, *words: str, stdin: str | None = None, seconds: float = 120) -> Ran:
        """`funkhaus` as the owner."""
        return self.house.cli(self.token, *words, stdin=stdin, seconds=seconds)

    def kubectl(self, *words: str, stdin: str | None = None) -> Ran:
        """`kubectl` as the owner, in the tenant's namespace."""
        return self.house.kubectl(
            "-n", self.cluster_namespace, *words, token=self.token, stdin=stdin
        )

    def deploy(self, name: str, source: Path, *more: str) -> Ran:
        """Deploy a one-file function and wait until it is ready."""
        ran = self.cli(
            "function", "deploy", name, "--runtime", "python3.11", "--handler", f"{source.stem}.handler",
            "--from-file", str(source), "--cpu", "100m", "--wait", *more,
        )  # fmt: skip
        assert ran.code == 0, ran.out + ran.err
        return ran
