"""Finding the handler: the user's module is imported here and nowhere else."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from funkhaus_runtime.settings import Settings


class LoadError(Exception):
    """The function can't be loaded. `reason` is one sentence; `trace` is the user's traceback or empty."""

    def __init__(self, reason: str, trace: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.trace = trace


@dataclass(frozen=True)
class Handler:
    """What the user wrote, ready to be called with `event` and `context`."""

    run: Callable[[dict[str, Any], dict[str, Any]], Any]
    is_async: bool
    context: dict[str, Any]
    """Kubeless's four keys; every call gets a copy."""


def load(settings: Settings) -> Handler:
    """Import the module and pick the handler; raises `LoadError` for whatever goes wrong in there.

    The function's folder and its dependencies go to the front of `sys.path`, and the folder becomes the working
    directory, so that the source may open the files it came with.
    """
    where = f"module {settings.module!r} in {settings.function_dir}"
    top = settings.module.partition(".")[0]
    if top in sys.stdlib_module_names:
        raise LoadError(
            f"module {top!r} has the name of a standard library module: rename the file"
        )
    if Path(settings.function_dir).is_dir():
        os.chdir(settings.function_dir)
    sys.path[:0] = [settings.function_dir, settings.packages_dir]
    importlib.invalidate_caches()
    try:
        module = importlib.import_module(settings.module)
    except BaseException as error:  # noqa: BLE001 - sys.exit() at import is the user's mistake too, not ours
        if isinstance(error, ModuleNotFoundError) and error.name == top:
            raise LoadError(f"there is no {where}") from None
        raise LoadError(
            f"importing {where} raised {type(error).__name__}: {error}", trace(error, skip=__file__)
        ) from None
    origin = getattr(module, "__file__", None)
    if origin and not Path(origin).resolve().is_relative_to(Path(settings.function_dir).resolve()):
        raise LoadError(f"module {top!r} is already the name of {origin}: rename the file")
    run = getattr(module, settings.handler, None)
    if run is None:
        raise LoadError(f"{where} has no {settings.handler!r}")
    if not callable(run):
        raise LoadError(
            f"{settings.handler!r} of {where} is a {type(run).__name__}, not a function"
        )
    context = {
        "function-name": getattr(run, "__name__", settings.handler),
        "timeout": settings.timeout,
        "runtime": settings.runtime,
        "memory-limit": settings.memory_limit,
    }
    is_async = inspect.iscoroutinefunction(run) or inspect.iscoroutinefunction(
        getattr(run, "__call__", None)  # noqa: B004 - an object's own async __call__ is what is looked for
    )
    return Handler(run, is_async, context)


def looks_async(settings: Settings) -> bool:
    """Whether the source defines the handler with ``async def``, judged without running it.

    A guess that saves importing the module twice: where it is wrong the module is imported in a second process.
    """
    source = Path(settings.function_dir, *settings.module.split(".")).with_suffix(".py")
    try:
        tree = ast.parse(source.read_bytes())
    except (
        OSError,
        SyntaxError,
        ValueError,
    ):  # whatever is wrong with it, importing it says so properly
        return False
    return any(
        isinstance(node, ast.AsyncFunctionDef) and node.name == settings.handler
        for node in tree.body
    )


def trace(error: BaseException, skip: str) -> str:
    """The traceback as text, without the outermost frames that belong to file `skip` or the import machinery."""
    frames = error.__traceback__
    while frames is not None and (
        (name := frames.tb_frame.f_code.co_filename) == skip
        or name.startswith(("<frozen", importlib.__file__))
    ):
        frames = frames.tb_next
    text = "".join(traceback.format_exception(type(error), error, frames))
    return (
        text
        if len(text) <= _TRACE_LIMIT
        else f"{text[: _TRACE_LIMIT // 2]}\n…\n{text[-_TRACE_LIMIT // 2 :]}"
    )


_TRACE_LIMIT = 16_384
"""Characters of one traceback in the log: deep recursion and long messages are cut in the middle."""
