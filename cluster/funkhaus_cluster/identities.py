"""Who is who on the node: the table of certificates and kubeconfigs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from funkhaus_cluster import kubeconfig
from funkhaus_cluster.pki import Certificate
from funkhaus_cluster.settings import CLUSTER_DOMAIN, NODE_NAME

if TYPE_CHECKING:
    from funkhaus_cluster.settings import Settings
    from funkhaus_cluster.site import Site

AUTHORITIES = ("ca", "etcd-ca", "front-proxy-ca", "xds-ca", "webhook-callers-ca")
KUBECONFIGS = (
    "admin",
    "controller-manager",
    "scheduler",
    "kubelet",
    "kube-proxy",
    "coredns",
    "metrics-server",
    "contour",
    "netpol",
)


def certificates(settings: Settings) -> tuple[Certificate, ...]:
    """Every leaf the node needs.

    etcd, the aggregation layer, webhooks and Envoy's configuration channel trust authorities of their own.
    """
    node = settings.node_address
    return (
        Certificate(
            "apiserver",
            "kube-apiserver",
            addresses=(node, settings.service_address, "127.0.0.1"),
            hosts=(
                "kubernetes",
                "kubernetes.default",
                "kubernetes.default.svc",
                f"kubernetes.default.svc.{CLUSTER_DOMAIN}",
                "localhost",
            ),
            server=True,
            client=False,
        ),
        Certificate("apiserver-kubelet", "kube-apiserver-kubelet", organization="system:masters"),
        Certificate("front-proxy", "front-proxy-client", authority="front-proxy-ca"),
        Certificate("apiserver-webhooks", "kube-apiserver", authority="webhook-callers-ca"),
        Certificate(
            "etcd", "etcd", authority="etcd-ca", addresses=("127.0.0.1",), hosts=("localhost",),
            server=True,
        ),
        Certificate("apiserver-etcd", "kube-apiserver", authority="etcd-ca"),
        Certificate(
            "kubelet-serving", f"system:node:{NODE_NAME}", organization="system:nodes",
            addresses=(node,), hosts=(NODE_NAME,), server=True, client=False,
        ),
        Certificate(
            "metrics-server-serving", "metrics-server",
            addresses=(node,), hosts=("metrics-server.kube-system.svc",), server=True, client=False,
        ),
        Certificate(
            "controller-manager-serving", "kube-controller-manager", addresses=("127.0.0.1",),
            server=True, client=False,
        ),
        Certificate(
            "scheduler-serving", "kube-scheduler", addresses=("127.0.0.1",), server=True,
            client=False,
        ),
        Certificate(
            "gateway-serving", "gateway", hosts=("gateway.projectcontour.svc",), server=True, client=False,
        ),
        Certificate("contour-xds", "contour", authority="xds-ca", hosts=("contour",), server=True),
        Certificate("envoy-xds", "envoy", authority="xds-ca", hosts=("envoy",)),
        Certificate("admin", "funkhaus-local-admin", organization="system:masters"),
        Certificate("controller-manager", "system:kube-controller-manager"),
        Certificate("scheduler", "system:kube-scheduler"),
        Certificate("kubelet", f"system:node:{NODE_NAME}", organization="system:nodes"),
        Certificate("kube-proxy", "system:kube-proxy"),
        Certificate("coredns", "funkhaus-local:coredns"),
        Certificate("metrics-server", "funkhaus-local:metrics-server"),
        Certificate("contour", "funkhaus-local:contour"),
        Certificate("netpol", "funkhaus-local:netpol"),
    )  # fmt: skip


def establish(site: Site) -> str:
    """Make or renew whatever is missing, old or says something else; say how many were made."""
    made = [name for name in AUTHORITIES if site.pki.authority(name)]
    if site.pki.signing_key("service-accounts"):
        made.append("service-accounts")
    made += [entry.name for entry in certificates(site.settings) if site.pki.issue(entry)]
    for name in KUBECONFIGS:
        kubeconfig.write(site.settings, site.pki, name)
    return f"{len(made)} made" if made else "all stand"
