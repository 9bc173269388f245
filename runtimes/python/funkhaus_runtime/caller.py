"""Calls a function once and ends as the call ended: what a CronJobTrigger's pods run.

Everything comes from the environment: ``FUNKHAUS_CALL_URL``, ``…_SECONDS``, ``…_ID``, ``…_TRIGGER`` and ``…_PAYLOAD``
(JSON; empty for a GET). Exit codes: 0 for an answer of 200 to 299; the status less 300 for another one (404 is 104, 500
is 200), so that the pod's status tells it; 1 when nothing answered; 2 for a setting that can't be right. Nothing is
tried twice, and no redirect is followed.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

EVENT_NAMESPACE = "cronjobtrigger.funkhaus.dev"
ANSWER_LIMIT = 64 * 1024
"""Bytes of an answer that are read."""
SAID_LIMIT = 1024
"""Characters of it that are kept as the pod's last words."""
NO_ANSWER, MISCONFIGURED = 1, 2
_FINE, _REDIRECT, _CODES = 200, 300, 255


def call(environ: Mapping[str, str]) -> tuple[int, str]:
    """The exit code, and a line that says what was answered."""
    url = urlsplit(environ.get("FUNKHAUS_CALL_URL", ""))
    payload = environ.get("FUNKHAUS_CALL_PAYLOAD", "")
    try:
        seconds = float(environ.get("FUNKHAUS_CALL_SECONDS", "180"))
        port = url.port or 80
    except ValueError as error:
        return MISCONFIGURED, f"FUNKHAUS_CALL_…: {error}"
    if url.scheme != "http" or not url.hostname:
        return MISCONFIGURED, f"FUNKHAUS_CALL_URL {url.geturl()!r} is no http URL"
    media = "application/json" if payload else "application/x-www-form-urlencoded"
    headers = {
        "event-id": environ.get("FUNKHAUS_CALL_ID", ""),
        "event-time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "event-type": media,
        "event-namespace": EVENT_NAMESPACE,
        "user-agent": f"funkhaus-cron/{environ.get('FUNKHAUS_CALL_TRIGGER', '')}",
    }
    if payload:
        headers["content-type"] = media
    connection = http.client.HTTPConnection(url.hostname, port, timeout=seconds)
    try:
        connection.request(
            "POST" if payload else "GET", url.path or "/", payload.encode() or None, headers
        )
        answer = connection.getresponse()
        body = answer.read(ANSWER_LIMIT)
    except (OSError, http.client.HTTPException) as error:
        return NO_ANSWER, f"{url.hostname} did not answer: {str(error) or type(error).__name__}"
    finally:
        connection.close()
    said = " ".join(body.decode(errors="replace").split())[:SAID_LIMIT]
    if _FINE <= answer.status < _REDIRECT:
        return 0, f"{answer.status}: {said}"
    return min(max(answer.status - _REDIRECT, NO_ANSWER), _CODES), f"{answer.status}: {said}"


def main() -> int:
    """One call; its outcome as a JSON line on stdout, and as the container's last words."""
    code, said = call(os.environ)
    trigger = os.environ.get("FUNKHAUS_CALL_TRIGGER", "")
    line = json.dumps({"event": "cron_call", "trigger": trigger, "exit": code, "answer": said})
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
    try:
        with open(os.environ.get("FUNKHAUS_TERMINATION_LOG", "/dev/termination-log"), "w") as last:  # noqa: PTH123 - a device
            last.write(said)
    except OSError:
        return code
    return code


if __name__ == "__main__":
    sys.exit(main())
