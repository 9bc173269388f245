"""What makes a function reachable from outside."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from funkhaus.domain.function import DEFAULT_PORT
from funkhaus.domain.kinds import HTTP_ROUTE, HTTP_TRIGGER, INGRESS
from funkhaus.domain.names import default_host
from funkhaus.domain.trigger import CURRENT, Backend
from funkhaus.manifests import labels
from funkhaus.manifests.labels import Owner, Site, metadata

if TYPE_CHECKING:
    from collections.abc import Mapping

    from funkhaus.domain.gateway import Gateway
    from funkhaus.domain.kinds import Kind
    from funkhaus.domain.trigger import HTTPTrigger

HTTP_PORT = 80
_MARK_DIGITS = 40
_TIME = "%Y-%m-%dT%H:%M:%SZ"
SLACK = 30
"""Seconds a proxy waits beyond the function's time-out: for a start, and for the runtime to say that it took too long."""
EVENT_HEADERS = ("event-id", "event-type", "event-time", "event-namespace")
"""What the platform says of an event: nobody from outside does."""


def owner(trigger: HTTPTrigger) -> Owner:
    """The HTTPTrigger as the owner of what is made for it."""
    return Owner(HTTP_TRIGGER, trigger.name, trigger.uid)


def host(site: Site, trigger: HTTPTrigger, domain: str) -> str:
    """The host callers use: the trigger's, or the default one when admission has not filled it."""
    return trigger.spec.host or default_host(trigger.spec.function, site.tenant, domain)


def host_mark(host: str) -> str:
    """The label's value that a host is found by among Ingresses and routes: it may be longer than a label."""
    return hashlib.sha256(host.encode()).hexdigest()[:_MARK_DIGITS]


def url(site: Site, trigger: HTTPTrigger, domain: str, port: int) -> str:
    """The address callers use; `port` is where the ingress controller answers plain HTTP, TLS is on 443."""
    name = host(site, trigger, domain)
    if trigger.spec.tls_secret:
        return f"https://{name}{trigger.spec.path}"
    suffix = "" if port == HTTP_PORT else f":{port}"
    return f"http://{name}{suffix}{trigger.spec.path}"


def ingress(
    site: Site, trigger: HTTPTrigger, *, domain: str, ingress_class: str, timeout: int
) -> dict[str, Any]:
    """The Ingress: host, path, TLS and nothing more, because that is all an Ingress can say portably.

    `timeout` is the function's, in seconds; of proxies Contour reads it, which else gives up after 15.
    """
    name = host(site, trigger, domain)
    backend = {"service": {"name": trigger.spec.function, "port": {"name": "http"}}}
    spec: dict[str, Any] = {
        "ingressClassName": ingress_class,
        "rules": [
            {
                "host": name,
                "http": {
                    "paths": [{"path": trigger.spec.path, "pathType": "Prefix", "backend": backend}]
                },
            }
        ],
    }
    if trigger.spec.tls_secret:
        spec["tls"] = [{"hosts": [name], "secretName": trigger.spec.tls_secret}]
    made = {**_head(INGRESS, site, trigger, name), "spec": spec}
    made["metadata"]["annotations"] = {"projectcontour.io/response-timeout": f"{timeout + SLACK}s"}
    return made


def shares(trigger: HTTPTrigger) -> dict[str, int]:
    """The Services that calls are led to, and their weights."""
    backends = trigger.spec.backends or (Backend(CURRENT, 1),)
    return {service(trigger.spec.function, item.revision): item.weight for item in backends}


def http_route(
    site: Site,
    trigger: HTTPTrigger,
    *,
    domain: str,
    gateway: Gateway,
    timeout: int,
    led: Mapping[str, int],
    since: datetime,
) -> dict[str, Any]:
    """The HTTPRoute: what an Ingress can say, certificate excepted, and the rest. `timeout` is the function's, in seconds.

    `led` are the Services it leads to and their weights, `since` when that became so.

    Every field that kube-apiserver would fill in is there, so that one somebody adds is seen.
    """
    name = host(site, trigger, domain)
    path = {"type": "PathPrefix", "value": trigger.spec.path}
    matches = [{"path": path, "method": method} for method in trigger.spec.methods]
    rule: dict[str, Any] = {
        "matches": matches or [{"path": path}],
        "filters": [
            {
                "type": "RequestHeaderModifier",
                "requestHeaderModifier": {"remove": list(EVENT_HEADERS)},
            }
        ],
        "timeouts": {"request": f"{timeout + SLACK}s"},
        "backendRefs": [_backend(name, weight) for name, weight in led.items()],
    }
    parent = {
        "group": "gateway.networking.k8s.io",
        "kind": "Gateway",
        "namespace": gateway.namespace,
        "name": gateway.name,
    }
    made = {
        **_head(HTTP_ROUTE, site, trigger, name),
        "spec": {
            "parentRefs": [parent],
            "hostnames": [name],
            "rules": [rule],
        },
    }
    made["metadata"]["annotations"] = {labels.SWITCHED_AT: since.strftime(_TIME)}
    return made


def service(function: str, revision: str) -> str:
    """The Service in front of a backend's pods: the revision's own, or the function's for the current one."""
    return function if revision == CURRENT else revision


def led_to(route: Mapping[str, Any]) -> dict[str, int]:
    """The Services an HTTPRoute of ours leads to, and their weights."""
    return {
        str(backend["name"]): int(backend.get("weight", 1))
        for rule in route["spec"].get("rules") or []
        for backend in rule.get("backendRefs") or []
    }


def led_since(route: Mapping[str, Any]) -> datetime:
    """When that became so; long ago where nobody wrote it down."""
    noted = route["metadata"].get("annotations") or {}
    try:
        return datetime.strptime(noted[labels.SWITCHED_AT], _TIME).replace(tzinfo=UTC)
    except (KeyError, ValueError):
        return datetime.fromtimestamp(0, UTC)


def _backend(name: str, weight: int) -> dict[str, Any]:
    return {"group": "", "kind": "Service", "name": name, "port": DEFAULT_PORT, "weight": weight}


def _head(kind: Kind, site: Site, trigger: HTTPTrigger, name: str) -> dict[str, Any]:
    carried = {
        labels.TRIGGER: trigger.name,
        labels.FUNCTION: trigger.spec.function,
        labels.HOST: host_mark(name),
    }
    return {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "metadata": metadata(site, trigger.name, owner(trigger), carried),
    }
