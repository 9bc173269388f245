"""etcd, kube-apiserver, kube-controller-manager and kube-scheduler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from funkhaus_cluster import atomic, kubeconfig
from funkhaus_cluster.parts import Part
from funkhaus_cluster.probes import HttpProbe

if TYPE_CHECKING:
    from pathlib import Path

    from funkhaus_cluster.site import Site

TOKEN_REVIEW_PATH = "/internal/tokenreview"  # noqa: S105 - a URL path
TOKEN_CACHE_SECONDS = 10

# Metadata of every change and of every denial; bodies never, for they hold secrets. Reads and the node's own chatter would
# drown the rest.
AUDIT_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: None
    users: ["system:kube-controller-manager", "system:kube-scheduler", "system:kube-proxy", "system:apiserver"]
  - level: None
    userGroups: ["system:nodes"]
  - level: None
    nonResourceURLs: ["/healthz*", "/livez*", "/readyz*", "/version", "/openapi/*"]
  - level: None
    resources: [{group: "coordination.k8s.io", resources: ["leases"]}]
  - level: Metadata
"""


def parts(site: Site) -> list[Part]:
    """The table of parts."""
    return [etcd(site), apiserver(site), controller_manager(site), scheduler(site)]


def etcd(site: Site) -> Part:
    """The store, on loopback, with certificates of its own authority."""
    settings, pki, ports = site.settings, site.pki, site.settings.ports
    client = f"https://127.0.0.1:{ports.etcd}"
    peer = f"http://127.0.0.1:{ports.etcd_peer}"
    return Part(
        name="etcd",
        argv=(
            site.program("etcd"),
            "--name=funkhaus-local",
            f"--data-dir={settings.data('etcd')}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=funkhaus-local={peer}",
            f"--listen-metrics-urls=http://127.0.0.1:{ports.etcd_metrics}",
            f"--cert-file={pki.certificate('etcd')}",
            f"--key-file={pki.key('etcd')}",
            f"--trusted-ca-file={pki.certificate('etcd-ca')}",
            "--client-cert-auth",
            # A cluster for one developer may lose its last second when the power fails.
            "--unsafe-no-fsync",
            "--auto-compaction-mode=periodic",
            "--auto-compaction-retention=1h",
            "--log-level=warn",
        ),
        needs=("binaries", "certificates"),
        ports=(("127.0.0.1", ports.etcd), ("127.0.0.1", ports.etcd_peer)),
        watches=(pki.certificate("etcd"),),
        ready=HttpProbe(f"http://127.0.0.1:{ports.etcd_metrics}/readyz"),
    )


def apiserver(site: Site) -> Part:
    """The API, on the node's address, which pods cannot reach."""
    settings, pki, ports = site.settings, site.pki, site.settings.ports
    etc = settings.etc
    return Part(
        name="kube-apiserver",
        argv=(
            site.program("kube-apiserver"),
            f"--bind-address={settings.node_address}",
            f"--advertise-address={settings.node_address}",
            f"--secure-port={ports.apiserver}",
            f"--etcd-servers=https://127.0.0.1:{ports.etcd}",
            f"--etcd-cafile={pki.certificate('etcd-ca')}",
            f"--etcd-certfile={pki.certificate('apiserver-etcd')}",
            f"--etcd-keyfile={pki.key('apiserver-etcd')}",
            f"--service-cluster-ip-range={settings.service_network}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            f"--client-ca-file={pki.certificate('ca')}",
            f"--tls-cert-file={pki.certificate('apiserver')}",
            f"--tls-private-key-file={pki.key('apiserver')}",
            f"--kubelet-certificate-authority={pki.certificate('ca')}",
            f"--kubelet-client-certificate={pki.certificate('apiserver-kubelet')}",
            f"--kubelet-client-key={pki.key('apiserver-kubelet')}",
            "--kubelet-preferred-address-types=InternalIP",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={settings.pki / 'service-accounts.pub'}",
            f"--service-account-signing-key-file={pki.key('service-accounts')}",
            f"--requestheader-client-ca-file={pki.certificate('front-proxy-ca')}",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            f"--proxy-client-cert-file={pki.certificate('front-proxy')}",
            f"--proxy-client-key-file={pki.key('front-proxy')}",
            # Aggregated APIs are called at their endpoint, so they answer without kube-proxy.
            "--enable-aggregator-routing=true",
            f"--authentication-token-webhook-config-file={etc / 'token-webhook.yaml'}",
            "--authentication-token-webhook-version=v1",
            f"--authentication-token-webhook-cache-ttl={TOKEN_CACHE_SECONDS}s",
            f"--admission-control-config-file={etc / 'admission.yaml'}",
            f"--audit-policy-file={etc / 'audit-policy.yaml'}",
            f"--audit-log-path={settings.log / 'audit.log'}",
            "--audit-log-maxsize=32",
            "--audit-log-maxbackup=3",
            "--audit-log-maxage=7",
            "--allow-privileged=true",
            "--profiling=false",
            "--v=1",
        ),
        needs=("network", "control plane files", "start etcd"),
        ports=((settings.node_address, ports.apiserver),),
        watches=(
            pki.certificate("apiserver"),
            pki.certificate("front-proxy"),
            pki.certificate("apiserver-kubelet"),
            pki.certificate("apiserver-etcd"),
            pki.certificate("apiserver-webhooks"),
            etc / "token-webhook.yaml",
            etc / "admission.yaml",
            etc / "admission-callers.yaml",
            etc / "audit-policy.yaml",
        ),
        ready=admin_probe(site, "/readyz"),
        start_seconds=120,
        # With its etcd gone it never ends by itself.
        stop_seconds=10,
        url=settings.apiserver_url,
    )


