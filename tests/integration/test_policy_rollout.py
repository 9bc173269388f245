"""Rules put in force by an admin, loaded and verified by a real OPA, obeyed by who asks it."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.auth.bundle_signing import RsaSigner
from funkhaus.domain.errors import UnavailableError
from funkhaus.domain.policy_set import HOUSE, PolicySet
from funkhaus.domain.subject import Role
from funkhaus.metrics import API_REQUESTS, render
from funkhaus.policy.client import OpaDecider
from funkhaus.policy.folder import read_folder
from funkhaus_api.keys import Limits
from tests.support import opa, webhook
from tests.support.api import Client, Reply, World, serving
from tests.support.cluster import MemoryCluster
from tests.support.ports import free_port
from tests.support.questions import function, question
from tests.support.signing import TOKEN, feed, pem, signer
from tests.support.stores import MemoryStores

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from funkhaus_api.keys import Services

RULES = read_folder(opa.POLICIES)
PLANS = RULES.files["data/plans.yaml"]
STRICTER = {**RULES.files, "data/plans.yaml": PLANS.replace("max: 300}", "max: 30}")}
"""A minute is too long for the small plan."""
SECONDS = 15.0
"""For OPA to follow; it takes a fraction of one."""
LIMITS = Limits(body=4 * 1024 * 1024, seconds=120)
"""A set is compiled and tested, on a machine that does other things as well."""
BUNDLE = "/v1/policy/bundle"
ACTIVATIONS = "/v1/policy/activations"
OPA_S = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
async def world(opa_url: str) -> World:
    del opa_url  # skips or fails where OPA is missing
    return World(MemoryStores(), feed=feed())


@pytest.fixture
def services(world: World) -> Services:
    return world.services()


@pytest.fixture
async def admin(world: World, services: Services) -> AsyncIterator[Client]:
    """An admin of a house whose release's rules are in force."""
    assert await services.policies.come_with_the_release(RULES)
    async with serving(services, LIMITS) as client:
        yield client.holding(await world.token("", None))


@pytest.fixture
async def decider(admin: Client, tmp_path: Path) -> AsyncIterator[OpaDecider]:
    """Who asks an OPA that follows that house."""
    starting = opa.bundled(tmp_path, admin.url, token=TOKEN, key=signer().public)
    url = await asyncio.to_thread(starting.__enter__)
    try:
        async with OpaDecider(url, timeout=5) as client:
            await followed(client, RULES.revision)
            yield client
    finally:
        await asyncio.to_thread(starting.__exit__, None, None, None)


async def followed(decider: OpaDecider, revision: str) -> None:
    """Wait until OPA judges by that revision."""
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                if await decider.ready() == revision:
                    return
            except UnavailableError:
                pass  # nothing is loaded yet
            await asyncio.sleep(0.01)


async def _kept(folder: Path) -> None:
    """Wait until OPA has written down what it judges by: it does so after it began to."""
    async with asyncio.timeout(SECONDS):
        while not opa.kept(folder).exists():  # noqa: ASYNC110 - another process's file
            await asyncio.sleep(0.01)


async def activated(client: Client, body: dict[str, Any], seen: str = "*") -> Reply:
    """Ask for it, whatever is in force."""
    return await client.post(ACTIVATIONS, body, headers={"If-Match": seen})


async def said(decider: OpaDecider) -> set[str]:
    return {finding.code for finding in (await decider.decide(question(function()))).findings}


def changed(files: dict[str, str], reason: str = "because") -> dict[str, Any]:
    return {"files": files, "reason": reason}


async def test_b61_from_the_edit_of_a_limit_to_the_refusal_and_back(
    admin: Client, decider: OpaDecider, world: World
) -> None:
    assert await said(decider) == set()
    done = await activated(admin, changed(STRICTER, "calls got slow"))
    assert done.status == 201, done.body
    await followed(decider, done.json["revision"])
    assert await said(decider) == {"timeout-above-ceiling"}
    verdict = await decider.decide(question(function()))
    assert verdict.revision == done.json["revision"] == PolicySet(STRICTER).revision
    shown = [line for line in render()[0].decode().splitlines() if "policy_revision_info{" in line]
    assert shown == [f'funkhaus_policy_revision_info{{revision="{verdict.revision}"}} 1.0']

    back = await activated(admin, {"revision": "previous", "reason": "too strict"})
    assert back.json["revision"] == RULES.revision
    await followed(decider, RULES.revision)
    assert await said(decider) == set()

    listed = (await admin.get(ACTIVATIONS)).json["items"]
    assert [(item["reason"], item["byTheHouse"]) for item in listed] == [
        ("too strict", False),
        ("calls got slow", False),
        ("comes with the release", True),
    ]
    acts = [(row.action, row.outcome, row.subject == HOUSE) for row in world.memory.state.audit]
    assert acts == [
        ("policy:activate", "done", True),
        ("policy:activate", "done", False),
        ("policy:reactivate", "done", False),
    ]


