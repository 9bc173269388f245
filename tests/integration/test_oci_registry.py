"""What lies in a real registry after a push, and what happens when a registry is slow, broken or lying."""

from __future__ import annotations

import gzip
import io
import json
import secrets
import tarfile
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from funkhaus.domain.errors import InvalidError, UnavailableError
from funkhaus.registry import OciRegistry, image
from tests.contract.test_image_registry import FILES, push_base
from tests.support import registry as support

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path


async def fetch(url: str) -> bytes:
    headers = {"Accept": image.MANIFEST}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(url) as answer,
    ):
        assert answer.status == 200, await answer.text()
        return await answer.read()


@pytest.fixture
async def registry(registry_host: str) -> AsyncIterator[OciRegistry]:
    made = OciRegistry.connect(registry_host, plain_http=True)
    yield made
    await made.close()


async def test_what_is_pushed_can_be_pulled_whole(
    registry: OciRegistry, registry_host: str
) -> None:
    base = await push_base(registry_host)
    reference = await registry.push_function(base, "functions/demo/main/whole", FILES)
    name, digest = reference.split("@")
    repository = name.removeprefix(f"{registry_host}/")
    root = f"http://{registry_host}/v2/{repository}"
    body = await fetch(f"{root}/manifests/{digest}")
    assert image.digest_of(body) == digest
    manifest = json.loads(body)
    blobs = [manifest["config"], *manifest["layers"]]
    contents = [await fetch(f"{root}/blobs/{item['digest']}") for item in blobs]
    assert [len(content) for content in contents] == [item["size"] for item in blobs]
    config = json.loads(contents[0])
    assert config["config"]["Entrypoint"] == ["/usr/bin/python3", "-m", "server"]
    assert config["config"]["Labels"]["dev.funkhaus.repository"] == "functions/demo/main/whole"
    tar = gzip.decompress(contents[-1])
    assert config["rootfs"]["diff_ids"][-1] == image.digest_of(tar)
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        held = archive.extractfile("function/hello.py")
        assert held is not None
        assert held.read() == FILES["hello.py"]


async def test_archives_are_referred_to_so_that_no_sweep_takes_them(
    registry: OciRegistry, registry_host: str
) -> None:
    content = secrets.token_bytes(100)
    digest = await registry.put_archive("sources/demo/main", content)
    tag = digest.removeprefix("sha256:")
    manifest = json.loads(
        await fetch(f"http://{registry_host}/v2/sources/demo/main/manifests/{tag}")
    )
    assert [item["digest"] for item in manifest["layers"]] == [digest]


async def test_a_list_of_platforms_is_refused_by_name(
    registry: OciRegistry, registry_host: str
) -> None:
    media_type = "application/vnd.oci.image.index.v1+json"
    index = json.dumps({"schemaVersion": 2, "mediaType": media_type, "manifests": []}).encode()
    digest = image.digest_of(index)
    await registry._wire.put_manifest("funkhaus/many", digest, index, media_type)
    base = f"{registry_host}/funkhaus/many@{digest}"
    with pytest.raises(InvalidError, match="list of platforms"):
        await registry.push_function(base, "functions/demo/main/many", FILES)


class Broken:
    """A registry in front of which something answers badly the first `times` times."""

    def __init__(self, host: str, times: int, badly: Callable[[], web.Response]) -> None:
        self.host, self.left, self.badly = host, times, badly
        self.asked: list[str] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Badly, or what the real one says."""
        self.asked.append(f"{request.method} {request.path}")
        if self.left:
            self.left -= 1
            return self.badly()
        url = f"http://{self.host}{request.path_qs}"
        headers = {
            key: value
            for key, value in request.headers.items()
            if key in {"Accept", "Content-Type"}
        }
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                request.method, url, data=await request.read(), headers=headers
            ) as answer,
        ):
            kept: dict[str, Any] = {
                key: value.replace(self.host, request.host)
                for key, value in answer.headers.items()
                if key in {"Location", "Docker-Content-Digest"}
            }
            return web.Response(status=answer.status, body=await answer.read(), headers=kept)


@pytest.fixture
async def serve(registry_host: str) -> AsyncIterator[Any]:
    made: list[tuple[TestServer, OciRegistry]] = []

    async def start(times: int, badly: Callable[[], web.Response]) -> tuple[Broken, OciRegistry]:
        broken = Broken(registry_host, times, badly)
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", broken.answer)
        server = TestServer(app)
        await server.start_server()
        registry = OciRegistry.connect(
            f"{server.host}:{server.port}", plain_http=True, pauses=(0.0, 0.0)
        )
        made.append((server, registry))
        return broken, registry

    yield start
    for server, registry in made:
        await registry.close()
        await server.close()


async def test_a_short_illness_is_waited_out(serve: Any) -> None:
    _, registry = await serve(2, lambda: web.Response(status=503))
    content = secrets.token_bytes(10)
    digest = await registry.put_archive("sources/demo/main", content)
    assert await registry.archive("sources/demo/main", digest) == content


async def test_a_lasting_one_is_unavailable_after_three_tries(serve: Any) -> None:
    broken, registry = await serve(1000, lambda: web.Response(status=500, text="disk full"))
    with pytest.raises(UnavailableError, match="500"):
        await registry.archive("sources/demo/main", "sha256:" + "1" * 64)
    assert len(broken.asked) == 3


async def test_b28_other_content_than_asked_for_is_never_used(serve: Any) -> None:
    _, registry = await serve(1000, lambda: web.Response(body=b"something else"))
    with pytest.raises(UnavailableError, match="other content"):
        await registry.archive("sources/demo/main", "sha256:" + "1" * 64)


async def test_pushing_again_moves_no_blob(serve: Any, registry_host: str) -> None:
    broken, registry = await serve(0, web.Response)
    host = registry._host
    base = (await push_base(registry_host)).replace(registry_host, host)
    repository = f"functions/demo/main/x{secrets.token_hex(4)}"
    first = await registry.push_function(base, repository, FILES)
    mounted = [call for call in broken.asked if call.startswith("POST")]
    assert len(mounted) == 3  # one link, two uploads
    broken.asked.clear()
    assert await registry.push_function(base, repository, FILES) == first
    assert {call.split()[0] for call in broken.asked} == {"HEAD"}


async def test_nobody_at_home_is_unavailable() -> None:
    registry = OciRegistry.connect("127.0.0.1:1", plain_http=True, pauses=(0.0,))
    with pytest.raises(UnavailableError, match="can't be reached"):
        await registry.ready()
    await registry.close()


async def test_a_registry_that_deletes_nothing_is_told_from_an_empty_one(tmp_path: Path) -> None:
    with support.running(tmp_path, deletes=False) as host:
        made = OciRegistry.connect(host, plain_http=True, pauses=())
        assert await made.forget("functions/demo") == 0
        await made.put_archive("sources/demo/main", b"x")
        assert await made.forget("sources/demo") is None
        await made.close()


async def test_a_registry_without_a_catalogue_keeps_what_it_has() -> None:
    async def handle(request: web.Request) -> web.Response:
        assert request.path in {"/v2/_catalog", "/v2/functions/demo/tags/list"}
        return web.json_response({"errors": [{"code": "UNSUPPORTED"}]}, status=404)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    async with TestServer(app) as server:
        made = OciRegistry.connect(f"{server.host}:{server.port}", plain_http=True, pauses=())
        assert await made.forget("functions/demo") is None
        await made.close()
