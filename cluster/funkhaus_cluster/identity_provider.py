"""Whom people sign in with: the providers of the operator's file, or one for development (``cluster/idp``, on Node)."""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
from typing import TYPE_CHECKING

from funkhaus_cluster import atomic
from funkhaus_cluster.parts import Part
from funkhaus_cluster.probes import HttpProbe
from funkhaus_cluster.steps import Step

if TYPE_CHECKING:
    from pathlib import Path

    from funkhaus_cluster.site import Site

SECONDS = 600.0
SETTINGS_STEP = "sign-in settings"
CLIENT = "funkhaus"
ADMINS = "funkhaus-admins"
"""The group that makes a platform admin; ``cluster/idp/server.mjs`` says who is in it."""
SOURCES = ("package.json", "package-lock.json", ".npmrc")
SCRIPT = "server.mjs"


def parts(site: Site) -> list[Part]:
    """The provider for development, unless there is another."""
    settings = site.settings
    if settings.oidc_file is not None:
        return []
    home = _home(site)
    return [
        Part(
            name="idp",
            argv=(
                shutil.which("node") or "/usr/bin/node",
                SCRIPT,
                f"--port={settings.ports.idp}",
                f"--client={CLIENT}",
                f"--redirect={_public_url(site)}/v1/logins/callback",
                f"--password-file={password_file(site)}",
                f"--key-file={_key_file(site)}",
            ),
            cwd=home,
            needs=("sign-in files",),
            ports=(("127.0.0.1", settings.ports.idp),),
            watches=(home / SCRIPT, home / "package-lock.json", password_file(site)),
            ready=HttpProbe(f"{issuer(site)}/.well-known/openid-configuration"),
            url=issuer(site),
        )
    ]


def steps(site: Site) -> list[Step]:
    """What the API server and the provider for development are told, and what the latter is made of."""
    told = Step(
        SETTINGS_STEP,
        SETTINGS_STEP,
        lambda: write_settings(site),
        quiet=True,
    )
    if site.settings.oidc_file is not None:
        return [told]
    return [
        told,
        Step(
            "sign-in packages",
            "install the identity provider",
            lambda: install(site),
            ("packages",),
        ),
        Step(
            "sign-in files",
            "sign-in files",
            lambda: write_files(site),
            ("sign-in packages",),
            quiet=True,
        ),
    ]


def environment(site: Site) -> dict[str, str]:
    """What the API server is told of it."""
    return {
        "FUNKHAUS_OIDC_FILE": str(settings_file(site)),
        "FUNKHAUS_PUBLIC_URL": _public_url(site),
    }


def settings_file(site: Site) -> Path:
    """The providers, as ``FUNKHAUS_OIDC`` has them."""
    return site.settings.oidc_file or site.settings.etc / "oidc.json"


def password_file(site: Site) -> Path:
    """The one password of everybody at the provider for development, made once."""
    return site.settings.state / "secrets" / "idp-password"


def issuer(site: Site) -> str:
    """The URL of the provider for development."""
    return f"http://127.0.0.1:{site.settings.ports.idp}"


def packages(site: Site) -> Path:
    """Where the packages of this checkout's lock are or will be in the cache."""
    lock = (site.sources / "idp" / "package-lock.json").read_bytes()
    return site.settings.cache / "idp" / hashlib.sha256(lock).hexdigest()[:20]


def install(site: Site) -> str:
    """Install the locked packages into the cache unless they are there; then nothing is asked of the network."""
    target = packages(site)
    if target.exists():
        return "in the cache"
    with atomic.folder(target) as draft:
        for name in SOURCES:
            shutil.copyfile(site.sources / "idp" / name, draft / name)
        site.commands.run(
            ["npm", "ci", "--omit=dev", "--no-progress"],
            log=site.step_log("idp"),
            seconds=SECONDS,
            cwd=draft,
            env={"npm_config_update_notifier": "false"},
        )
    return "installed"


def write_settings(site: Site) -> str:
    """Write the file for the API server, unless the operator gave one."""
    if site.settings.oidc_file is None:
        provider = {
            "id": "dev",
            "title": "Development sign-in",
            "issuer": issuer(site),
            "clientId": CLIENT,
            "scopes": ["openid", "profile", "email", "groups"],
            "rules": [{"group": ADMINS, "platformRole": "admin"}],
        }
        atomic.write(settings_file(site), json.dumps([provider], indent=2) + "\n")
    return str(settings_file(site))


def write_files(site: Site) -> str:
    """Put the script beside its packages, where Node looks for them, and make the password."""
    home = _home(site)
    for name in (SCRIPT, *SOURCES[:2]):
        atomic.write(home / name, (site.sources / "idp" / name).read_bytes())
    atomic.link(home / "node_modules", packages(site) / "node_modules")
    if not password_file(site).exists():
        atomic.write(password_file(site), secrets.token_urlsafe(12) + "\n", mode=0o600)
    return str(home)


def next_steps(site: Site) -> str:
    """How to sign in, for the end of ``up``."""
    if site.settings.oidc_file is not None:
        return f"  4. Sign in with a provider of {site.settings.oidc_file}:\n       unset FUNKHAUS_TOKEN; funkhaus login\n"
    return f"""\
  4. Sign in as a person: bob@example.com and cem@example.com are strangers, who may found a tenant; ada@example.com is
     a platform admin (docs/tour.md). Everybody's password:
       cat {password_file(site)}
       unset FUNKHAUS_TOKEN; funkhaus login
"""


def _home(site: Site) -> Path:
    return site.settings.state / "idp"


def _key_file(site: Site) -> Path:
    # Kept, so that people sign in right after a restart: a key nobody announced is looked for once a minute.
    return site.settings.state / "secrets" / "idp-key"


def _public_url(site: Site) -> str:
    return f"http://127.0.0.1:{site.settings.ports.api}"
