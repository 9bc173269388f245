"""The same request another way: verbs, versions, subresources, bodies and deletions that could slip past what judges."""

from __future__ import annotations

import copy
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.domain.quota import Quota
from tests.support.admission_house import NAMESPACE, House
from tests.support.attacker import OWNER, Hands
from tests.support.questions import cron_job_trigger, function, http_trigger

from .test_attacks_on_admission import PLACE, codes, path_of

if TYPE_CHECKING:
    from collections.abc import Iterator

MERGE, JSON_PATCH = "application/merge-patch+json", "application/json-patch+json"
APPLY = "application/apply-patch+yaml"
MORE = {"spec": {"resources": {"cpu": "3"}, "scaling": {"max": 6}}}
CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/functions.funkhaus.dev"
NEXT = f"/apis/funkhaus.dev/v1beta1/namespaces/{NAMESPACE}/functions"


@pytest.fixture
def owner(admin: Hands, house: House) -> Hands:
    """The tenant's owner, at a webhook that is trusted."""
    del house
    return admin.acting_as(*OWNER)


@pytest.fixture
def stands(owner: Hands) -> Iterator[dict[str, Any]]:
    """A Function that was let in, with one label of its own."""
    answer = owner.ask("POST", f"{PLACE}/functions", function("stands"))
    assert answer.status_code == 201, answer.text
    yield answer.json()
    owner.ask("PATCH", f"{PLACE}/functions/stands", {"metadata": {"finalizers": None}}, MERGE)
    owner.ask("DELETE", f"{PLACE}/functions/stands")


def changes(stands: dict[str, Any]) -> Iterator[tuple[str, object, str, dict[str, str]]]:
    """Every way an object is changed: method, body, content type and query."""
    whole = copy.deepcopy(stands)
    whole["spec"] |= MORE["spec"]
    del whole["metadata"]["managedFields"]
    yield "PUT", whole, "application/json", {}
    yield "PATCH", MORE, MERGE, {}
    lines = [
        {"op": "replace", "path": "/spec/resources/cpu", "value": "3"},
        {"op": "replace", "path": "/spec/scaling/max", "value": 6},
    ]
    yield "PATCH", lines, JSON_PATCH, {}
    mine = {key: stands[key] for key in ("apiVersion", "kind")}
    yield "PATCH", mine | MORE, APPLY, {"fieldManager": "funkhaus-controller", "force": "true"}


def unchanged(owner: Hands, stands: dict[str, Any]) -> bool:
    now = owner.ask("GET", f"{PLACE}/functions/stands").json()
    return bool(now["metadata"]["resourceVersion"] == stands["metadata"]["resourceVersion"])


def test_b03_a_function_is_scaled_by_no_way_above_its_plan(
    owner: Hands, house: House, stands: dict[str, Any]
) -> None:
    for method, body, kind, query in changes(stands):
        before = len(house.webhook.stores.state.audit)
        answer = owner.ask(method, f"{PLACE}/functions/stands", body, kind, **query)
        assert codes(answer) == {"cpu-above-ceiling", "replicas-above-ceiling"}, (method, kind)
        assert len(house.webhook.stores.state.audit) == before + 1
    assert unchanged(owner, stands)


def test_b05_b25_a_status_is_not_a_member_s_by_any_way(
    owner: Hands, stands: dict[str, Any]
) -> None:
    """Through the object itself it is dropped, through its own path refused."""
    said = {"conditions": [], "revision": "mine"}
    whole = copy.deepcopy(stands) | {"status": said}
    answer = owner.ask("PUT", f"{PLACE}/functions/stands", whole)
    assert answer.status_code == 200, answer.text
    assert "status" not in answer.json()
    for method, body, kind, query in changes(stands):
        answer = owner.ask(method, f"{PLACE}/functions/stands/status", body, kind, **query)
        assert answer.status_code == 403
    assert unchanged(owner, stands)


def test_b15_whose_an_object_is_comes_back_and_whose_change_it_was_is_not_forged(
    owner: Hands, stands: dict[str, Any]
) -> None:
    path = f"{PLACE}/functions/stands"
    labels = {key: None for key in stands["metadata"]["labels"] if key.startswith("funkhaus.dev/")}
    assert len(labels) == 2
    answer = owner.ask("PATCH", path, {"metadata": {"labels": labels}}, MERGE)
    assert answer.status_code == 200, answer.text
    assert answer.json()["metadata"]["labels"] == stands["metadata"]["labels"]
    people = ("funkhaus.dev/created-by", "funkhaus.dev/changed-by")
    taken_off = {"metadata": {"annotations": dict.fromkeys(people)}}
    answer = owner.ask("PATCH", path, taken_off, MERGE)
    assert answer.status_code == 200, answer.text
    assert {answer.json()["metadata"]["annotations"][key] for key in people} == {OWNER[0]}
    for key in people:
        forged = {"metadata": {"annotations": {key: "fh:somebody-else"}}}
        assert owner.ask("PATCH", path, forged, MERGE).status_code == 403


