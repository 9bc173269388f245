"""The only speaker of HTTP: one request, one answer or one `Failure` that says what to do.

Every request has time-outs and every answer a size limit. Only a GET that met a broken connection is sent again.
Redirects are not followed: a token goes to the server it was meant for.
"""

from __future__ import annotations

import ipaddress
import json
import socket
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx

from funkhaus_cli import problems
from funkhaus_cli.failure import Exit, Failure
from funkhaus_cli.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from funkhaus_cli.settings import Chosen

PAGE, PAGES = 500, 200
"""Items asked for at once, and pages of one list."""
ANSWER_LIMIT = 32 * 1024 * 1024
"""Bytes of an answer that is read whole."""
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 35.0
"""A little more than the API server gives itself for one request."""
AGAIN_AFTER = (0.2, 0.8)
"""Seconds before a GET is sent again after a broken connection."""


@dataclass(frozen=True)
class Raw:
    """An answer as it came."""

    status: int
    headers: httpx.Headers
    content: bytes


def segment(*parts: str) -> str:
    """URL path of the parts below ``/v1``, each one segment whatever it holds."""
    return "/v1/" + "/".join(quote(part, safe="") for part in parts)


def base_url(chosen: Chosen, *, insecure: bool) -> httpx.URL:
    """The API server's address; raises `Failure` (usage) for what can't be one or would show the token to the network."""
    where = f"{chosen.value!r} ({chosen.origin})"
    try:
        url = httpx.URL(chosen.value)
    except httpx.InvalidURL as error:
        raise Failure(f"{where} is not a URL: {error}", Exit.USAGE) from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise Failure(
            f"{where} is not the address of an API server",
            Exit.USAGE,
            hint="https://functions.example.com or http://127.0.0.1:8780 passes",
        )
    if url.userinfo or url.query or url.fragment:
        raise Failure(f"{where}: only scheme, host, port and path belong there", Exit.USAGE)
    if url.scheme == "http" and not _is_loopback(url.host) and not insecure:
        raise Failure(
            f"{where} is plain http: the token would cross the network unprotected",
            Exit.USAGE,
            hint="use https, or say --insecure-http if the way there is protected otherwise",
        )
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


