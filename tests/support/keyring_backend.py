"""A keyring for the library ``keyring``, in a file that a test can read: chosen by ``PYTHON_KEYRING_BACKEND``."""

from __future__ import annotations

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError

FILE, TROUBLE = "KEYRING_FILE", "KEYRING_TROUBLE"
NAME = f"{__name__}.FileKeyring"


def held(path: Path) -> dict[str, str]:
    """Service and account to secret."""
    found: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    return found


class FileKeyring(KeyringBackend):
    """`KEYRING_TROUBLE` is what goes wrong: ``locked`` for everything, ``delete`` for that alone."""

    priority = 1.0

    def get_password(self, service: str, username: str) -> str | None:
        self._unlocked()
        return held(self._path).get(f"{service}/{username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        self._unlocked()
        self._path.write_text(json.dumps(held(self._path) | {f"{service}/{username}": password}))

    def delete_password(self, service: str, username: str) -> None:
        self._unlocked()
        if os.environ.get(TROUBLE) == "delete":
            raise PasswordDeleteError("not today")
        kept = held(self._path)
        del kept[f"{service}/{username}"]
        self._path.write_text(json.dumps(kept))

    @property
    def _path(self) -> Path:
        return Path(os.environ[FILE])

    def _unlocked(self) -> None:
        if os.environ.get(TROUBLE) == "locked":
            raise KeyringLocked("nobody unlocked it")
