# ruff: noqa: E501 - a list of borders reads better on a line
"""Objects at the borders of every static rule: each field at, below and above its bound, malformed, absent, unicode.

Seeded, so that a run repeats. An object passes but for up to two fields, so that a rule is met alone and with others.
"""

from __future__ import annotations

import copy
from random import Random
from typing import TYPE_CHECKING, Any

from funkhaus.domain.quantity import bytes_of, millicores
from tests.support import questions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from funkhaus.domain.tenant import TenantFacts

SEED = 31
ABSENT = object()
"""In place of a value: the field is not there."""
_TEXTS = ("", " ", "1 ", " 1", "-", "+", ".", "e", "abc", "\N{ARABIC-INDIC DIGIT ONE}", "\N{FULLWIDTH DIGIT TWO}m", "1K", "1ki", "0x10", "NaN", "Inf", "1e", "1e+", "1E+2", "1e-2", "1e100", "1e-100", "1e0008", "5e-1", "0.25", ".25", "1.", "+1", "-1", "00250m", "1n", "1u", "1E", "2Ei", "9223372036854775807", "99999999999999999999", "1mm", "1iM", "1Mi\n", "0.1m", "0", "-0", "0.3", "0" * 46 + "1", "0" * 47 + "1", "0" * 48 + "1", "0." + "0" * 29 + "1")  # fmt: skip


def objects(
    count: int, tenants: list[TenantFacts], catalogues: dict[str, Any]
) -> Iterator[tuple[TenantFacts, dict[str, Any]]]:
    """`count` objects with the tenant each is of."""
    random = Random(SEED)  # noqa: S311 - repeatable is what it has to be
    kinds = [_function, _function, _function, _http_trigger, _http_trigger, _cron_job_trigger]
    for number in range(count):
        # The last of them is on no plan: nothing of it passes, so a few are enough.
        facts = tenants[-1] if number % 20 == 0 else tenants[number % (len(tenants) - 1)]
        yield facts, random.choice(kinds)(facts, catalogues, random)


def _function(facts: TenantFacts, catalogues: dict[str, Any], random: Random) -> dict[str, Any]:
    plans = catalogues["plans"]["plans"]
    plan = plans.get(facts.plan, plans["small"])["function"]
    manifest = questions.function()
    _spoil(manifest, _function_fields(plan, catalogues), random)
    return _of(facts, manifest, catalogues, random)


def _http_trigger(facts: TenantFacts, catalogues: dict[str, Any], random: Random) -> dict[str, Any]:
    manifest = questions.http_trigger(host=f"hello.{facts.host_suffixes[0]}")
    _spoil(manifest, _http_fields(facts), random)
    return _of(facts, manifest, catalogues, random)


def _cron_job_trigger(
    facts: TenantFacts, catalogues: dict[str, Any], random: Random
) -> dict[str, Any]:
    manifest = questions.cron_job_trigger()
    counts = [*range(-2, 3), 19, 20, 21, 2**31, ABSENT]
    _spoil(
        manifest,
        {("successfulJobsHistoryLimit",): counts, ("failedJobsHistoryLimit",): counts},
        random,
    )
    return _of(facts, manifest, catalogues, random)


def _of(
    facts: TenantFacts, manifest: dict[str, Any], catalogues: dict[str, Any], random: Random
) -> dict[str, Any]:
    manifest["metadata"]["namespace"] = f"{facts.tenant}--{facts.namespace}"
    if random.random() < 0.2:
        manifest["metadata"]["annotations"] = _annotations(
            catalogues["annotations"]["annotations"], random
        )
    if random.random() < 0.15:
        _mark(manifest, facts, random)
    return manifest


def _mark(manifest: dict[str, Any], facts: TenantFacts, random: Random) -> None:
    """With labels and annotations that are the platform's, or look it."""
    own = ("tenant", "namespace", "created-by", "changed-by", "profile", "approved")
    keys = [*(f"funkhaus.dev/{name}" for name in own), "x.funkhaus.dev/tenant", "a.b-c.funkhaus.dev/x", "xfunkhaus.dev/x", "funkhaus.dev.evil.org/x", "funkhaus.devx/x", "funkhaus.dev", "evil.org/funkhaus.dev"]  # fmt: skip
    values = [facts.tenant, facts.namespace, "admin", "fh:somebody-else", "", "demo", "default"]
    for field, more in (("labels", []), ("annotations", ["X.funkhaus.dev/x", "FUNKHAUS.dev/x", "x.FUNKHAUS.dev/x"])):  # fmt: skip
        for _ in range(random.choice((0, 1, 1, 2))):
            manifest["metadata"].setdefault(field, {})[random.choice(keys + more)] = random.choice(
                values
            )


