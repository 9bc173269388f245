"""What a tenant's owner may write, written as it must not be: refused by a rule, on record, and nothing is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.crd import refusal
from tests.support.admission_house import NAMESPACE, House
from tests.support.attacker import FUNKHAUS, OWNER, Hands
from tests.support.cases import cpu, host, memory, scaling
from tests.support.questions import DOMAIN, cron_job_trigger, function, http_trigger

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

PLACE = f"/apis/{FUNKHAUS}/namespaces/{NAMESPACE}"
PLURALS = {
    "Function": "functions",
    "HTTPTrigger": "httptriggers",
    "CronJobTrigger": "cronjobtriggers",
}
OWN = f"demo.{DOMAIN}"


@pytest.fixture
def owner(admin: Hands, house: House) -> Hands:
    """The tenant's owner, at a webhook that is trusted."""
    del house
    return admin.acting_as(*OWNER)


@pytest.fixture
def stored(owner: Hands) -> Iterator[dict[str, Any]]:
    """A Function that was let in."""
    answer = owner.ask("POST", f"{PLACE}/functions", function("stands"))
    assert answer.status_code == 201, answer.text
    yield answer.json()
    owner.ask("DELETE", f"{PLACE}/functions/stands")


def path_of(manifest: dict[str, Any], name: str = "") -> str:
    return f"{PLACE}/{PLURALS[manifest['kind']]}" + (f"/{name}" if name else "")


def codes(answer: httpx.Response) -> set[str]:
    """The rules that refuse, as the Status names them."""
    assert answer.status_code == 403, answer.text
    return {finding.code for finding in refusal.findings(answer.json())}


def refused(house: House, owner: Hands, manifest: dict[str, Any], code: str) -> None:
    """A creation is refused by that rule, is on record, and stores nothing. Where none is named the schema refuses it."""
    manifest["metadata"]["name"] = "attack"
    before = len(house.webhook.stores.state.audit)
    answer = owner.ask("POST", path_of(manifest), manifest)
    rows = house.webhook.stores.state.audit[before:]
    if code:
        assert code in codes(answer), answer.text
        (row,) = rows
        assert (row.tenant, row.subject, row.outcome) == ("demo", OWNER[0], "denied")
        assert code in {finding["code"] for finding in row.detail["findings"]}
    else:
        assert answer.status_code in {400, 413, 422}, answer.text
        assert rows == []
    assert owner.ask("GET", path_of(manifest, "attack")).status_code == 404


HOSTS = {
    f"HELLO.{OWN}": "hostname-uppercase",
    f"hello.{OWN.upper()}": "hostname-uppercase",
    f"hello.{OWN}.": "hostname-trailing-dot",
    f"hello.{OWN}..": "hostname-malformed",
    f".hello.{OWN}": "hostname-malformed",
    f"hello..{OWN}": "hostname-malformed",
    f"b\u00fccher.{OWN}": "hostname-malformed",
    f"xn--bcher-kva.{OWN}": "hostname-punycode",
    f"hello.XN--bcher-kva.{OWN}": "hostname-punycode",
    f"hello\u3002{OWN}": "hostname-malformed",
    f"hello\uff0e{OWN}": "hostname-malformed",
    f"hel\u200blo.{OWN}": "hostname-malformed",
    f"h\u0435llo.{OWN}": "hostname-malformed",  # a Cyrillic letter
    "": "hostname-missing",
    "*": "hostname-wildcard",
    "*.io": "hostname-wildcard",
    f"*.{OWN}": "hostname-wildcard",
    f"a.*.{OWN}": "hostname-wildcard",
    "127.0.0.1": "hostname-address",
    "[::1]": "hostname-address",
    "169.254.169.254": "hostname-address",
    "2130706433": "hostname-address",
    f"hello.{OWN}:443": "hostname-malformed",
    f"hello.{OWN}/x": "hostname-malformed",
    f"me@hello.{OWN}": "hostname-malformed",
    f"hello.{OWN}\nevil.com": "hostname-malformed",
    f"hello.{OWN}\n": "hostname-malformed",
    f"hello.{OWN} ": "hostname-malformed",
    f"hello.{OWN}.evil.com": "hostname-outside",
    f"evil{OWN}": "hostname-outside",
    f"evil-{OWN}": "hostname-outside",
    f"hello.other.{DOMAIN}": "hostname-outside",
    DOMAIN: "hostname-outside",
    "nip.io": "hostname-outside",
    "localhost": "hostname-outside",
    "kubernetes.default.svc.cluster.local": "hostname-reserved",
}


