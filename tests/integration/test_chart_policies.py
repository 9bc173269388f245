"""The rules as the chart ships them: laid out as kubelet lays out a ConfigMap, OPA reads them and judges by them."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from funkhaus.policy.client import OpaDecider
from funkhaus.policy.revision import revision
from tests.support.apiserver import free_port
from tests.support.opa import POLICIES, started
from tests.support.questions import function, question

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHART = POLICIES.parent / "helm" / "funkhaus"


@pytest.fixture(scope="module")
def documents() -> list[dict[str, Any]]:
    words = ("--namespace", "funkhaus-system", "--set", "registry.host=r")
    done = subprocess.run(
        ["helm", "template", "funkhaus", str(CHART), *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return [document for document in yaml.safe_load_all(done.stdout) if document]


@pytest.fixture(scope="module")
def pod(documents: list[dict[str, Any]]) -> dict[str, Any]:
    """The webhook's pod."""
    (found,) = (
        document
        for document in documents
        if (document["kind"], document["metadata"]["name"]) == ("Deployment", "funkhaus-webhook")
    )
    template: dict[str, Any] = found["spec"]["template"]
    return template


@pytest.fixture
def mounted(documents: list[dict[str, Any]], pod: dict[str, Any], tmp_path: Path) -> Path:
    """The volume as kubelet writes it: files below a dated folder, links beside it."""
    (config,) = (
        document
        for document in documents
        if (document["kind"], document["metadata"]["name"]) == ("ConfigMap", "funkhaus-opa")
    )
    (volume,) = (item for item in pod["spec"]["volumes"] if item["name"] == "policies")
    dated = tmp_path / "policies" / "..2026_01_01_00_00_00.1"
    for item in volume["configMap"]["items"]:
        path = dated / item["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(config["data"][item["key"]])
    (tmp_path / "policies" / "..data").symlink_to(dated.name)
    for folder in dated.iterdir():
        (tmp_path / "policies" / folder.name).symlink_to(f"..data/{folder.name}")
    return tmp_path / "policies"


@pytest.fixture
def url(pod: dict[str, Any], mounted: Path, tmp_path: Path, opa_url: str) -> Iterator[str]:
    """OPA with the container's own arguments, on other ports and another folder."""
    del opa_url  # skips or fails where OPA is missing
    (container,) = (item for item in pod["spec"]["containers"] if item["name"] == "opa")
    port = free_port()
    argv = ["opa"]
    for word in container["args"]:
        replaced = word.replace("127.0.0.1:8181", f"127.0.0.1:{port}").replace(
            "0.0.0.0:8282", f"127.0.0.1:{free_port()}"
        )
        argv.append(
            f"{mounted}{word.removeprefix('/policies')}" if word.startswith("/") else replaced
        )
    with started(argv, f"http://127.0.0.1:{port}", tmp_path / "opa.log") as address:
        yield address


async def test_opa_judges_by_them(url: str) -> None:
    async with OpaDecider(url, timeout=5) as decider:
        assert (await decider.decide(question(function()))).findings == ()
        verdict = await decider.decide(question(function(runtime="cobol74")))
        assert [finding.code for finding in verdict.findings] == ["runtime-unknown"]
        assert verdict.decision_id
        assert await decider.ready() == revision(POLICIES)


def test_a_change_of_the_rules_rolls_the_pods(pod: dict[str, Any]) -> None:
    assert pod["metadata"]["annotations"]["checksum/policies"] == revision(POLICIES)


def test_no_test_is_shipped(documents: list[dict[str, Any]]) -> None:
    assert "_test" not in json.dumps([doc for doc in documents if doc["kind"] == "ConfigMap"])
