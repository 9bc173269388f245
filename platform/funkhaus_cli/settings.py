"""Where the API server is, who asks and in which tenant and namespace: flag over environment over context over default.

A context is a named set of these in ``$XDG_CONFIG_HOME/funkhaus/config.yaml``. It names the file a token is in and never
holds one. Only this module reads the environment.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from funkhaus_cli.failure import Exit, Failure
from funkhaus_cli.keeping import Keeper

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_API = "http://127.0.0.1:8780"
DEFAULT_NAMESPACE = "default"
DEFAULT_CONTEXT = "default"
KEYS = ("api", "tenant", "namespace", "token-file")
"""What a context may hold."""
VARIABLES = {
    "api": "FUNKHAUS_API",
    "tenant": "FUNKHAUS_TENANT",
    "namespace": "FUNKHAUS_NAMESPACE",
}
TOKEN = "FUNKHAUS_TOKEN"  # noqa: S105 - the variable's name
_DEFAULTS = {"api": DEFAULT_API, "namespace": DEFAULT_NAMESPACE}
_FILE_LIMIT = 64 * 1024


def environment() -> dict[str, str]:
    """The process's environment."""
    return dict(os.environ)


@dataclass(frozen=True)
class Chosen:
    """A value and where it came from, for errors and `config view`."""

    value: str
    origin: str


@dataclass
class Config:
    """The contexts file."""

    path: Path
    current: str = DEFAULT_CONTEXT
    contexts: dict[str, dict[str, str]] = field(default_factory=dict)

    def save(self) -> None:
        """Write the file at once or not at all; raises `Failure`."""
        text = yaml.safe_dump(
            {"current": self.current, "contexts": self.contexts}, sort_keys=True, width=1000
        )
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                "w", dir=self.path.parent, prefix=".config-", delete=False, encoding="utf-8"
            ) as draft:
                draft.write(text)
            Path(draft.name).replace(self.path)
        except OSError as error:
            raise Failure(f"{self.path} can't be written: {error.strerror}") from error


def config_path(environ: Mapping[str, str]) -> Path:
    """Where the contexts file is; ``FUNKHAUS_CONFIG`` moves it."""
    if named := environ.get("FUNKHAUS_CONFIG"):
        return Path(named)
    home = environ.get("XDG_CONFIG_HOME") or str(
        Path(environ.get("HOME") or "~").expanduser() / ".config"
    )
    return Path(home) / "funkhaus" / "config.yaml"


def read_config(environ: Mapping[str, str]) -> Config:
    """The contexts file, empty when there is none; raises `Failure` when it isn't one."""
    path = config_path(environ)
    try:
        with path.open("rb") as file:
            text = file.read(_FILE_LIMIT + 1)
    except FileNotFoundError:
        return Config(path)
    except OSError as error:
        raise Failure(f"{path} can't be read: {error.strerror}", Exit.USAGE) from error
    if len(text) > _FILE_LIMIT:
        raise Failure(f"{path} has more than {_FILE_LIMIT} bytes", Exit.USAGE)
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise Failure(f"{path} is not YAML: {error}", Exit.USAGE) from error
    return Config(path, *_parsed({} if document is None else document, path))


def _parsed(document: Any, path: Path) -> tuple[str, dict[str, dict[str, str]]]:  # noqa: ANN401 - YAML
    contexts = document.get("contexts") if isinstance(document, dict) else None
    current = document.get("current", DEFAULT_CONTEXT) if isinstance(document, dict) else None
    well_formed = (
        isinstance(current, str)
        and isinstance(contexts, dict)
        and all(isinstance(entry, dict) for entry in contexts.values())
    )
    if document == {}:
        return DEFAULT_CONTEXT, {}
    if not well_formed or not isinstance(contexts, dict) or not isinstance(current, str):
        raise Failure(
            f"{path} is not a contexts file: it holds `current: NAME` and `contexts: {{NAME: {{api: …}}}}`",
            Exit.USAGE,
        )
    for name, entry in contexts.items():
        for key, value in entry.items():
            if key not in KEYS or not isinstance(value, str):
                raise Failure(
                    f"{path}: contexts.{name}.{key}: a context holds texts under {', '.join(KEYS)}",
                    Exit.USAGE,
                )
    return current, {str(name): dict(entry) for name, entry in contexts.items()}


@dataclass(frozen=True)
class Settings:
    """What is in effect. `given` holds the flags of this command line by key; empty text counts as absent."""

    environ: Mapping[str, str]
    given: Mapping[str, str]
    config: Config

    def choose(self, key: str) -> Chosen | None:
        """The value of ``api``, ``tenant``, ``namespace`` or ``token-file``, or ``None``."""
        if value := self.given.get(key):
            return Chosen(value, f"--{key}")
        variable = VARIABLES.get(key, "")
        if value := self.environ.get(variable, ""):
            return Chosen(value, variable)
        name = self.context
        if value := self.config.contexts.get(name, {}).get(key):
            return Chosen(value, f"context {name!r} in {self.config.path}")
        if key in _DEFAULTS:
            return Chosen(_DEFAULTS[key], "default")
        return None

    @property
    def context(self) -> str:
        """The context in effect; raises `Failure` for one that was named and isn't there."""
        named = self.given.get("context") or self.config.current
        if named not in self.config.contexts and named != DEFAULT_CONTEXT:
            known = ", ".join(sorted(self.config.contexts)) or "none"
            raise Failure(
                f"no context {named!r} in {self.config.path}; there are: {known}", Exit.USAGE
            )
        return named

    def token(self) -> Chosen | None:
        """The token, from ``--token-file``, the environment, the context's file or a session; raises `Failure`."""
        if path := self.given.get("token-file"):
            return Chosen(_token_in(Path(path), "--token-file"), f"--token-file {path}")
        if text := self.environ.get(TOKEN, "").strip():
            return Chosen(_header_safe(text, TOKEN), TOKEN)
        if chosen := self.choose("token-file"):
            path = str(Path(chosen.value).expanduser())
            return Chosen(_token_in(Path(path), chosen.origin), path)
        if kept := self.keeper.kept():
            return Chosen(_header_safe(*kept), kept[1])
        return None

    @property
    def keeper(self) -> Keeper:
        """Where the session with this API server is kept."""
        api = self.choose("api") or Chosen(DEFAULT_API, "default")
        return Keeper(self.environ, self.config.path.parent, api.value.rstrip("/"), self.context)

    @property
    def colour(self) -> bool | None:
        """``False`` when the environment asks for none; ``None`` leaves it to the terminal."""
        return False if self.environ.get("NO_COLOR") or self.environ.get("TERM") == "dumb" else None


def _token_in(path: Path, origin: str) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_FILE_LIMIT).strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise Failure(f"{origin}: {path} can't be read: {reason}", Exit.USAGE) from error
    if not text:
        raise Failure(f"{origin}: {path} is empty; it should hold one token", Exit.USAGE)
    return _header_safe(text, f"{origin}: {path}")


def _header_safe(text: str, origin: str) -> str:
    """`text` if it can stand in a header at all; whether it opens anything is the API server's to say."""
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise Failure(
            f"{origin} does not hold one token: a token is one line of letters, digits and punctuation",
            Exit.NOT_ALLOWED,
        )
    return text
