"""The tour: nobody signs in, founds a tenant, runs a function, asks for more, invites a colleague, and lets them go again.

Strangers are new ones in every run, for a tenant's id is never given out again and nobody founds more than a few.
"""

from __future__ import annotations

import json
import secrets
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from .house import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .house import House, Ran
    from .visitor import Visitor

pytestmark = pytest.mark.cluster
KUBECTL_SECONDS = 30
"""Until an ended session is dead in kubectl too; kube-apiserver's memory of it is 10 s."""


def stranger(name: str) -> str:
    return f"{name}-{secrets.token_hex(4)}@strangers.example.com"


@pytest.fixture(scope="module")
def ada(new_visitor: Callable[[str], Visitor]) -> Visitor:
    """A platform admin by a rule on her groups."""
    visitor = new_visitor("ada@example.com")
    visitor.login()
    return visitor


@pytest.fixture(scope="module")
def bob(new_visitor: Callable[[str], Visitor]) -> Visitor:
    visitor = new_visitor(stranger("bob"))
    visitor.login()
    return visitor


@pytest.fixture(scope="module")
def tenant(bob: Visitor, ada: Visitor) -> Iterator[str]:
    """Founded by Bob, with one namespace."""
    name = f"bobs-{secrets.token_hex(4)}"
    assert f"Created tenant {name} with plan small." in bob.done("tenant", "create", name)
    bob.done("namespace", "create", "default", "--tenant", name)
    yield name
    ada.done(
        "tenant", "delete", name, "--grace-days", "0", "--reason", "the end of a test", "--yes"
    )


def function(name: str, *, cpu: str = "100m", most: int = 1) -> dict[str, Any]:
    return {
        "apiVersion": "funkhaus.dev/v1alpha1",
        "kind": "Function",
        "metadata": {"name": name},
        "spec": {
            "runtime": "python3.11",
            "handler": "hello.handler",
            "source": {
                "inline": {
                    "files": {"hello.py": "def handler(event, context):\n    return 'moin'\n"}
                }
            },
            "resources": {"cpu": cpu, "memory": "64Mi"},
            "scaling": {"min": 1, "max": most, "cpuPercent": 80},
        },
    }


def trigger(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "funkhaus.dev/v1alpha1",
        "kind": "HTTPTrigger",
        "metadata": {"name": name},
        "spec": {"function": name},
    }


def apply(who: Visitor, *manifests: dict[str, Any]) -> Ran:
    stdin = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})
    return who.kubectl("apply", "-f", "-", stdin=stdin)


def me(who: Visitor) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(who.done("whoami", "-o", "json"))
    return document


def test_a_group_makes_an_admin_and_no_group_makes_nobody(
    ada: Visitor, new_visitor: Callable[[str], Visitor]
) -> None:
    nobody = new_visitor(stranger("nobody"))
    assert nobody.cli("whoami").code == 4
    assert "Signed in as nobody-" in nobody.login()
    assert (me(ada)["platformRoles"], me(ada)["roles"]) == (["admin"], {})
    assert (me(nobody)["platformRoles"], me(nobody)["roles"]) == ([], {})
    assert nobody.done("tenant", "list", "-o", "name") == ""
    assert nobody.cli("grant", "list").code == 4


def test_a_plan_above_self_service_is_refused_in_words(bob: Visitor, tenant: str) -> None:
    assert me(bob)["roles"] == {tenant: "owner"}
    refused = bob.cli("tenant", "create", f"{tenant}-2", "--plan", "large")
    assert refused.code == 1
    assert "plan 'large' is not for self-service, small is" in refused.err
    assert "passes: small" in refused.err


def test_above_self_service_it_waits_for_an_approver(
    ada: Visitor, bob: Visitor, tenant: str
) -> None:
    wanted = f"{tenant}-large"
    words = ("tenant", "request", wanted, "--plan", "large", "--reason", "the fair", "-o", "name")
    asked = bob.done(*words).strip()
    assert bob.cli("tenant", "get", wanted).code == 3
    assert bob.cli("tenant", "approve", asked).code == 4
    assert wanted in ada.done("tenant", "requests", "--waiting")
    ada.done("tenant", "approve", asked, "--note", "enjoy the fair")
    assert me(bob)["roles"] == {tenant: "owner", wanted: "owner"}
    assert "enjoy the fair" in bob.done("tenant", "requests")
    gone = ("--grace-days", "0", "--reason", "the end of a test", "--yes")
    ada.done("tenant", "delete", wanted, *gone)
    eventually("the end of it", lambda: wanted not in me(bob)["roles"])


