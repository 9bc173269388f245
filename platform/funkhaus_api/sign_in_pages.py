"""The few pages a person sees while signing in. No script, nothing from elsewhere, in nobody's frame."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Sequence

    from funkhaus.ports import Provider
    from funkhaus.services.logins import Answered

HEADERS = {
    # No `form-action`: a form here answers with a redirect to the provider, which browsers count as its action.
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}


def page(title: str, inner: str, status: int = 200) -> web.Response:
    """A page; `inner` is HTML."""
    text = (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><main><h1>{escape(title)}</h1>{inner}</main></html>\n"
    )
    return web.Response(status=status, text=text, content_type="text/html", headers=HEADERS)


def refusal(message: str, status: int) -> web.Response:
    """What did not work."""
    return page("Not signed in", f"<p>{escape(message)}</p>", status)


def code_form(
    providers: Sequence[Provider], code: str, message: str = "", status: int = 200
) -> web.Response:
    """Where a person types the code a device shows."""
    choices = "".join(
        f'<option value="{escape(one.id)}">{escape(one.title)}</option>' for one in providers
    )
    return page(
        "Sign in on another device",
        (f'<p role="alert">{escape(message)}</p>' if message else "")
        + '<form method="post" action="/device">'
        '<p><label>Code the device shows <input name="code" autocomplete="off" autocapitalize="characters" '
        f'required maxlength="16" value="{escape(code)}"></label></p>'
        f'<p><label>Sign in with <select name="provider">{choices}</select></label></p>'
        "<p><button>Continue</button></p></form>",
        status,
    )


def question(answered: Answered) -> web.Response:
    """Asks the person who signed in whether the device is theirs."""
    who = answered.user.name if answered.user else ""
    return page(
        "Is this your device?",
        f"<p>You are <strong>{escape(who)}</strong>. A device at {escape(answered.address)} that shows the code "
        f"<strong>{escape(answered.user_code)}</strong> asks to act as you.</p>"
        "<p>Say yes only if you started this, and the device in front of you shows this code.</p>"
        '<form method="post" action="/device/decision">'
        f'<input type="hidden" name="code" value="{escape(answered.code)}">'
        '<p><button name="decision" value="allow">Yes, sign it in</button> '
        '<button name="decision" value="deny">No</button></p></form>',
    )
