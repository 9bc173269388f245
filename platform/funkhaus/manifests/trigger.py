"""What makes a function reachable from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from funkhaus.domain.kinds import HTTP_TRIGGER, INGRESS
from funkhaus.domain.names import default_host
from funkhaus.manifests import labels
from funkhaus.manifests.labels import Owner, Site, metadata

if TYPE_CHECKING:
    from funkhaus.domain.trigger import HTTPTrigger

HTTP_PORT = 80


def owner(trigger: HTTPTrigger) -> Owner:
    """The HTTPTrigger as the owner of what is made for it."""
    return Owner(HTTP_TRIGGER, trigger.name, trigger.uid)


def host(site: Site, trigger: HTTPTrigger, domain: str) -> str:
    """The host callers use: the trigger's, or the default one when admission has not filled it."""
    return trigger.spec.host or default_host(trigger.spec.function, site.tenant, domain)


def url(site: Site, trigger: HTTPTrigger, domain: str, port: int) -> str:
    """The address callers use; `port` is where the ingress controller answers plain HTTP, TLS is on 443."""
    name = host(site, trigger, domain)
    if trigger.spec.tls_secret:
        return f"https://{name}{trigger.spec.path}"
    suffix = "" if port == HTTP_PORT else f":{port}"
    return f"http://{name}{suffix}{trigger.spec.path}"


def ingress(site: Site, trigger: HTTPTrigger, *, domain: str, ingress_class: str) -> dict[str, Any]:
    """The Ingress: host, path, TLS and nothing more, because that is all an Ingress can say portably."""
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
    return {
        "apiVersion": INGRESS.api_version,
        "kind": INGRESS.name,
        "metadata": metadata(
            site,
            trigger.name,
            owner(trigger),
            {labels.TRIGGER: trigger.name, labels.FUNCTION: trigger.spec.function},
        ),
        "spec": spec,
    }