def controller_manager(site: Site) -> Part:
    """The controllers Kubernetes itself brings."""
    settings, pki, ports = site.settings, site.pki, site.settings.ports
    identity = settings.kubeconfig("controller-manager")
    return Part(
        name="kube-controller-manager",
        argv=(
            site.program("kube-controller-manager"),
            f"--kubeconfig={identity}",
            f"--authentication-kubeconfig={identity}",
            f"--authorization-kubeconfig={identity}",
            "--bind-address=127.0.0.1",
            f"--secure-port={ports.controller_manager}",
            f"--tls-cert-file={pki.certificate('controller-manager-serving')}",
            f"--tls-private-key-file={pki.key('controller-manager-serving')}",
            f"--cluster-cidr={settings.pod_network}",
            # host-local hands out pod addresses; there is but one node.
            "--allocate-node-cidrs=false",
            f"--service-account-private-key-file={pki.key('service-accounts')}",
            f"--root-ca-file={pki.certificate('ca')}",
            f"--cluster-signing-cert-file={pki.certificate('ca')}",
            f"--cluster-signing-key-file={pki.key('ca')}",
            f"--requestheader-client-ca-file={pki.certificate('front-proxy-ca')}",
            "--use-service-account-credentials=true",
            "--leader-elect=false",
            "--horizontal-pod-autoscaler-sync-period=10s",
            "--profiling=false",
            "--v=1",
        ),
        needs=("start kube-apiserver",),
        ports=(("127.0.0.1", ports.controller_manager),),
        watches=(identity, pki.certificate("controller-manager-serving"), pki.certificate("ca")),
        ready=HttpProbe(
            f"https://127.0.0.1:{ports.controller_manager}/healthz",
            authority=pki.certificate("ca"),
        ),
    )


def scheduler(site: Site) -> Part:
    """The scheduler of one node."""
    settings, pki, ports = site.settings, site.pki, site.settings.ports
    identity = settings.kubeconfig("scheduler")
    return Part(
        name="kube-scheduler",
        argv=(
            site.program("kube-scheduler"),
            f"--kubeconfig={identity}",
            f"--authentication-kubeconfig={identity}",
            f"--authorization-kubeconfig={identity}",
            "--bind-address=127.0.0.1",
            f"--secure-port={ports.scheduler}",
            f"--tls-cert-file={pki.certificate('scheduler-serving')}",
            f"--tls-private-key-file={pki.key('scheduler-serving')}",
            f"--requestheader-client-ca-file={pki.certificate('front-proxy-ca')}",
            "--leader-elect=false",
            "--profiling=false",
            "--v=1",
        ),
        needs=("start kube-apiserver",),
        ports=(("127.0.0.1", ports.scheduler),),
        watches=(identity, pki.certificate("scheduler-serving")),
        ready=HttpProbe(
            f"https://127.0.0.1:{ports.scheduler}/healthz", authority=pki.certificate("ca")
        ),
    )


def admin_probe(site: Site, path: str) -> HttpProbe:
    """A GET to the apiserver as the administrator."""
    return HttpProbe(
        f"{site.settings.apiserver_url}{path}",
        authority=site.pki.certificate("ca"),
        certificate=site.pki.certificate("admin"),
        key=site.pki.key("admin"),
    )


def write_files(site: Site) -> str:
    """Write the files the apiserver reads at start."""
    etc: Path = site.settings.etc
    url = f"http://127.0.0.1:{site.settings.ports.api}{TOKEN_REVIEW_PATH}"
    atomic.write(etc / "token-webhook.yaml", kubeconfig.webhook(url), mode=0o600)
    callers = etc / "admission-callers.yaml"
    certificate, key = (
        which("apiserver-webhooks") for which in (site.pki.certificate, site.pki.key)
    )
    address = f"127.0.0.1:{site.settings.ports.webhook}"
    atomic.write(callers, kubeconfig.admission_callers(address, certificate, key), mode=0o600)
    atomic.write(etc / "admission.yaml", kubeconfig.admission(callers))
    atomic.write(etc / "audit-policy.yaml", AUDIT_POLICY)
    site.settings.data("etcd").mkdir(mode=0o700, parents=True, exist_ok=True)
    return "written"
