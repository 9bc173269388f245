"""What admission has to look like in the cluster, and how what is there differs. No IO.

The chart writes the objects it installs (webhook configurations, policies and their bindings) into a ConfigMap as well, so
that there is something to compare with that knows every field, whatever the values were. A ConfigMap can be written by who
may write in the platform's namespace; what it says is put in force by the webhook's right to write configurations. So it is
held to what it may never say: to ask somebody else, or to let objects of tenants past.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from funkhaus.domain.errors import InvalidError
from funkhaus.domain.kinds import (
    ADMISSION_POLICY,
    ADMISSION_POLICY_BINDING,
    CRON_JOB_TRIGGER,
    FUNCTION,
    GROUP,
    HTTP_TRIGGER,
    MUTATING_WEBHOOK,
    VALIDATING_WEBHOOK,
    Kind,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from funkhaus.ports import Manifest

CONFIGURATION = "funkhaus"
"""Name of both webhook configurations."""
NAME = "funkhaus-admission"
"""The ConfigMap's, in the platform's namespace: one object per key, JSON."""
KINDS = (ADMISSION_POLICY, ADMISSION_POLICY_BINDING, MUTATING_WEBHOOK, VALIDATING_WEBHOOK)
"""In the order in which they are put back: a binding needs its policy."""
JUDGED = (FUNCTION, HTTP_TRIGGER, CRON_JOB_TRIGGER)
SHOWN = 5
"""Differences of one object that are named."""
VALUE_SHOWN = 120
_TENANTS = {"matchExpressions": [{"key": f"{GROUP}/tenant", "operator": "Exists"}]}
_MUTATE, _VALIDATE, _RECORD = (f"{verb}.{GROUP}" for verb in ("mutate", "validate", "record"))
_HOOKS = {MUTATING_WEBHOOK: {_MUTATE}, VALIDATING_WEBHOOK: {_VALIDATE, _RECORD}}


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom kube-apiserver asks: the processes behind a base URL, or behind a Service where there is none."""

    url: str
    namespace: str
    service: str

    def client_config(self, hook: str) -> dict[str, Any]:
        """What a webhook of this name has as ``clientConfig``, its authorities left out."""
        path = "mutate" if hook == _MUTATE else "validate"
        if self.url:
            return {"url": f"{self.url.rstrip('/')}/{path}"}
        place = {"namespace": self.namespace, "name": self.service}
        return {"service": {**place, "port": 443, "path": f"/{path}"}}


def body(kind: Kind) -> str:
    """The field that holds all an object of this kind says."""
    return "webhooks" if kind in _HOOKS else "spec"


def read(config_map: Manifest | None) -> dict[tuple[Kind, str], Manifest]:
    """The objects, in the order of `KINDS`; raises `InvalidError` where they can't be read or one of both is missing."""
    found: dict[tuple[Kind, str], Manifest] = {}
    by_name = {(kind.api_version, kind.name): kind for kind in KINDS}
    for text in ((config_map or {}).get("data") or {}).values():
        try:
            manifest = json.loads(text)
            kind = by_name[manifest["apiVersion"], manifest["kind"]]
            found[kind, str(manifest["metadata"]["name"])] = manifest
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidError(f"ConfigMap {NAME} holds what is no object of admission") from error
    for kind in _HOOKS:
        if (kind, CONFIGURATION) not in found:
            raise InvalidError(f"ConfigMap {NAME} does not say what the {kind.name} has to be")
    return dict(sorted(found.items(), key=lambda item: (KINDS.index(item[0][0]), item[0][1])))


def openings(kind: Kind, configuration: Manifest | None, asked: Asked | None = None) -> list[str]:
    """What in a webhook configuration lets objects past admission, or asks somebody else than `asked`, in words."""
    if configuration is None:
        return [f"there is no {kind.name} of that name"]
    hooks = {item.get("name"): item for item in configuration.get("webhooks") or []}
    found = [f"{name} is none of ours" for name in sorted(set(hooks) - _HOOKS[kind], key=str)]
    main = _MUTATE if kind == MUTATING_WEBHOOK else _VALIDATE
    if main not in hooks:
        return [*found, f"the {kind.name} has no {main}"]
    found += [f"{main}: {gap}" for gap in _openings(hooks[main])]
    for name in sorted(set(hooks) & _HOOKS[kind]):
        config = dict(hooks[name].get("clientConfig") or {})
        config.pop("caBundle", None)
        if asked and config != asked.client_config(name):
            found.append(f"{name}: it asks somebody else than this webhook")
    return found


def _openings(hook: dict[str, Any]) -> Iterator[str]:
    if hook.get("failurePolicy", "Fail") != "Fail":
        yield "failurePolicy is not Fail"
    if hook.get("namespaceSelector") != _TENANTS or hook.get("objectSelector"):
        yield "a selector leaves objects of tenants out"
    if len(hook.get("matchConditions") or []) > 1:
        yield "a condition was added"
    rules = hook.get("rules") or []
    for judged, doing in product(JUDGED, ("CREATE", "UPDATE")):
        if not any(_covers(rule, judged, doing) for rule in rules):
            yield f"no rule covers {doing} of {judged.plural}"


def _covers(rule: dict[str, Any], judged: Kind, doing: str) -> bool:
    wanted = {"apiGroups": GROUP, "resources": judged.plural, "operations": doing}
    return all(
        {value, "*"} & set(rule.get(key) or []) for key, value in wanted.items()
    ) and "*" in (rule.get("apiVersions") or [])


def differences(wanted: Any, live: Any, path: str) -> list[str]:  # noqa: ANN401 - any JSON
    """Where `live` says something else than `wanted`, in words; lists of things with names are compared by name."""
    return list(_differences(wanted, live, path))


def _differences(wanted: Any, live: Any, path: str) -> Iterator[str]:  # noqa: ANN401 - any JSON
    if wanted == live:
        return
    if isinstance(wanted, dict) and isinstance(live, dict):
        for key in sorted({*wanted, *live}):
            yield from _differences(wanted.get(key), live.get(key), f"{path}.{key}")
        return
    named, there = _by_name(wanted), _by_name(live)
    if named is None or there is None:
        yield f"{path} is {_shown(live)}, not {_shown(wanted)}"
        return
    for name in sorted({*named, *there}):
        yield from _differences(named.get(name), there.get(name), f"{path}[{name}]")
    if list(named) != list(there) and set(named) == set(there):
        yield f"{path} is in another order"


def _by_name(items: Any) -> dict[str, Any] | None:  # noqa: ANN401 - any JSON
    if not isinstance(items, list):
        return None
    named = {str(item["name"]): item for item in items if isinstance(item, dict) and "name" in item}
    if len(named) == len(items):
        return named
    return {str(number): item for number, item in enumerate(items)}


def _shown(value: Any) -> str:  # noqa: ANN401 - any JSON
    if value is None:
        return "missing"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= VALUE_SHOWN else f"{text[:VALUE_SHOWN]}…"
