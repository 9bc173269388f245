"""From what was typed to a Function's spec, whole for `deploy` and only what was named for `update`."""

from __future__ import annotations

import ast
import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from funkhaus_cli import archive, environment, remote, source
from funkhaus_cli.failure import Exit, Failure, warn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from funkhaus_cli.session import Session

_DEPENDENCIES_LIMIT = 1024 * 1024
ARCHIVE_TYPE = "application/octet-stream"


@dataclass(frozen=True)
class Asked:
    """The flags of `deploy` and `update`; ``None`` and empty are what was not named."""

    runtime: str | None = None
    handler: str | None = None
    from_file: tuple[str, ...] = ()
    from_url: str | None = None
    sha256: str | None = None
    from_git: str | None = None
    ref: str | None = None
    path: str | None = None
    dependencies: str | None = None
    env: tuple[str, ...] = ()
    secret_env: tuple[str, ...] = ()
    config_env: tuple[str, ...] = ()
    cpu: str | None = None
    memory: str | None = None
    timeout: float | None = None
    concurrency: int | None = None

    def plain(self) -> dict[str, Any]:
        """The fields that go into a spec as they are."""
        resources = {"cpu": self.cpu, "memory": self.memory}
        fields = {
            "runtime": self.runtime,
            "handler": self.handler,
            "dependencies": None if self.dependencies is None else _text(self.dependencies),
            "resources": {key: text for key, text in resources.items() if text is not None} or None,
            "timeout": _whole(self.timeout),
            "concurrency": self.concurrency,
        }
        return {key: value for key, value in fields.items() if value is not None}


def new(session: Session, asked: Asked, *, dry_run: bool) -> dict[str, Any]:
    """The spec of a new function; uploads its source when that is too large for it. Raises `Failure`."""
    entries, _ = environment.entries(asked.env, asked.secret_env, asked.config_env, dropping=False)
    spec = asked.plain()
    if not asked.from_file and asked.from_url is None and asked.from_git is None:
        raise Failure(
            "no source is named",
            Exit.USAGE,
            hint="--from-file hello.py passes, or --from-url with --sha256, or --from-git with --ref",
        )
    spec["source"] = remote.source(asked) or _local(
        session, asked, str(asked.handler), str(asked.runtime), dry_run=dry_run
    )
    if entries:
        spec["env"] = entries
    return spec


def change(
    session: Session, asked: Asked, before: Mapping[str, Any], *, dry_run: bool
) -> dict[str, Any]:
    """The merge patch of a spec that changes what was named and nothing else; empty when that is nothing."""
    entries, dropped = environment.entries(
        asked.env, asked.secret_env, asked.config_env, dropping=True
    )
    patch = asked.plain()
    now = remote.source(asked)
    if asked.from_file:
        handler = asked.handler or str(before.get("handler", ""))
        runtime = asked.runtime or str(before.get("runtime", ""))
        now = _local(session, asked, handler, runtime, dry_run=dry_run)
    if now:
        patch["source"] = _replacing(before.get("source") or {}, now)
    if entries or dropped:
        patch["env"] = environment.merged(before.get("env") or [], entries, dropped)
    return patch


def _local(
    session: Session, asked: Asked, handler: str, runtime: str, *, dry_run: bool
) -> dict[str, Any]:
    """The source that is here, read, looked through and uploaded where it has to be."""
    bundle = _read(session, asked.from_file, handler, runtime)
    check_handler(handler, bundle)
    return _source(session, bundle, dry_run=dry_run)


