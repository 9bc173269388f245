"""From what a person calls somebody to the id the API takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from funkhaus_cli.failure import Exit, Failure, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from funkhaus_cli.client import Client

AT = "@"
SHOWN = 5
"""Of several users with one address, how many are named."""


def user_id(api: Client, who: str) -> str:
    """The id of the one user whose address `who` is; an id as it is. Raises `Failure` for nobody's and for several's."""
    if AT not in who:
        return who
    address = who.casefold()
    found = [item for item in api.items("/v1/users", email=address) if item["email"] == address]
    if len(found) == 1:
        return str(found[0]["id"])
    if found:  # identity providers of whom each vouches for it
        names = ", ".join(f"{item['id']} (at {item['issuer']})" for item in found[:SHOWN])
        raise Failure(
            f"{plain(who)} is the address of {len(found)} users, {plain(names, 600)}: name an id",
            Exit.USAGE,
        )
    raise Failure(
        f"nobody who has signed in has the address {plain(who)}",
        Exit.NOT_FOUND,
        hint="people are known here once they have signed in; `funkhaus user list` shows them",
    )


def called(item: Mapping[str, Any]) -> str:
    """What people read: the name, else the address, else the provider's id."""
    return plain(str(item["displayName"] or item["email"] or item["sub"]))
