"""What is left, and who moves it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx

from funkhaus_cli.limits import less, plus

from .conftest import answers
from .fake_answers import Refusal
from .fake_tenants import LIMITS, NO_LIMITS, TENANT_LIMITS, quota

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Terminal
    from .fake_api import FakeApi


def test_both_levels_are_shown_and_who_holds_most(funkhaus: Terminal) -> None:
    out = funkhaus("quota", "show").out
    assert out.startswith("Tenant demo\n")
    assert "Namespace default\n" in out
    rows = [line.split() for line in out.splitlines()]
    assert rows.count(["CPU", "4", "0", "500m", "3500m"]) == 2
    assert ["requests/s", "100", "-", "-", "-"] in rows
    assert ["tokens", "100", "4", "-", "96"] in rows
    assert ["Function", "default", "hello", "0", "(+2)", "0", "(+500m)", "0", "(+256Mi)"] in rows


def test_one_namespace(funkhaus: Terminal) -> None:
    out = funkhaus("quota", "show", "-n", "default").out
    assert out.startswith("Namespace default\n")
    assert "Tenant" not in out
    assert (
        json.loads(funkhaus("quota", "show", "-n", "default", "-o", "json").out)["name"]
        == "default"
    )
    ran = funkhaus("quota", "show", "-n", "ghost")
    assert (ran.code, "has no namespace ghost" in ran.err) == (3, True)


def test_an_override_is_told(funkhaus: Terminal, api: FakeApi) -> None:
    override = {"reason": "a fair", "by": "fh:1", "expiresAt": "2026-03-04T12:00:00Z"}
    api.scripts["getQuota"] = answers(json=quota(override=override))
    assert "Tenant demo (by an admin, ends in 3d: a fair)" in funkhaus("quota", "show").out


def test_what_is_not_given_stays(funkhaus: Terminal, api: FakeApi) -> None:
    ran = funkhaus("quota", "set", "-n", "default", "--cpu", "2", "--requests-per-second", "7")
    assert ran.out.startswith("Namespace default\n")
    sent = json.loads(api.requests[-1].content)
    assert sent == LIMITS | {"cpu": "2", "requestsPerSecond": 7}
    assert funkhaus("quota", "set", "-n", "default").code == 2
    assert funkhaus("quota", "set", "-n", "ghost", "--cpu", "2").code == 3


def test_an_admin_overrides_with_a_reason(funkhaus: Terminal, api: FakeApi) -> None:
    words = ("quota", "override", "--cpu", "8", "--days", "3")
    assert funkhaus(*words).code == 2
    assert funkhaus(*words, "--reason", "a fair").code == 0
    assert json.loads(api.requests[-1].content) == TENANT_LIMITS | {
        "cpu": "8",
        "reason": "a fair",
        "days": 3,
    }
    words = ("quota", "override", "--namespaces", "5", "--tokens", "7", "--reason", "a fair")
    assert funkhaus(*words).code == 0
    sent = json.loads(api.requests[-1].content)
    assert (sent["namespaces"], sent["tokens"], sent["cpu"]) == (5, 7, LIMITS["cpu"])
    assert funkhaus("quota", "set", "-n", "default", "--tokens", "7").code == 2
    assert funkhaus("quota", "override", "--clear").out.startswith("Tenant demo\n")
    assert api.requests[-1].method == "DELETE"


def late(times: int) -> Callable[[httpx.Request], httpx.Response]:
    """Answers to a write whose first `times` come too late; each says what it was to meet."""
    met: list[str] = []

    def script(request: httpx.Request) -> httpx.Response:
        met.append(request.headers["If-Match"])
        assert met == [f'"q{number}"' for number in range(len(met))]
        if len(met) <= times:
            raise Refusal(412, "precondition-failed", "it was changed since you read it")
        return httpx.Response(200, json={"name": "default", **quota()["namespaces"][0]})

    return script


def read(*books: dict[str, object]) -> Callable[[httpx.Request], httpx.Response]:
    """The quota as it is at each look, the last from then on."""
    looks = iter(range(10))

    def script(_: httpx.Request) -> httpx.Response:
        look = next(looks)
        document = books[min(look, len(books) - 1)]
        return httpx.Response(200, json=document, headers={"ETag": f'"q{look}"'})

    return script


def test_use_that_changes_meanwhile_is_no_reason_to_ask(funkhaus: Terminal, api: FakeApi) -> None:
    api.scripts["getQuota"] = read(quota(), quota(largest=[]))
    api.scripts["setNamespaceQuota"] = late(2)
    assert funkhaus("quota", "set", "-n", "default", "--cpu", "2").code == 0
    api.scripts["getQuota"] = read(quota())
    api.scripts["setNamespaceQuota"] = late(9)
    ran = funkhaus("quota", "set", "-n", "default", "--cpu", "2")
    assert (ran.code, "in so much use" in ran.err) == (1, True)


def test_a_decision_that_changes_meanwhile_is(funkhaus: Terminal, api: FakeApi) -> None:
    api.scripts["getQuota"] = read(quota(), quota(base=TENANT_LIMITS | {"cpu": "3"}))
    api.scripts["setNamespaceQuota"] = late(1)
    ran = funkhaus("quota", "set", "-n", "default", "--cpu", "2")
    assert (ran.code, "somebody else changed the quota" in ran.err) == (1, True)
    assert [request.method for request in api.requests[-3:]] == ["GET", "PUT", "GET"]


def test_what_is_approved_is_shown_and_not_counted_into_an_override(
    funkhaus: Terminal, api: FakeApi
) -> None:
    approved = {
        "request": "rq1", "namespace": "default", "extra": NO_LIMITS | {"cpu": "2"}, "reason": "the fair",
        "expiresAt": "2026-03-04T12:00:00Z",
    }  # fmt: skip
    more = approved | {"namespace": "", "extra": NO_LIMITS | {"namespaces": 1, "tokens": 5}}
    books = quota(hard=TENANT_LIMITS | {"cpu": "6"}, approved=[approved, more])
    api.scripts["getQuota"] = read(books)
    out = funkhaus("quota", "show").out
    assert "Of it approved for namespace default: CPU 2 (ends in 3d: the fair)" in out
    assert "Of it approved: namespaces 1, tokens 5 (ends in 3d: the fair)" in out
    for _ in range(2):
        words = ("quota", "override", "--functions", "30", "--reason", "x")
        assert funkhaus(*words).code == 0
        sent = json.loads(api.requests[-1].content)
        assert (sent["cpu"], sent["functions"]) == (LIMITS["cpu"], 30)


def test_sums_of_limits() -> None:
    one = LIMITS | {"cpu": "500m", "memory": "1Gi", "functions": 2}
    more = {"cpu": "2", "memory": "512Mi", "functions": 3}
    assert plus(one, more, more)["cpu"] == "4500m"
    assert plus(one, more)["memory"] == "1536Mi"
    assert less(plus(one, more), more) == one
    assert less(one, more)["functions"] == 0
