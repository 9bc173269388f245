"""HTTP towards providers: bounded in time and bytes, no redirect followed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import aiohttp

from funkhaus.domain.errors import TimedOutError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

SECONDS = 5.0
BYTES_LIMIT = 512 * 1024
_OK = 200
_AGAIN = 500


class Fetcher:
    """A session of its own; close it."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Give the connections back."""
        if self._session is not None:
            await self._session.close()

    async def get(
        self, url: str, headers: Mapping[str, str] | None = None
    ) -> tuple[dict[str, Any], int]:
        """A JSON object, and for how many seconds it may be kept (0 where the answer does not say).

        Raises `UnavailableError` for everything else.
        """
        status, document, age = await self._ask("GET", url, headers=dict(headers or {}))
        if status != _OK:
            raise UnavailableError(f"{url} answered {status}")
        return document, age

    async def post(
        self, url: str, body: str, headers: Mapping[str, str]
    ) -> tuple[int, dict[str, Any]]:
        """Status and JSON object of an answer to a form; raises `UnavailableError` for a provider's fault."""
        status, document, _ = await self._ask("POST", url, data=body, headers=dict(headers))
        return status, document

    async def _ask(self, method: str, url: str, **options: Any) -> tuple[int, dict[str, Any], int]:  # noqa: ANN401 - aiohttp's
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"Accept": "application/json", "User-Agent": "funkhaus"},
            )
        try:
            async with self._session.request(
                method, url, allow_redirects=False, **options
            ) as answer:
                content = await answer.content.read(BYTES_LIMIT + 1)
                while len(content) <= BYTES_LIMIT and not answer.content.at_eof():
                    content += await answer.content.read(BYTES_LIMIT + 1 - len(content))
                if len(content) > BYTES_LIMIT:
                    raise UnavailableError(f"{url} answered with more than {BYTES_LIMIT} bytes")
                status, age = answer.status, _max_age(answer.headers.get("Cache-Control", ""))
        except TimeoutError as error:
            raise TimedOutError(f"{url} did not answer within {SECONDS:g} s") from error
        except aiohttp.ClientError as error:
            raise UnavailableError(f"{url} can't be reached: {type(error).__name__}") from error
        if status >= _AGAIN:
            raise UnavailableError(f"{url} answered {status}")
        try:
            document = json.loads(content)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise UnavailableError(f"{url} answered {status} with something that is no JSON object")
        return status, document, age


def _max_age(header: str) -> int:
    for part in header.lower().split(","):
        name, _, value = part.strip().partition("=")
        if name == "max-age" and value.isascii() and value.isdigit() and len(value) < 10:  # noqa: PLR2004 - digits
            return int(value)
    return 0
