from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funkhaus.domain import names
from funkhaus.domain.errors import InvalidError

GOOD = st.from_regex(r"\A[a-z]([a-z0-9]|-(?!-)){0,20}[a-z0-9]\Z")


@pytest.mark.parametrize("value", ["a", "hello", "hello-2", "a" * 40])
def test_a_dns_label_names_a_function(value: str) -> None:
    assert names.function_name(value) == value


@pytest.mark.parametrize(
    ("value", "code", "passes"),
    [
        ("a" * 64, "name-too-long", "a" * 40),
        ("Hello", "name-malformed", "hello"),
        ("hello_world", "name-malformed", "hello-world"),
        ("-x", "name-malformed", "x"),
        ("x.", "name-malformed", "x"),
        ("1abc", "name-malformed", "abc"),
        ("", "name-malformed", None),
        ("ümlaut", "name-malformed", "mlaut"),
        ("a\n", "name-malformed", "a"),
    ],
)
def test_a_refused_name_says_what_would_pass(value: str, code: str, passes: str | None) -> None:
    with pytest.raises(InvalidError) as caught:
        names.function_name(value)
    (finding,) = caught.value.findings
    assert (finding.code, finding.passes, finding.path) == (code, passes, "metadata.name")
    if passes:
        assert names.function_name(passes) == passes


@pytest.mark.parametrize("value", ["a--b", "a---b"])
def test_tenant_ids_hold_no_double_hyphen(value: str) -> None:
    with pytest.raises(InvalidError):
        names.tenant_id(value)


@given(GOOD, GOOD)
def test_tenant_and_namespace_can_be_told_apart(tenant: str, name: str) -> None:
    together = names.cluster_namespace(names.tenant_id(tenant), names.namespace_name(name))
    assert names.split_cluster_namespace(together) == (tenant, name)
    assert len(together) <= 63


@pytest.mark.parametrize("value", ["kube-system", "default", "a--b--c", "--a", "a--", "A--b"])
def test_other_namespaces_are_nobodys(value: str) -> None:
    assert names.split_cluster_namespace(value) is None


def test_a_revision_is_named_by_content() -> None:
    assert names.revision_name("hello", "sha256:0123456789abcdef") == "hello-0123456789"