async def test_the_last_word_is_nobody_s_by_accident(admin: Client, world: World) -> None:
    (await admin.post(ACTIVATIONS, changed(STRICTER))).problem(428, "precondition-required")
    seen = (await admin.get("/v1/policy/active")).headers["ETag"]
    assert (await activated(admin, changed(STRICTER), seen)).status == 201
    back = {"revision": "previous", "reason": "too strict"}
    for stale in (changed(STRICTER, "again"), back):
        (await activated(admin, stale, seen)).problem(412, "precondition-failed")
    newer = await admin.get("/v1/policy/active")
    assert newer.json["revision"] == PolicySet(STRICTER).revision
    assert len(world.memory.state.policies.activations) == 2
    both = [
        activated(admin, body, newer.headers["ETag"]) for body in (back, changed({**RULES.files}))
    ]
    assert sorted(reply.status for reply in await asyncio.gather(*both)) == [201, 412]


@pytest.mark.parametrize(
    ("name", "text", "code", "place"),
    [
        (
            "funkhaus/admission/cpu/cpu.rego",
            "package funkhaus.admission.cpu\n\nx := nothing_of_the_kind\n",
            "policy-not-compiled",
            "files[funkhaus/admission/cpu/cpu.rego]:3",
        ),
        (
            "funkhaus/admission/tls/tls.rego",
            RULES.files["funkhaus/admission/tls/tls.rego"].replace('"deny"', '"warn"'),
            "policy-test-fails",
            "files[funkhaus/admission/tls/tls_test.rego]:",
        ),
        (
            "funkhaus/admission/spy/spy.rego",
            'package funkhaus.admission.spy\n\nfindings := http.send({"method": "get", "url": "http://127.0.0.1"})\n',
            "policy-not-compiled",
            "files[funkhaus/admission/spy/spy.rego]:3",
        ),
        (
            "data/plans.yaml",
            PLANS.replace('max: "1"', "max: 1"),
            "catalogue-quantity",
            "plans.small.function.cpu.max",
        ),
        ("data/plans.yaml", "plans: [", "catalogue-unreadable", "data/plans.yaml"),
        ("system/authz/authz.rego", "package system.authz\n", "policy-file-name", "files[system"),
    ],
)
async def test_b55_what_is_not_fit_changes_nothing(
    admin: Client, world: World, name: str, text: str, code: str, place: str
) -> None:
    before = (await admin.get(ACTIVATIONS)).json
    refused = await activated(admin, changed({**RULES.files, name: text}))
    problem = refused.problem(422, "invalid")
    found = {finding["code"]: finding["path"] for finding in problem["findings"]}
    assert code in found, problem
    assert found[code].startswith(place)
    assert (await admin.get(ACTIVATIONS)).json == before
    assert list(world.memory.state.policies.sets) == [RULES.revision]
    assert world.memory.state.audit[-1].outcome == "denied"


async def test_b54_b62_only_admins_change_rules_and_only_opa_gets_them(
    admin: Client, world: World
) -> None:
    await world.tenant("blue", "default")
    owner = admin.holding(await world.token("blue", Role.OWNER))
    (await activated(owner, changed(STRICTER))).problem(403, "forbidden")
    (await owner.get(ACTIVATIONS)).problem(403, "forbidden")
    (await admin.get(BUNDLE)).problem(401, "unauthenticated")
    (await admin.holding("").get(BUNDLE)).problem(401, "unauthenticated")
    assert (await admin.holding("").get(BUNDLE, headers=OPA_S)).status == 200


async def test_a_known_bundle_is_waited_for_and_news_come_at_once(admin: Client) -> None:
    first = await admin.get(BUNDLE, headers=OPA_S)
    assert first.headers["Content-Type"] == "application/vnd.openpolicyagent.bundles"
    known = {**OPA_S, "If-None-Match": first.headers["ETag"]}
    assert (await admin.get(BUNDLE, headers=known)).status == 304
    same = await admin.get(BUNDLE, headers={**known, "Prefer": "modes=snapshot,delta;wait=1"})
    assert same.status == 304
    assert same.headers["Content-Type"] == "application/vnd.openpolicyagent.bundles"
    waiting = asyncio.create_task(
        admin.get(BUNDLE, headers={**known, "Prefer": "modes=snapshot,delta;wait=60"})
    )
    assert (await activated(admin, changed(STRICTER))).status == 201
    news = await asyncio.wait_for(waiting, SECONDS)
    assert news.status == 200
    assert news.headers["ETag"] != first.headers["ETag"]


