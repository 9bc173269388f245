"""A source that is an address: fetched once by a restricted job, checked as an upload is, and found by its digest."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import tarfile
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.domain import archive
from funkhaus.domain.build import BuildRules
from funkhaus.domain.kinds import JOB, RUNTIME
from funkhaus.domain.tenant import Suspension
from funkhaus.manifests import build as builders
from funkhaus.manifests import labels
from tests.support.materials import BUILD_IMAGE, NS, RULES, House
from tests.unit.services.materialisation.test_builds import end, job, pod, serve

if TYPE_CHECKING:
    from collections.abc import Mapping

URL = "https://files.example.com/hello-1.0.zip?token=5ec2e7"
REPOSITORY = "sources/demo/main"


def zipped(files: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name, text in files.items():
            made.writestr(zipfile.ZipInfo(name), text)  # with no date of now
    return buffer.getvalue()


CONTENT = zipped({"hello.py": "def handler(event, context): ..."})
NESTED = zipped({"hello-1.0/fn/hello.py": "x = 1", "hello-1.0/README": "hi"})


def source(content: bytes = CONTENT, **more: str) -> dict[str, Any]:
    return {"url": URL, "sha256": hashlib.sha256(content).hexdigest(), **more}


async def test_a_fetch_is_a_restricted_job_with_its_own_way_out(house: House) -> None:
    house.function(source=source())
    assert (await house.reconcile()).outcome == "building"
    status, reason, message = house.condition("Built")
    name = job(house)["metadata"]["name"]
    assert name.startswith("hello-source-")
    assert (status, reason) == ("False", "Fetching")
    assert message.startswith(f"job {name} fetches https://files.example.com/hello-1.0.zip?…; ")
    assert "5ec2e7" not in str(house.status()), "it may be a secret"
    assert house.condition("Ready")[:2] == ("Unknown", "Fetching")
    marks = job(house)["spec"]["template"]["metadata"]["labels"]
    assert marks[labels.BUILD_OF] == "source"
    (container,) = job(house)["spec"]["template"]["spec"]["containers"]
    told = {item["name"]: item["value"] for item in container["env"]}
    assert told["FUNKHAUS_BUILD_SOURCE_URL"] == URL
    assert told["FUNKHAUS_BUILD_SOURCE_NETWORKS"].startswith("0.0.0.0/0!0.0.0.0/8!10.0.0.0/8!")
    assert told["FUNKHAUS_BUILD_SOURCE_PORTS"] == "443"
    assert container["image"] == BUILD_IMAGE
    assert container["command"][-1] == "funkhaus_build.source"


async def test_what_is_fetched_is_an_archive_like_an_upload(house: House) -> None:
    house.function(source=source())
    await house.reconcile()
    result = serve(house, CONTENT)
    await house.reconcile()
    assert result.ended == "", "the pod may end"
    assert house.cluster.named(JOB, NS) == ()
    assert house.registry.archives == {(REPOSITORY, archive.digest_of(CONTENT)): CONTENT}
    assert house.condition("Built")[:2] == ("True", "Assembled")
    revision = house.cluster.objects["FunctionRevision", NS, house.status()["latestRevision"]]
    assert revision["spec"]["source"] == source()
    assert revision["spec"]["sourceDigest"] == archive.digest_of(CONTENT)


async def test_the_same_content_is_fetched_once(house: House) -> None:
    await house.registry.put_archive(REPOSITORY, CONTENT)
    house.function(source=source())
    await house.reconcile()
    assert house.cluster.named(JOB, NS) == ()
    revision = house.status()["latestRevision"]
    house.function(source={"archive": {"digest": archive.digest_of(CONTENT)}})
    await house.reconcile()
    assert house.status()["latestRevision"] == revision, "whichever way it came"


async def test_a_folder_of_the_archive_is_the_function(house: House) -> None:
    await house.registry.put_archive(REPOSITORY, NESTED)
    house.function(source=source(NESTED, path="hello-1.0/fn"))
    await house.reconcile()
    (image,) = house.registry.pushes
    assert house.registry.images[image] == {"hello.py": b"x = 1"}
    house.function("other", source=source(NESTED, path="hello-1.0"), handler="fn.hello.handler")
    await house.reconcile("other")
    assert len(house.registry.pushes) == 2


@pytest.mark.parametrize(
    ("content", "asked", "words"),
    [
        (b"an html page", source(b"an html page"), "neither a zip nor a gzipped tar"),
        (CONTENT, source(NESTED), f"the archive has {archive.digest_of(CONTENT)}, not sha256:"),
        (NESTED, source(NESTED, path="src"), "has no folder 'src'; it has hello-1.0"),
        (zipped({"../x.py": ""}), source(zipped({"../x.py": ""})), "no relative path"),
        (bytes(archive.ARCHIVE_LIMIT + 1), source(), "at most 33554432 pass"),
    ],
    # A digest of an archive made now is no name: every worker would have its own.
    ids=["no archive", "other content", "no such folder", "a path out of it", "too large"],
)
async def test_what_is_no_source_is_refused_with_words(
    house: House, content: bytes, asked: dict[str, Any], words: str
) -> None:
    house.function(source=asked)
    await house.reconcile()
    result = serve(house, content)
    await house.reconcile()
    status, reason, message = house.condition("Built")
    assert (status, reason) == ("False", "FetchFailed")
    assert words in message
    assert message.endswith("; change spec.source")
    assert words in str(result.ended)
    assert house.registry.archives == {}
    end(house, "Failed", "PodFailurePolicy")
    last = {"exitCode": 3, "reason": "Error", "message": result.ended}
    pod(house, {"phase": "Failed", "containerStatuses": [{"name": "build", "state": {"terminated": last}}]})  # fmt: skip
    await house.reconcile()
    assert words in house.condition("Built")[2], "its job is the memory of it"


async def test_a_fetch_nobody_waits_for_is_ended_and_a_build_goes_on(house: House) -> None:
    house.function(source=source())
    await house.reconcile()
    house.function("other", dependencies="requests==2\n")
    await house.reconcile("other")
    assert len(house.cluster.named(JOB, NS)) == 2
    house.function()
    await house.reconcile()
    (left,) = house.cluster.named(JOB, NS)
    assert left.startswith("other-build-")


async def test_source_comes_before_packages_and_neither_ends_the_other(house: House) -> None:
    house.function(source=source(), dependencies="requests==2\n")
    await house.reconcile()
    assert house.condition("Built")[1] == "Fetching"
    serve(house, CONTENT)
    await house.reconcile()
    assert house.condition("Built")[1] == "Building"
    (name,) = house.cluster.named(JOB, NS)
    assert name.startswith("hello-build-")


async def test_a_build_of_before_said_not_what_it_makes(house: House) -> None:
    house.function(dependencies="requests==2\n")
    await house.reconcile()
    job(house)["metadata"]["labels"].pop(labels.BUILD_OF)
    assert builders.makes(job(house)) == builders.PACKAGES
    await house.reconcile()
    assert len(house.cluster.named(JOB, NS)) == 1


async def test_fetches_count_as_builds(house: House) -> None:
    async with house.stores.begin("demo") as work:
        hard = (await work.ledger.account("main")).hard.builds_per_day
        for number in range(hard):
            await work.builds.note("main", str(number), house.clock.now())
    house.function(source=source())
    await house.reconcile()
    assert house.condition("Built")[1] == "QuotaExceeded"


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (BuildRules(), "FUNKHAUS_SOURCE_CIDRS"),
        (dataclasses.replace(RULES, source_runtime="none"), "FUNKHAUS_SOURCE_RUNTIME"),
    ],
)
async def test_where_nothing_can_be_fetched(rules: BuildRules, words: str) -> None:
    house = House(rules)
    await house.settle_in()
    house.function(source=source())
    await house.reconcile()
    assert house.condition("Built")[:2] == ("False", "FetchingMissing")
    assert words in house.condition("Built")[2]
    assert house.cluster.named(JOB, NS) == ()


async def test_a_tenant_that_rests_fetches_nothing(house: House) -> None:
    house.function(source=source())
    await house.reconcile()
    async with house.stores.begin("demo") as work:
        await work.lifecycle.suspend(Suspension(house.clock.now(), "unpaid", "admin"))
    assert (await house.reconcile()).outcome == "resting"
    assert house.cluster.named(JOB, NS) == ()


async def test_a_runtime_that_builds_nothing_runs_what_another_s_image_fetched(
    house: House,
) -> None:
    plain = house.cluster.find(RUNTIME, "", "python3.11")
    spec = {key: value for key, value in plain["spec"].items() if key != "build"}
    house.cluster.put({**plain, "metadata": {"name": "plain"}, "spec": spec})
    house.function(source=source(), runtime="plain")
    await house.reconcile()
    assert house.condition("Built")[1] == "Fetching"


GIT = {"url": "https://github.com/o/r.git", "ref": "main", "path": "fn"}
FIRST, SECOND = "1" * 40, "2" * 40


def tarred(text: str, commit: str = FIRST) -> bytes:
    """As ``git archive`` would pack it."""
    buffer, content = io.BytesIO(), text.encode()
    noted = {"comment": commit} if commit else {}
    with tarfile.open(
        fileobj=buffer, mode="w:gz", format=tarfile.PAX_FORMAT, pax_headers=noted
    ) as made:
        info = tarfile.TarInfo("hello.py")
        info.size = len(content)
        made.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


async def fetched(house: House, content: bytes, **spec: Any) -> str:
    """A function from a repository, built of what came; its revision."""
    house.function(source={"git": GIT}, **spec)
    await house.reconcile()
    assert house.condition("Built")[1] == "Fetching"
    serve(house, content)
    await house.reconcile()
    assert house.condition("Built")[1] == "Assembled"
    revision: str = house.status()["latestRevision"]
    return revision


async def test_a_branch_is_looked_up_and_its_commit_kept(house: House) -> None:
    name = await fetched(house, tarred("x = 1"))
    spec = house.cluster.objects["FunctionRevision", NS, name]["spec"]
    assert (spec["source"], spec["commit"]) == ({"git": GIT}, FIRST)
    assert house.status()["commit"] == FIRST
    (image,) = house.registry.pushes
    assert house.registry.images[image] == {"hello.py": b"x = 1"}
    assert house.cluster.named(JOB, NS) == ()


async def test_what_the_job_is_told_of_a_repository(house: House) -> None:
    house.function(source={"git": GIT})
    await house.reconcile()
    assert "fetches main of https://github.com/o/r.git" in house.condition("Built")[2]
    (container,) = job(house)["spec"]["template"]["spec"]["containers"]
    told = {item["name"]: item["value"] for item in container["env"]}
    assert told["FUNKHAUS_BUILD_SOURCE_URL"] == GIT["url"]
    assert (told["FUNKHAUS_BUILD_SOURCE_REF"], told["FUNKHAUS_BUILD_SOURCE_PATH"]) == ("main", "fn")
    assert "FUNKHAUS_BUILD_SOURCE_SHA256" not in told


async def test_a_branch_is_looked_up_once_for_a_change(house: House) -> None:
    first = await fetched(house, tarred("x = 1"))
    house.registry.archives.clear()
    for scaling in ({"min": 1, "max": 2, "cpuPercent": 80}, {"min": 1, "max": 3, "cpuPercent": 80}):
        house.function(source={"git": GIT}, scaling=scaling)
        await house.reconcile()
        assert house.status()["latestRevision"] == first, "scaling makes no revision"
    second = await fetched(house, tarred("x = 2", SECOND), timeout=31)
    assert second != first
    assert house.status()["commit"] == SECOND
    house.function(source={"git": GIT})
    await house.reconcile()
    assert house.status()["latestRevision"] == first, (
        "what asks for the same is the same, while it is kept"
    )


async def test_a_commit_is_looked_up_once_for_everybody(house: House) -> None:
    at = {"git": {**GIT, "ref": SECOND}}
    house.function(source=at)
    await house.reconcile()
    serve(house, tarred("x = 2", SECOND))
    await house.reconcile()
    house.function("other", source=at, timeout=31)
    await house.reconcile("other")
    assert house.condition("Built", "other")[1] == "Assembled"
    assert house.cluster.named(JOB, NS) == ()


async def test_the_commit_of_a_branch_is_the_revision_of_the_branch(house: House) -> None:
    first = await fetched(house, tarred("x = 1"))
    await fetched(house, tarred("x = 2", SECOND), timeout=31)
    house.function(source={"git": {**GIT, "ref": FIRST}})
    await house.reconcile()
    assert house.status()["latestRevision"] == first, "as going back writes it"
    assert house.cluster.named(JOB, NS) == ()


@pytest.mark.parametrize(
    ("content", "ref", "words"),
    [
        (tarred("x", ""), "main", "names no commit"),
        (tarred("x", "main"), "main", "is not of commit main"),
        (tarred("x", FIRST), SECOND, f"is not of commit {SECOND}"),
        (CONTENT, "main", "names no commit"),
    ],
)
async def test_what_is_of_no_commit_is_refused(
    house: House, content: bytes, ref: str, words: str
) -> None:
    house.function(source={"git": {**GIT, "ref": ref}})
    await house.reconcile()
    serve(house, content)
    await house.reconcile()
    assert house.condition("Built")[1] == "FetchFailed"
    assert words in house.condition("Built")[2]
    assert house.registry.archives == {}


async def test_a_branch_that_was_looked_up_is_not_again_while_packages_are_built(
    house: House,
) -> None:
    house.function(source={"git": GIT}, dependencies="requests==2\n")
    await house.reconcile()
    serve(house, tarred("x = 1"))
    await house.reconcile()
    assert house.condition("Built")[1] == "Building"
    await house.reconcile()
    (name,) = house.cluster.named(JOB, NS)
    assert name.startswith("hello-build-")