@pytest.mark.parametrize(("text", "code"), HOSTS.items())
def test_b32_a_host_has_one_form_and_lies_below_the_tenant_s_suffix(
    house: House, owner: Hands, text: str, code: str
) -> None:
    refused(house, owner, host(text), code)


REACHES: dict[str, tuple[dict[str, Any], str]] = {
    "a Secret elsewhere": (
        function(env=[{"name": "A", "secretKeyRef": {"name": "kube-system/db", "key": "url"}}]),
        "env-reference-malformed",
    ),
    "a Secret above": (
        function(env=[{"name": "A", "secretKeyRef": {"name": "../../x/secrets/db", "key": "k"}}]),
        "env-reference-malformed",
    ),
    "a ConfigMap elsewhere": (
        function(env=[{"name": "A", "configMapKeyRef": {"name": "other/c", "key": "k"}}]),
        "env-reference-malformed",
    ),
    "a certificate elsewhere": (
        http_trigger(tls={"secretName": "funkhaus-system/funkhaus-webhook-tls"}),
        "tls-secret-malformed",
    ),
    "an archive by a tag": (
        function(source={"archive": {"digest": "latest"}}),
        "source-archive-malformed",
    ),
    "an archive by an address": (
        function(source={"archive": {"digest": "http://169.254.169.254/latest"}}),
        "source-archive-malformed",
    ),
}


@pytest.mark.parametrize("case", REACHES)
def test_b26_nothing_of_another_namespace_is_referred_to(
    house: House, owner: Hands, case: str
) -> None:
    refused(house, owner, *REACHES[case])


@pytest.mark.parametrize("make", [http_trigger, cron_job_trigger])
@pytest.mark.parametrize(
    "name", ["other/hello", "hello.other--default", "../hello", "hello:80/x#", "hello@evil.com"]
)
def test_b26_b30_a_trigger_calls_a_function_of_its_own_namespace_and_no_address(
    house: House, owner: Hands, make: Any, name: str
) -> None:
    before = len(house.webhook.stores.state.audit)
    answer = owner.ask("POST", path_of(make()), make("attack", function=name))
    assert answer.status_code == 422, answer.text
    assert "spec.function" in answer.text
    assert "is not a DNS label" in answer.text
    assert len(house.webhook.stores.state.audit) == before + 1
    assert owner.ask("GET", path_of(make(), "attack")).status_code == 404


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("x @ http://169.254.169.254/latest/meta-data", "dependencies-url"),
        ("http://127.0.0.1:8181/v1/data", "dependencies-url"),
        ("git+ssh://git@internal/x.git", "dependencies-vcs"),
        ("--find-links http://10.0.0.1/", "dependencies-index"),
        ("--extra-index-url https://evil.com/", "dependencies-index"),
        ("file:///var/run/secrets/x", "dependencies-url"),
    ],
)
def test_b30_no_address_is_fetched_for_a_tenant(
    house: House, owner: Hands, line: str, code: str
) -> None:
    refused(house, owner, function(dependencies=line), code)


RUNTIMES = [
    *("Python3.11", "python3.11 ", " python3.11", "python3.11\n", "python", "python3.12"),
    *("python3\uff0e11", "p\u0443thon3.11", "python3.11\u200b", "python3.1\u0661"),
    *("python3.11@sha256:0", "python3.11/../x"),
]


@pytest.mark.parametrize("name", RUNTIMES)
def test_b39_a_runtime_has_one_name(house: House, owner: Hands, name: str) -> None:
    refused(house, owner, function(runtime=name), "runtime-unknown")