async def test_b61_two_replicas_serve_the_same_bytes_and_hear_of_each_other(world: World) -> None:
    one, other = world.services().policies, world.services().policies
    await one.come_with_the_release(RULES)
    first, second = await one.bundle("", 0), await other.bundle("", 0)
    assert first == second
    assert second
    waiting = asyncio.create_task(other.bundle(second.etag, 60))
    await one.come_with_the_release(PolicySet(STRICTER))
    news = await asyncio.wait_for(waiting, SECONDS)
    assert news == await one.bundle("", 0)


async def test_b62_a_bundle_signed_by_somebody_else_is_not_loaded(
    admin: Client, tmp_path: Path
) -> None:
    stranger = RsaSigner(pem())
    with opa.bundled(tmp_path, admin.url, token=TOKEN, key=stranger.public) as url:
        async with OpaDecider(url, timeout=5) as client:
            await _asked_for()
            with pytest.raises(UnavailableError):
                await client.ready()


async def _asked_for(status: str = "200") -> None:
    """Wait until somebody has been answered so twice: then the first answer has been looked at."""
    counted = API_REQUESTS.labels("GET", BUNDLE, status)
    before = counted._value.get()
    async with asyncio.timeout(SECONDS):
        while counted._value.get() < before + 2:  # noqa: ASYNC110 - a counter has no event
            await asyncio.sleep(0.05)


async def test_b52_opa_starts_again_without_the_api_by_what_it_kept(
    services: Services, tmp_path: Path
) -> None:
    await services.policies.come_with_the_release(RULES)
    async with serving(services, LIMITS) as client:
        with opa.bundled(tmp_path, client.url, token=TOKEN, key=signer().public) as url:
            async with OpaDecider(url, timeout=5) as decider:
                await followed(decider, RULES.revision)
                await _kept(tmp_path)
        gone = client.url
    with opa.bundled(tmp_path, gone, token=TOKEN, key=signer().public) as url:
        async with OpaDecider(url, timeout=5) as decider:
            await followed(decider, RULES.revision)
            assert await said(decider) == set()


async def test_b52_before_the_first_bundle_nothing_is_answered(
    services: Services, tmp_path: Path
) -> None:
    async with serving(services, LIMITS) as client:
        with opa.bundled(tmp_path, client.url, token=TOKEN, key=signer().public) as url:
            async with OpaDecider(url, timeout=5) as decider:
                with pytest.raises(UnavailableError):
                    await decider.ready()
                with pytest.raises(UnavailableError):
                    await decider.decide(question(function()))
                await services.policies.come_with_the_release(RULES)
                await followed(decider, RULES.revision)


async def test_an_api_server_that_comes_back_is_followed_again(
    world: World, services: Services, tmp_path: Path
) -> None:
    await services.policies.come_with_the_release(RULES)
    port = free_port()
    async with serving(services, LIMITS, port=port) as client:
        starting = opa.bundled(tmp_path, client.url, token=TOKEN, key=signer().public)
        url = await asyncio.to_thread(starting.__enter__)
        async with OpaDecider(url, timeout=5) as decider:
            await followed(decider, RULES.revision)
    try:
        async with OpaDecider(url, timeout=5) as decider:
            assert await said(decider) == set(), "what it has stays while nobody is there"
            again = world.services()
            async with serving(again, LIMITS, port=port) as client:
                admin = client.holding(await world.token("", None))
                done = await activated(admin, changed(STRICTER))
                await followed(decider, done.json["revision"])
                assert await said(decider) == {"timeout-above-ceiling"}
    finally:
        await asyncio.to_thread(starting.__exit__, None, None, None)