def _spoil(manifest: dict[str, Any], fields: dict[tuple[str, ...], Any], random: Random) -> None:
    for path in random.sample(list(fields), random.choice((0, 1, 1, 1, 2, 2))):
        value = random.choice(fields[path])
        at = manifest["spec"]
        for key in path[:-1]:
            at = at.setdefault(key, {})
        if value is ABSENT:
            at.pop(path[-1], None)
        else:
            at[path[-1]] = copy.deepcopy(value)


def _around(bounds: dict[str, Any]) -> list[Any]:
    found: list[Any] = [ABSENT, 0, -1, -(2**31), 2**31, 2**62]
    for bound in bounds.values():
        found += [bound - 1, bound, bound + 1]
    return found


def _quantities(bounds: dict[str, Any], whole: Callable[[str], int | None], unit: str) -> list[Any]:
    found: list[Any] = [ABSENT, *_TEXTS]
    for bound in bounds.values():
        exact = whole(bound)
        assert exact is not None
        for number in (exact - 1, exact, exact + 1):
            found += [f"{number}{unit}", f"+{number}{unit}", f"{number}.0{unit}"]
        # Fractions of the smallest unit are rounded up before anything is judged.
        found += [
            f"{exact - 1}.5{unit}",
            f"{exact}.5{unit}",
            f"{exact - 1}.0000001{unit}",
            f"{exact}.0000001{unit}",
        ]
        found += [f"{exact}.000000000000001{unit}", f"{exact - 1}.000000000000001{unit}", bound]
    return found


