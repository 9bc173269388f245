"""Both ways to sign in: a browser on this machine (RFC 8252), or one anywhere (RFC 8628).

The API server speaks with the identity provider; this end holds a secret (PKCE) and waits.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
import webbrowser
from base64 import urlsafe_b64encode
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import click

from funkhaus_cli import problems
from funkhaus_cli.failure import Exit, Failure, plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from funkhaus_cli.client import Client

WAIT_SECONDS = 600.0
"""As long as the API server keeps a sign-in."""
REQUEST_SECONDS = 5.0
"""For a browser to say what it wants once it is connected."""
POLL_LEAST, SLOWER = 1.0, 5.0
_CREATED, _PENDING, _TOO_FAST = 201, 409, 429
_PAGE = (
    b"<!doctype html><meta charset=utf-8><title>Funkhaus</title>"
    b"<p>The command line goes on. You may close this page.</p>\n"
)


class _Answer(BaseHTTPRequestHandler):
    """The one address the browser comes back to; everything else here is absent."""

    server: _Listener
    timeout = REQUEST_SECONDS

    def do_GET(self) -> None:
        """Take a code that comes with our state; anybody else's request leaves the sign-in as it was."""
        parts = urlsplit(self.path)
        query = parse_qs(parts.query) if parts.path == "/callback" else {}
        state, code = query.get("state", [""]), query.get("code", [""])
        ours = len(state) == len(code) == 1 and hmac.compare_digest(
            state[0].encode(), self.server.state.encode()
        )
        self.send_response(200 if ours else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Connection", "close")
        self.end_headers()
        if ours:
            self.wfile.write(_PAGE)
            self.server.code = code[0]

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - the base class's names
        """Say nothing: the line would hold the code."""


class _Listener(HTTPServer):
    """On a free port of loopback, for one code."""

    def __init__(self, state: str) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.state, self.code = state, ""

    @property
    def address(self) -> str:
        """Where browsers reach it."""
        return f"http://127.0.0.1:{self.server_port}/callback"

    def wait(self, seconds: float) -> str:
        """The code; raises `Failure` when none comes."""
        deadline = time.monotonic() + seconds
        while not self.code and (left := deadline - time.monotonic()) > 0:
            self.timeout = left
            self.handle_request()
        if not self.code:
            raise Failure(
                f"nobody signed in within {seconds:g} s",
                Exit.NOT_ALLOWED,
                hint="no browser here? `funkhaus login --device`",
            )
        return self.code

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - the base class's
        """A peer that hangs up is no news."""


def by_browser(
    api: Client, provider: str, *, open_browser: bool, seconds: float = WAIT_SECONDS
) -> dict[str, Any]:
    """Sign in with a browser on this machine; the session as the API server answers it. Raises `Failure`."""
    verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
    digest = hashlib.sha256(verifier.encode()).digest()
    with _Listener(state) as listener:
        begun = api.post(
            "/v1/logins",
            {
                "provider": provider,
                "redirectUri": listener.address,
                "codeChallenge": urlsafe_b64encode(digest).rstrip(b"=").decode(),
                "codeChallengeMethod": "S256",
                "state": state,
            },
        )
        url = str(begun["authorizationUrl"])
        click.echo(f"Sign in with a browser on this machine:\n\n  {plain(url, 4000)}\n", err=True)
        if open_browser:
            webbrowser.open(url)
        code = listener.wait(seconds)
    session: dict[str, Any] = api.post(
        "/v1/sessions",
        {"code": code, "codeVerifier": verifier, "redirectUri": listener.address},
    )
    return session


def by_device(
    api: Client, sleep: Callable[[float], None], clock: Callable[[], float]
) -> dict[str, Any]:
    """Sign in with a browser anywhere; the session as the API server answers it. Raises `Failure`."""
    begun = api.post("/v1/device-logins", {})
    click.echo(
        f"Open {plain(str(begun['verificationUri']))} in any browser and enter the code\n\n"
        f"  {plain(str(begun['userCode']))}\n",
        err=True,
    )
    interval = max(float(begun["interval"]), POLL_LEAST)
    deadline = clock() + float(begun["expiresIn"])
    while clock() < deadline:
        sleep(interval)
        answer = api.raw(
            "POST", "/v1/sessions", seconds=35.0, json={"deviceCode": begun["deviceCode"]}
        )
        failure = problems.failure(answer.status, answer.headers, answer.content)
        if answer.status == _CREATED:
            session: dict[str, Any] = json.loads(answer.content)
            return session
        if answer.status == _TOO_FAST:
            interval += SLOWER
        elif not (answer.status == _PENDING and failure.code == "pending"):
            raise failure
    raise Failure("nobody signed in in time", Exit.NOT_ALLOWED)