LATER = [
    (http_trigger, {f"nginx.org/{name}": "x"}, "annotations-foreign")
    for name in ("server-snippets", "rewrites")
] + [
    (http_trigger, {"kubernetes.io/ingress.class": "mine"}, "annotations-foreign"),
    (function, {f"a-{number}": "x" for number in range(65)}, "annotations-too-many"),
]


@pytest.mark.parametrize(("make", "annotations", "code"), LATER)
def test_b33_b37_an_annotation_that_comes_later_is_judged_too(
    owner: Hands, house: House, make: Any, annotations: dict[str, str], code: str
) -> None:
    """By a change of nothing else: the spec is as it was."""
    manifest = make("later")
    path = path_of(manifest, "later")
    answer = owner.ask("POST", path_of(manifest), manifest)
    assert answer.status_code == 201, answer.text
    before = answer.json()
    mine = {key: before[key] for key in ("apiVersion", "kind")}
    meta = {"metadata": {"annotations": annotations}}
    try:
        for body, kind, query in (
            (meta, MERGE, {}),
            (mine | meta, APPLY, {"fieldManager": "mine", "force": "true"}),
        ):
            rows = len(house.webhook.stores.state.audit)
            assert codes(owner.ask("PATCH", path, body, kind, **query)) == {code}, kind
            assert len(house.webhook.stores.state.audit) == rows + 1
        now = owner.ask("GET", path).json()["metadata"]
        assert now["resourceVersion"] == before["metadata"]["resourceVersion"]
        note = {"metadata": {"annotations": {"note": "mine"}}}
        assert owner.ask("PATCH", path, note, MERGE).status_code == 200
    finally:
        owner.ask("DELETE", path)


@pytest.fixture(scope="module")
def second_version(admin: Hands, house: House) -> Iterator[None]:
    """A second version of Functions, served beside the first."""
    del house
    crd = admin.ask("GET", CRD).json()
    first = crd["spec"]["versions"][0]
    second = copy.deepcopy(first) | {"name": "v1beta1", "storage": False}
    _put(admin, [first, second])
    for _ in range(100):
        if admin.ask("GET", NEXT).status_code == 200:
            break
        time.sleep(0.1)
    yield
    _put(admin, [first])


def _put(admin: Hands, versions: list[Any]) -> None:
    answer = admin.ask("PATCH", CRD, {"spec": {"versions": versions}}, MERGE)
    assert answer.status_code == 200, answer.text


@pytest.mark.usefixtures("second_version")
def test_b08_another_version_of_a_kind_is_judged_too(
    owner: Hands, house: House, stands: dict[str, Any]
) -> None:
    through = owner.ask("GET", f"{NEXT}/stands").json()
    assert through["apiVersion"] == "funkhaus.dev/v1beta1"
    for method, body, kind, query in changes(through):
        before = len(house.webhook.stores.state.audit)
        answer = owner.ask(method, f"{NEXT}/stands", body, kind, **query)
        assert answer.status_code in {403, 422}, (method, kind, answer.text)
        assert "validate.funkhaus.dev" in answer.text or "mutate.funkhaus.dev" in answer.text
        assert len(house.webhook.stores.state.audit) == before + 1
    bad = function("attack", timeout=86_400) | {"apiVersion": "funkhaus.dev/v1beta1"}
    assert owner.ask("POST", NEXT, bad).status_code in {403, 422}
    assert owner.ask("GET", f"{NEXT}/attack").status_code == 404
    assert unchanged(owner, stands)


ORPHANING = [
    ({"propagationPolicy": "Orphan"}, {}),
    ({"orphanDependents": True}, {}),
    (None, {"propagationPolicy": "Orphan"}),
    (None, {"orphanDependents": "true"}),
]


