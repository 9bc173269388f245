"""Calls of functions that sleep: whose a call is, how many may wait, and the one who wakes."""

from funkhaus.services.waking.callers import Callers, UnknownCallerError, networks
from funkhaus.services.waking.finding import Finder, Target
from funkhaus.services.waking.room import Limits, Room
from funkhaus.services.waking.rousing import Rouser, Times

__all__ = [
    "Callers",
    "Finder",
    "Limits",
    "Room",
    "Rouser",
    "Target",
    "Times",
    "UnknownCallerError",
    "networks",
]
