"""The node's network: a bridge that carries its address, and rules that keep pods off the host."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from funkhaus_cluster import atomic
from funkhaus_cluster.settings import BRIDGE, NFT_TABLE

if TYPE_CHECKING:
    from funkhaus_cluster.commands import Commands
    from funkhaus_cluster.settings import Settings
    from funkhaus_cluster.site import Site

CNI_NETWORK = "funkhaus"
LARGEST_MTU = 1500

# Kernel settings the node needs or kubelet sets on its own; `down` puts them back.
KERNEL_SETTINGS = (
    "net/ipv4/ip_forward",
    "net/ipv4/conf/all/forwarding",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)


def establish(site: Site) -> str:
    """Make the bridge, the rules and the CNI configuration; running it again changes nothing."""
    settings, commands = site.settings, site.commands
    remember_kernel_settings(settings)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    links = json.loads(commands.output(["ip", "-json", "address", "show"]))
    bridge = next((link for link in links if link["ifname"] == BRIDGE), None)
    if bridge is None:
        # Some kernels have no dummy links; a bridge without ports carries an address as well.
        commands.output(["ip", "link", "add", BRIDGE, "type", "bridge"])
    held = {entry["local"] for entry in (bridge or {}).get("addr_info", [])}
    if settings.node_address not in held:
        commands.output(["ip", "address", "add", f"{settings.node_address}/32", "dev", BRIDGE])
    commands.output(["ip", "link", "set", BRIDGE, "up"])
    commands.output(["nft", "-f", "-"], stdin=rules(settings))
    admit_forwarding(settings, commands)
    atomic.write(settings.etc / "cni" / "10-funkhaus.conflist", cni_config(settings, _mtu(links)))
    return f"{BRIDGE} {settings.node_address}"


def rules(settings: Settings) -> str:
    """The nftables table of our own, replaced as a whole in one transaction.

    Pods reach nothing of the host but DNS and the waker: not the apiserver, kubelet, registry, Postgres, nor what
    else the machine runs. The waker answers nobody else but the host itself.
    The second way in, an address a pod made up or IPv6's link-local ones, is
    closed by matching the interface as well.
    """
    pods, node, waker = settings.pod_network, settings.node_address, settings.ports.waker
    return f"""\
table inet {NFT_TABLE}
delete table inet {NFT_TABLE}
table inet {NFT_TABLE} {{
  chain from_pods {{
    ip daddr {node} udp dport 53 accept
    ip daddr {node} tcp dport 53 accept
    ip daddr {node} tcp dport {waker} accept
    counter drop comment "a pod may reach nothing of the host but DNS and the waker"
  }}
  chain input {{
    type filter hook input priority filter - 5; policy accept;
    iifname "lo" accept
    ct state established,related accept
    ip saddr {pods} jump from_pods
    iifname "veth*" jump from_pods
    tcp dport {waker} counter drop comment "the waker is for pods and the ingress controller"
  }}
  chain prerouting {{
    type filter hook prerouting priority raw; policy accept;
    iifname "veth*" meta nfproto ipv4 fib saddr . iif oif missing counter drop comment "not this pod's address"
  }}
  chain postrouting {{
    type nat hook postrouting priority srcnat + 5; policy accept;
    ip saddr {pods} ip daddr != {pods} masquerade
  }}
}}
"""


def cni_config(settings: Settings, mtu: int) -> str:
    """ptp, not bridge: every packet between two pods is routed, so it passes the host's forward hook, where policy is."""
    content = {
        "cniVersion": "1.0.0",
        "name": CNI_NETWORK,
        "plugins": [
            {
                "type": "ptp",
                "ipMasq": False,
                "mtu": mtu,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": settings.pod_network}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                    "dataDir": str(settings.data("cni")),
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True},
        ],
    }
    return json.dumps(content, indent=2) + "\n"


def remember_kernel_settings(settings: Settings) -> None:
    """Write down the kernel settings as found, once: a second `up` must not take our own values for the machine's."""
    memory = settings.run / "kernel-settings"
    if memory.exists():
        return
    found = {
        name: (Path("/proc/sys") / name).read_text().strip()
        for name in KERNEL_SETTINGS
        if (Path("/proc/sys") / name).exists()
    }
    atomic.write(memory, json.dumps(found))


def restore_kernel_settings(settings: Settings) -> None:
    """Put the kernel settings back as they were found."""
    memory = settings.run / "kernel-settings"
    if not memory.exists():
        return
    for name, value in json.loads(memory.read_text()).items():
        path = Path("/proc/sys") / name
        if path.exists() and path.read_text().strip() != value:
            path.write_text(value)
    memory.unlink()


def admit_forwarding(settings: Settings, commands: Commands) -> None:
    """Where another program set iptables' FORWARD policy to DROP (Docker does), let pod traffic pass."""
    for rule in forwarding_rules(settings, commands, wanted=True):
        commands.output(["iptables", "--wait", "5", "-I", *rule])


def withdraw_forwarding(settings: Settings, commands: Commands) -> None:
    """Take back what ``admit_forwarding`` added."""
    for rule in forwarding_rules(settings, commands, wanted=False):
        commands.output(["iptables", "--wait", "5", "-D", *rule])


def forwarding_rules(
    settings: Settings, commands: Commands, *, wanted: bool
) -> list[tuple[str, ...]]:
    """The rules to insert (``wanted``: where the policy drops and they are missing) or to delete (where they stand)."""
    # Asking through nft first: the iptables program would create its tables by looking.
    tables = commands.output(["nft", "list", "tables"])
    if "table ip filter" not in tables.splitlines():
        return []
    listing = commands.output(["iptables", "--wait", "5", "-S", "FORWARD"]).splitlines()
    rules_ours: list[tuple[str, ...]] = [
        (
            "FORWARD",
            flag,
            settings.pod_network,
            "-m",
            "comment",
            "--comment",
            "funkhaus",
            "-j",
            "ACCEPT",
        )
        for flag in ("-s", "-d")
    ]
    standing: list[tuple[str, ...]] = [
        rule
        for rule in rules_ours
        if any(f"{rule[1]} {rule[2]} " in line and "funkhaus" in line for line in listing)
    ]
    if not wanted:
        return standing
    if "-P FORWARD DROP" not in listing:
        return []
    return [rule for rule in rules_ours if rule not in standing]


def _mtu(links: list[dict[str, object]]) -> int:
    sizes = [
        int(str(link["mtu"]))
        for link in links
        if link.get("operstate") == "UP"
        and str(link["ifname"]) not in {"lo", BRIDGE}
        and not str(link["ifname"]).startswith("veth")
    ]
    return min([*sizes, LARGEST_MTU])
