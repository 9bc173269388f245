"""Sign-ins of devices without a browser, and the pages on which a person lets them in."""

from __future__ import annotations

from urllib.parse import parse_qs

from aiohttp import web

from funkhaus.domain.errors import (
    FunkhausError,
    TooManyError,
    UnauthenticatedError,
    UnavailableError,
)
from funkhaus_api import sign_in_pages
from funkhaus_api.keys import GUESSES, PROXIES, services
from funkhaus_api.places import CREATED, answer
from funkhaus_api.wire.logins import device
from funkhaus_api.wire.reading import MalformedError, read_bytes

FORM_LIMIT = 4096
FIELDS_LIMIT = 8
REFUSED, TOO_MANY, UNAVAILABLE, SHOWN_LIMIT = 400, 429, 503, 16


async def ask(request: web.Request) -> web.Response:
    """A device begins."""
    proxies = request.config_dict[PROXIES]
    begun = await services(request).logins.ask(proxies.client(request), proxies.home(request))
    return answer(device(begun, services(request).public_url), CREATED)


async def show(request: web.Request) -> web.Response:
    """The page on which the code is typed."""
    code = request.query.get("code", "")[:SHOWN_LIMIT]
    return sign_in_pages.code_form(services(request).logins.providers(), code)


async def typed(request: web.Request) -> web.Response:
    """A code was typed: on to the provider, where it is one."""
    fields, peer = await _form(request), request.config_dict[PROXIES].home(request)
    logins, guesses = services(request).logins, request.config_dict[GUESSES]
    code, status = fields.get("code", ""), UNAVAILABLE
    try:
        guesses.admit(peer)
        url = await logins.typed(code, fields.get("provider", ""))
    except UnauthenticatedError as error:
        guesses.wrong(peer)
        status, words = REFUSED, error.message
    except TooManyError as error:
        status, words = TOO_MANY, error.message
    except UnavailableError as error:
        words = error.message
    except FunkhausError as error:
        status, words = REFUSED, error.message
    else:
        return web.Response(status=303, headers={"Location": url, **sign_in_pages.HEADERS})
    return sign_in_pages.code_form(logins.providers(), code[:SHOWN_LIMIT], words, status)


async def decide(request: web.Request) -> web.Response:
    """Yes or no."""
    fields = await _form(request)
    allow = fields.get("decision") == "allow"
    try:
        code = await services(request).logins.decide(fields.get("code", ""), allow=allow)
    except UnauthenticatedError as error:
        return sign_in_pages.refusal(error.message, REFUSED)
    if not allow:
        return sign_in_pages.page(
            "Refused", f"<p>The device with the code {code} is not signed in.</p>"
        )
    return sign_in_pages.page(
        "Signed in", f"<p>The device with the code {code} goes on. You may close this page.</p>"
    )


async def _form(request: web.Request) -> dict[str, str]:
    content = await read_bytes(request, FORM_LIMIT)
    try:
        fields = parse_qs(content.decode("ascii"), max_num_fields=FIELDS_LIMIT, errors="strict")
    except ValueError as error:
        raise MalformedError("a small form passes") from error
    return {name: values[0] for name, values in fields.items()}


ROUTES = [
    web.post("/v1/device-logins", ask),
    web.get("/device", show, allow_head=False),
    web.post("/device", typed),
    web.post("/device/decision", decide),
]
