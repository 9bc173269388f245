"""One run of the command line: what was given, what that means, and the API server it leads to."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from funkhaus_cli.failure import Exit, Failure
from funkhaus_cli.settings import DEFAULT_API, Chosen, Settings, read_config

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx

    from funkhaus_cli.client import Client

INSECURE_HTTP = "insecure-http"


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Session:
    """What every command gets. `given` fills from the flags as they are parsed, wherever they stand.

    `transport`, `sleep`, `clock` (seconds, monotonic) and `now` are the world; tests bring their own.
    """

    environ: Mapping[str, str]
    transport: httpx.BaseTransport | None = None
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = _now
    given: dict[str, str] = field(default_factory=dict)

    @cached_property
    def settings(self) -> Settings:
        """What is in effect; the flags have all been parsed when a command first asks."""
        return Settings(self.environ, self.given, read_config(self.environ))

    @property
    def address(self) -> Chosen:
        """The API server's address as it was given."""
        return self.settings.choose("api") or Chosen(DEFAULT_API, "default")

    @cached_property
    def api(self) -> Client:
        """The API server; raises `Failure` where no token is to be found."""
        token = self.settings.token()
        if token is None:
            raise Failure(
                "no token: nobody to ask as",
                Exit.NOT_ALLOWED,
                hint="funkhaus login, or set FUNKHAUS_TOKEN or --token-file; on the local cluster: . .local/env",
            )
        return self.client(token.value)

    def client(self, token: str, **bounds: Any) -> Client:  # noqa: ANN401 - the client's own keywords
        """A client for `token`, with time-outs other than usual where `bounds` says so."""
        # httpx takes a tenth of a second to import, which `--help` and completion need not pay.
        from funkhaus_cli.client import Client  # noqa: PLC0415 - httpx is slow to import, and --help needs none

        return Client(
            self.address,
            token,
            insecure=INSECURE_HTTP in self.given,
            transport=self.transport,
            sleep=self.sleep,
            **bounds,
        )

    @cached_property
    def tenant(self) -> str:
        """The tenant named, or the only one the token has a role in; raises `Failure` (usage) when that is none."""
        if chosen := self.settings.choose("tenant"):
            return chosen.value
        me = self.api.get("/v1/me")
        roles = sorted(me.get("roles") or {})
        if len(roles) == 1:
            return str(roles[0])
        held = f"yours are {', '.join(roles)}" if roles else "your token has a role in none"
        raise Failure(
            f"no tenant named: {held}", Exit.USAGE, hint="--tenant NAME or FUNKHAUS_TENANT=NAME"
        )

    @property
    def namespace(self) -> str:
        """The namespace's short name."""
        chosen = self.settings.choose("namespace")
        return chosen.value if chosen else ""

    @property
    def place(self) -> str:
        """Tenant and namespace as people write them."""
        return f"{self.tenant}/{self.namespace}"

    def tenant_path(self, *parts: str) -> str:
        """URL path below the tenant."""
        from funkhaus_cli.client import segment  # noqa: PLC0415 - see `client`

        return segment("tenants", self.tenant, *parts)

    def path(self, *parts: str) -> str:
        """URL path below the namespace."""
        return self.tenant_path("namespaces", self.namespace, *parts)
