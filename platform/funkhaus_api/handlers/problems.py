"""The registry of problem types, where the `type` of every problem document leads."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from aiohttp import web

from funkhaus.domain.errors import NotFoundError
from funkhaus_api.places import answer
from funkhaus_api.problem_types import PATH, registry

if TYPE_CHECKING:
    from funkhaus_api.problem_types import ProblemType

_PAGE = '<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><body>{body}</body></html>\n'


async def listed(request: web.Request) -> web.Response:
    """All of them."""
    found = list(registry().values())
    if _reads_html(request):
        lines = "".join(
            f'<li><a href="{PATH}/{item.code}">{item.code}</a>: {escape(item.title)}</li>'
            for item in found
        )
        return _html("Problem types", f"<h1>Problem types</h1><ul>{lines}</ul>")
    return answer({"items": [_document(item) for item in found]})


async def show(request: web.Request) -> web.Response:
    """One."""
    code = request.match_info["code"]
    if (found := registry().get(code)) is None:
        raise NotFoundError(f"there is no problem type {code!r:.80}; {PATH} lists them")
    if _reads_html(request):
        words = f"<h1>{escape(found.title)}</h1><p><code>{found.code}</code></p><p>{escape(found.meaning)}</p>"
        return _html(found.title, f"{words}<h2>What to do</h2><p>{escape(found.advice)}</p>")
    return answer(_document(found))


def _document(item: ProblemType) -> dict[str, str]:
    return {
        "type": item.uri,
        "code": item.code,
        "title": item.title,
        "meaning": item.meaning,
        "whatToDo": item.advice,
    }


def _reads_html(request: web.Request) -> bool:
    """Whether a browser asks; programs get JSON."""
    return "text/html" in request.headers.get("Accept", "")


def _html(title: str, body: str) -> web.Response:
    return web.Response(text=_PAGE.format(title=escape(title), body=body), content_type="text/html")


ROUTES = [
    web.get(PATH, listed, allow_head=False),
    web.get(f"{PATH}/{{code}}", show, allow_head=False),
]
