"""What every test may lean on: the option that rewrites golden files, and the rules for real clusters.

Unit tests get no socket. A test marked `cluster` runs against the local cluster only, found through KUBECONFIG; where
FUNKHAUS_TEST_STRICT is set (as `make test` does) a missing cluster fails the test instead of skipping it.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis.control
import pytest
import structlog
import yaml

from .support import opa, registry
from .support.apiserver import missing, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .support.apiserver import ApiServer

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile("house", deadline=None)
hypothesis.settings.load_profile("house")
ALLOWED_CONTEXTS = {"funkhaus-local", "kind-funkhaus"}
ROOT = Path(__file__).resolve().parents[1]
DATA = Path(__file__).parent / "data"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-data", action="store_true", help="rewrite golden files under tests/data"
    )


def pytest_configure() -> None:
    """Hear Ctrl-C, and let programs under test hear it: a shell's background jobs ignore it, and so do their children.

    And have tracebacks in log lines plain: painted ones, with every local variable, take a second on a busy machine, which
    a webhook does not have.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    plain = structlog.dev.ConsoleRenderer(
        colors=False, exception_formatter=structlog.dev.plain_traceback
    )
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], plain])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/tests/unit/" in str(item.path):
            item.add_marker(pytest.mark.disable_socket)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Under strict rules a skipped test is a failed run: everything here can run here."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("FUNKHAUS_TEST_STRICT") and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture
def update_data(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be rewritten."""
    return bool(request.config.getoption("--update-data"))


@pytest.fixture(scope="session")
def kubeconfig() -> Path:
    """The admin kubeconfig of a cluster that tests may change."""
    path = os.environ.get("KUBECONFIG", "")
    if not path:
        reason = "KUBECONFIG is not set; `make up` starts a cluster and `. .local/env` sets it"
        if os.environ.get("FUNKHAUS_TEST_STRICT"):
            pytest.fail(reason)
        pytest.skip(reason)
    context = yaml.safe_load(Path(path).read_text())["current-context"]
    if context not in ALLOWED_CONTEXTS:
        pytest.fail(f"context {context!r} is not one tests may change: {sorted(ALLOWED_CONTEXTS)}")
    return Path(path)


@pytest.fixture(scope="session")
def apiserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A kube-apiserver of this run's own, with the platform's CRDs and no node."""
    if absent := missing():
        reason = f"{', '.join(absent)} not on PATH; `make tools` builds them and `. .local/dev` finds them"
        if os.environ.get("FUNKHAUS_TEST_STRICT"):
            pytest.fail(reason)
        pytest.skip(reason)
    with running(tmp_path_factory.mktemp("apiserver")) as server:
        server.kubectl("apply", "--server-side", "-f", str(ROOT / "helm/funkhaus/crds"))
        server.kubectl("wait", "crd", "--all", "--for=condition=Established", "--timeout=30s")
        yield server


@pytest.fixture(scope="session")
def registry_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """``host:port`` of an OCI registry of this run's own."""
    if registry.missing():
        reason = "registry not on PATH; `make tools` builds it and `. .local/dev` finds it"
        if os.environ.get("FUNKHAUS_TEST_STRICT"):
            pytest.fail(reason)
        pytest.skip(reason)
    with registry.running(tmp_path_factory.mktemp("registry")) as host:
        yield host


@pytest.fixture(scope="session")
def opa_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an OPA of this run's own, with the repository's policies."""
    if opa.missing():
        reason = "opa not on PATH; `make tools` builds it and `. .local/dev` finds it"
        if os.environ.get("FUNKHAUS_TEST_STRICT"):
            pytest.fail(reason)
        pytest.skip(reason)
    with opa.running(tmp_path_factory.mktemp("opa")) as url:
        yield url


@pytest.fixture(scope="session")
def idp_programs() -> None:
    """What an identity provider of a test's own needs is there."""
    from .support import (
        idp,  # it brings an HTTP client, which is most of what a unit test would wait for
    )

    if absent := idp.missing():
        reason = f"{', '.join(absent)} not on PATH; Debian has them as nodejs and npm"
        if os.environ.get("FUNKHAUS_TEST_STRICT"):
            pytest.fail(reason)
        pytest.skip(reason)
