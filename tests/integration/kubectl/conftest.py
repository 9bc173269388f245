"""A kube-apiserver that was not told to ask the platform about tokens, with the chart for that case."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import apiserver as kube
from tests.support import chart
from tests.support.members_house import Site

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory, opa_url: str) -> Iterator[Site]:
    """The apiserver with the whole chart, for processes outside; and what its processes reach it by."""
    port, folder = kube.free_port(), tmp_path_factory.mktemp("members")
    with kube.running(folder, "--allow-privileged=true") as started:
        chart.prepare(started)
        chart.apply(started, chart.rendered("--set", "kubectl=token-request", port=port))
        chart.fill(started)
        made = [
            chart.kubeconfig_of(started, name, folder)
            for name in ("funkhaus-api", "funkhaus-webhook")
        ]
        yield Site(started, *made, port, opa_url, folder / "sa.key")
