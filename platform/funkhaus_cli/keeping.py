"""Where a session's token is kept: in the system's keyring where there is one, else in a file only its owner reads.

The keyring is used when the library ``keyring`` is installed (`pip install funkhaus[keyring]`) and finds a real one.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from funkhaus_cli.failure import Exit, Failure

if TYPE_CHECKING:
    from collections.abc import Mapping

SERVICE = "funkhaus"
NO_KEYRING = "FUNKHAUS_NO_KEYRING"
_FILE_LIMIT = 4096
_OTHERS = 0o077


def _keyring(environ: Mapping[str, str]) -> Any:  # noqa: ANN401 - an optional library
    """The library with a real backend behind it, or ``None``."""
    if environ.get(NO_KEYRING):
        return None
    try:
        import keyring  # noqa: PLC0415 - optional, and slow to import
        from keyring.backends import fail, null  # noqa: PLC0415 - slow to import, and most commands need none
    except ImportError:
        return None
    held = keyring.get_keyring()
    return None if isinstance(held, fail.Keyring | null.Keyring) else keyring


class Keeper:
    """Keeps one token per API server and context. `folder` is the contexts file's."""

    def __init__(self, environ: Mapping[str, str], folder: Path, api: str, context: str) -> None:
        self._environ = environ
        self._account = f"{context}@{api}"
        digest = hashlib.sha256(self._account.encode()).hexdigest()[:16]
        self._path = folder / "sessions" / f"{digest}.token"

    def keep(self, token: str) -> str:
        """Keep it; where. Raises `Failure`."""
        ring = _keyring(self._environ)
        if ring is not None:
            try:
                ring.set_password(SERVICE, self._account, token)
            except Exception:  # noqa: BLE001 - whatever a locked or broken keyring raises: there is the file
                ring = None
        if ring is not None:
            self._path.unlink(missing_ok=True)
            return "the keyring"
        self._write(token)
        return str(self._path)

    def _write(self, token: str) -> None:
        """At once or not at all, and never readable by anybody else."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor, draft = tempfile.mkstemp(dir=self._path.parent, prefix=".token-")  # 0600
            with os.fdopen(descriptor, "w") as file:
                file.write(token + "\n")
            Path(draft).replace(self._path)
        except OSError as error:
            raise Failure(f"{self._path} can't be written: {error.strerror}") from error

    def kept(self) -> tuple[str, str] | None:
        """The token and where it was, or ``None``. Raises `Failure` for a file others can read."""
        try:
            with self._path.open(encoding="ascii") as file:
                if os.fstat(file.fileno()).st_mode & _OTHERS:
                    raise Failure(
                        f"{self._path} can be read by others and is not used",
                        Exit.NOT_ALLOWED,
                        hint="`funkhaus logout`, then `funkhaus login`",
                    )
                return file.read(_FILE_LIMIT).strip(), str(self._path)
        except FileNotFoundError:
            pass
        except (OSError, UnicodeDecodeError) as error:
            raise Failure(f"{self._path} can't be read: {error}", Exit.NOT_ALLOWED) from error
        ring = _keyring(self._environ)
        try:
            text = ring.get_password(SERVICE, self._account) if ring is not None else None
        except Exception:  # noqa: BLE001 - a locked keyring holds nothing for us
            text = None
        return (str(text), "the keyring") if text else None

    def forget(self) -> None:
        """Keep it no longer; nothing kept is no fault."""
        self._path.unlink(missing_ok=True)
        ring = _keyring(self._environ)
        try:
            if ring is not None and ring.get_password(SERVICE, self._account):
                ring.delete_password(SERVICE, self._account)
        except Exception as error:
            raise Failure(f"the keyring did not forget the token: {error}") from error
