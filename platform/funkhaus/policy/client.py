"""`OpaDecider`: the port `funkhaus.ports.Decider` over OPA's REST API. The only importer of `opa_client`.

What the client library does of its own accord is switched off or never called: it retries statuses a broken policy gives
(three times the load, up to 5 s, just then), it passes undefined decisions through, it puts paths into URLs unquoted (ours
are constants), and it can rewrite and upload policies (nothing here writes to OPA).
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import urlsplit

import aiohttp
from opa_client.opa_async import AsyncOpaClient

from funkhaus.domain.errors import InvalidError, TimedOutError, UnavailableError
from funkhaus.domain.verdict import Finding
from funkhaus.metrics import judged_by
from funkhaus.policy import answers, inputs

if TYPE_CHECKING:
    from collections.abc import Callable

    from funkhaus.domain.question import Default, Question
    from funkhaus.domain.verdict import Verdict

PACKAGE = "funkhaus.main"
DECISION = "decision"
DEFAULTS = "defaults"
Answer = TypeVar("Answer")


class OpaDecider:
    """OPA at `url`; `timeout` is the whole deadline of one question, in seconds. Use as an async context manager."""

    def __init__(self, url: str, *, timeout: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/"):
            raise InvalidError.at(
                Finding(
                    "setting-malformed",
                    f"{url!r} is not the address of OPA; http://127.0.0.1:8181 passes",
                    "FUNKHAUS_OPA_URL",
                    value=url,
                )
            )
        secure = parts.scheme == "https"
        self._timeout = timeout
        self._revision = ""
        self._client = AsyncOpaClient(
            host=f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname,
            port=parts.port or (443 if secure else 80),
            ssl=secure,
            retries=0,
            timeout=timeout,
        )

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close_connection()

    async def decide(self, question: Question) -> Verdict:
        """The verdict on a question; raises `UnavailableError`/`TimedOutError` without a trustworthy answer."""
        asked = inputs.document(question)
        verdict = await self._ask(DECISION, asked, answers.verdict)
        self._note(verdict.revision)
        return replace(verdict, asked=asked)

    async def defaults(self, question: Question) -> tuple[Default, ...]:
        """The values policy fills in where the object says nothing; raises as `decide` does."""
        return await self._ask(DEFAULTS, inputs.document(question), answers.defaults)

    async def ready(self) -> str:
        """The revision of the loaded policy; raises as `decide` does."""
        revision = await self._ask(DECISION, {}, answers.revision)
        self._note(revision)
        return revision

    def _note(self, revision: str) -> None:
        if revision != self._revision:
            judged_by(revision)
            self._revision = revision

    async def _ask(
        self, rule: str, document: dict[str, Any], read: Callable[[object], Answer]
    ) -> Answer:
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._client.query_rule(document, PACKAGE, rule)
        except TimeoutError as error:
            raise TimedOutError(
                f"the policy engine did not answer within {self._timeout:g} s; try again"
            ) from error
        except aiohttp.ClientConnectorCertificateError as error:  # a ValueError to Python
            raise UnavailableError(
                "the policy engine can't be reached: its certificate is of no authority this machine trusts"
            ) from error
        except (ValueError, aiohttp.ContentTypeError) as error:
            raise UnavailableError(
                "the policy engine's answer is not JSON; an admin has to look what answers in its place"
            ) from error
        except aiohttp.ClientResponseError as error:  # a rule that fails while it runs is a 500
            raise UnavailableError(
                f"the policy engine failed with status {error.status}; an admin has to look at the rules in force"
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            raise UnavailableError("the policy engine can't be reached; try again") from error
        return read(answer)