@pytest.mark.parametrize("make", [function, http_trigger, cron_job_trigger])
def test_b10_what_runs_is_not_orphaned(owner: Hands, make: Any) -> None:
    """Else replicas stay that no quota counts, and a host that is given on."""
    manifest = make("goes")
    path = path_of(manifest, "goes")
    assert owner.ask("POST", path_of(manifest), manifest).status_code == 201
    for options, query in ORPHANING:
        body = {"kind": "DeleteOptions", "apiVersion": "v1", **options} if options else None
        answer = owner.ask("DELETE", path, body, **query)
        assert answer.status_code == 403, (options, query, answer.text)
        assert "ValidatingAdmissionPolicy 'funkhaus-orphans'" in answer.text
    mark = {"metadata": {"finalizers": ["orphan"]}}
    answer = owner.ask("PATCH", path, mark, MERGE)
    assert answer.status_code == 403
    assert "leave the finalizer orphan out" in answer.text
    again = make("attack")
    again["metadata"]["finalizers"] = ["orphan"]
    assert owner.ask("POST", path_of(again), again).status_code == 403
    assert "deletionTimestamp" not in owner.ask("GET", path).json()["metadata"]
    foreground = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
    assert owner.ask("DELETE", path, foreground).status_code == 200
    assert owner.ask("GET", path).status_code == 404


def test_b10_what_is_held_back_from_its_end_changes_no_more(
    admin: Hands, owner: Hands, stands: dict[str, Any]
) -> None:
    """A finalizer keeps the object, and with it its charge; it is judged as before and takes no orphan."""
    del stands
    path = f"{PLACE}/functions/stands"
    held = admin.ask("PATCH", path, {"metadata": {"finalizers": ["a.b/c"]}}, MERGE)
    assert held.status_code == 200, held.text
    assert owner.ask("DELETE", path).status_code == 200
    assert codes(owner.ask("PATCH", path, MORE, MERGE)) == {
        "cpu-above-ceiling",
        "replicas-above-ceiling",
    }
    late = owner.ask("PATCH", path, {"metadata": {"finalizers": ["a.b/c", "orphan"]}}, MERGE)
    assert late.status_code in {403, 422}


def test_b23_no_secret_holds_a_service_account_s_token(admin: Hands, owner: Hands) -> None:
    """Kubernetes would put one into it that never ends and outlives the member's own credential."""
    path = f"/api/v1/namespaces/{NAMESPACE}/secrets"
    account = {"kubernetes.io/service-account.name": "default"}
    kind = "kubernetes.io/service-account-token"
    before = admin.versions(path)
    for meta in ({"name": "lasting"}, {"generateName": "lasting-"}):
        secret = {"metadata": meta | {"annotations": account}, "type": kind}
        answer = owner.ask("POST", path, secret)
        assert answer.status_code == 403, answer.text
        assert "no Secret of a tenant holds a token of a service account" in answer.text
        applied = {"apiVersion": "v1", "kind": "Secret", **secret}
        if "name" in meta:
            answer = owner.ask("PATCH", f"{path}/lasting", applied, APPLY, fieldManager="x")
            assert answer.status_code == 403
    assert admin.versions(path) == before


def test_b29_bombs_are_refused_at_the_door(owner: Hands, house: House) -> None:
    size = len(house.webhook.stores.state.audit)
    large = function("attack")
    large["metadata"]["annotations"] = {"a": "x" * (256 * 1024 + 1)}
    assert owner.ask("POST", path_of(large), large).status_code == 422
    source = function(
        "attack", source={"inline": {"files": {f"f{n}.py": "x" * 65_536 for n in range(32)}}}
    )
    assert owner.ask("POST", path_of(source), source).status_code in {403, 413, 422, 500}
    huge = json.dumps(function("attack", handler="x" * 4_000_000)).encode()
    assert owner.ask("POST", path_of(large), huge).status_code == 413
    many = function("attack", env=[{"name": f"V{n}", "value": "x"} for n in range(129)])
    assert owner.ask("POST", path_of(many), many).status_code == 422
    noted = function("attack")
    noted["metadata"]["annotations"] = {f"a-{n}": "x" for n in range(65)}
    assert codes(owner.ask("POST", path_of(noted), noted)) == {"annotations-too-many"}
    assert owner.ask("GET", path_of(large, "attack")).status_code == 404
    assert len(house.webhook.stores.state.audit) <= size + 2


