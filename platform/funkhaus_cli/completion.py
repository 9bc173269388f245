"""Completion of what only the API server knows, in a bounded time and without ever saying a word of complaint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from click.shell_completion import CompletionItem, get_completion_class

from funkhaus_cli.failure import Failure
from funkhaus_cli.options import Name
from funkhaus_cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    import click

SECONDS = 0.8
"""For one answer; at most two are needed (whose token, then the list)."""
SHELLS = ("bash", "zsh", "fish")
_LIMIT = 200


class Completed(Name):
    """A name that is completed from a list of the API server's; `key` is the field that holds it."""

    def __init__(self, ask: Callable[[Session], Any], key: str = "name", note: str = "") -> None:
        self._ask, self._key, self._note = ask, key, note

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Names that begin with what is typed; none when the server does not answer in time."""
        del param
        session = ctx.find_object(Session)
        if session is None:
            return []
        try:
            token = session.settings.token()
            session.api = session.client(
                token.value if token else "", seconds=SECONDS, again_after=()
            )
            items = self._ask(session).get("items") or []
        except (Failure, AttributeError):
            return []
        return [
            CompletionItem(str(item[self._key]), help=str(item.get(self._note) or "") or None)
            for item in items[:_LIMIT]
            if isinstance(item, dict) and str(item.get(self._key, "")).startswith(incomplete)
        ]


FUNCTION = Completed(lambda session: session.api.get(session.path("functions")))
CRON_TRIGGER = Completed(lambda session: session.api.get(session.path("cronjobtriggers")))
TRIGGER = Completed(lambda session: session.api.get(session.path("httptriggers")))
NAMESPACE = Completed(lambda session: session.api.get(session.tenant_path("namespaces")))
RUNTIME = Completed(lambda session: session.api.get("/v1/runtimes"), key="id", note="status")
TENANT = Completed(lambda session: session.api.get("/v1/tenants"), key="id", note="displayName")

MEMBER = Completed(lambda session: _members(session.api.get(session.tenant_path("members"))))
INVITATION = Completed(
    lambda session: session.api.get(session.tenant_path("invitations")), key="id", note="email"
)


def _members(answer: Any) -> Any:  # noqa: ANN401 - JSON
    """By address, which people know, where the provider checked one."""
    return {
        "items": [
            {"name": item.get("email") or item["user"], "note": item.get("role")}
            for item in answer["items"]
        ]
    }


def script(root: click.Command, shell: str) -> str:
    """The script a shell reads to complete `funkhaus`; raises `Failure` for a shell that can't."""
    made = get_completion_class(shell)
    if made is None:
        raise Failure(f"no completion for {shell}; there is: {', '.join(SHELLS)}")
    return made(root, {}, "funkhaus", "_FUNKHAUS_COMPLETE").source()
