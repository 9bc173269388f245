"""`funkhaus tenant export|import`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from funkhaus_cli import bundle as bundles
from funkhaus_cli.commands.tenants import tenant
from funkhaus_cli.completion import TENANT
from funkhaus_cli.failure import Exit, Failure
from funkhaus_cli.options import NAME, connection
from funkhaus_cli.progress import Progress

if TYPE_CHECKING:
    from funkhaus_cli.importing import Line
    from funkhaus_cli.session import Session


@tenant.command("export", examples=("funkhaus tenant export acme ./acme",))
@click.argument("tenant_id", metavar="ID", type=TENANT)
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@connection()
@click.pass_obj
def export(session: Session, tenant_id: str, directory: Path) -> None:
    """Write a tenant to a directory that people read and `kubectl apply` takes (owners).

    Plan, members, service accounts and quotas are in tenant.yaml, functions and triggers in a file each. Secrets are named
    and not written; tokens are neither.
    """
    from funkhaus_cli.exporting import export as read_all  # noqa: PLC0415 - httpx, see `session`

    with Progress(session.clock, session.sleep) as progress:
        found = read_all(session.api, tenant_id, progress.say)
    count = bundles.write(found, directory)
    click.echo(f"Wrote tenant {tenant_id} to {directory}: {count} files.")
    _by_hand(found, "Not in it")


@tenant.command(
    "import",
    examples=(
        "funkhaus tenant import ./acme --dry-run",
        "funkhaus tenant import ./acme --as acme2",
    ),
)
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--as", "tenant_id", metavar="ID", type=NAME, help="Into this tenant [the exported id]."
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@connection()
@click.pass_obj
def import_tenant(
    session: Session, directory: Path, *, tenant_id: str | None, dry_run: bool
) -> None:
    """Bring an exported tenant into this platform, into a new tenant or one that is there.

    Again it brings what is missing and changes what differs; nothing is taken away. People who have not signed in here are
    invited. What is not brought is listed with the reason, and the exit code is 1.
    """
    from funkhaus_cli.importing import NOT_BROUGHT, Import  # noqa: PLC0415 - httpx, see `session`

    found = bundles.read(directory)
    work = Import(session, found, tenant_id or found.id, dry_run)
    try:
        work.run()
    except Failure as failure:
        _report(work.lines)
        failure.hint = "it stopped there; the same command goes on"
        raise
    _report(work.lines)
    missing = sum(line.done == NOT_BROUGHT for line in work.lines)
    _by_hand(found, "To be made by hand")
    if dry_run:
        click.echo("Dry run: nothing was changed.", err=True)
    if missing:
        raise Failure(f"{missing} of {len(work.lines)} were not brought", Exit.REFUSED)


def _report(lines: list[Line]) -> None:
    width = max((len(line.done) for line in lines), default=0)
    for line in lines:
        words = f": {line.words}" if line.words else ""
        click.echo(f"{line.done:<{width}}  {line.what}{words}")


def _by_hand(found: bundles.Bundle, title: str) -> None:
    for item in found.head["namespaces"]:
        for key, word in (("secrets", "Secret"), ("configMaps", "ConfigMap")):
            if names := item.get(key):
                click.echo(
                    f"{title}, namespace {item['name']}: {word} {', '.join(names)}", err=True
                )
