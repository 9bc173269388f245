"""The first platform admin's token, into a file that only its owner reads."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from funkhaus import logs
from funkhaus.auth import KeyedMint
from funkhaus.domain.errors import InvalidError
from funkhaus.factory import SystemClock, opened_stores
from funkhaus.services.acts import Acts
from funkhaus.services.tokens import TokenService
from funkhaus_api.assembly import NAME

if TYPE_CHECKING:
    from pathlib import Path

    from funkhaus.settings import Api

_LOG = logs.logger(__name__)


async def bootstrap_admin(settings: Api, token_file: Path) -> bool:
    """Make sure `token_file` holds an admin token that opens doors; whether a new one was made.

    The file is written before the database knows the token: what is interrupted leaves a text that opens nothing and is
    replaced the next time, never a token nobody has. Raises `InvalidError` when the file can't be written.
    """
    mint = KeyedMint(settings.token_pepper)
    async with opened_stores(settings, NAME) as stores:
        await stores.ready()
        tokens = TokenService(stores, Acts(stores), mint, SystemClock())
        if (text := _read(token_file)) and await tokens.admin_token_is_valid(text):
            return False
        issued = tokens.new_admin_token()
        _write(token_file, issued.text)
        await tokens.enforce_admin_token(issued)
    _LOG.info("admin token made", token_id=issued.token.id, file=str(token_file))
    return True


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidError(f"{path} can't be read: {error}") from error


def _write(path: Path, text: str) -> None:
    """Atomically, mode 0600 from the first byte on."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise InvalidError(f"{path} can't be written: {error}") from error
