"""Reviews of what a ServiceAccount asks that stands for a credential: it is the subject, or nobody."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from funkhaus.domain.errors import ForbiddenError
from funkhaus.domain.question import CHANGED_BY, CREATED_BY
from funkhaus.domain.tenant import Suspension, Tenant
from funkhaus.services.ledger import LedgerService
from funkhaus.services.reviews import Judgement, ReviewService
from tests.support.clock import FakeClock
from tests.support.questions import DOMAIN, function

from .test_reviews import House, patched, review

SUBJECT = "0b9e0b9e-0000-4000-8000-000000000001"
CREDENTIAL = "c0ffee00-0000-4000-8000-000000000002"
MEMBERS = "system:serviceaccount:funkhaus-system-members:"
ACCOUNT = f"{MEMBERS}fh-{SUBJECT}-{CREDENTIAL}"
USER = f"fh:{SUBJECT}"


class Told(House):
    """With the members' namespace set."""

    def __init__(self, members: str = "funkhaus-system-members") -> None:
        super().__init__()
        self.service = ReviewService(
            self.stores,
            self.decider,
            LedgerService(self.stores, FakeClock()),
            self.cluster,
            FakeClock(),
            domain=DOMAIN,
            system_namespace="funkhaus-system",
            members_namespace=members,
        )

    async def both(self, manifest: dict[str, Any], who: str, credential: str) -> list[Judgement]:
        asked = dataclasses.replace(
            review(manifest, requester=who, token_id=""), credential_id=credential
        )
        return [await self.service.mutate(asked, 2), await self.service.validate(asked, 2)]


async def test_the_author_and_the_audit_s_subject_are_the_member() -> None:
    house = Told()
    mutated, validated = await house.both(function(), ACCOUNT, "JTI=1")
    assert not mutated.refused
    named = patched(function(), mutated)["metadata"]["annotations"]
    assert (named[CREATED_BY], named[CHANGED_BY]) == (USER, USER)
    assert validated.audited is True
    (row,) = house.stores.state.audit
    assert (row.subject, row.token_id, row.outcome) == (USER, CREDENTIAL, "allowed")
    stored = patched(function(), mutated)
    _, again = await house.both(stored, ACCOUNT, "JTI=2")
    assert not again.refused
    forged = function()
    forged["metadata"]["annotations"] = {CHANGED_BY: ACCOUNT}
    await house.both(forged, ACCOUNT, "JTI=3")
    assert house.decider.asked[-1].owned.annotations[CHANGED_BY] == USER


async def test_it_changes_nothing_in_a_tenant_that_rests() -> None:
    house = Told()
    word = Suspension(FakeClock().now(), "unpaid", "Ada")
    house.stores.state.tenants["demo"] = Tenant("demo", "small", suspension=word)
    labelled = function()
    labelled["metadata"]["labels"] = {"app": "x"}
    asked = dataclasses.replace(
        review(labelled, old=function(), requester=ACCOUNT), credential_id="JTI=1"
    )
    judged = await house.service.validate(asked, 2)
    assert judged.error is not None
    assert judged.error.findings[0].code == "tenant-suspended"


@pytest.mark.parametrize(
    ("who", "credential"),
    [
        (ACCOUNT, ""),  # a token of a Secret, or somebody who impersonates
        (f"{MEMBERS}default", "JTI=1"),
        (f"{MEMBERS}fh-{SUBJECT}", "JTI=1"),
        (f"{MEMBERS}fh-{SUBJECT}-{CREDENTIAL}x", "JTI=1"),
        (f"{MEMBERS}fh-{SUBJECT.upper()}-{CREDENTIAL}", "JTI=1"),
        (f"{MEMBERS}fh-{SUBJECT}-{CREDENTIAL}\n", "JTI=1"),
    ],
)
async def test_b19_another_account_of_that_namespace_is_nobody(who: str, credential: str) -> None:
    house = Told()
    for judged in await house.both(function(), who, credential):
        assert isinstance(judged.error, ForbiddenError)
    assert [row.outcome for row in house.stores.state.audit] == ["denied"] * 2
    assert house.decider.asked == []


@pytest.mark.parametrize(
    "who",
    [
        ACCOUNT.replace("funkhaus-system-members", "demo--default"),
        ACCOUNT.replace("funkhaus-system-members", "funkhaus-system-members2"),
        ACCOUNT.removeprefix("system:serviceaccount:"),
    ],
)
async def test_b19_a_member_s_account_name_elsewhere_is_not_the_member(who: str) -> None:
    house = Told()
    mutated, _ = await house.both(function(), who, "JTI=1")
    assert patched(function(), mutated)["metadata"]["annotations"][CREATED_BY] == who
    assert house.stores.state.audit[-1].subject == who


async def test_b19_without_the_setting_no_account_is_a_member() -> None:
    house = Told(members="")
    mutated, _ = await house.both(function(), ACCOUNT, "JTI=1")
    assert patched(function(), mutated)["metadata"]["annotations"][CREATED_BY] == ACCOUNT