def test_from_kubectl_to_a_url_and_through_a_full_quota(
    house: House, bob: Visitor, ada: Visitor, tenant: str
) -> None:
    bob.take_kubeconfig(tenant)
    assert "fh_" not in (bob.home / "kubeconfig").read_text()
    applied = apply(bob, function("hello"), trigger("hello"))
    assert applied.code == 0, applied.err
    host = f"hello.{tenant}.{house.domain}"
    eventually(f"http://{host}", lambda: house.call(host).text == "moin")

    above = apply(bob, function("big", cpu="1", most=4))
    assert above.code != 0
    assert "namespace" in above.err
    assert "cpu" in above.err.lower()
    assert bob.kubectl("get", "fn", "big").code != 0

    asked = bob.done(
        "quota", "request", "--namespace", "default", "--cpu", "1", "--days", "1",
        "--reason", "the fair", "-o", "name",
    ).strip()  # fmt: skip
    own = bob.cli("quota", "approve", asked)
    assert own.code == 4, own.err
    assert asked in ada.done("quota", "requests", "--waiting", "--tenant", tenant)
    ada.done("quota", "approve", asked, "--tenant", tenant, "--note", "enjoy the fair")
    passes = apply(bob, function("big", cpu="1", most=4))
    assert passes.code == 0, passes.err
    assert bob.kubectl("delete", "fn", "big").code == 0


def test_an_admins_session_opens_every_namespace_in_kubectl(
    ada: Visitor, bob: Visitor, tenant: str
) -> None:
    """By the role, not by membership; and no further than the platform's admin group goes."""
    bob.take_kubeconfig(tenant)
    assert apply(bob, function("seen")).code == 0
    ada.take_kubeconfig(tenant)
    seen = ada.kubectl("get", "fn", "seen", "-o", "name")
    assert (seen.code, seen.out.strip()) == (0, "function.funkhaus.dev/seen"), seen.err
    assert "fh:platform:admin" in ada.kubectl("auth", "whoami", "-o", "json").out
    for beyond in (("get", "nodes"), ("get", "secrets", "-n", "funkhaus-system")):
        ran = ada.kubectl(*beyond)
        assert ran.code != 0
        assert "Forbidden" in ran.err


def test_a_colleague_comes_works_and_is_gone_at_once(
    house: House, bob: Visitor, tenant: str, new_visitor: Callable[[str], Visitor]
) -> None:
    """Cem has no browser on his machine."""
    cem = new_visitor(stranger("cem"))
    assert "Signed in as cem-" in cem.login_by_device()
    listing = ("function", "list", "--tenant", tenant)
    assert cem.cli(*listing).code == 3  # not for his eyes, and so not there

    bob.done("invitation", "create", "--email", cem.address, "--role", "developer")
    offered = cem.done("invitation", "list", "--mine", "-o", "name").strip()
    assert cem.done("invitation", "accept", offered) == f"You are developer of tenant {tenant}.\n"
    assert cem.cli("invitation", "accept", offered).code == 3  # once
    assert cem.cli(*listing).code == 0
    cem.take_kubeconfig(tenant)
    assert apply(cem, function("cems")).code == 0
    no = cem.cli("member", "set", cem.address, "--role", "owner")
    assert (no.code, "yours is developer" in no.err) == (4, True), no.err

    bob.done("member", "remove", cem.address, "--yes")
    gone = cem.cli(*listing)
    assert (gone.code, "does not exist, or you have no role in it" in gone.err) == (3, True)
    session = next((cem.home / ".config/funkhaus/sessions").iterdir()).read_text().strip()
    assert house.rest(session, "GET", f"/v1/tenants/{tenant}").status_code == 404
    eventually(
        "the end of Cem's kubectl", lambda: cem.kubectl("get", "fn").code != 0, KUBECTL_SECONDS
    )
    assert me(cem)["roles"] == {}


def test_logging_out_ends_kubectl(
    house: House, bob: Visitor, tenant: str, new_visitor: Callable[[str], Visitor],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Also with the credential kubectl had: no new one coming would look like an end and be none."""
    cem = new_visitor(stranger("cem"))
    cem.login()
    secret = bob.done("invitation", "create", "--role", "viewer")
    cem.done("invitation", "accept", "--secret-file", "-", stdin=secret)
    cem.take_kubeconfig(tenant)
    assert cem.kubectl("get", "fn").code == 0
    assert not cem.kubectl("auth", "can-i", "create", "functions.funkhaus.dev").out.startswith(
        "yes"
    )
    credential = json.loads(cem.done("kubectl-credential"))["status"]["token"]
    place = ("get", "fn", "-n", f"{tenant}--default")
    assert house.kubectl(*place, token=credential).code == 0

    assert cem.done("logout") == "Signed out.\n"
    since = time.monotonic()
    assert cem.cli("whoami").code == 4
    assert cem.kubectl("get", "fn").code != 0
    eventually(
        "the end of the credential it had",
        lambda: house.kubectl(*place, token=credential).code != 0,
        KUBECTL_SECONDS,
    )
    with capsys.disabled():  # a measurement is to be seen, also of a test that passes
        sys.stdout.write(f"\nkubectl refused {time.monotonic() - since:.1f} s after the logout")
