"""The policy engine: OPA, which gets the rules in force from the API server, and the keys the two know each other by.

A checkout's ``policies/`` are put in force by ``up``, as by a release: an admin's stay until an admin changes them.
"""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

from funkhaus_cluster import atomic
from funkhaus_cluster.parts import Part
from funkhaus_cluster.probes import HttpProbe
from funkhaus_cluster.steps import Step

if TYPE_CHECKING:
    from pathlib import Path

    from funkhaus_cluster.site import Site

KEYS_STEP = "policy keys"
NAME = "house"
"""Of the service, the key and the bundle in OPA's configuration."""
BITS = "3072"
SECONDS = 60.0


def part(site: Site) -> Part:
    """OPA. It starts after the API server, so that one that runs keeps its rules until there are others to be had."""
    settings = site.settings
    url = f"http://127.0.0.1:{settings.ports.opa}"
    doors = settings.checkout / "policies" / "system"
    return Part(
        name="opa",
        argv=(
            site.program("opa"),
            "run",
            "--server",
            f"--addr=127.0.0.1:{settings.ports.opa}",
            # policies/system/authz: questions are answered, nobody writes rules or data over the wire.
            "--authorization=basic",
            "--log-level=error",
            "--log-format=json",
            "--skip-version-check",
            f"--config-file={_configuration_file(site)}",
            f"--set-file=keys.{NAME}.key={_public_key_file(site)}",
            "--ignore=*_test.rego",
            str(doors),
        ),
        needs=("binaries", KEYS_STEP, "start funkhaus-api"),
        ports=(("127.0.0.1", settings.ports.opa),),
        watches=(doors, _configuration_file(site), _public_key_file(site), _token_file(site)),
        ready=HttpProbe(f"{url}/health?bundles=true"),
        url=url,
    )


def step(site: Site) -> Step:
    """What has to be there before OPA and the API server start."""
    return Step(KEYS_STEP, KEYS_STEP, lambda: write_keys(site), needs=("packages",), quiet=True)


def environment(site: Site) -> dict[str, str]:
    """What the API server is told: it alone signs."""
    return {
        "FUNKHAUS_POLICY_SIGNING_KEY_FILE": str(_signing_key_file(site)),
        "FUNKHAUS_POLICY_BUNDLE_TOKEN_FILE": str(_token_file(site)),
        "FUNKHAUS_OPA_PROGRAM": site.program("opa"),
    }


def watched(site: Site) -> tuple[Path, ...]:
    """Files the API server reads at its start."""
    return _signing_key_file(site), _token_file(site)


def write_keys(site: Site) -> str:
    """The signing key and OPA's token, made once, and what OPA is told."""
    key = _signing_key_file(site)
    if not key.exists():
        made = site.commands.output(["openssl", "genrsa", BITS], seconds=SECONDS)
        atomic.write(key, made, mode=0o600)
    if not _token_file(site).exists():
        atomic.write(_token_file(site), secrets.token_urlsafe(32) + "\n", mode=0o600)
    public = site.commands.output(["openssl", "rsa", "-in", str(key), "-pubout"])
    atomic.write(_public_key_file(site), public)
    kept = site.settings.state / "opa"
    kept.mkdir(mode=0o700, exist_ok=True)
    atomic.write(
        _configuration_file(site),
        json.dumps(
            configuration(
                f"http://127.0.0.1:{site.settings.ports.api}", _token_file(site), kept=kept
            ),
            indent=2,
        )
        + "\n",
    )
    return "written"


def configuration(api: str, token: Path, *, kept: Path) -> dict[str, object]:
    """OPA's configuration file; what it got last lies in `kept`, for a start without the API server."""
    return {
        "services": {
            NAME: {
                "url": f"{api}/v1/policy",
                "response_header_timeout_seconds": 40,
                "credentials": {"bearer": {"token_path": str(token)}},
            }
        },
        "keys": {NAME: {"algorithm": "RS256"}},
        "bundles": {
            NAME: {
                "service": NAME,
                "resource": "bundle",
                "persist": True,
                "signing": {"keyid": NAME},
                "polling": {
                    "long_polling_timeout_seconds": 30,
                    "min_delay_seconds": 1,
                    "max_delay_seconds": 2,
                },
            }
        },
        "persistence_directory": str(kept),
        "decision_logs": {"console": True},  # gives every decision the id that audit rows name
    }


def _signing_key_file(site: Site) -> Path:
    return site.settings.state / "secrets" / "policy-signing-key"


def _token_file(site: Site) -> Path:
    return site.settings.state / "secrets" / "policy-bundle-token"


def _public_key_file(site: Site) -> Path:
    return site.settings.etc / "policy-public-key.pem"


def _configuration_file(site: Site) -> Path:
    return site.settings.etc / "opa.json"
