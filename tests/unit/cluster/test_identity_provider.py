from __future__ import annotations

import json
from typing import TYPE_CHECKING

from funkhaus.auth.oidc import parse
from funkhaus.domain.login import callback
from funkhaus.domain.subject import PlatformRole
from funkhaus_cluster import identity_provider, product, settings, site, versions
from funkhaus_cluster.commands import Commands
from funkhaus_cluster.progress import Progress

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from funkhaus_cluster.parts import Part


def at(tmp_path: Path, **environ: str) -> site.Site:
    places = {"FUNKHAUS_STATE": str(tmp_path / "state"), "FUNKHAUS_CACHE": str(tmp_path / "cache")}
    return site.Site(
        settings=settings.from_environ(places | environ, checkout=site.CHECKOUT),
        versions=versions.load(site.CHECKOUT / "cluster/versions.toml"),
        commands=Commands(),
        progress=Progress(),
    )


def api(here: site.Site) -> Part:
    return next(part for part in product.parts(here) if part.name == "funkhaus-api")


def test_the_api_and_the_provider_speak_of_the_same_addresses(tmp_path: Path) -> None:
    here = at(tmp_path, FUNKHAUS_API_PORT="9001", FUNKHAUS_IDP_PORT="9002")
    identity_provider.write_settings(here)
    told = api(here).env
    (provider,) = parse(identity_provider.settings_file(here).read_text())
    (part,) = identity_provider.parts(here)
    assert told["FUNKHAUS_OIDC_FILE"] == str(identity_provider.settings_file(here))
    assert f"--redirect={callback(told['FUNKHAUS_PUBLIC_URL'])}" in part.argv
    assert (provider.issuer, part.url) == ("http://127.0.0.1:9002", "http://127.0.0.1:9002")
    assert f"--client={provider.client_id}" in part.argv
    assert [rule.platform_role for rule in provider.rules] == [PlatformRole.ADMIN]
    assert provider.rules[0].group in (here.sources / "idp/server.mjs").read_text()


def test_whoever_brings_a_provider_gets_none_of_ours(tmp_path: Path) -> None:
    own = tmp_path / "oidc.json"
    own.write_text("[]")
    here = at(tmp_path, FUNKHAUS_OIDC_FILE=str(own))
    assert identity_provider.parts(here) == []
    assert [step.name for step in identity_provider.steps(here)] == [
        identity_provider.SETTINGS_STEP
    ]
    identity_provider.write_settings(here)
    assert own.read_text() == "[]"
    assert api(here).env["FUNKHAUS_OIDC_FILE"] == str(own)
    assert str(own) in identity_provider.next_steps(here)


def test_what_is_in_the_cache_is_asked_of_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = at(tmp_path)
    identity_provider.packages(here).mkdir(parents=True)
    monkeypatch.setenv("PATH", str(tmp_path))  # no npm, no network
    assert identity_provider.install(here) == "in the cache"


def test_secrets_are_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    here = at(tmp_path)
    identity_provider.write_files(here)
    password = identity_provider.password_file(here)
    made = password.read_text()
    identity_provider.write_files(here)
    assert password.read_text() == made
    assert len(made.strip()) >= 8
    assert password.stat().st_mode & 0o777 == 0o600
    (part,) = identity_provider.parts(here)
    assert made.strip() not in json.dumps([part.argv, dict(part.env)])
