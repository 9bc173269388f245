"""The objects the controller makes, judged by eye once and by these files ever after."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from funkhaus.domain.build import BuildRules, Index
from funkhaus.domain.function import (
    EnvVar,
    Function,
    FunctionSpec,
    Resources,
    RevisionSpec,
    Scaling,
    Source,
)
from funkhaus.domain.gateway import Gateway
from funkhaus.domain.names import revision_name
from funkhaus.domain.runtime import Builder
from funkhaus.domain.tenant import Namespace, NamespaceQuota
from funkhaus.domain.trigger import (
    CURRENT,
    Backend,
    CronJobTrigger,
    CronJobTriggerSpec,
    HTTPTrigger,
    HTTPTriggerSpec,
)
from funkhaus.domain.upstream import Upstream
from funkhaus.manifests import build, cron, labels, network, pod, tenant, trigger
from funkhaus.manifests import function as functions
from tests.support.golden import compare

SITE = labels.Site("demo--main", "demo", "main")
FUNCTION = Function(
    namespace="demo--main",
    name="hello",
    spec=FunctionSpec(
        runtime="python3.11",
        handler="hello.handler",
        source=Source(inline=(("hello.py", "def handler(event, context):\n    return 'hi'\n"),)),
        scaling=Scaling(min=2, max=5, cpu_percent=70),
    ),
    uid="11111111-1111-1111-1111-111111111111",
    generation=3,
)
REVISION = RevisionSpec(
    function="hello",
    runtime="python3.11",
    runtime_image="127.0.0.1:5050/funkhaus/python3.11@sha256:" + "a" * 64,
    handler="hello.handler",
    source_digest="sha256:" + "b" * 64,
    image="127.0.0.1:5050/tenants/demo/main/hello@sha256:" + "c" * 64,
    env=(
        EnvVar("GREETING", value="hi"),
        EnvVar("PASSWORD", secret=("database", "password")),
        EnvVar("COLOUR", config_map=("theme", "colour")),
        EnvVar("FUNC_HANDLER", value="a user's own never replaces the platform's"),
    ),
    resources=Resources(cpu="250m", memory="128Mi"),
    timeout=30,
    concurrency=8,
)
NAME = revision_name("hello", REVISION.digest)
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def test_function(*, update_data: bool) -> None:
    documents = [
        functions.service_account(SITE, FUNCTION),
        functions.revision_object(SITE, FUNCTION, REVISION),
        functions.deployment(SITE, FUNCTION, REVISION),
        functions.revision_service(SITE, FUNCTION, NAME),
        functions.public_service(SITE, FUNCTION, NAME, NOW),
        functions.autoscaler(SITE, FUNCTION, NAME, FUNCTION.spec.scaling.max),
    ]
    compare("manifests/function.yaml", documents, update=update_data)


def test_cron(*, update_data: bool) -> None:
    spec = CronJobTriggerSpec("hello", "0 3 * * *", "Europe/Berlin", '{"full": true}', "Forbid")
    nightly = CronJobTrigger("demo--main", "nightly", spec, uid=FUNCTION.uid)
    image = "127.0.0.1:5050/funkhaus/python3.11@sha256:" + "a" * 64
    made = cron.cron_job(SITE, nightly, image=image, timeout=30, suspend=False)
    compare("manifests/cron.yaml", [made], update=update_data)


def test_build(*, update_data: bool) -> None:
    index = Index("https://index.example.com/simple/", 443, ("192.0.2.0/24",), "packages", "PEM")
    upstream = Upstream.of(
        cidrs="0.0.0.0/0, 10.1.0.0/16", namespace="files", ports="443,8080", ca="PEM"
    )
    assert upstream
    builder = Builder("127.0.0.1:5050/funkhaus/build@sha256:" + "e" * 64, ("python3", "-m", "b"))
    key, source = (
        "sha256:" + "d" * 64,
        Source(url="https://files.example.com/a.zip", sha256="f" * 64),
    )
    made = [
        build.job(SITE, FUNCTION, work, BuildRules(index), "5ec2e7")
        for work in (
            build.installing(key, "requests==2.32.3\n", builder, index),
            build.fetching(key, source, builder, upstream),
        )
    ]
    assert [build.secret_of(job) for job in made] == ["5ec2e7"] * 2
    compare("manifests/build.yaml", made, update=update_data)


def test_trigger(*, update_data: bool) -> None:
    plain = HTTPTrigger("demo--main", "web", HTTPTriggerSpec("hello"), uid="22222222", generation=1)
    secure = replace(
        plain,
        name="web-tls",
        spec=HTTPTriggerSpec("hello", "shop.demo.example.com", "/cart", "shop-tls"),
    )
    documents = [
        trigger.ingress(SITE, item, domain="example.com", ingress_class="contour", timeout=60)
        for item in (plain, secure)
    ]
    shares = (Backend("hello-0123456789", 90), Backend(CURRENT, 10))
    for spec in (
        HTTPTriggerSpec("hello", path="/cart", methods=("GET", "POST")),
        HTTPTriggerSpec("hello", path="/", backends=shares),
    ):
        routed = replace(plain, spec=spec)
        documents.append(
            trigger.http_route(
                SITE,
                routed,
                domain="example.com",
                gateway=Gateway("edge", "public"),
                timeout=60,
                led=trigger.shares(routed),
                since=datetime(2026, 1, 1, tzinfo=UTC),
            )
        )
    compare("manifests/trigger.yaml", documents, update=update_data)


def test_tenant_namespace(*, update_data: bool) -> None:
    namespace = replace(
        Namespace("demo", "main", NamespaceQuota(10, 20, 12, 4000, 8 * 1024**3)),
        plan="small",
        host_suffixes=("demo.example", "shop.example"),
    )
    place = tenant.site(namespace)
    owner = tenant.owner(namespace, "33333333")
    documents = [
        tenant.kubernetes_namespace(namespace, owner),
        *tenant.role_bindings(place, owner),
        tenant.resource_quota(namespace, owner),
        tenant.limit_range(place, owner),
        *network.policies(
            place,
            owner,
            ingress_namespace="projectcontour",
            system_namespace="funkhaus-system",
            dns_cidrs=("10.222.0.1/32",),
            index=Index("https://index.example.com/", 443, ("192.0.2.0/24",), "packages"),
            upstream=Upstream.of(cidrs="0.0.0.0/0", namespace="files", ports="443,8080"),
        ),
    ]
    compare("manifests/tenant.yaml", documents, update=update_data)


@pytest.mark.parametrize(("timeout", "grace"), [(1, 16), (180, 195), (3600, 600)])
def test_a_running_call_gets_its_time_to_end_within_bounds(timeout: int, grace: int) -> None:
    assert pod.grace_period(timeout) == grace


@pytest.mark.parametrize(
    ("spec", "port", "url"),
    [
        (HTTPTriggerSpec("hello"), 80, "http://hello.demo.example.com/"),
        (HTTPTriggerSpec("hello"), 8088, "http://hello.demo.example.com:8088/"),
        (HTTPTriggerSpec("hello", path="/a"), 80, "http://hello.demo.example.com/a"),
        (
            HTTPTriggerSpec("hello", "x.demo.example.com", "/", "s"),
            8088,
            "https://x.demo.example.com/",
        ),
    ],
)
def test_url(spec: HTTPTriggerSpec, port: int, url: str) -> None:
    assert trigger.url(SITE, HTTPTrigger("demo--main", "t", spec), "example.com", port) == url


def test_an_owner_never_takes_a_stranger_for_its_own() -> None:
    owner = functions.owner(FUNCTION)
    own = functions.service_account(SITE, FUNCTION)
    other = functions.service_account(SITE, replace(FUNCTION, uid="another"))
    unlabelled = {**own, "metadata": {**own["metadata"], "labels": {}}}
    unowned = {**own, "metadata": {**own["metadata"], "ownerReferences": []}}
    assert owner.owns(own)
    assert not owner.owns(other)
    assert not owner.owns(unlabelled)
    assert not owner.owns(unowned)
    assert not owner.owns({})
