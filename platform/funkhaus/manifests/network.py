"""Who may talk to whom: nobody, and then the few directions a function needs, one policy each.

There is no way out to the internet or into the cluster by default. DNS answers, so that what fails is the connection and
not the name, and functions of the same namespace may call each other. A way out is an admin's to open, by profile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from funkhaus.domain.function import DEFAULT_PORT, OPS_PORT
from funkhaus.domain.kinds import NETWORK_POLICY
from funkhaus.manifests import labels
from funkhaus.manifests.build import PORT as RESULT_PORT
from funkhaus.manifests.build import SOURCE
from funkhaus.manifests.labels import Owner, Site, metadata
from funkhaus.manifests.waking import COMPONENT as WAKER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from funkhaus.domain.build import Index
    from funkhaus.domain.upstream import Upstream

DNS_PORT = 53
DNS_NAMESPACE = "kube-system"
WAKER_PORT = 8750
_NAMESPACE_NAME = "kubernetes.io/metadata.name"
_EVERY_POD: dict[str, Any] = {}
_CALLERS = {"matchExpressions": [{"key": labels.CALLER, "operator": "Exists"}]}
_BUILDS = {
    "matchExpressions": [
        {"key": labels.BUILD, "operator": "Exists"},
        {"key": labels.BUILD_OF, "operator": "NotIn", "values": [SOURCE]},
    ]
}
_FETCHES = {"matchLabels": {labels.BUILD_OF: SOURCE}}
_FUNCTIONS = {"matchExpressions": [{"key": labels.FUNCTION, "operator": "Exists"}]}


def policies(
    site: Site,
    owner: Owner,
    *,
    ingress_namespace: str,
    system_namespace: str,
    dns_cidrs: Sequence[str] = (),
    index: Index | None = None,
    upstream: Upstream | None = None,
    waker_cidrs: Sequence[str] = (),
    waker_port: int = WAKER_PORT,
) -> list[dict[str, Any]]:
    """All NetworkPolicies of a tenant's namespace.

    `dns_cidrs` are addresses of DNS servers that are no pods, for example a node-local cache. `index` is where builds
    install from, `upstream` where they fetch sources from; without one they reach nothing. `waker_cidrs` are addresses
    of the waker where it is no pod.
    """
    called = [
        {"to": [{"podSelector": _FUNCTIONS}], "ports": _ports(DEFAULT_PORT)},
        # A neighbour that sleeps is called at the waker's.
        {"to": _waker(system_namespace, waker_cidrs), "ports": _ports(waker_port)},
    ]
    return [
        _policy(site, owner, "funkhaus-deny", _EVERY_POD, ingress=[], egress=[]),
        _policy(site, owner, "funkhaus-dns", _EVERY_POD, egress=[_dns(dns_cidrs)]),
        _policy(
            site,
            owner,
            "funkhaus-callers",
            _FUNCTIONS,
            ingress=[
                {
                    "from": [_namespace(name) for name in (ingress_namespace, system_namespace)],
                    "ports": _ports(DEFAULT_PORT),
                }
            ],
        ),
        _policy(
            site,
            owner,
            "funkhaus-scrape",
            _FUNCTIONS,
            ingress=[{"from": [_namespace(system_namespace)], "ports": _ports(OPS_PORT)}],
        ),
        _policy(
            site,
            owner,
            "funkhaus-neighbours",
            _FUNCTIONS,
            ingress=[
                {
                    "from": [{"podSelector": _FUNCTIONS}, {"podSelector": _CALLERS}],
                    "ports": _ports(DEFAULT_PORT),
                }
            ],
            egress=called,
        ),
        _policy(site, owner, "funkhaus-triggers", _CALLERS, egress=called),
        _policy(
            site,
            owner,
            "funkhaus-builds",
            _BUILDS,
            ingress=[{"from": [_namespace(system_namespace)], "ports": _ports(RESULT_PORT)}],
            egress=_index(index),
        ),
        _policy(
            site,
            owner,
            "funkhaus-sources",
            _FETCHES,
            ingress=[{"from": [_namespace(system_namespace)], "ports": _ports(RESULT_PORT)}],
            egress=_upstream(upstream),
        ),
    ]


def _waker(system_namespace: str, cidrs: Sequence[str]) -> list[dict[str, Any]]:
    pods = {
        **_namespace(system_namespace),
        "podSelector": {"matchLabels": {labels.COMPONENT: WAKER}},
    }
    return [pods, *({"ipBlock": {"cidr": cidr}} for cidr in cidrs)]


def _index(index: Index | None) -> list[dict[str, Any]]:
    if index is None:
        return []
    places: list[dict[str, Any]] = [{"ipBlock": {"cidr": cidr}} for cidr in index.cidrs]
    places += [_namespace(index.namespace)] if index.namespace else []
    return [{"to": places, "ports": _ports(index.port)}]


def _upstream(upstream: Upstream | None) -> list[dict[str, Any]]:
    if upstream is None:
        return []
    places: list[dict[str, Any]] = []
    for block in upstream.blocks:
        left_out = {"except": list(block.left_out)} if block.left_out else {}
        places.append({"ipBlock": {"cidr": block.cidr, **left_out}})
    places += [_namespace(upstream.namespace)] if upstream.namespace else []
    return [{"to": places, "ports": _ports(*upstream.ports)}]


def _policy(
    site: Site,
    owner: Owner,
    name: str,
    pods: dict[str, Any],
    *,
    ingress: list[dict[str, Any]] | None = None,
    egress: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    spec: dict[str, Any] = {"podSelector": pods, "policyTypes": []}
    for direction, rules in (("ingress", ingress), ("egress", egress)):
        if rules is not None:
            spec["policyTypes"].append(direction.capitalize())
            if rules:
                spec[direction] = rules
    return {
        "apiVersion": NETWORK_POLICY.api_version,
        "kind": NETWORK_POLICY.name,
        "metadata": metadata(site, name, owner),
        "spec": spec,
    }


def _namespace(name: str) -> dict[str, Any]:
    return {"namespaceSelector": {"matchLabels": {_NAMESPACE_NAME: name}}}


def _ports(*numbers: int) -> list[dict[str, Any]]:
    return [{"protocol": "TCP", "port": number} for number in numbers]


def _dns(cidrs: Sequence[str]) -> dict[str, Any]:
    """The cluster's DNS and no other server: an open port 53 would be a way out for whoever tunnels through it."""
    servers: list[dict[str, Any]] = [
        {**_namespace(DNS_NAMESPACE), "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}
    ]
    servers += [{"ipBlock": {"cidr": cidr}} for cidr in cidrs]
    return {
        "to": servers,
        "ports": [{"protocol": protocol, "port": DNS_PORT} for protocol in ("UDP", "TCP")],
    }
