"""Schedules in the grammar of Kubernetes' CronJob: five fields, or one of the @-words.

Its controller reads them with robfig/cron, which knows no ``L``, ``W`` or ``#``, counts Sunday as 0 only, and has a range
with a step also as ``5/10``. What passes here passes there, and comes at the same times.
https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

LENGTH_LIMIT = 200
DAY = 86_400
_WORDS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of month", 1, 31, {}),
    ("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    ("day of week", 0, 6, {name: number for number, name in enumerate(_DAYS)}),
)
_LOOK_AHEAD = 366 * 8 + 2
"""Days in which every schedule comes that ever does: leap days may be eight years apart."""
_PART = re.compile(
    r"(?P<low>[*?]|[0-9]{1,2}|[a-z]{3})(?:-(?P<high>[0-9]{1,2}|[a-z]{3}))?(?:/(?P<step>[0-9]{1,2}))?\Z"
)


@dataclass(frozen=True, slots=True)
class Schedule:
    """When something comes. Of days, both fields count where both are open, and either one where neither is."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    every_day: bool
    every_weekday: bool

    @property
    def interval(self) -> int:
        """Seconds between two times at least; never said to be more than a day."""
        times = [hour * 60 + minute for hour in self.hours for minute in self.minutes]
        gaps = [after - before for before, after in itertools.pairwise(times)]
        return 60 * min([*gaps, 24 * 60 - times[-1] + times[0]])

    def on(self, day: datetime) -> bool:
        """Whether it comes on that day at all."""
        if day.month not in self.months:
            return False
        by_day, by_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        if self.every_day or self.every_weekday:
            return by_day and by_weekday
        return by_day or by_weekday

    def after(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        """The first time after `moment` (aware), in UTC; ``None`` when it never comes.

        A time that a clock change skips does not come; one that it repeats comes once.
        """
        local = moment.astimezone(zone)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        for number in range(_LOOK_AHEAD):
            day = midnight + timedelta(days=number)
            if not self.on(day):
                continue
            for hour in self.hours:
                if not number and hour < local.hour - 1:
                    continue
                for minute in self.minutes:
                    wall = day.replace(hour=hour, minute=minute)
                    found = wall.replace(tzinfo=zone).astimezone(UTC)
                    exists = found.astimezone(zone).replace(tzinfo=None) == wall
                    if exists and found > moment:
                        return found
        return None


def parse(text: str) -> Schedule:
    """The schedule; raises `ValueError` with a sentence about what is wrong."""
    if len(text) > LENGTH_LIMIT:
        raise ValueError(f"it has {len(text)} characters; at most {LENGTH_LIMIT} pass")
    plain = text.strip().lower()
    if plain.startswith(("tz=", "cron_tz=")):
        raise ValueError("the zone has a field of its own, spec.timeZone")
    if plain.startswith("@"):
        if plain not in _WORDS:
            raise ValueError(f"{plain.split(' ')[0]} is none of {', '.join(sorted(_WORDS))}")
        plain = _WORDS[plain]
    parts = plain.split()
    if len(parts) != len(_FIELDS):
        raise ValueError(
            f"it has {len(parts)} fields; it takes five: minute, hour, day of month, month, day of week"
        )
    minutes, hours, days, months, weekdays = (
        _field(part, *facts) for part, facts in zip(parts, _FIELDS, strict=True)
    )
    made = Schedule(
        minutes=tuple(sorted(minutes)),
        hours=tuple(sorted(hours)),
        days=frozenset(days),
        months=frozenset(months),
        weekdays=frozenset(weekdays),
        every_day=_open(parts[2]),
        every_weekday=_open(parts[4]),
    )
    dated = any(day <= _LONGEST[month - 1] for month in months for day in days)
    if not dated and (made.every_weekday or made.every_day):
        raise ValueError("no month has such a day, so it never comes")
    return made


def _open(text: str) -> bool:
    """Whether a field is left open; a star with a step is not."""
    return any(part.removesuffix("/1") in {"*", "?"} for part in text.split(","))


def _field(text: str, name: str, low: int, high: int, names: dict[str, int]) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        match = _PART.match(part)
        if not match:
            raise ValueError(
                f"{name} {part!r} is none of: *, a number, a range a-b, each perhaps with /step"
            )
        first, last, step = match["low"], match["high"], int(match["step"] or 1)
        if first in "*?":
            if last:
                raise ValueError(f"{name} {part!r} is no range")
            begin, end = low, high
        else:
            begin = _number(first, name, low, high, names)
            single = begin if match["step"] is None else high
            end = _number(last, name, low, high, names) if last else single
        if begin > end:
            raise ValueError(f"{name} {part!r} runs backwards")
        if step == 0:
            raise ValueError(f"{name} {part!r} has a step of 0")
        found |= set(range(begin, end + 1, step))
    return found


def _number(text: str, name: str, low: int, high: int, names: dict[str, int]) -> int:
    number = names.get(text, int(text) if text.isdecimal() else -1)
    if not low <= number <= high:
        words = f" or {next(iter(names))} to {list(names)[-1]}" if names else ""
        raise ValueError(f"{name} {text!r} is not within {low} to {high}{words}")
    return number


def zone(name: str) -> ZoneInfo | None:
    """The time zone of that name in the IANA database; ``None`` where there is none."""
    if not re.fullmatch(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}", name) or name.lower() == "local":
        return None
    try:
        return ZoneInfo(name)
    except (
        OSError,
        ValueError,
        KeyError,
    ):  # ZoneInfoNotFoundError is a KeyError; a folder's name is an OSError
        return None
