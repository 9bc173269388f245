"""``down``: end every process of ours in order, then remove what they and the kernel still hold."""

from __future__ import annotations

import json
import shlex
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from funkhaus_cluster import (
    atomic,
    cgroups,
    network,
    postgres,
    processes,
    records,
    runtime_traces,
)
from funkhaus_cluster.settings import BRIDGE, NETPOL_TABLE, NFT_TABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from funkhaus_cluster.site import Site

# These serve the others and end after them, in this order.
LAST = ("containerd", "registry", "postgres", "kube-apiserver", "etcd")
GRACE_SECONDS = 15.0
# Tables the iptables program makes as soon as it is used, here by the portmap plugin.
IPTABLES_TABLES = tuple(
    f"{family} {table}" for family in ("ip", "ip6") for table in ("nat", "filter", "mangle", "raw")
)
PORTMAP_CHAINS = ("CNI-HOSTPORT-DNAT", "CNI-HOSTPORT-SETMARK", "CNI-HOSTPORT-MASQ")
KUBE_PROXY_TABLES = ("ip kube-proxy", "ip6 kube-proxy")


def stop_all(site: Site, order: Sequence[str]) -> None:
    """End every recorded part, pods before their containerd, etcd last."""
    recorded = records.names(site.settings.run)
    unknown = [name for name in recorded if name not in order]
    first = [name for name in (*unknown, *order) if name in recorded and name not in LAST]
    with ThreadPoolExecutor(max_workers=8) as pool:
        ended = list(pool.map(lambda name: _stop(site, name), first))
    site.progress.say(f"ok parts ended: {_names(first, ended)}")
    killed = cgroups.kill_members()
    site.progress.say(f"ok pods ended: {killed} processes")
    last = [name for name in LAST if name in recorded]
    ended = [_stop(site, name) for name in last]
    site.progress.say(f"ok parts ended: {_names(last, ended)}")
    _end_marked(site)


def remove_traces(site: Site) -> None:
    """Remove mounts, links, rules, cgroups and kernel settings."""
    cgroups.kill_members()
    runtime_traces.sweep(site)
    cgroups.remove()
    settings, commands = site.settings, site.commands
    network.withdraw_forwarding(settings, commands)
    remove_tables(site)
    commands.succeeds(["ip", "link", "delete", BRIDGE])
    network.restore_kernel_settings(settings)
    shutil.rmtree(settings.run, ignore_errors=True)
    site.progress.say("ok mounts, links, rules and cgroups removed")


def purge(site: Site) -> None:
    """Remove state, cache, the database's user and what the checkout's ``.local`` was given."""
    settings = site.settings
    postgres.remove_user(site)
    for folder in (settings.state, settings.cache):
        if runtime_traces.mounts_below(folder):
            runtime_traces.unmount_below(folder)
        shutil.rmtree(folder, ignore_errors=True)
    for name in ("dev", "env"):
        (settings.local / name).unlink(missing_ok=True)
    shutil.rmtree(settings.local / "bin", ignore_errors=True)
    site.progress.say(f"ok removed {settings.state} and {settings.cache}")


def remember_tables(site: Site) -> None:
    """Write down, once, which nftables tables were there before us."""
    memory = site.settings.run / "nft-tables"
    if not memory.exists() and shutil.which("nft"):
        atomic.write(memory, json.dumps(_tables(site)))


def remove_tables(site: Site) -> None:
    """Remove our tables, kube-proxy's, and those of iptables that came with us and hold nothing."""
    commands = site.commands
    for table in (f"inet {NFT_TABLE}", f"inet {NETPOL_TABLE}", *KUBE_PROXY_TABLES):
        if table in _tables(site):
            commands.succeeds(["nft", "delete", "table", *table.split()])
    memory = site.settings.run / "nft-tables"
    before = json.loads(memory.read_text()) if memory.exists() else list(IPTABLES_TABLES)
    for table in set(_tables(site)) & set(IPTABLES_TABLES):
        _remove_portmap_chains(site, table)
        if table not in before and _is_empty(
            commands.output(["nft", "list", "table", *table.split()])
        ):
            commands.succeeds(["nft", "delete", "table", *table.split()])


def _remove_portmap_chains(site: Site, table: str) -> None:
    """Remove the portmap plugin's top-level chains once no pod's chain hangs on them."""
    if not table.endswith(" nat"):
        return
    program = "iptables" if table.startswith("ip ") else "ip6tables"
    listing = site.commands.output([program, "--wait", "5", "-t", "nat", "-S"]).splitlines()
    if any(line.startswith("-N CNI-DN-") for line in listing):
        return
    present = [chain for chain in PORTMAP_CHAINS if f"-N {chain}" in listing]
    for line in listing:
        words = shlex.split(line)  # comments are quoted
        if words[0] == "-A" and words[-1] in present and words[1] not in present:
            site.commands.succeeds([program, "--wait", "5", "-t", "nat", "-D", *words[1:]])
    for flag in ("-F", "-X"):
        for chain in present:
            site.commands.succeeds([program, "--wait", "5", "-t", "nat", flag, chain])


def _is_empty(listing: str) -> bool:
    """Whether a table holds base chains only, that accept everything and have no rules."""
    inside = [line.strip() for line in listing.splitlines()[1:] if not line.startswith("#")]
    return all(
        not line
        or line == "}"
        or line.startswith("chain ")
        or (line.startswith("type ") and line.endswith("policy accept;"))
        for line in inside
    )


def _tables(site: Site) -> list[str]:
    lines = site.commands.output(["nft", "list", "tables"]).splitlines()
    return [line.removeprefix("table ") for line in lines if line.startswith("table ")]


def _stop(site: Site, name: str) -> bool:
    return site.parts.stop(name, grace=GRACE_SECONDS)


def _end_marked(site: Site) -> None:
    """End what carries our mark and was never recorded."""
    for pid in processes.marked(site.settings.state):
        identity = processes.identify(pid)
        if identity is not None:
            processes.end(identity, grace=5.0)


def _names(names: Sequence[str], ended: Sequence[bool]) -> str:
    return ", ".join(name for name, ran in zip(names, ended, strict=True) if ran) or "none ran"
