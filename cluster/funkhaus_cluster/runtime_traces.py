"""What pods leave on the machine when the processes that would have tidied up are gone: mounts, links, leases, sockets."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from funkhaus_cluster import node, processes
from funkhaus_cluster.network import CNI_NETWORK

if TYPE_CHECKING:
    from funkhaus_cluster.settings import Settings
    from funkhaus_cluster.site import Site

CNI_RESULTS = Path("/var/lib/cni/results")
CONTAINER_LOG_LINKS = Path("/var/log/containers")
DEVICE_PLUGINS = Path("/var/lib/kubelet/device-plugins")
SHIM_SOCKETS = Path("/run/containerd/s")
SHIM = "containerd-shim-runc-v2"
LINK_SECONDS = 5.0


def sweep(site: Site) -> None:
    """Remove all of it. Only when no pod and no containerd of ours runs."""
    settings = site.settings
    end_shims(settings)
    remove_shim_sockets(settings)
    unmount_below(settings.state)
    for name in ("containerd", "runc"):
        shutil.rmtree(settings.run / name, ignore_errors=True)
    remove_port_mappings(site)
    remove_links(site)
    for lease in (settings.data("cni") / CNI_NETWORK).glob("*"):
        lease.unlink()
    remove_cni_results()
    for link in CONTAINER_LOG_LINKS.glob("*"):
        if link.is_symlink() and link.readlink().is_relative_to(settings.state):
            link.unlink()
    # kubelet's folder for device plugins is the one place its --root-dir does not move.
    for file in ("kubelet.sock", "kubelet_internal_checkpoint"):
        (DEVICE_PLUGINS / file).unlink(missing_ok=True)
    for folder in (
        DEVICE_PLUGINS,
        DEVICE_PLUGINS.parent,
        CONTAINER_LOG_LINKS,
        SHIM_SOCKETS,
        SHIM_SOCKETS.parent,
    ):
        with contextlib.suppress(OSError):  # not empty: another's
            folder.rmdir()


def remove_cni_results() -> None:
    """Remove what the CNI library remembers of our pods: one file for our network, one for loopback."""
    for result in CNI_RESULTS.glob(f"{CNI_NETWORK}-*"):
        container = result.name.split("-")[1]
        (CNI_RESULTS / f"cni-loopback-{container}-lo").unlink(missing_ok=True)
        result.unlink()
    for folder in (CNI_RESULTS, CNI_RESULTS.parent):
        with contextlib.suppress(OSError):
            folder.rmdir()


def end_shims(settings: Settings) -> None:
    """End containerd's shims: they carry our mark, inherited from containerd."""
    for pid in processes.marked(settings.state):
        identity = processes.identify(pid)
        if identity is not None and processes.program(pid) == SHIM:
            processes.end(identity, grace=2.0)


def remove_shim_sockets(settings: Settings) -> None:
    """Shims listen below ``/run/containerd`` whatever their containerd's own folder is; each wrote down where."""
    tasks = settings.run / "containerd" / "io.containerd.runtime.v2.task"
    for file in tasks.glob("*/*/address"):
        with contextlib.suppress(OSError):
            Path(file.read_text().strip().removeprefix("unix://")).unlink()


def mounts_below(folder: Path, mountinfo: Path = Path("/proc/self/mountinfo")) -> list[Path]:
    """Mount points below ``folder``, the last mounted first."""
    points = [
        # The kernel writes blanks in paths as octal escapes.
        Path(line.split()[4].encode().decode("unicode_escape"))
        for line in mountinfo.read_text().splitlines()
    ]
    return [point for point in reversed(points) if point.is_relative_to(folder)]


def unmount_below(folder: Path) -> None:
    """Unmount everything below ``folder``; what is still used is detached and goes when its last user does."""
    for _ in range(3):
        points = mounts_below(folder)
        if not points:
            return
        for point in points:
            subprocess.run(
                ["umount", "--lazy", str(point)], capture_output=True, timeout=30, check=False
            )


def remove_links(site: Site) -> None:
    """Remove the host's ends of pods' veth pairs: those that carry the pod gateway's address."""
    deadline = time.monotonic() + LINK_SECONDS
    while time.monotonic() < deadline:
        links = json.loads(site.commands.output(["ip", "-json", "address", "show"]))
        ours = [
            link["ifname"]
            for link in links
            if link["ifname"].startswith("veth")
            and any(
                entry.get("local") == site.settings.pod_gateway
                for entry in link.get("addr_info", [])
            )
        ]
        if not ours:
            return
        for name in ours:
            site.commands.succeeds(["ip", "link", "delete", name])
        time.sleep(0.05)


def remove_port_mappings(site: Site) -> None:
    """Let the portmap plugin take back the rules of pods with host ports."""
    if "table ip nat" not in site.commands.output(["nft", "list", "tables"]).splitlines():
        return
    for result in CNI_RESULTS.glob(f"{CNI_NETWORK}-*"):
        try:
            said = json.loads(result.read_text())
            container, interface = said["containerId"], said["ifName"]
            mappings = said["capabilityArgs"]["portMappings"]
        except (OSError, ValueError, KeyError):
            continue
        # Without the mappings the plugin holds that there is nothing to take back.
        config = {
            "cniVersion": "1.0.0",
            "name": CNI_NETWORK,
            "type": "portmap",
            "runtimeConfig": {"portMappings": mappings},
        }
        subprocess.run(
            [f"{node.CNI_PROGRAMS}/portmap"],
            input=json.dumps(config),
            env={
                **os.environ,
                "CNI_COMMAND": "DEL",
                "CNI_CONTAINERID": container,
                "CNI_NETNS": "",
                "CNI_IFNAME": interface,
                "CNI_PATH": node.CNI_PROGRAMS,
            },
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
