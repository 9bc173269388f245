"""The environment contract: what the platform tells a runtime, read once at the start.

Kubeless's variables keep Kubeless's names (`FUNC_HANDLER`, `MOD_NAME`, …); everything else begins with ``FUNKHAUS_``.
Times are seconds and sizes bytes, unless a field says otherwise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

_MIB = 1024 * 1024


class SettingsError(ValueError):
    """A variable is missing or has a value the runtime can't work with; the message names variable, value, limit."""


@dataclass(frozen=True)
class Settings:
    """One function's runtime configuration."""

    module: str
    """`MOD_NAME`: the module that holds the handler, dots for packages."""
    handler: str
    """`FUNC_HANDLER`: the function's name in that module."""
    timeout: float = 180.0
    """`FUNC_TIMEOUT`: how long one call may run before it is answered 408."""
    runtime: str = "python3.11"
    """`FUNC_RUNTIME`: the catalogue id, handed to the function in its context."""
    memory_limit: str = "0"
    """`FUNC_MEMORY_LIMIT`: the container's limit as a Kubernetes quantity, ``0`` for none; handed on, not enforced."""
    host: str = "0.0.0.0"  # noqa: S104 - a container listens on its pod's address
    """`FUNKHAUS_HOST`: the address both ports listen on."""
    port: int = 8080
    """`FUNC_PORT`: calls."""
    ops_port: int = 8081
    """`FUNKHAUS_OPS_PORT`: health and metrics, kept off the calls' port so that no path is taken from the function."""
    name: str = ""
    """`FUNKHAUS_FUNCTION_NAME`: the Function's name, for the log; empty takes the handler's name."""
    concurrency: int = 0
    """`FUNKHAUS_CONCURRENCY`: calls that run at once; 0 takes 8 for `def` and 100 for `async def` handlers."""
    queue: int = 64
    """`FUNKHAUS_QUEUE`: calls that may wait for a place; the next is answered 503."""
    queue_timeout: float = 10.0
    """`FUNKHAUS_QUEUE_TIMEOUT`: how long a call may wait for a place before it is answered 503."""
    body_limit: int = 10 * _MIB
    """`FUNKHAUS_BODY_LIMIT`: of one request body, else 413; four such bodies may be held at once."""
    answer_limit: int = 32 * _MIB
    """`FUNKHAUS_ANSWER_LIMIT`: of one answer's body, else 500."""
    grace: float = 3.0
    """`FUNKHAUS_DRAIN_SECONDS`: how long calls are still accepted after SIGTERM, while endpoints are withdrawn."""
    function_dir: str = "/function"
    """`FUNKHAUS_FUNCTION_DIR`: where the source lies, read-only."""
    packages_dir: str = "/packages"
    """`FUNKHAUS_PACKAGES_DIR`: where the function's dependencies lie; need not exist."""
    termination_log: str = "/dev/termination-log"
    """`FUNKHAUS_TERMINATION_LOG`: the file Kubernetes shows as the reason of a container's end."""


_RANGES: dict[str, tuple[float, float]] = {
    "timeout": (0.1, 86_400),
    "port": (1, 65_535),
    "ops_port": (1, 65_535),
    "concurrency": (0, 1000),
    "queue": (0, 100_000),
    "queue_timeout": (0, 3600),
    "body_limit": (1, 1024 * _MIB),
    "answer_limit": (1, 1024 * _MIB),
    "grace": (0, 600),
}
_VARIABLES = {
    "module": "MOD_NAME",
    "handler": "FUNC_HANDLER",
    "timeout": "FUNC_TIMEOUT",
    "runtime": "FUNC_RUNTIME",
    "memory_limit": "FUNC_MEMORY_LIMIT",
    "host": "FUNKHAUS_HOST",
    "port": "FUNC_PORT",
    "ops_port": "FUNKHAUS_OPS_PORT",
    "name": "FUNKHAUS_FUNCTION_NAME",
    "concurrency": "FUNKHAUS_CONCURRENCY",
    "queue": "FUNKHAUS_QUEUE",
    "queue_timeout": "FUNKHAUS_QUEUE_TIMEOUT",
    "body_limit": "FUNKHAUS_BODY_LIMIT",
    "answer_limit": "FUNKHAUS_ANSWER_LIMIT",
    "grace": "FUNKHAUS_DRAIN_SECONDS",
    "function_dir": "FUNKHAUS_FUNCTION_DIR",
    "packages_dir": "FUNKHAUS_PACKAGES_DIR",
    "termination_log": "FUNKHAUS_TERMINATION_LOG",
}


def read(environ: Mapping[str, str]) -> Settings:
    """Settings from environment variables; an unset or empty one takes its default.

    Raises `SettingsError` for a missing handler, a number that is none, or one out of its range.
    """
    given: dict[str, str | int | float] = {}
    for field, variable in _VARIABLES.items():
        text = environ.get(variable, "").strip()
        if text:
            given[field] = _number(field, variable, text) if field in _RANGES else text
    for field in ("module", "handler"):
        value = given.get(field)
        if value is None:
            raise SettingsError(
                f"{_VARIABLES[field]} is not set: the runtime does not know what to run"
            )
        if not all(part.isidentifier() for part in str(value).split(".")):
            raise SettingsError(
                f"{_VARIABLES[field]}={value!r} is not a Python name such as 'hello'"
            )
    if "." in str(given["handler"]):
        raise SettingsError(
            f"FUNC_HANDLER={given['handler']!r} has a dot: name a function of the module"
        )
    settings = Settings(**given)  # type: ignore[arg-type]  # each value was converted by its field's kind above
    if settings.port == settings.ops_port:
        raise SettingsError(
            f"FUNC_PORT and FUNKHAUS_OPS_PORT are both {settings.port}: they must differ"
        )
    return settings


def _number(field: str, variable: str, text: str) -> int | float:
    low, high = _RANGES[field]
    whole = isinstance(getattr(Settings, field), int)
    try:
        number: int | float = int(text) if whole else float(text)
    except ValueError:
        kind = "a whole number" if whole else "a number"
        raise SettingsError(
            f"{variable}={text!r} is not {kind}; {low:g} to {high:g} would pass"
        ) from None
    if not (math.isfinite(number) and low <= number <= high):
        raise SettingsError(f"{variable}={text} is out of range; {low:g} to {high:g} would pass")
    return number


def hide(environ: MutableMapping[str, str]) -> None:
    """Leave in this process's environment only what is `visible`: the function is about to be imported here."""
    for name in environ.keys() - visible(environ).keys():
        del environ[name]


def visible(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment a function may see: Kubeless's contract and the user's own variables, not the platform's.

    What goes is the cluster's address, which Kubernetes puts into every pod, and the runtime's own knobs. This is
    tidiness, not a wall: what a pod may reach is up to NetworkPolicy, and no token lies in it.
    """
    return {
        name: value
        for name, value in environ.items()
        if name == "FUNKHAUS_FUNCTION_NAME" or not name.startswith(("FUNKHAUS_", "KUBERNETES_"))
    }
