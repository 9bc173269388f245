"""A split at the real door: what it names is looked up with the webhook's own rights, judged, and reserved for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.crd import revision as revision_crd
from funkhaus.domain.function import Resources, RevisionSpec
from funkhaus.domain.names import revision_name
from funkhaus.domain.quota import Quota
from tests.support.admission_house import NAMESPACE, House, asking
from tests.support.questions import function, http_trigger
from tests.support.webhook import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from funkhaus.domain.quota import Account
    from tests.support.webhook import Running

ROOM = Quota(5, 20, 10, 4000, 8 * 1024**3)


def shares(*backends: tuple[str, int]) -> list[dict[str, Any]]:
    return [{"revision": revision, "weight": weight} for revision, weight in backends]


class Named:
    """A house with a Gateway, function `hello` and two revisions of it, one larger than it is now."""

    def __init__(self, house: House, webhook: Running) -> None:
        self.house, self.webhook = house, webhook
        self.small, self.large = self._revision("250m"), self._revision("500m")

    def _revision(self, cpu: str) -> str:
        spec = RevisionSpec(
            "hello", "python3.11", "r@sha256:1", "hello.handler", "sha256:2", "i@sha256:3", (),
            Resources(cpu, "128Mi"), 60, 8,
        )  # fmt: skip
        uid = self.house.get("function", "hello")["metadata"]["uid"]
        made = revision_crd.manifest(NAMESPACE, spec)
        made["metadata"] |= {
            "labels": {
                "app.kubernetes.io/managed-by": "funkhaus",
                "funkhaus.dev/function": "hello",
            },
            "ownerReferences": [
                {
                    "apiVersion": "funkhaus.dev/v1alpha1",
                    "kind": "Function",
                    "name": "hello",
                    "uid": uid,
                    "controller": True,
                }
            ],
        }
        self.house.server.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(made))
        return revision_name("hello", spec.digest)

    async def account(self) -> Account:
        async with self.webhook.stores.begin("demo") as work:
            return await work.ledger.account("default")


@pytest.fixture
def named(house: House, own_kubeconfig: Path, opa_url: str) -> Iterator[Named]:
    """Asked is a second webhook, which is told of a Gateway."""
    with (
        serving(opa_url, kubeconfig=str(own_kubeconfig), gateway="edge/public") as second,
        asking(house, second.address[1]),
    ):
        state = second.stores.state
        before = state.namespaces["demo", "default"]
        state.namespaces["demo", "default"] = (type(before[0])("demo", "default", ROOM), True)
        assert house.apply(function("hello")).returncode == 0
        yield Named(house, second)
        for kind, name in (
            ("httptrigger", "hello"),
            ("function", "hello"),
            ("functionrevision", "--all"),
        ):
            house.kubectl("delete", kind, name, "-n", NAMESPACE, "--ignore-not-found")


async def test_what_is_named_is_reserved_by_its_own_size(named: Named) -> None:
    before = (await named.account()).held
    wanted = http_trigger(backends=shares((named.large, 90), ("current", 10)))
    dry = named.house.apply(wanted, "--dry-run=server")
    assert dry.returncode == 0, dry.stderr
    assert (await named.account()).held == before
    done = named.house.apply(wanted)
    assert done.returncode == 0, done.stderr
    grown = (await named.account()).held - before
    assert (grown.replicas, grown.cpu_millis, grown.triggers, grown.functions) == (3, 1500, 1, 0)


async def test_without_room_for_the_sum_it_stays_out_in_words(named: Named) -> None:
    state = named.webhook.stores.state
    namespace, ready = state.namespaces["demo", "default"]
    tight = Quota(5, 20, 8, 4000, 8 * 1024**3)
    state.namespaces["demo", "default"] = (type(namespace)("demo", "default", tight), ready)
    wanted = http_trigger(backends=shares((named.large, 90), (named.small, 10)))
    done = named.house.apply(wanted)
    assert done.returncode != 0
    assert (
        'spec.backends: namespace "default" would hold replicas 9, its quota is 8: name fewer revisions, '
        "lower the function's scaling.max"
    ) in done.stderr
    assert (await named.account()).held.triggers == 0


REFUSALS = [
    (
        [("other-0123456789", 1)],
        'spec.backends[0].revision: "other-0123456789" is no revision that function "hello" keeps: ',
    ),
    ([("../../pods/x", 1)], "is no revision that function"),
    (
        [("current", 1), ("current", 2)],
        'spec.backends[1].revision: revision "current" is named twice',
    ),
    ([("current", -1)], "spec.backends[0].weight: weight -1 is none of 0 to 1000"),
    ([("current", 1001)], "spec.backends[0].weight: weight 1001 is none of 0 to 1000"),
    ([("current", 0)], "spec.backends: every weight is 0"),
    (
        [(f"hello-000000000{digit}", 1) for digit in range(5)],
        'spec.backends: 5 revisions share the calls; plan "small" lets at most 4 pass',
    ),
]


@pytest.mark.parametrize(("backends", "words"), REFUSALS)
def test_what_may_not_be_is_named(
    named: Named, backends: list[tuple[str, int]], words: str
) -> None:
    done = named.house.apply(http_trigger(backends=shares(*backends)))
    assert done.returncode != 0
    assert words in done.stderr


def test_what_there_is_to_choose_from_is_said(named: Named) -> None:
    done = named.house.apply(http_trigger(backends=shares(("hello-0123456789", 1))))
    there = " and ".join(sorted([named.large, named.small]))
    assert f"{there} are, and current is the one it serves with" in done.stderr


def test_a_neighbours_revision_of_that_name_is_none(named: Named) -> None:
    """One whose Function is gone, or was another, is not the function's, whatever it is called."""
    gone = {"metadata": {"ownerReferences": [{
        "apiVersion": "funkhaus.dev/v1alpha1", "kind": "Function", "name": "hello", "uid": "before", "controller": True,
    }]}}  # fmt: skip
    named.house.server.kubectl(
        "patch", "functionrevision", named.small, "-n", NAMESPACE, "--type=merge", "-p", json.dumps(gone),
    )  # fmt: skip
    done = named.house.apply(http_trigger(backends=shares((named.small, 1))))
    assert "is no revision that function" in done.stderr


def test_where_no_gateway_is_it_is_refused_by_its_name(house: House) -> None:
    done = house.apply(http_trigger("split", backends=shares(("current", 1))))
    assert "spec.backends: backends needs a Gateway, and this platform names none" in done.stderr


def test_shapes_are_the_schemas(named: Named) -> None:
    for wrong in ([], [{"revision": "current"}], [{"revision": "", "weight": 1}], [{"weight": 1}]):
        done = named.house.apply(http_trigger(backends=wrong))
        assert done.returncode != 0
        assert "spec.backends" in done.stderr