def _replacing(before: Mapping[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """A merge patch after which `now` is the whole source: what it does not hold is nulled by name."""
    patch: dict[str, Any] = {key: None for key in before if key not in now} | now
    if "inline" in now and "inline" in before:
        gone = set((before["inline"] or {}).get("files") or {}) - set(now["inline"]["files"])
        patch["inline"] = {"files": dict.fromkeys(sorted(gone)) | now["inline"]["files"]}
    return patch


def _whole(seconds: float | None) -> int | None:
    if seconds is not None and not seconds.is_integer():
        raise Failure(f"--timeout {seconds:g}: whole seconds pass", Exit.USAGE)
    return None if seconds is None else int(seconds)


def _source(session: Session, bundle: source.Bundle, *, dry_run: bool) -> dict[str, Any]:
    texts = bundle.inline()
    if texts is not None:
        return {"inline": {"files": texts}}
    content = archive.pack(bundle.files)
    if dry_run:
        return {"archive": {"digest": f"sha256:{hashlib.sha256(content).hexdigest()}"}}
    stored = session.api.upload(session.path("archives"), content, ARCHIVE_TYPE)
    return {"archive": {"digest": stored["digest"]}}


def _read(session: Session, paths: tuple[str, ...], handler: str, runtime: str) -> source.Bundle:
    if source.STDIN not in paths:
        return source.read(paths)
    content = sys.stdin.buffer.read(source.SIZE_LIMIT + 1)
    if not content.strip():
        raise Failure("--from-file -: nothing came in", Exit.USAGE)
    module = handler.rpartition(".")[0].replace(".", "/") or "handler"
    return source.read(paths, stdin=content, stdin_name=module + _suffix(session, runtime))


def _suffix(session: Session, runtime: str) -> str:
    """The ending the runtime's files have; the catalogue knows."""
    for item in session.api.items("/v1/runtimes"):
        if item.get("id") == runtime and item.get("fileSuffix"):
            return str(item["fileSuffix"])
    return ".py"


def _text(path: str) -> str:
    """The content of a dependency file; raises `Failure` (usage)."""
    if "://" in path:
        raise Failure(f"--dependencies {path}: a URL is no file; download it first", Exit.USAGE)
    try:
        with Path(path).open("rb") as file:
            content = file.read(_DEPENDENCIES_LIMIT + 1)
        if len(content) > _DEPENDENCIES_LIMIT:
            raise Failure(f"--dependencies {path} has more than 1 MiB", Exit.USAGE)
        return content.decode()
    except UnicodeDecodeError as error:
        raise Failure(f"--dependencies {path} is not text", Exit.USAGE) from error
    except OSError as error:
        raise Failure(
            f"--dependencies {path}: {error.strerror}",
            Exit.USAGE,
            hint="it names a file, for example requirements.txt, whose content is sent",
        ) from error


def check_handler(handler: str, bundle: source.Bundle) -> None:
    """Pass if the handler's file is there; raises `Failure` (usage) that names what would be.

    Whether the function in it exists can only be guessed from here (code can make names), so a miss is a warning.
    """
    module, _, function = handler.rpartition(".")
    there = source.modules(bundle)
    example = f"{there[0]}.{_candidates(bundle, there[0])[0]}" if there else "hello.handler"
    if not module or not function:
        raise Failure(
            f"--handler {handler!r} is not MODULE.FUNCTION",
            Exit.USAGE,
            hint=f"--handler {example} passes",
        )
    if module not in there:
        raise Failure(
            f"--handler {handler}: no file {module.replace('.', '/')}.* among {_some(list(bundle.files))}",
            Exit.USAGE,
            hint=f"--handler {example} passes, or the file under that name" if there else "",
        )
    names = _candidates(bundle, module, only_certain=True)
    if names and function not in names:
        warn(f"{module} defines {_some(names)}, but not {function} (--handler {handler})")


def _candidates(bundle: source.Bundle, module: str, *, only_certain: bool = False) -> list[str]:
    """Names a Python module binds at its top, functions first; without certainty a guess or nothing."""
    guess = [] if only_certain else ["handler"]
    stem = module.replace(".", "/")
    content = bundle.files.get(f"{stem}.py") or bundle.files.get(f"{stem}/__init__.py")
    if content is None:
        return guess
    try:
        body = ast.parse(content).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return guess
    defined = [
        item.name for item in body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    simple = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Import, ast.Expr)
    if only_certain and not all(isinstance(item, simple) for item in body):
        # Assignments, conditions and star imports bind names in ways that are not worth guessing.
        return []
    return defined or guess


def _some(names: list[str]) -> str:
    shown = ", ".join(sorted(names)[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown  # noqa: PLR2004 - the 5 above
