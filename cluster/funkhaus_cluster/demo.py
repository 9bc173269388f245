"""The end of ``up``: a tenant, a function and a URL, made with the product's own command line, and what to try next."""

from __future__ import annotations

import http.client
import os
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from funkhaus_cluster import atomic, identity_provider, product
from funkhaus_cluster.errors import ClusterError
from funkhaus_cluster.steps import Step

if TYPE_CHECKING:
    from pathlib import Path

    from funkhaus_cluster.site import Site

TENANT = "demo"
FUNCTION = "hello"
CALL_SECONDS = 60.0
COMMAND_SECONDS = 180.0
NOT_FOUND = 3
"""Exit code of ``funkhaus`` for what does not exist."""


def steps(site: Site) -> list[Step]:
    """The demonstration, as steps that wait for the product."""
    shown = Demo(site)
    doors = ("start funkhaus-api", "start funkhaus-webhook", "start funkhaus-controller")
    return [
        Step("demo tenant", "make tenant demo", shown.tenant, (*doors, "developer files")),
        Step(
            "demo function",
            "deploy examples/hello",
            shown.function,
            ("demo tenant", "runtimes", "node ready", "start netpol"),
        ),
        Step(
            "demo call",
            "call it through the ingress",
            shown.call,
            ("demo function", "start contour", "start envoy"),
        ),
        Step("demo environment", "write .local/env", shown.environment, ("demo tenant",)),
    ]


@dataclass(frozen=True)
class Demo:
    """The demonstration on one site."""

    site: Site

    @property
    def host(self) -> str:
        """The default host of the sample function."""
        return f"{FUNCTION}.{TENANT}.{self.site.settings.domain}"

    @property
    def admin_token(self) -> Path:
        """File with the platform admin's token."""
        return product.admin_token_file(self.site)

    @property
    def tenant_token(self) -> Path:
        """File with the demo tenant owner's token."""
        return self.site.settings.state / "secrets" / "demo-token"

    def tenant(self) -> str:
        """Make the tenant, its namespace and its owner's token, unless they stand."""
        made = []
        if self._cli(self.admin_token, "tenant", "get", TENANT, missing_ok=True) is None:
            self._cli(self.admin_token, "tenant", "create", TENANT)
            made.append("tenant")
        if not self._token_works():
            token = self._cli(
                self.admin_token,
                *("token", "create", "demo-owner", "--tenant", TENANT, "--role", "owner"),
            )
            atomic.write(self.tenant_token, (token or "").strip() + "\n", mode=0o600)
            made.append("token")
        if self._cli(self.tenant_token, "namespace", "get", "default", missing_ok=True) is None:
            self._cli(self.tenant_token, "namespace", "create", "default", "--wait")
            made.append("namespace")
        return f"made {', '.join(made)}" if made else "stands"

    def function(self) -> str:
        """Deploy the sample with an HTTP trigger and wait until it is ready."""
        source = self.site.settings.checkout / "examples" / FUNCTION / f"{FUNCTION}.py"
        self._cli(
            self.tenant_token, "function", "deploy", FUNCTION, "--runtime", "python3.11",
            "--handler", f"{FUNCTION}.handler", "--from-file", str(source), "--replace",
        )  # fmt: skip
        self._cli(
            self.tenant_token,
            "trigger",
            "http",
            "create",
            FUNCTION,
            "--function-name",
            FUNCTION,
            "--replace",
        )
        self._cli(self.tenant_token, "function", "wait", FUNCTION)
        return "ready"

    def call(self) -> str:
        """Call it through the ingress, as any caller would; return what it answered."""
        deadline = time.monotonic() + CALL_SECONDS
        wrong = "no answer"
        while time.monotonic() < deadline:
            connection = http.client.HTTPConnection(
                "127.0.0.1", self.site.settings.ports.ingress, timeout=10
            )
            try:
                connection.request("GET", "/", headers={"Host": self.host})
                answer = connection.getresponse()
                body = answer.read().decode(errors="replace").strip()
            except (OSError, http.client.HTTPException) as error:
                wrong = str(error)
            else:
                if answer.status == http.client.OK:
                    return f"answered {body!r}"
                wrong = f"status {answer.status}: {body[:200]}"
            finally:
                connection.close()
            time.sleep(0.3)
        raise ClusterError(
            f"http://{self.host} did not answer within {CALL_SECONDS:.0f} s: {wrong}."
        )

    def environment(self) -> str:
        """Write the file a developer sources."""
        settings = self.site.settings
        lines = [
            f"export KUBECONFIG={settings.kubeconfig('admin')}",
            f"export FUNKHAUS_API=http://127.0.0.1:{settings.ports.api}",
            f"export FUNKHAUS_TOKEN=$(cat {self.tenant_token})",
            f"export FUNKHAUS_ADMIN_TOKEN_FILE={self.admin_token}",
            f"export FUNKHAUS_INGRESS=http://127.0.0.1:{settings.ports.ingress}",
            f'export PATH="{settings.local / "bin"}:{settings.bin}:$PATH"',
        ]
        atomic.write(settings.local / "env", "\n".join(lines) + "\n", mode=0o600)
        return "written"

    def next_steps(self) -> str:
        """What to try, one of it refused by policy."""
        port = self.site.settings.ports.ingress
        return f"""
Funkhaus is up, and so is a function of tenant {TENANT}. Try:

  . .local/env

  1. Call it as the world does:
       curl -H 'Host: {self.host}' http://127.0.0.1:{port}/
  2. Look at it from both sides:
       funkhaus function describe {FUNCTION}
       kubectl get fn,htr,deploy,hpa,ing -n {TENANT}--default
  3. Ask for more than the house allows, and read why not (kubectl says the same):
       funkhaus function update {FUNCTION} --cpu 3
{identity_provider.next_steps(self.site)}
`make status` shows every part, `make down` stops them all, `make test` proves it.
"""

    def _token_works(self) -> bool:
        return (
            self.tenant_token.exists()
            and self._cli(self.tenant_token, "whoami", failure_ok=True) is not None
        )

    def _cli(
        self, token: Path, *words: str, missing_ok: bool = False, failure_ok: bool = False
    ) -> str | None:
        """What ``funkhaus`` printed; ``None`` where a failure of the allowed kind happened."""
        settings = self.site.settings
        argv = [str(settings.local / "bin" / "funkhaus"), *words]
        variables = {
            name: value for name, value in os.environ.items() if not name.startswith("FUNKHAUS_")
        }
        variables |= {
            "FUNKHAUS_API": f"http://127.0.0.1:{settings.ports.api}",
            "FUNKHAUS_TOKEN": token.read_text().strip(),
            "FUNKHAUS_TENANT": TENANT,
        }
        try:
            done = subprocess.run(
                argv,
                env=variables,
                capture_output=True,
                text=True,
                timeout=COMMAND_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ClusterError(
                f"`funkhaus {' '.join(words)}` did not end within {COMMAND_SECONDS:.0f} s."
            ) from None
        if done.returncode == 0:
            return done.stdout
        if failure_ok or (missing_ok and done.returncode == NOT_FOUND):
            return None
        raise ClusterError(
            f"`funkhaus {' '.join(words)}` ended with {done.returncode}: "
            f"{(done.stderr or done.stdout).strip()[-2000:]}"
        )
