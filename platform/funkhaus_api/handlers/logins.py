"""Sign-ins: whom with, begun, answered by the provider, redeemed."""

from __future__ import annotations

from aiohttp import web

from funkhaus.domain.errors import FunkhausError, InvalidError, UnavailableError
from funkhaus.domain.user import client_name
from funkhaus.domain.verdict import Finding
from funkhaus_api import sign_in_pages
from funkhaus_api.keys import PROXIES, REQUEST_ID, services
from funkhaus_api.places import CREATED, answer
from funkhaus_api.wire.logins import NewLogin, NewSession, provider, session
from funkhaus_api.wire.reading import read_body

REFUSED, UNAVAILABLE = 400, 503


async def providers(request: web.Request) -> web.Response:
    """Whom one can sign in with."""
    return answer({"items": [provider(item) for item in services(request).logins.providers()]})


async def start(request: web.Request) -> web.Response:
    """Begin one."""
    body = await read_body(request, NewLogin)
    url = await services(request).logins.start(
        provider=body.provider,
        redirect_uri=body.redirect_uri,
        challenge=body.code_challenge,
        state=body.state,
        address=request.config_dict[PROXIES].client(request),
        home=request.config_dict[PROXIES].home(request),
    )
    return answer({"authorizationUrl": url}, CREATED)


async def answered(request: web.Request) -> web.Response:
    """A browser comes back from the provider; a person sees what this answers."""
    if len(set(request.query)) != len(request.query):
        return sign_in_pages.refusal("the provider's answer names something twice", REFUSED)
    try:
        done = await services(request).logins.answered(dict(request.query))
    except UnavailableError as error:
        return sign_in_pages.refusal(error.message, UNAVAILABLE)
    except FunkhausError as error:
        return sign_in_pages.refusal(error.message, REFUSED)
    if done.location:
        return web.Response(
            status=303, headers={"Location": done.location, **sign_in_pages.HEADERS}
        )
    return sign_in_pages.question(done)


async def redeem(request: web.Request) -> web.Response:
    """A session for a code."""
    body = await read_body(request, NewSession)
    if bool(body.code) == bool(body.device_code):
        raise InvalidError.at(
            Finding("code-named-once", "exactly one of code and deviceCode passes", "code")
        )
    logins, client = services(request).logins, client_name(request.headers.get("User-Agent", ""))
    if body.device_code:
        issued = await logins.poll(body.device_code, request[REQUEST_ID], client)
    else:
        issued = await logins.redeem(
            code=body.code,
            verifier=body.code_verifier,
            redirect_uri=body.redirect_uri,
            request_id=request[REQUEST_ID],
            client=client,
        )
    return answer(session(issued), CREATED)


ROUTES = [
    web.get("/v1/providers", providers, allow_head=False),
    web.post("/v1/logins", start),
    web.get("/v1/logins/callback", answered, allow_head=False),
    web.post("/v1/sessions", redeem),
]
