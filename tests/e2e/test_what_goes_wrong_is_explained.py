"""Functions as the Kubeless manual has them, and three that misbehave: what the caller, the log and `describe` say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .house import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .house import Tenant

pytestmark = pytest.mark.cluster


@pytest.fixture(autouse=True)
def room(tenant: Tenant) -> Iterator[None]:
    """Nothing of one test takes the node's room from the next."""
    yield
    names = [
        line.partition("/")[2] or line
        for line in tenant.cli("function", "list", "-o", "name").out.split()
    ]
    if names:
        tenant.cli("function", "delete", *names, "--yes")


def sample(examples: Path, name: str) -> Path:
    (source,) = (examples / name).glob("*.py")
    return source


def test_text_in_text_out(tenant: Tenant, examples: Path) -> None:
    tenant.deploy("text", sample(examples, "text"))
    assert "hello" in tenant.cli("function", "call", "text", "--data", "hello").out.lower()


def test_json(tenant: Tenant, examples: Path) -> None:
    tenant.deploy("json", sample(examples, "json"))
    called = tenant.cli("function", "call", "json", "--data", '{"name": "Ada"}')
    assert called.code == 0
    assert "Ada" in called.out


def test_headers_of_the_request(tenant: Tenant, examples: Path) -> None:
    tenant.deploy("headers", sample(examples, "headers"))
    called = tenant.cli("function", "call", "headers", "--header", "X-Greeting: moin")
    assert "moin" in called.out


def test_a_function_that_raises(tenant: Tenant, examples: Path) -> None:
    tenant.deploy("raises", sample(examples, "raises"))
    called = tenant.cli("function", "call", "raises")
    assert called.code != 0
    assert "500" in called.out + called.err
    assert "Traceback" not in called.out + called.err
    eventually(
        "the traceback in the log",
        lambda: "Traceback" in tenant.cli("function", "logs", "raises").out,
    )


def test_a_function_that_sleeps_past_its_timeout(tenant: Tenant, examples: Path) -> None:
    tenant.deploy("sleeps", sample(examples, "sleeps"), "--timeout", "2")
    called = tenant.cli("function", "call", "sleeps")
    assert called.code != 0
    assert "408" in called.out + called.err


def test_a_function_that_allocates_past_its_memory(tenant: Tenant, examples: Path) -> None:
    tenant.deploy("allocates", sample(examples, "allocates"), "--memory", "96Mi")
    called = tenant.cli("function", "call", "allocates")
    assert called.code != 0
    eventually(
        "the log's explanation",
        lambda: (
            "went over the memory limit 96Mi" in tenant.cli("function", "logs", "allocates").out
        ),
    )
    # Only the worker was killed: the replica and its other calls go on.
    described = tenant.cli("function", "describe", "allocates").out
    assert "went over the memory limit 96Mi" in " ".join(described.split())
    assert "restarts: 0" in described


def test_a_function_that_cannot_be_imported_holds_nothing_back(
    tenant: Tenant, tmp_path: Path
) -> None:
    source = tmp_path / "broken.py"
    source.write_text("import no_such_module\n\ndef handler(event, context):\n    return 'x'\n")
    ran = tenant.cli(
        "function", "deploy", "broken", "--runtime", "python3.11", "--handler", "broken.handler",
        "--from-file", str(source), "--wait", "--cpu",
        "100m",
        "--wait-timeout", "40",
        seconds=90,
    )  # fmt: skip
    assert ran.code != 0
    described = tenant.cli("function", "describe", "broken").out
    assert "no_such_module" in described
