"""Where `funkhaus` begins, and the only place that turns an end into an exit code."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import click

from funkhaus_cli import settings

# Verbs of other nouns.
from funkhaus_cli.commands import (  # noqa: F401 - they add themselves to nouns
    calls,
    deployment,
    load,
    policy_activations,
    policy_impact,
    promotion,
    quota_requests,
    revisions,
    tenant_requests,
    transfer,
)
from funkhaus_cli.commands.account import completion, version, whoami
from funkhaus_cli.commands.admin_tokens import admin_token
from funkhaus_cli.commands.approvals import approval
from funkhaus_cli.commands.audit import audit
from funkhaus_cli.commands.autoscale import autoscale
from funkhaus_cli.commands.builds import build
from funkhaus_cli.commands.contexts import config
from funkhaus_cli.commands.entitlements import host_suffix
from funkhaus_cli.commands.functions import function
from funkhaus_cli.commands.grants import grant
from funkhaus_cli.commands.invitations import invitation
from funkhaus_cli.commands.kubeconfig import kubeconfig, kubectl_credential
from funkhaus_cli.commands.login import login, logout
from funkhaus_cli.commands.members import member
from funkhaus_cli.commands.namespaces import namespace
from funkhaus_cli.commands.plans import plan
from funkhaus_cli.commands.policy import policy
from funkhaus_cli.commands.quotas import quota
from funkhaus_cli.commands.runtimes import runtime
from funkhaus_cli.commands.service_accounts import service_account
from funkhaus_cli.commands.sessions import session
from funkhaus_cli.commands.tenants import tenant
from funkhaus_cli.commands.tokens import token
from funkhaus_cli.commands.triggers import trigger
from funkhaus_cli.commands.users import user
from funkhaus_cli.failure import MEANINGS, Exit, Failure, plain
from funkhaus_cli.options import Noun, connection, show_examples
from funkhaus_cli.session import Session
from funkhaus_cli.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAM = "funkhaus"
WIDTH = 100
DEBUG = "FUNKHAUS_DEBUG"
EXAMPLES = (
    "funkhaus function deploy hello -r python3.11 --handler hello.handler -f hello.py --wait",
    "funkhaus trigger http create hello --function-name hello",
    "funkhaus function call hello",
)


class House(Noun):
    """The root: whatever happens below it ends in one block on stderr and a documented exit code."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: FBT001, FBT002 - click's signature
        **extra: Any,  # noqa: ANN401 - click's signature
    ) -> NoReturn:
        """Run and exit."""
        del standalone_mode
        session = extra.setdefault("obj", Session(settings.environment()))
        try:
            code = super().main(
                args, prog_name or PROGRAM, complete_var, standalone_mode=False, **extra
            )
            sys.stdout.flush()
        except click.ClickException as error:
            error.show()
            code = error.exit if isinstance(error, Failure) else error.exit_code
        except click.Abort:
            click.echo("Interrupted.", err=True)
            code = Exit.INTERRUPTED
        except BrokenPipeError:
            _forget_stdout()
            code = Exit.PIPE_CLOSED
        except Exception as error:
            if session.environ.get(DEBUG):
                raise
            click.echo(
                f"Error: a fault in this program: {type(error).__name__}: {plain(str(error), 300)}\n"
                f"Hint: {DEBUG}=1 shows where; please report it",
                err=True,
            )
            code = Exit.REFUSED
        sys.exit(int(code) if isinstance(code, int) else Exit.OK)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's
        """Run a command; that nobody reads its output any more is no fault (click would make it exit code 1)."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            _forget_stdout()
            ctx.exit(Exit.PIPE_CLOSED)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """A first session, and what the exit codes mean."""
        del ctx
        show_examples(EXAMPLES, formatter)
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(int(code)), meaning) for code, meaning in MEANINGS.items()])


def _forget_stdout() -> None:
    """Nobody reads any more: let the interpreter flush into nothing on its way out."""
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):
        return
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


@click.group(
    PROGRAM,
    cls=House,
    aliases={
        "fn": "function",
        "functions": "function",
        "ns": "namespace",
        "namespaces": "namespace",
        "sa": "serviceaccount",
        "members": "member",
        "invitations": "invitation",
        "grants": "grant",
        "approvals": "approval",
        "sessions": "session",
        "users": "user",
    },
    context_settings={"help_option_names": ["--help", "-h"], "max_content_width": WIDTH},
)
@click.version_option(VERSION, "--version", prog_name=PROGRAM, message="%(prog)s %(version)s")
@connection(hidden=False)
@click.pass_context
def main(context: click.Context) -> None:
    """Functions with house rules, from the command line.

    The flags below may stand anywhere on the line; `funkhaus config` keeps them under a name.
    """
    session = context.find_object(Session)
    if session is not None:
        context.color = session.settings.colour


for command in (
    function, build, trigger, autoscale, runtime, policy, approval, namespace, quota, plan, tenant, member, invitation,
    host_suffix, user, token, admin_token, service_account,
    grant, audit, config, login, logout, session, whoami, kubeconfig, kubectl_credential, version, completion,
):  # fmt: skip
    main.add_command(command)

if __name__ == "__main__":
    main()