@pytest.mark.parametrize(
    "handler", ["os.system;x.y", "../x.y", "a.b\nc", "h\u0435llo.handler", "x"]
)
def test_b39_a_handler_is_a_name_and_nothing_else(house: House, owner: Hands, handler: str) -> None:
    refused(house, owner, function(handler=handler), "handler-malformed")


@pytest.mark.parametrize("handler", ["main.handler", "os.system", "funkhaus_runtime.caller"])
def test_b39_a_handler_lies_in_the_function_s_own_files(
    house: House, owner: Hands, handler: str
) -> None:
    refused(house, owner, function(handler=handler), "handler-module-missing")


def test_b39_b37_what_no_field_says_is_not_there(owner: Hands) -> None:
    """A runtimeClassName, an image, an ingress class: dropped where the client asks for no validation, else refused."""
    pod = {"runtimeClassName": "x", "image": "evil", "serviceAccountName": "x", "nodeName": "n"}
    way_in = {"ingressClassName": "", "annotations": {"a": "b"}, "hosts": ["evil.com"]}
    for manifest, more in ((function("plain"), pod), (http_trigger("plain"), way_in)):
        manifest["spec"] |= more
        strict = owner.ask(
            "POST", path_of(manifest), manifest, fieldValidation="Strict", dryRun="All"
        )
        assert strict.status_code == 400
        loose = owner.ask(
            "POST", path_of(manifest), manifest, fieldValidation="Ignore", dryRun="All"
        )
        assert loose.status_code == 201, loose.text
        assert not set(more) & set(loose.json()["spec"])


ANNOTATIONS = [
    *("kubernetes.io/ingress.class", "ingress.kubernetes.io/x", "projectcontour.io/ingress.class"),
    "nginx.ingress.kubernetes.io/configuration-snippet",
    "traefik.ingress.kubernetes.io/router.middlewares",
    *("cert-manager.io/cluster-issuer", "haproxy.org/x"),
    "external-dns.alpha.kubernetes.io/hostname",
]


@pytest.mark.parametrize("key", ANNOTATIONS)
def test_b37_b33_no_annotation_speaks_to_an_ingress_controller(
    house: House, owner: Hands, key: str
) -> None:
    manifest = http_trigger()
    manifest["metadata"]["annotations"] = {key: "x"}
    refused(house, owner, manifest, "annotations-foreign")


EXEMPTIONS = [
    ("annotations", "funkhaus.dev/approved"),
    ("annotations", "funkhaus.dev/freeze-exception"),
    ("labels", "funkhaus.dev/exempt"),
    ("labels", "funkhaus.dev/profile"),
]


@pytest.mark.parametrize(("field", "key"), EXEMPTIONS)
def test_b54_nobody_exempts_themselves(
    owner: Hands, stored: dict[str, Any], field: str, key: str
) -> None:
    patch = {"metadata": {field: {key: "true"}}}
    path = path_of(stored, "stands")
    changed = owner.ask("PATCH", path, patch, "application/merge-patch+json")
    manifest = function("attack")
    manifest["metadata"][field] = {key: "true"}
    created = owner.ask("POST", path_of(manifest), manifest)
    for answer in (changed, created):
        assert answer.status_code == 403
        assert codes(answer) == {"labels-reserved"}
    now = owner.ask("GET", path).json()
    assert now["metadata"]["resourceVersion"] == stored["metadata"]["resourceVersion"]


