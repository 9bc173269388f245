"""The present time as text, cheap enough for every call."""

from __future__ import annotations

import time


class _Second:
    """The last second that was asked for; formatting it again is what costs."""

    number = -1
    stamp = ""
    http_number = -1
    http_date = ""


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def timestamp() -> str:
    """RFC 3339 in UTC with milliseconds."""
    second, rest = divmod(time.time_ns(), 1_000_000_000)
    if second != _Second.number:
        _Second.number = second
        _Second.stamp = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second))
    return f"{_Second.stamp}{rest // 1_000_000:03d}Z"


def http_date() -> str:
    """IMF-fixdate, as the header `Date` has it (RFC 9110, 5.6.7)."""
    second = int(time.time())
    if second != _Second.http_number:
        _Second.http_number = second
        now = time.gmtime(second)
        _Second.http_date = (
            f"{_DAYS[now.tm_wday]}, {now.tm_mday:02d} {_MONTHS[now.tm_mon - 1]} {now.tm_year} "
            f"{now.tm_hour:02d}:{now.tm_min:02d}:{now.tm_sec:02d} GMT"
        )
    return _Second.http_date
