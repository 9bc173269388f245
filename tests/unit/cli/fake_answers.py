"""What every part of the stand-in API answers with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    import httpx

TITLES = {"policy-denied": "The house rules refuse this.", "invalid": "The request is not valid."}
Document = dict[str, Any]
NOW = "2026-03-01T12:00:00Z"


class Refusal(Exception):  # noqa: N818 - it is what the server says, not a fault
    """A problem document to answer with."""

    def __init__(
        self, status: int, code: str, detail: str, findings: list[Document] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.document = {
            "type": f"/problems/{code}",
            "title": TITLES.get(code, code),
            "status": status,
            "detail": detail,
            "code": code,
            "requestId": "r-1",
            "findings": findings or [],
        }


def name_in(request: httpx.Request, part: int = -1) -> str:
    return unquote(request.url.raw_path.decode().partition("?")[0].split("/")[part])


def stored(store: dict[str, Document], request: httpx.Request, part: int = -1) -> Document:
    name = name_in(request, part)
    if name not in store:
        raise Refusal(404, "not-found", f"{name!r} does not exist, or you may not see it")
    return store[name]
