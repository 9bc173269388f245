"""What a function finds under `event["extensions"]`: Bottle's request, as on Kubeless, and a response to fill in."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes, urlsplit

import bottle

if TYPE_CHECKING:
    from funkhaus_runtime.call import Call


class Request(bottle.BaseRequest):  # type: ignore[misc]  # Bottle is untyped
    """Bottle's request over a `Call` and its body; the WSGI environment is made when first looked at."""

    __slots__ = ("_body_bytes", "_call", "_environ")

    MEMFILE_MAX = 1 << 40
    """Bottle's own limit for forms and JSON, out of the way: the server's body limit has already been applied."""

    def __init__(self, call: Call, body: bytes) -> None:
        """Nothing is parsed yet."""
        object.__setattr__(self, "_call", call)
        object.__setattr__(self, "_body_bytes", body)
        object.__setattr__(self, "_environ", None)

    @property
    def environ(self) -> dict[str, Any]:
        """The WSGI environment (PEP 3333) of this request."""
        environ: dict[str, Any] | None = self._environ
        if environ is None:
            environ = wsgi_environ(self._call, self._body_bytes)
            environ["bottle.request"] = self
            object.__setattr__(self, "_environ", environ)
        return environ


class Response(bottle.BaseResponse):  # type: ignore[misc]  # Bottle is untyped
    """Bottle's response: status, headers and cookies a function sets beside the body it returns.

    The counterpart of what Kubeless's Node runtime offers; Kubeless's Python runtime had none.
    """

    def __init__(self) -> None:
        """200 and nothing set."""
        self._cookies = None
        self._headers: dict[str, list[str]] = {}
        self._status_line = "200 OK"
        self._status_code = 200
        self.body = ""

    @property
    def untouched(self) -> bool:
        """Whether the function left it alone."""
        return not self._headers and self._status_code == 200 and self._cookies is None  # noqa: PLR2004 - a status


def wsgi_environ(call: Call, body: bytes) -> dict[str, Any]:
    """The WSGI environment of a request; the body is already de-chunked and whole."""
    target = call.target
    if target.startswith("/"):
        path, _, query = target.partition("?")
    else:  # absolute form, or the asterisk of OPTIONS
        parts = urlsplit(target)
        path, query = parts.path or "/", parts.query
    environ: dict[str, Any] = {
        "REQUEST_METHOD": call.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path.partition("#")[0]).decode("latin-1"),
        "QUERY_STRING": query.partition("#")[0],
        "SERVER_PROTOCOL": call.http,
        "REMOTE_ADDR": call.remote,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in call.headers:
        name = raw_name.decode("latin-1").upper().replace("-", "_")
        value = raw_value.decode("latin-1")
        if name in {"CONTENT_LENGTH", "TRANSFER_ENCODING"}:
            continue  # said below, of the body as it is now
        if name != "CONTENT_TYPE":
            name = f"HTTP_{name}"
        if name in environ:
            value = f"{environ[name]}{'; ' if name == 'HTTP_COOKIE' else ','}{value}"
        environ[name] = value
    host, _, port = environ.get("HTTP_HOST", "").rpartition(":")
    environ["SERVER_NAME"] = host or environ.get("HTTP_HOST", "localhost")
    environ["SERVER_PORT"] = port if host and port.isdigit() else "80"
    environ["CONTENT_LENGTH"] = str(len(body))
    # Bottle would spool a large body to a temporary file, and there may be no place for one.
    environ["wsgi.input"] = environ["bottle.request.body"] = BytesIO(body)
    return environ
