"""What the handler is given: Kubeless's `event`, made from a request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from funkhaus_runtime.clock import timestamp
from funkhaus_runtime.request import Request, Response

if TYPE_CHECKING:
    from funkhaus_runtime.call import Call

HTTP_NAMESPACE = "http.funkhaus.dev"
"""`event-namespace` of a request that names none, as the triggers name theirs."""


class BadBodyError(ValueError):
    """The body is not what its content type says; the message is for the caller."""


def build(call: Call, body: bytes) -> dict[str, Any]:
    """The event: `data` (parsed JSON or bytes), the four `event-…` keys, and `extensions` with request and response.

    The keys come from headers of the same names. Where a header is absent the call's id, the body's media type, the
    present time and `HTTP_NAMESPACE` take its place. Raises `BadBodyError` for JSON that is not.
    """
    media_type = call.content_type.partition(";")[0].strip().lower()
    data: Any = body
    if media_type == "application/json":
        data = parse_json(body) if body else None
    return {
        "data": data,
        "event-id": call.event_id or call.id,
        "event-type": call.event_type or media_type or "application/octet-stream",
        "event-time": call.event_time or timestamp(),
        "event-namespace": call.event_namespace or HTTP_NAMESPACE,
        "extensions": {"request": Request(call, body), "response": Response()},
    }


def parse_json(body: bytes) -> Any:  # noqa: ANN401 - JSON is any of its kinds
    """The value of a JSON document in UTF-8, UTF-16 or UTF-32; raises `BadBodyError`."""
    try:
        return json.loads(body)
    except json.JSONDecodeError as error:
        why = f"{error.msg} at line {error.lineno} column {error.colno}"
    except UnicodeDecodeError as error:
        why = f"byte {error.start} is not {error.encoding}"
    except RecursionError:
        why = "it is nested too deeply"
    except ValueError as error:  # a number with more digits than Python reads
        why = str(error).partition(";")[0]
    raise BadBodyError(f"the body is declared application/json but is not JSON: {why}")
