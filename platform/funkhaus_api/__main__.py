"""``python -m funkhaus_api [serve | migrate | recount | bootstrap-admin]``: settings from the environment; SIGTERM ends."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

import uvloop
from aiohttp import web

from funkhaus import collector, logs
from funkhaus.domain.errors import FunkhausError, UnavailableError
from funkhaus.factory import SystemClock, opened_stores, policy_feed
from funkhaus.policy.folder import read_folder
from funkhaus.services.acts import Acts
from funkhaus.services.policies import PolicyService
from funkhaus.settings import Api, load
from funkhaus.storage import migrate, process_login
from funkhaus_api.addresses import Proxies
from funkhaus_api.app import create_app
from funkhaus_api.assembly import NAME, assembled
from funkhaus_api.bootstrap import bootstrap_admin
from funkhaus_api.keys import Limits

MISCONFIGURED = 2
KEEPALIVE_SECONDS = 75.0
SHUTDOWN_SECONDS = 30.0
"""For requests under way when the process is told to end; a followed log is cut."""
_LOG = logs.logger("funkhaus_api")


async def serve(settings: Api) -> None:
    """Answer until told to end."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    proxies = Proxies.parse(settings.trusted_proxies)
    async with assembled(settings) as services:
        try:
            await services.stores.warm()
        except UnavailableError as error:
            _LOG.warning("not warm", error=error.message)
        collector.settle()
        app = create_app(
            services,
            Limits(
                settings.body_limit,
                settings.request_timeout,
                settings.requests_per_minute,
                settings.failed_sign_ins_per_minute,
            ),
            proxies,
        )
        runner = web.AppRunner(
            app,
            access_log=None,  # the middlewares log, with the subject and without the query string
            auto_decompress=False,  # a bomb stays packed, and a function gets the bytes that were sent
            keepalive_timeout=KEEPALIVE_SECONDS,
            shutdown_timeout=SHUTDOWN_SECONDS,
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, settings.api_host, settings.api_port).start()
            _LOG.info("serving", host=settings.api_host, port=settings.api_port)
            await stop.wait()
            _LOG.info("ending")
        finally:
            await runner.cleanup()


async def bring_up_to_date(
    settings: Api, folder: Path | None, login: str, *, old_run: bool
) -> None:
    """Migrate the database as its owner, and let in the user of the URL `login`, if there is one."""
    at = await migrate.upgrade(settings.database_url, folder, old_run=old_run)
    _LOG.info("migrated", revision=at)
    if login:
        _LOG.info("login admitted", login=await process_login.admit(settings.database_url, login))


async def publish_policies(settings: Api, folder: Path, *, first: bool) -> None:
    """Put the rules of a folder in force, unless an admin has put others there; with `first` only where none are.

    Needs nothing but the database: it comes before the processes, which are not ready without rules.
    """
    policies = read_folder(folder)
    async with opened_stores(settings, NAME) as stores:
        await stores.ready()
        service = PolicyService(stores, Acts(stores), SystemClock(), policy_feed(settings))
        changed = await service.come_with_the_release(policies, first=first)
    said = "policies in force" if changed else "policies left as they were"
    _LOG.info(said, revision=policies.revision)


async def recount(settings: Api) -> None:
    """The quota ledger from what lives in the cluster: after a restore, or when somebody doubts the books."""
    async with assembled(settings) as services:
        swept = await services.sweep.recount()
    _LOG.info("recounted", looked=swept.looked, corrected=swept.corrected, failed=swept.failed)
    if swept.failed:
        raise UnavailableError(
            f"{swept.failed} of {swept.looked} objects were not counted; run it again"
        )


def main(arguments: list[str] | None = None) -> int:
    """The exit status: 2 when settings, schema or database can't be right, with the sentence that says what would be."""
    parser = argparse.ArgumentParser(prog="python -m funkhaus_api", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("serve", help="answer requests (the default)")
    migration = commands.add_parser("migrate", help="bring the database to this release's schema")
    migration.add_argument("--migrations", type=Path, help="folder of the migrations")
    migration.add_argument(
        "--pre",
        action="store_true",
        help="only what the processes of the release before can bear; without it all, once they are gone",
    )
    migration.add_argument(
        "--login-url-file",
        type=Path,
        help="a file with the database URL processes will have: its user is made, owning nothing",
    )
    commands.add_parser("recount", help="the quota ledger from what lives in the cluster")
    publish = commands.add_parser(
        "publish-policies",
        help="put the release's own rules in force, unless an admin has put others there",
    )
    publish.add_argument("folder", type=Path, help="the folder of policy files")
    publish.add_argument(
        "--first", action="store_true", help="only where no rules are in force yet"
    )
    admin = commands.add_parser("bootstrap-admin", help="make the first platform admin's token")
    admin.add_argument("--token-file", type=Path, required=True, help="where it goes, mode 0600")
    words = parser.parse_args(arguments)
    try:
        settings = load(Api, os.environ)
        logs.configure(settings.log_level)
        if words.command == "migrate":
            login = words.login_url_file.read_text().strip() if words.login_url_file else ""
            uvloop.run(bring_up_to_date(settings, words.migrations, login, old_run=words.pre))
        elif words.command == "publish-policies":
            uvloop.run(publish_policies(settings, words.folder, first=words.first))
        elif words.command == "recount":
            uvloop.run(recount(settings))
        elif words.command == "bootstrap-admin":
            uvloop.run(bootstrap_admin(settings, words.token_file))
        else:
            uvloop.run(serve(settings))
    except FunkhausError as error:
        sys.stderr.write(f"funkhaus-api: {error.message}\n")
        return MISCONFIGURED
    except OSError as error:  # the port is taken, a file is not there
        sys.stderr.write(f"funkhaus-api: {error}\n")
        return MISCONFIGURED
    return 0


if __name__ == "__main__":
    sys.exit(main())
