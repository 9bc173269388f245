"""Whether kube-apiserver still has to ask the webhook: what of its two configurations is missing, or was opened. No IO.

Nobody of a tenant's may touch them. An admin of the cluster may, by mistake too, and nothing else here would notice: what
is not asked about looks like a quiet day.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

from funkhaus.domain.kinds import (
    CRON_JOB_TRIGGER,
    FUNCTION,
    GROUP,
    HTTP_TRIGGER,
    MUTATING_WEBHOOK,
    Kind,
)

if TYPE_CHECKING:
    from funkhaus.ports import Manifest

JUDGED = (FUNCTION, HTTP_TRIGGER, CRON_JOB_TRIGGER)
_TENANTS = {"matchExpressions": [{"key": f"{GROUP}/tenant", "operator": "Exists"}]}


def gaps(kind: Kind, configuration: Manifest | None) -> list[str]:
    """What lets objects past admission, in words; empty where nothing does."""
    if configuration is None:
        return [f"there is no {kind.name} of that name"]
    name = f"{'mutate' if kind == MUTATING_WEBHOOK else 'validate'}.{GROUP}"
    hooks = [item for item in configuration.get("webhooks") or [] if item.get("name") == name]
    if not hooks:
        return [f"the {kind.name} has no {name}"]
    return [f"{name}: {gap}" for gap in _gaps(hooks[0])]


def _gaps(hook: dict[str, Any]) -> list[str]:
    found = []
    if hook.get("failurePolicy", "Fail") != "Fail":
        found.append("failurePolicy is not Fail")
    if hook.get("namespaceSelector") != _TENANTS or hook.get("objectSelector"):
        found.append("a selector leaves objects of tenants out")
    if len(hook.get("matchConditions") or []) > 1:
        found.append("a condition was added")
    rules = hook.get("rules") or []
    for judged, doing in product(JUDGED, ("CREATE", "UPDATE")):
        if not any(_covers(rule, judged, doing) for rule in rules):
            found.append(f"no rule covers {doing} of {judged.plural}")
    return found


def _covers(rule: dict[str, Any], judged: Kind, doing: str) -> bool:
    wanted = {"apiGroups": GROUP, "resources": judged.plural, "operations": doing}
    return all(
        {value, "*"} & set(rule.get(key) or []) for key, value in wanted.items()
    ) and "*" in (rule.get("apiVersions") or [])