async def test_where_the_key_is_missing_opa_keeps_what_it_has_and_a_new_one_gets_nothing(
    world: World, services: Services, tmp_path: Path
) -> None:
    await services.policies.come_with_the_release(RULES)
    folders = [tmp_path / name for name in ("kept", "new")]
    for folder in folders:
        folder.mkdir()
    async with serving(services, LIMITS) as client:
        with opa.bundled(folders[0], client.url, token=TOKEN, key=signer().public) as url:
            async with OpaDecider(url, timeout=5) as decider:
                await followed(decider, RULES.revision)
                await _kept(folders[0])
    keyless = World(world.stores).services()
    async with serving(keyless, LIMITS) as client:
        with opa.bundled(folders[0], client.url, token=TOKEN, key=signer().public) as url:
            async with OpaDecider(url, timeout=5) as decider:
                await followed(decider, RULES.revision)
                assert await said(decider) == set()
        with opa.bundled(folders[1], client.url, token=TOKEN, key=signer().public) as url:
            async with OpaDecider(url, timeout=5) as decider:
                await _asked_for("401")
                with pytest.raises(UnavailableError):
                    await decider.ready()


async def test_b52_the_webhook_is_ready_when_its_opa_has_rules(
    services: Services, tmp_path: Path
) -> None:
    async with serving(services, LIMITS) as client:
        with opa.bundled(tmp_path, client.url, token=TOKEN, key=signer().public) as url:
            hook = webhook.serving(url, cluster=MemoryCluster("funkhaus-webhook"))
            running = await asyncio.to_thread(hook.__enter__)
            try:
                checks = await asyncio.to_thread(_checks, running.ops_address)
                assert "no such rule" in checks["policy"], checks
                await services.policies.come_with_the_release(RULES)
                async with asyncio.timeout(SECONDS):
                    while checks["policy"] != "ok":
                        checks = await asyncio.to_thread(_checks, running.ops_address)
                        await asyncio.sleep(0.05)
            finally:
                await asyncio.to_thread(hook.__exit__, None, None, None)


def _checks(address: tuple[str, int]) -> dict[str, str]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{address[0]}:{address[1]}/readyz", timeout=5) as answer:
            said = answer.read()
    except urllib.error.HTTPError as error:
        said = error.read()
    checks: dict[str, str] = json.loads(said)["checks"]
    return checks


async def test_b62_nobody_writes_rules_into_opa(decider: OpaDecider) -> None:
    """B-62: the bundle brings no rule about who may ask what, and the one there is lets nobody write."""
    url = f"http://127.0.0.1:{decider._client.port}"
    assert _status(url, "PUT", "/v1/policies/x", b"package x") == 401
    assert _status(url, "GET", "/v1/data") == 401
    assert _status(url, "GET", "/health") == 200


def _status(url: str, method: str, path: str, body: bytes | None = None) -> int:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(f"{url}{path}", data=body, method=method)  # noqa: S310 - our own
    try:
        with opener.open(request, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


async def test_a_release_does_not_touch_an_admin_s_rules(admin: Client, services: Services) -> None:
    assert not await services.policies.come_with_the_release(RULES), "in force already"
    newer = PolicySet({**RULES.files, "data/hosts.yaml": "hosts: {reserved_suffixes: [local]}\n"})
    assert await services.policies.come_with_the_release(newer)
    assert (await activated(admin, changed(STRICTER))).status == 201
    assert not await services.policies.come_with_the_release(RULES)
    listed = (await admin.get(ACTIVATIONS)).json["items"]
    assert listed[0]["revision"] == PolicySet(STRICTER).revision
    back = {"revision": "previous", "reason": "as the house has it"}
    assert (await activated(admin, back)).json["revision"] == newer.revision
    assert not await services.policies.come_with_the_release(RULES, first=True)
    assert await services.policies.come_with_the_release(RULES), "releases are followed again"
    older = {"revision": newer.revision, "reason": "the release refuses deploys"}
    assert (await activated(admin, older)).status == 201
    assert not await services.policies.come_with_the_release(RULES), "whoever goes back stays there"


async def test_where_opa_has_files_nothing_is_taken_in() -> None:
    plain = World(MemoryStores())
    async with serving(plain.services()) as client:
        admin = client.holding(await plain.token("", None))
        (await activated(admin, changed(STRICTER))).problem(503, "unavailable")
        (await admin.get(BUNDLE, headers=OPA_S)).problem(401, "unauthenticated")


async def test_bodies_say_one_of_two(admin: Client) -> None:
    for body in (
        {"reason": "x"},
        {"reason": "x", "files": RULES.files, "revision": "previous"},
        {"reason": "", "revision": "previous"},
        {"reason": "x", "files": {"data/x.yaml": 5}},
    ):
        (await activated(admin, body)).problem(422, "invalid")
    none = await activated(admin, {"revision": "previous", "reason": "x"})
    none.problem(404, "not-found")
    assert json.loads(none.body)["detail"]