def test_b29_ten_thousand_triggers_end_at_the_quota(owner: Hands, house: House) -> None:
    state = house.webhook.stores.state
    before = state.namespaces["demo", "default"]
    state.books.charges.clear()
    quota = Quota(9, 3, 9, 9000, 9 * 1024**3)
    state.namespaces["demo", "default"] = (type(before[0])("demo", "default", quota), True)
    makers = (http_trigger, cron_job_trigger)
    try:
        found = [
            owner.ask("POST", path_of(make()), make(f"bomb-{number}"))
            for number in range(5)
            for make in makers
        ]
        assert [answer.status_code for answer in found].count(201) == 3
        refusals = [codes(answer) for answer in found if answer.status_code != 201]
        assert refusals == [{"quota-namespace-triggers"}] * 7
    finally:
        for make in makers:
            for number in range(5):
                owner.ask("DELETE", path_of(make(), f"bomb-{number}"))
        house.webhook.stores.state.namespaces["demo", "default"] = before
        house.webhook.stores.state.books.charges.clear()


def test_b03_names_made_by_kube_apiserver_are_charged(owner: Hands, house: House) -> None:
    """The webhook first sees a Function without a name; each is an ask of its own all the same."""
    state = house.webhook.stores.state
    before = state.namespaces["demo", "default"]
    state.books.charges.clear()
    quota = Quota(2, 9, 9, 9000, 9 * 1024**3)
    state.namespaces["demo", "default"] = (type(before[0])("demo", "default", quota), True)
    nameless = function()
    nameless["metadata"] = {"namespace": NAMESPACE, "generateName": "bomb-"}
    made = []
    try:
        for _ in range(4):
            answer = owner.ask("POST", path_of(nameless), nameless)
            if answer.status_code == 201:
                made.append(answer.json()["metadata"]["name"])
            else:
                assert codes(answer) == {"quota-namespace-functions"}
        assert len(made) == 2
    finally:
        for name in made:
            owner.ask("DELETE", path_of(nameless, name))
        house.webhook.stores.state.namespaces["demo", "default"] = before
        house.webhook.stores.state.books.charges.clear()


def test_an_apply_that_has_to_find_nothing_is_judged_and_charged_once(
    owner: Hands, house: House
) -> None:
    """As the API server creates: with a resource version no object has."""
    path = f"{PLACE}/functions/once"
    manifest = function("once")
    manifest["metadata"]["resourceVersion"] = "1"
    bad = function("once", timeout=86_400)
    bad["metadata"]["resourceVersion"] = "1"
    answers = [
        owner.ask("PATCH", path, body, APPLY, fieldManager="funkhaus-api")
        for body in (
            bad,
            manifest,
            function("once", timeout=7) | {"metadata": manifest["metadata"]},
        )
    ]
    try:
        assert [answer.status_code for answer in answers] == [403, 201, 409]
        charges = house.webhook.stores.state.books.charges
        assert [key.name for _, key in charges].count("once") == 1
        assert owner.ask("GET", path).json()["spec"] == answers[1].json()["spec"]
    finally:
        owner.ask("DELETE", path)


def nested(depth: int) -> bytes:
    """A trigger whose payload lies that deep."""
    shell = json.dumps(cron_job_trigger("attack", payload="HERE"))
    deep = '{"a":' * depth + "1" + "}" * depth
    return shell.replace('"HERE"', deep).encode()


@pytest.mark.parametrize("depth", [65, 900, 2_000, 9_000])
def test_b56_what_is_nested_deeply_is_refused_and_stops_nobody(owner: Hands, depth: int) -> None:
    answer = owner.ask("POST", f"{PLACE}/cronjobtriggers", nested(depth), dryRun="All")
    if depth < 1_000:
        assert answer.status_code == 422, answer.text
        assert "spec.payload: is nested deeper than 64" in answer.text
    assert answer.status_code in {400, 422, 500}, answer.text
    assert (
        owner.ask("POST", f"{PLACE}/cronjobtriggers", nested(64), dryRun="All").status_code == 201
    )


def test_b56_names_that_explode_expressions_are_answered_in_time(owner: Hands) -> None:
    """Rules' expressions are RE2's and CEL's, which take time as long as the text; these are the longest that get there."""
    for manifest, code in (
        (http_trigger("attack", host="a-" * 120 + "!"), "hostname-malformed"),
        (http_trigger("attack", tls={"secretName": "a." * 126 + "!"}), "tls-secret-malformed"),
        (function("attack", dependencies="a" * 65_000 + "!"), "dependencies-malformed"),
        (function("attack", dependencies="a[" * 30_000), "dependencies-malformed"),
    ):
        assert code in codes(owner.ask("POST", path_of(manifest), manifest, dryRun="All"))