class Client:
    """The API server at one address, for one token.

    `transport` stands for the network, `sleep` for waiting; both are given by tests only.
    """

    def __init__(
        self,
        address: Chosen,
        token: str,
        *,
        insecure: bool = False,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        seconds: float = ANSWER_SECONDS,
        again_after: Sequence[float] = AGAIN_AFTER,
    ) -> None:
        url = base_url(address, insecure=insecure)
        self.address = str(url).rstrip("/")
        self._at_home = " (make status)" if _is_loopback(url.host) else ""
        self._sleep = sleep
        self._seconds = seconds
        self._again_after = again_after
        headers = {"User-Agent": f"funkhaus-cli/{VERSION}", "Accept": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        keep_alive = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
        direct = httpx.HTTPTransport(socket_options=keep_alive)
        self._http = httpx.Client(
            base_url=url,
            headers=headers,
            # A proxy of the environment is for the world outside, not for this machine.
            transport=transport or (direct if _is_loopback(url.host) else None),
            follow_redirects=False,
            timeout=httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds)),
        )

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - JSON
        """The JSON answer of a GET."""
        return self._json("GET", path, params=params)

    def read(self, path: str) -> tuple[Any, dict[str, str]]:
        """The JSON answer of a GET, and the headers of a write that is to meet this state only."""
        answer = self.raw("GET", path, seconds=self._seconds)
        if not httpx.codes.is_success(answer.status):
            raise problems.failure(answer.status, answer.headers, answer.content)
        etag = answer.headers.get("ETag")
        return self._parsed("GET", path, answer.content), {"If-Match": etag} if etag else {}

    def items(self, path: str, **filters: str) -> list[dict[str, Any]]:
        """All of a list, page after page; more than `PAGES` of them are refused rather than cut."""
        found: list[dict[str, Any]] = []
        params: dict[str, Any] = {"limit": PAGE, **filters}
        for _ in range(PAGES):
            answer = self.get(path, params)
            found += answer["items"]
            after = answer.get("next") or ""
            if not after:
                return found
            params["continue"] = after
        raise Failure(f"{path} lists more than {PAGES * PAGE}, which is where this command stops")

    def post(
        self,
        path: str,
        body: Any,  # noqa: ANN401 - JSON
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:  # noqa: ANN401 - JSON
        """The JSON answer of a POST."""
        return self._json("POST", path, json=body, params=params, headers=headers)

    def put(
        self,
        path: str,
        body: Any,  # noqa: ANN401 - JSON
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:  # noqa: ANN401 - JSON
        """The JSON answer of a PUT."""
        return self._json("PUT", path, json=body, params=params, headers=headers)

    def patch(self, path: str, body: Any, params: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - JSON
        """The JSON answer of a merge patch (RFC 7396)."""
        return self._json(
            "PATCH",
            path,
            content=json.dumps(body).encode(),
            headers={"Content-Type": "application/merge-patch+json"},
            params=params,
        )

    def delete(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:  # noqa: ANN401 - JSON
        """The JSON answer of a DELETE, ``None`` when it has no content."""
        return self._json("DELETE", path, params=params, headers=headers)

    def upload(self, path: str, content: bytes, media_type: str) -> Any:  # noqa: ANN401 - JSON
        """The JSON answer to a POST of bytes."""
        return self._json("POST", path, content=content, headers={"Content-Type": media_type})

    def raw(self, method: str, path: str, *, seconds: float, **options: Any) -> Raw:  # noqa: ANN401 - httpx options
        """Any answer, whatever its status, read whole; `seconds` bounds each silence."""
        timeout = httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds))
        with self._exchange(method, path, timeout=timeout, **options) as answer:
            return Raw(answer.status_code, answer.headers, _bounded(answer))

    @contextmanager
    def stream(
        self, path: str, params: Mapping[str, Any], *, endless: bool
    ) -> Iterator[Iterator[bytes]]:
        """The pieces of an answer as they come; an `endless` one may be silent for any time while the peer lives."""
        timeout = httpx.Timeout(None if endless else self._seconds, connect=CONNECT_SECONDS)
        with self._exchange("GET", path, params=params, timeout=timeout) as answer:
            if answer.status_code >= httpx.codes.BAD_REQUEST:
                raise problems.failure(answer.status_code, answer.headers, _bounded(answer))
            yield answer.iter_bytes()

    def _json(self, method: str, path: str, **options: Any) -> Any:  # noqa: ANN401 - JSON, httpx options
        with self._exchange(method, path, **options) as answer:
            content = _bounded(answer)
        if not answer.is_success:
            raise problems.failure(answer.status_code, answer.headers, content)
        return self._parsed(method, path, content)

    def _parsed(self, method: str, path: str, content: bytes) -> Any:  # noqa: ANN401 - JSON
        if not content:
            return None
        try:
            return json.loads(content)
        except ValueError as error:
            raise Failure(
                f"{self.address} answered {method} {path} with something that is not JSON",
                Exit.UNAVAILABLE,
                hint="is this the address of a Funkhaus API server? (--api, FUNKHAUS_API)",
            ) from error

    @contextmanager
    def _exchange(self, method: str, path: str, **options: Any) -> Iterator[httpx.Response]:  # noqa: ANN401 - httpx options
        """One answer whose body is still to be read; every network trouble is a `Failure`."""
        delays = iter(self._again_after if method == "GET" else ())
        options = {key: value for key, value in options.items() if value is not None}
        try:
            answer = self._sent(method, path, delays, options)
            try:
                yield answer
            finally:
                answer.close()
        except httpx.TimeoutException as error:
            raise Failure(
                f"The API server at {self.address} did not answer in time ({_what(error)})",
                Exit.UNAVAILABLE,
            ) from error
        except httpx.ConnectError as error:
            raise Failure(
                f"The API server at {self.address} does not answer: {error}",
                Exit.UNAVAILABLE,
                hint=f"is it up?{self._at_home} Another address: --api or FUNKHAUS_API",
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise Failure(
                f"The connection to the API server at {self.address} broke: {str(error) or type(error).__name__}",
                Exit.UNAVAILABLE,
            ) from error

    def _sent(
        self, method: str, path: str, delays: Iterator[float], options: dict[str, Any]
    ) -> httpx.Response:
        timeout = options.pop("timeout", None)
        request = self._http.build_request(
            method, path, **options, **({"timeout": timeout} if timeout else {})
        )
        while True:
            try:
                return self._http.send(request, stream=True)
            except (httpx.ConnectError, httpx.RemoteProtocolError, httpx.ReadError):
                delay = next(delays, None)
                if delay is None:
                    raise
                self._sleep(delay)


def _what(error: httpx.TimeoutException) -> str:
    return {
        httpx.ConnectTimeout: "no connection",
        httpx.WriteTimeout: "it stopped reading",
        httpx.PoolTimeout: "no connection was free",
    }.get(type(error), "no answer")


def _bounded(answer: httpx.Response) -> bytes:
    content = bytearray()
    for piece in answer.iter_bytes():
        content += piece
        if len(content) > ANSWER_LIMIT:
            raise Failure(
                f"the answer has more than {ANSWER_LIMIT // 2**20} MiB and was not read further"
            )
    return bytes(content)
