"""What every `ImageRegistry` promises: the real registry process and the one in memory sit the same exam."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from funkhaus.domain.checkout import Checkout
from funkhaus.domain.errors import InvalidError, NotFoundError, TooLargeError
from funkhaus.registry import OciRegistry, image
from tests.support import registry as support
from tests.support.builds import member, tar, tar_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from funkhaus.ports import ImageRegistry
    from funkhaus.registry.wire import Wire

FILES = {"hello.py": b"def handler(event, context): ...\n", "lib/a.txt": b"a"}


class Exam:
    """A registry, a base image in it, and repositories nobody else uses."""

    def __init__(self, registry: ImageRegistry, base: str) -> None:
        self.registry, self.base = registry, base
        self.repository = f"functions/demo/main/x{secrets.token_hex(4)}"


async def push_base(host: str) -> str:
    """A base image as whoever installs runtimes would push it."""
    blobs, manifest, digest = support.base_image()
    registry = OciRegistry.connect(host, plain_http=True)
    wire: Wire = registry._wire
    for blob in blobs.values():
        await wire.push_blob("funkhaus/python3.11", blob)
    await wire.put_manifest("funkhaus/python3.11", digest, manifest, image.MANIFEST)
    await registry.close()
    return f"{host}/funkhaus/python3.11@{digest}"


@pytest.fixture(params=["memory", "oci"])
async def exam(request: pytest.FixtureRequest) -> AsyncIterator[Exam]:
    if request.param == "memory":
        base = f"registry.test/funkhaus/python3.11@{support.base_image()[2]}"
        yield Exam(support.MemoryRegistry(bases={base}), base)
        return
    host = request.getfixturevalue("registry_host")
    registry = OciRegistry.connect(host, plain_http=True, pauses=())
    yield Exam(registry, await push_base(host))
    await registry.close()


async def test_the_same_input_is_the_same_image(exam: Exam) -> None:
    first = await exam.registry.push_function(exam.base, exam.repository, FILES)
    again = await exam.registry.push_function(
        exam.base, exam.repository, dict(reversed(FILES.items()))
    )
    assert first == again
    host, _, rest = first.partition("/")
    assert host == exam.base.partition("/")[0]
    assert rest.startswith(f"{exam.repository}@sha256:")


async def test_other_files_are_another_image(exam: Exam) -> None:
    first = await exam.registry.push_function(exam.base, exam.repository, FILES)
    other = await exam.registry.push_function(exam.base, exam.repository, {"hello.py": b""})
    assert first != other


async def test_a_base_that_is_not_there(exam: Exam) -> None:
    absent = exam.base.partition("@")[0] + "@sha256:" + "0" * 64
    with pytest.raises(NotFoundError, match="not in the registry"):
        await exam.registry.push_function(absent, exam.repository, FILES)


@pytest.mark.parametrize("base", ["other.example.com/x@sha256:" + "0" * 64, "python3.11:latest"])
async def test_b28_a_base_that_is_no_digest_of_this_registry(exam: Exam, base: str) -> None:
    with pytest.raises(InvalidError):
        await exam.registry.push_function(base, exam.repository, FILES)


async def test_packages_are_a_layer_of_the_image(exam: Exam, tmp_path: Path) -> None:
    repository, key = f"packages/x{secrets.token_hex(4)}", image.digest_of(secrets.token_bytes(8))
    result = tmp_path / "result.tar"
    result.write_bytes(tar_of({"pkg/__init__.py": b"x = 1\n"}))
    assert await exam.registry.packages(repository, key) is None
    layer = await exam.registry.push_packages(repository, key, result, b"what pip said\n")
    assert await exam.registry.packages(repository, key) == layer
    assert await exam.registry.packages_log(repository, key) == b"what pip said\n"
    plain = await exam.registry.push_function(exam.base, exam.repository, FILES)
    made = await exam.registry.push_function(exam.base, exam.repository, FILES, layer)
    assert made != plain
    assert await exam.registry.push_function(exam.base, exam.repository, FILES, layer) == made


async def test_packages_are_found_by_their_key_in_their_repository_only(
    exam: Exam, tmp_path: Path
) -> None:
    repository, key = f"packages/x{secrets.token_hex(4)}", image.digest_of(secrets.token_bytes(8))
    result = tmp_path / "result.tar"
    result.write_bytes(tar_of({"a.py": b""}))
    await exam.registry.push_packages(repository, key, result, b"")
    other = image.digest_of(b"other")
    assert await exam.registry.packages(repository, other) is None
    assert await exam.registry.packages("packages/neighbour", key) is None
    with pytest.raises(NotFoundError):
        await exam.registry.packages_log("packages/neighbour", key)
    with pytest.raises(NotFoundError):
        await exam.registry.packages_log(repository, other)


async def test_what_has_no_business_in_a_layer_is_pushed_nowhere(
    exam: Exam, tmp_path: Path
) -> None:
    repository, key = f"packages/x{secrets.token_hex(4)}", image.digest_of(secrets.token_bytes(8))
    result = tmp_path / "result.tar"
    result.write_bytes(tar(member("../x", b"x")))
    with pytest.raises(InvalidError):
        await exam.registry.push_packages(repository, key, result, b"")
    assert await exam.registry.packages(repository, key) is None


async def test_an_archive_comes_back_byte_for_byte(exam: Exam) -> None:
    content = secrets.token_bytes(100_000)
    digest = await exam.registry.put_archive("sources/demo/main", content)
    assert digest == image.digest_of(content)
    assert await exam.registry.put_archive("sources/demo/main", content) == digest
    assert await exam.registry.archive("sources/demo/main", digest) == content


async def test_what_a_key_was_looked_up_to_be(exam: Exam) -> None:
    key, content = image.digest_of(secrets.token_bytes(8)), secrets.token_bytes(100)
    assert await exam.registry.checkout("sources/demo/main", key) is None
    made = await exam.registry.keep_checkout("sources/demo/main", key, content, "c" * 40)
    assert made == Checkout(image.digest_of(content), "c" * 40)
    assert await exam.registry.checkout("sources/demo/main", key) == made
    assert await exam.registry.archive("sources/demo/main", made.digest) == content
    assert await exam.registry.checkout("sources/other/main", key) is None
    assert await exam.registry.checkout("sources/demo/main", image.digest_of(b"other")) is None


async def test_whether_an_archive_is_there(exam: Exam) -> None:
    content = secrets.token_bytes(10)
    assert not await exam.registry.has_archive("sources/demo/main", image.digest_of(content))
    digest = await exam.registry.put_archive("sources/demo/main", content)
    assert await exam.registry.has_archive("sources/demo/main", digest)
    assert not await exam.registry.has_archive("sources/other/main", digest)


async def test_b26_an_archive_is_not_found_elsewhere(exam: Exam) -> None:
    digest = await exam.registry.put_archive("sources/demo/main", secrets.token_bytes(10))
    with pytest.raises(NotFoundError):
        await exam.registry.archive("sources/other/main", digest)
    with pytest.raises(NotFoundError):
        await exam.registry.archive("sources/demo/main", "sha256:" + "0" * 64)


async def test_everything_below_a_name_goes_and_nothing_else(exam: Exam) -> None:
    """In steps; a name that begins alike is another's."""
    tenant = f"t{secrets.token_hex(4)}"
    mine = [f"functions/{tenant}/main/{name}" for name in ("one", "two")]
    others = [f"functions/{tenant}-2/main/one", f"functions/{tenant}x/main/one"]
    contents = [FILES, {"hello.py": b""}, {"hello.py": b"other"}]
    for repository in (*mine, *others):
        for files in contents:
            await exam.registry.push_function(exam.base, repository, files)
    archive = await exam.registry.put_archive(f"sources/{tenant}/main", secrets.token_bytes(10))
    assert await exam.registry.forget(f"functions/{tenant}", limit=4) == 4
    assert await exam.registry.forget(f"functions/{tenant}", limit=4) == 2
    assert await exam.registry.forget(f"functions/{tenant}") == 0
    assert await exam.registry.archive(f"sources/{tenant}/main", archive)
    assert await exam.registry.forget(f"sources/{tenant}") == 1
    with pytest.raises(NotFoundError):
        await exam.registry.archive(f"sources/{tenant}/main", archive)
    for repository in others:
        below = repository.removesuffix("/main/one")
        assert await exam.registry.forget(below) == len(contents)
    assert await exam.registry.push_function(exam.base, mine[0], FILES), "the base is there still"
    assert await exam.registry.forget(mine[0]) == 1, "the repository of that very name too"


async def test_an_archive_over_the_limit_is_refused(exam: Exam) -> None:
    with pytest.raises(TooLargeError):
        await exam.registry.put_archive("sources/demo/main", bytes(32 * 1024 * 1024 + 1))