def _function_fields(
    plan: dict[str, Any], catalogues: dict[str, Any]
) -> dict[tuple[str, ...], Any]:
    most, least = plan["source"]["max"], plan["source"]["min"]
    runtimes = catalogues["runtimes"]["runtimes"]
    env = catalogues["env"]["env"]
    names = [*env["reserved_names"], *env["reserved_prefixes"], "PATH_", "XPATH", "path", "Path", "FUNC", "FUNC_X", "LD", "LD_PRELOAD", "A", "_", "é", "1A", ""]  # fmt: skip
    references = [
        "plain",
        "a.b",
        "a-",
        "-a",
        "A",
        "a/b",
        "other--ns/secret",
        "a..b",
        "",
        "é",
        "a" * 253,
        "a\n",
    ]
    return {
        ("runtime",): [*runtimes, *(f"{name}." for name in runtimes), "python", "PYTHON3.11", "python3.11 ", "é", "p" * 63, "p\n"],
        ("handler",): ["hello.handler", "hello.other", "other.handler", "pkg.handler", "pkg.mod.handler", "hello", "hello.", ".handler", "hello..handler", "hello.1", "hello.hand ler", "héllo.handler", "hello.handler\n", "_a.b", "pkg.hello.handler"],
        ("source",): [
            {"inline": {"files": {"hello.py": "x" * size}}}
            for size in (0, max(least - 1, 0), least, least + 1, most - 1, most, most + 1)
        ] + [
            {"inline": {"files": {"hello.py": "é" * (most // 2)}}},
            {"inline": {"files": {"hello.py": "é" * (most // 2), "a.py": "é"}}},
            {"inline": {"files": {"hello.py": "x" * (most - 2), "a.py": "é"}}},
            {"inline": {"files": {"hello.py": "x" * (most - 1), "a.py": "é"}}},
            {"inline": {"files": {"hello.py": "\N{PILE OF POO}" * (most // 4 + 1)}}},
            {"inline": {"files": {"a.py": "1"}}},
            {"inline": {"files": {"hello/__init__.py": "1"}}},
            {"inline": {"files": {"pkg/mod.py": "1", "pkg/__init__.py": ""}}},
            {"inline": {"files": {"hello.js": "1"}}},
            {"inline": {"files": {"HELLO.py": "1"}}},
            {"inline": {"files": {"hello.py": "1", "hello.js": "1"}}},
            {"inline": {"files": {}}},
            {"archive": {"digest": "sha256:" + "0" * 64}},
            {"archive": {"digest": "sha256:" + "0" * 63}},
            *(
                {"url": f"{origin}/a.zip", "sha256": "0" * 64}
                for origin in (
                    *catalogues["sources"]["sources"]["origins"], "https://evil.example", "https://github.com.evil.example",
                    "http://github.com", "https://github.com:8443",
                )
            ),
            *(
                {"git": {"url": f"{origin}/r", "ref": ref}}
                for origin in ("https://github.com", "https://evil.example")
                for ref in ("main", "v1.0", "0" * 40)
            ),
            {},
        ],
        ("env",): [ABSENT, []]
        + [[{"name": name, "value": "1"}] for name in names]
        + [[{"name": "A", "secretKeyRef": {"name": name, "key": "k"}}] for name in references]
        + [[{"name": "A", "configMapKeyRef": {"name": name, "key": "k"}}] for name in references]
        + [
            [{"name": "A", "value": "1"}, {"name": "PATH", "value": "1"}],
            [{"name": "A", "value": "1"}, {"name": "B", "secretKeyRef": {"name": "x/y", "key": "k"}}],
            [{"name": f"V{index}", "value": "1"} for index in range(128)],
            [{"name": f"V{index}", "secretKeyRef": {"name": "s" * 253, "key": "k"}} for index in range(128)],
            [{"name": "A"}],
        ],
        ("resources", "cpu"): _quantities(plan["cpu"], millicores, "m"),
        ("resources", "memory"): _quantities(plan["memory"], bytes_of, ""),
        ("resources",): [ABSENT, {}],
        ("timeout",): _around(plan["timeout"]),
        ("concurrency",): _around(plan["concurrency"]),
        ("scaling",): [ABSENT, {}, {"min": 2}, {"max": 2, "min": 2}, {"max": 1, "min": 2}, {"max": 0, "min": 0}, {"max": 1, "min": 0}, {"max": 1, "min": 0, "idle": 1}, {"max": 1, "min": 1, "idle": 1}],
        ("scaling", "min"): _around({"zero": 0, "one": 1, **plan["replicas"]}),
        ("scaling", "idle"): [ABSENT, *_around(plan.get("idle", {"some": 300}))],
        ("scaling", "max"): _around(plan["replicas"]),
        ("scaling", "cpuPercent"): _around({"min": 1, "max": 100}),
    }  # fmt: skip


def _http_fields(facts: TenantFacts) -> dict[tuple[str, ...], Any]:
    own, *granted = facts.host_suffixes
    label = "a" * 63
    hosts = [ABSENT, "", own, f".{own}", f"a.{own}", f"a.b.{own}", f"A.{own}", f"a.{own.upper()}", f"a.{own}.", f"*.{own}", f"a*.{own}", f"a.*.{own}", f"xn--a.{own}", f"a.xn--b.{own}", f"XN--a.{own}", f"-a.{own}", f"a-.{own}", f"a_b.{own}", f"a..{own}", f"{label}.{own}", f"a{label}.{own}", f"é.{own}", f"\N{KELVIN SIGN}.{own}", f"a.{own}\n", f"a.{own} ", f"a.x{own}", f"a{own}", f"a.{own}.evil.org", "evil.org", "a.other." + own.partition(".")[2], own.partition(".")[2], "1.2.3.4", "::1", "[::1]", "cluster.local", "a.cluster.local", "svc.cluster.local", "acluster.local", "localhost", "a", ".".join([label] * 3) + "." + own, ".".join(["a"] * 126) + "." + own]  # fmt: skip
    for suffix in granted:
        hosts += [suffix, f"a.{suffix}", f"x{suffix}", f"a.{suffix}.org", suffix.upper()]
    return {
        ("host",): hosts,
        ("path",): [ABSENT, "", "/", "//", "/a", "a", "/a/", "/a//b", "/.", "/..", "/a/../b", "/a/./b", "/...", "/.a", "/a.", "/~a", "/a b", "/a%2e", "/a?b", "/é", "/a\n", "/" + "a" * 255, "/" + "a" * 256, "/a;b", "/a\\b"],
        ("tls",): [ABSENT, *({"secretName": name} for name in ("cert", "a.b", "other/cert", "A", "-a", "a-", "é", "", "a" * 253, "a\n"))],
    }  # fmt: skip


def _annotations(catalogue: dict[str, Any], random: Random) -> dict[str, str]:
    name = random.choice(catalogue["ingress"])
    domain = name.partition("/")[0]
    keys = [f"{name}/x", name if "/" in name else f"{name}/y", f"sub.{domain}/x", f"x{domain}/x", f"{domain}.org/x", "plain", "example.com/x", domain]  # fmt: skip
    found = {random.choice(keys): "1"} if random.random() < 0.6 else {}
    most = catalogue["most"]
    for index in range(random.choice((0, 0, 0, most - 1, most, most + 1, 300))):
        found[f"example.com/{index}"] = "1"
    return found
