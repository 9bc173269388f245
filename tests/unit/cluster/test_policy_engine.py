"""OPA and the API server of the local cluster know each other by the same files; nobody else can sign."""

from __future__ import annotations

import json
from pathlib import Path

from funkhaus.auth.bundle_signing import RsaSigner
from funkhaus.factory import BUNDLE_TOKEN_LENGTH, policy_feed
from funkhaus.settings import Api
from funkhaus_cluster import local, platform_parts, policy_engine, product

from .test_identity_provider import api, at


def test_what_the_api_signs_by_opa_verifies_by(tmp_path: Path) -> None:
    here = at(tmp_path)
    here.settings.etc.mkdir(parents=True)
    policy_engine.write_keys(here)
    told = api(here).env
    key = Path(told["FUNKHAUS_POLICY_SIGNING_KEY_FILE"]).read_text()
    part = policy_engine.part(here)
    (given,) = [word for word in part.argv if word.startswith("--set-file=keys.house.key=")]
    assert Path(given.rpartition("=")[2]).read_text().split() == RsaSigner(key).public.split()
    (file,) = [word for word in part.argv if word.startswith("--config-file=")]
    configuration = json.loads(Path(file.partition("=")[2]).read_text())
    house = configuration["services"]["house"]
    assert house["url"] == f"{api(here).url}/v1/policy"
    token = house["credentials"]["bearer"]["token_path"]
    assert token == told["FUNKHAUS_POLICY_BUNDLE_TOKEN_FILE"]
    shown = Path(token).read_text().strip()
    assert len(shown) >= BUNDLE_TOKEN_LENGTH
    feed = policy_feed(Api(policy_signing_key=key, policy_bundle_token=shown))
    assert feed.bundler


def test_keys_are_made_once(tmp_path: Path) -> None:
    here = at(tmp_path)
    here.settings.etc.mkdir(parents=True)
    policy_engine.write_keys(here)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    policy_engine.write_keys(here)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    secret = policy_engine.watched(here)
    assert {path.stat().st_mode & 0o777 for path in secret} == {0o600}


def test_only_the_api_server_can_sign(tmp_path: Path) -> None:
    holders = [
        part.name
        for part in product.parts(at(tmp_path))
        if "FUNKHAUS_POLICY_SIGNING_KEY_FILE" in part.env
    ]
    assert holders == ["funkhaus-api"]


def test_rules_come_before_the_api_and_opa_before_whoever_asks_it(tmp_path: Path) -> None:
    here = at(tmp_path)
    needs = {part.name: part.needs for part in platform_parts.parts(here)}
    assert "rules" in needs["funkhaus-api"]
    assert "start opa" not in needs["funkhaus-api"]
    assert "start funkhaus-api" in needs["opa"]
    assert "start opa" in needs["funkhaus-webhook"]
    assert "start opa" in needs["funkhaus-controller"]
    order = local.stop_order(local.all_parts(here))
    assert order.index("funkhaus-webhook") < order.index("opa") < order.index("funkhaus-api")