QUANTITIES: dict[str, tuple[dict[str, Any], str]] = {
    **{text: (cpu(text), "cpu-above-ceiling") for text in (
        "2", "1001m", "1E", "1Ki", "1e3", "1000001u", "1.0001", "+2", "1Ei", "0.9e1",
    )},
    **{text: (cpu(text), "cpu-below-floor") for text in ("-1", "0", "0.0001", "1n", "-1e9", "0m", "-0", "1e-9")},
    **{repr(text): (cpu(text), "cpu-malformed") for text in (
        " 1", "1 ", "1 m", "1,5", "0x1", "1mm", "NaN", "inf", "\u0661", "\uff11", "1e", "m", "1_0", "1\u00a0", "1\n",
        "9" * 40,
    )},
    **{f"memory {text}": (memory(text), "memory-above-ceiling") for text in ("513Mi", "1Gi", "1E", "1e12", "536870913")},
    **{f"memory {text}": (memory(text), "memory-below-floor") for text in ("1", "128m", "-1Gi", "31Mi", "128k")},
    **{f"memory {text}": (memory(text), "memory-malformed") for text in ("128MB", "128 Mi", "128mi", "Mi")},
    "65 digits": (cpu("1" * 65), "cpu-malformed"),
    "a number": (function(resources={"cpu": 1, "memory": "128Mi"}), ""),
    "a list": (function(resources={"cpu": ["1"], "memory": "128Mi"}), ""),
}  # fmt: skip


@pytest.mark.parametrize("case", QUANTITIES)
def test_b41_a_quantity_is_read_as_kubernetes_reads_it(
    house: House, owner: Hands, case: str
) -> None:
    refused(house, owner, *QUANTITIES[case])


@pytest.mark.parametrize("text", ["1", "1000m", "1e0", "1.0", "0.001k", "+1", "1000000u"])
async def test_b41_what_passes_is_counted_as_what_it_is(
    house: House, owner: Hands, text: str
) -> None:
    house.webhook.stores.state.books.charges.clear()
    manifest = function("exact", resources={"cpu": text, "memory": "128Mi"})
    manifest["spec"]["scaling"]["max"] = 2
    answer = owner.ask("POST", path_of(manifest), manifest)
    assert answer.status_code == 201, answer.text
    async with house.webhook.stores.begin("demo") as work:
        assert (await work.ledger.account("default")).held.cpu_millis == 2000
    owner.ask("DELETE", path_of(manifest, "exact"))
    house.webhook.stores.state.books.charges.clear()


@pytest.mark.parametrize(
    "resources", [{}, None, {"cpu": None}, {"memory": "128Mi"}, {"cpu": "250m"}]
)
def test_b43_without_a_limit_there_is_the_plan_s(owner: Hands, resources: Any) -> None:
    manifest = function("unlimited", resources=resources)
    answer = owner.ask("POST", path_of(manifest), manifest, dryRun="All")
    assert answer.status_code == 201, answer.text
    assert answer.json()["spec"]["resources"] == {"cpu": "250m", "memory": "128Mi"}


@pytest.mark.parametrize("name", ["cpu", "memory"])
def test_b43_an_empty_limit_is_none(house: House, owner: Hands, name: str) -> None:
    amounts = {"cpu": "250m", "memory": "128Mi", name: ""}
    refused(house, owner, function(resources=amounts), f"{name}-missing")


@pytest.mark.parametrize(
    ("least", "most", "code"),
    [(0, 0, "replicas-crossed"), (1, 6, "replicas-above-ceiling"), (-1, 1, "replicas-below-floor"),
     (3, 2, "replicas-crossed"), (1, 2**31, "replicas-above-ceiling")],
)  # fmt: skip
def test_b04_an_autoscaler_gets_no_more_than_the_plan_gives(
    house: House, owner: Hands, least: int, most: int, code: str
) -> None:
    refused(house, owner, scaling(least, most), code)


def test_b12_b25_b42_a_function_says_nothing_of_its_pod(owner: Hands) -> None:
    """No template, in no input: what a pod is the platform's code alone says."""
    template = {"spec": {"containers": [{"name": "x", "image": "evil"}], "nodeName": "n"}}
    more = {
        **dict.fromkeys(("template", "podTemplate", "deployment"), template),
        "initContainers": [{"name": "i", "resources": {"limits": {"cpu": "8"}}}],
        "overhead": {"cpu": "1"},
        "schedulerName": "mine",
        "manifests": [{"kind": "ClusterRole", "metadata": {"name": "x"}}],
    }
    manifest = function("plain")
    manifest["spec"] |= more
    loose = owner.ask("POST", path_of(manifest), manifest, fieldValidation="Ignore", dryRun="All")
    assert loose.status_code == 201, loose.text
    assert not set(more) & set(loose.json()["spec"])
