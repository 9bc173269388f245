"""containerd, kubelet, kube-proxy and the policy engine: what makes the machine a node."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from funkhaus_cluster import atomic
from funkhaus_cluster.parts import Part
from funkhaus_cluster.probes import HttpProbe, UnixProbe
from funkhaus_cluster.settings import CGROUP, CLUSTER_DOMAIN, NODE_NAME

if TYPE_CHECKING:
    from pathlib import Path

    from funkhaus_cluster.settings import Settings
    from funkhaus_cluster.site import Site

PAUSE_IMAGE = "funkhaus.local/pause:1"
CNI_PROGRAMS = "/usr/lib/cni"


def socket(settings: Settings) -> Path:
    """Containerd's socket; unix socket paths end at 107 characters."""
    return settings.run / "containerd.sock"


def parts(site: Site) -> list[Part]:
    """The table of parts."""
    return [containerd(site), kubelet(site), kube_proxy(site), netpol(site)]


def containerd(site: Site) -> Part:
    """Debian's containerd with folders and a socket of our own: a system-wide one is not touched."""
    settings = site.settings
    config = settings.etc / "containerd.toml"
    return Part(
        name="containerd",
        argv=("/usr/bin/containerd", "--config", str(config), "--log-level", "warn"),
        needs=("packages", "network", "node files", "cgroups"),
        watches=(config,),
        ready=UnixProbe(socket(settings)),
    )


def kubelet(site: Site) -> Part:
    """The node agent, under a cgroup of our own."""
    settings, pki = site.settings, site.pki
    config = settings.etc / "kubelet.json"
    return Part(
        name="kubelet",
        argv=(
            site.program("kubelet"),
            f"--config={config}",
            f"--kubeconfig={settings.kubeconfig('kubelet')}",
            f"--root-dir={settings.data('kubelet')}",
            f"--hostname-override={NODE_NAME}",
            f"--node-ip={settings.node_address}",
            "--v=1",
        ),
        # No pod runs before the rules that bind it.
        needs=("start containerd", "start kube-apiserver", "start netpol", "pause image"),
        ports=((settings.node_address, settings.ports.kubelet),),
        watches=(config, settings.kubeconfig("kubelet"), pki.certificate("kubelet-serving")),
        ready=HttpProbe(f"http://127.0.0.1:{settings.ports.kubelet_health}/healthz"),
        stop_seconds=30,
    )


def kube_proxy(site: Site) -> Part:
    """Services, as nftables rules."""
    settings = site.settings
    identity = settings.kubeconfig("kube-proxy")
    return Part(
        name="kube-proxy",
        argv=(
            site.program("kube-proxy"),
            "--proxy-mode=nftables",
            f"--kubeconfig={identity}",
            f"--hostname-override={NODE_NAME}",
            f"--cluster-cidr={settings.pod_network}",
            # Leave the machine's connection tracking as it is.
            "--conntrack-max-per-core=0",
            "--conntrack-tcp-timeout-established=0",
            "--conntrack-tcp-timeout-close-wait=0",
            f"--healthz-bind-address=127.0.0.1:{settings.ports.proxy_health}",
            f"--metrics-bind-address=127.0.0.1:{settings.ports.proxy_metrics}",
            "--v=1",
        ),
        needs=("start kube-apiserver", "node object"),
        ports=(("127.0.0.1", settings.ports.proxy_health),),
        watches=(identity,),
        ready=HttpProbe(f"http://127.0.0.1:{settings.ports.proxy_health}/livez"),
    )


def netpol(site: Site) -> Part:
    """NetworkPolicy, as nftables rules in the forward hook."""
    settings = site.settings
    identity = settings.kubeconfig("netpol")
    address = f"127.0.0.1:{settings.ports.netpol}"
    return Part(
        name="netpol",
        argv=(
            site.program("netpol"),
            f"--kubeconfig={identity}",
            f"--pod-cidr={settings.pod_network}",
            f"--health={address}",
        ),
        needs=("cluster manifests",),
        ports=(("127.0.0.1", settings.ports.netpol),),
        watches=(identity,),
        ready=HttpProbe(f"http://{address}/healthz"),
    )


def write_files(site: Site) -> str:
    """Render what containerd, the CNI plugins and kubelet read."""
    settings = site.settings
    atomic.write(settings.etc / "containerd.toml", containerd_config(settings))
    atomic.write(
        settings.etc / "registries" / settings.registry / "hosts.toml", registry_hosts(settings)
    )
    kubelet_json = json.dumps(kubelet_config(site), indent=2) + "\n"
    atomic.write(settings.etc / "kubelet.json", kubelet_json)
    # Pods resolve through CoreDNS alone; the node's own search domains are none of their business.
    atomic.write(settings.etc / "resolv.conf", f"nameserver {settings.dns_address}\n")
    for name in ("kubelet", "containerd", "cni"):
        settings.data(name).mkdir(parents=True, exist_ok=True)
    return "written"


def containerd_config(settings: Settings) -> str:
    """Containerd 1.6, configuration version 2."""
    return f"""\
version = 2
root = "{settings.data("containerd")}"
state = "{settings.run / "containerd"}"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp",
]

[grpc]
address = "{socket(settings)}"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE_IMAGE}"
# Without CAP_SYS_RESOURCE a sandbox that asks for a lower OOM score than its parent's dies.
restrict_oom_score_adj = true
# Below our own folder, so that `down` knows which network namespaces are ours.
netns_mounts_under_state_dir = true
stream_server_address = "127.0.0.1"
max_container_log_line_size = 16384

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{CNI_PROGRAMS}"
conf_dir = "{settings.etc / "cni"}"
max_conf_num = 1

[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "{settings.etc / "registries"}"

[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
default_runtime_name = "runc"
discard_unpacked_layers = true

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
Root = "{settings.run / "runc"}"
"""


def registry_hosts(settings: Settings) -> str:
    """The local registry speaks plain http on loopback."""
    return (
        f'server = "http://{settings.registry}"\n\n'
        f'[host."http://{settings.registry}"]\ncapabilities = ["pull", "resolve"]\n'
    )


def kubelet_config(site: Site) -> dict[str, object]:
    """KubeletConfiguration, as JSON is."""
    settings, pki = site.settings, site.pki
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": settings.node_address,
        "port": settings.ports.kubelet,
        "healthzBindAddress": "127.0.0.1",
        "healthzPort": settings.ports.kubelet_health,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True, "cacheTTL": "10s"},
            "x509": {"clientCAFile": str(pki.certificate("ca"))},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(pki.certificate("kubelet-serving")),
        "tlsPrivateKeyFile": str(pki.key("kubelet-serving")),
        "clusterDomain": CLUSTER_DOMAIN,
        "clusterDNS": [settings.dns_address],
        "resolvConf": str(settings.etc / "resolv.conf"),
        "containerRuntimeEndpoint": f"unix://{socket(settings)}",
        "podLogsDir": str(settings.log / "pods"),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{CGROUP}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "oomScoreAdj": 0,
        "makeIPTablesUtilChains": False,
        "protectKernelDefaults": False,
        "maxPods": 250,
        "serializeImagePulls": False,
        # A developer's disk is often nearly full: evict only when the machine itself would suffer.
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "1%",
            "nodefs.inodesFree": "1%",
            "imagefs.available": "1%",
        },
        "imageGCHighThresholdPercent": 97,
        "imageGCLowThresholdPercent": 95,
        "containerLogMaxSize": "10Mi",
        "containerLogMaxFiles": 2,
        "logging": {"format": "text"},
    }
