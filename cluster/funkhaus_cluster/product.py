"""The product on the node: its four processes beside the cluster, and what has to be in the cluster before they start."""

from __future__ import annotations

import base64
import ipaddress
import json
import os
import secrets
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from funkhaus_cluster import (
    addons,
    atomic,
    developer,
    identity_provider,
    kubeconfig,
    manifests,
    policy_engine,
    postgres,
)
from funkhaus_cluster.errors import ClusterError
from funkhaus_cluster.images import build as images_build
from funkhaus_cluster.parts import Part
from funkhaus_cluster.probes import HttpProbe
from funkhaus_cluster.steps import Step

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from funkhaus_cluster.site import Site

SYSTEM_NAMESPACE = "funkhaus-system"
ACCOUNTS = ("funkhaus-api", "funkhaus-webhook", "funkhaus-controller", "funkhaus-waker")
INDEX_VARIABLES, INDEX_NAMESPACE = "FUNKHAUS_BUILD_INDEX_", "funkhaus-index"
SOURCE_VARIABLES, SOURCE_NAMESPACE = "FUNKHAUS_SOURCE_", "funkhaus-sources"
APPLY_SECONDS = 120.0
TOKEN_SECONDS = 30.0


def parts(site: Site) -> list[Part]:
    """The table of the product's processes."""
    ports = site.settings.ports
    return [
        _process(
            site,
            "api",
            ports.api,
            ready_at=ports.api,
            needs=(identity_provider.SETTINGS_STEP, "rules"),
            env={**identity_provider.environment(site), **policy_engine.environment(site)},
            watches=(identity_provider.settings_file(site), *policy_engine.watched(site)),
        ),
        _process(site, "webhook", ports.webhook, ready_at=ports.webhook_ops, needs=("start opa",)),
        _process(site, "controller", ready_at=ports.controller_ops, needs=("start opa",)),
        # Endpoints may not be loopback, and pods call it too: it alone of these answers at the node's address.
        _process(
            site,
            "waker",
            ready_at=ports.waker_ops,
            needs=("network",),
            others=((site.settings.node_address, ports.waker),),
        ),
    ]


def steps(site: Site) -> list[Step]:
    """What has to be done before and between them."""
    return [
        Step(
            "chart",
            "install the chart",
            lambda: install(site),
            ("start kube-apiserver", "start kube-controller-manager", "binaries"),
        ),
        Step(
            "migrate",
            "migrate the database",
            lambda: migrate(site),
            ("virtualenv", "database"),
        ),
        Step(
            "rules",
            "put the house rules in force",
            lambda: rules(site),
            ("migrate", policy_engine.KEYS_STEP),
        ),
        Step(
            "images",
            "build base images",
            lambda: images_build.ensure(site),
            ("packages", "virtualenv", "start registry", "go"),
        ),
        Step(
            "runtimes", "write the runtime catalogue", lambda: runtimes(site), ("images", "chart")
        ),
    ]


def _process(
    site: Site,
    name: str,
    *ports: int,
    ready_at: int,
    needs: tuple[str, ...] = (),
    env: Mapping[str, str] | None = None,
    watches: tuple[Path, ...] = (),
    others: tuple[tuple[str, int], ...] = (),
) -> Part:
    base = f"http://127.0.0.1:{ready_at}"
    return Part(
        name=f"funkhaus-{name}",
        argv=(str(python(site)), "-m", f"funkhaus_{name}"),
        env={**environment(site, f"funkhaus-{name}"), **(env or {})},
        cwd=site.settings.checkout,
        needs=("chart", "migrate", "start registry", *needs),
        ports=(*(("127.0.0.1", port) for port in {*ports, ready_at}), *others),
        watches=(*source_roots(site), site.settings.kubeconfig(f"funkhaus-{name}"), *watches),
        ready=HttpProbe(f"{base}/readyz"),
        url=base,
    )


def python(site: Site) -> Path:
    """The interpreter with the product's dependencies."""
    return developer.virtualenv(site) / "bin" / "python"


def source_roots(site: Site) -> tuple[Path, ...]:
    """Where the product's packages lie."""
    return tuple(site.settings.checkout / root for root in ("platform", "webhook", "controller"))


def environment(site: Site, identity: str) -> dict[str, str]:
    """What a product process is told; secrets as paths of files, so that no command line or process list shows one."""
    settings, ports = site.settings, site.settings.ports
    return {
        "PYTHONPATH": ":".join(str(root) for root in source_roots(site)),
        "FUNKHAUS_KUBECONFIG": str(settings.kubeconfig(identity)),
        "FUNKHAUS_DATABASE_URL_FILE": str(database_url_file(site)),
        "FUNKHAUS_TOKEN_PEPPER_FILE": str(pepper_file(site)),
        "FUNKHAUS_AUDIT_KEYS_FILE": str(audit_keys_file(site)),
        "FUNKHAUS_DOMAIN": settings.domain,
        "FUNKHAUS_REGISTRY": settings.registry,
        "FUNKHAUS_REGISTRY_PLAIN_HTTP": "true",
        "FUNKHAUS_INGRESS_PORT": str(ports.ingress),
        "FUNKHAUS_GATEWAY": addons.GATEWAY,
        # The node's DNS is no pod: without this no function finds another by name.
        "FUNKHAUS_DNS_CIDRS": f"{settings.node_address}/32",
        **package_index(os.environ),
        **upstream(os.environ),
        "FUNKHAUS_OPA_URL": f"http://127.0.0.1:{ports.opa}",
        "FUNKHAUS_API_PORT": str(ports.api),
        "FUNKHAUS_WEBHOOK_PORT": str(ports.webhook),
        "FUNKHAUS_WEBHOOK_OPS_PORT": str(ports.webhook_ops),
        "FUNKHAUS_WEBHOOK_URL": f"https://127.0.0.1:{ports.webhook}",
        "FUNKHAUS_WEBHOOK_CLIENT_CA_FILE": str(site.pki.certificate("webhook-callers-ca")),
        "FUNKHAUS_CONTROLLER_OPS_PORT": str(ports.controller_ops),
        "FUNKHAUS_WAKER_HOST": settings.node_address,
        "FUNKHAUS_WAKER_PORT": str(ports.waker),
        "FUNKHAUS_WAKER_CALLERS": ",".join(no_pods(settings.pod_network)),
        "FUNKHAUS_WAKER_OPS_PORT": str(ports.waker_ops),
        "FUNKHAUS_WAKER_CIDRS": f"{settings.node_address}/32",
    }


def no_pods(pod_network: str) -> list[str]:
    """All networks but the pods'.

    Envoy and the API are processes of the host, and come with whichever of its addresses the way to a Service starts
    from. Nobody outside the machine gets through to the waker, and pods keep their addresses here.
    """
    everything = ipaddress.IPv4Network("0.0.0.0/0")
    return [str(found) for found in everything.address_exclude(ipaddress.IPv4Network(pod_network))]


def package_index(environ: Mapping[str, str]) -> dict[str, str]:
    """Where builds install from: what whoever calls has set (``FUNKHAUS_BUILD_INDEX_…``), else one in the cluster.

    Nobody brings that one along: it is whatever Service ``index`` there is in namespace ``funkhaus-index``.
    """
    given = {name: text for name, text in environ.items() if name.startswith(INDEX_VARIABLES)}
    return given or {
        f"{INDEX_VARIABLES}URL": f"http://index.{INDEX_NAMESPACE}:8080/simple/",
        f"{INDEX_VARIABLES}NAMESPACE": INDEX_NAMESPACE,
    }


def upstream(environ: Mapping[str, str]) -> dict[str, str]:
    """Where sources are fetched from: what whoever calls has set (``FUNKHAUS_SOURCE_…``), else the internet, and whatever
    serves on port 8080 in namespace ``funkhaus-sources``.
    """
    given = {name: text for name, text in environ.items() if name.startswith(SOURCE_VARIABLES)}
    return given or {
        f"{SOURCE_VARIABLES}CIDRS": "0.0.0.0/0",
        f"{SOURCE_VARIABLES}NAMESPACE": SOURCE_NAMESPACE,
        f"{SOURCE_VARIABLES}PORTS": "443,8080",
    }


def pepper_file(site: Site) -> Path:
    """The secret that keys token digests: the installation's own, made once."""
    return site.settings.state / "secrets" / "token-pepper"


def audit_keys_file(site: Site) -> Path:
    """The key that signs the audit log's checkpoints, and those before it (docs/audit.md); made once."""
    return site.settings.state / "secrets" / "audit-keys"


def database_url_file(site: Site) -> Path:
    """The database's URL as processes have it, password included: its user owns nothing."""
    return site.settings.state / "secrets" / "database-url"


def database_owner_url_file(site: Site) -> Path:
    """The database's URL as migrations have it."""
    return site.settings.state / "secrets" / "database-owner-url"


def login_url(owner_url: str, password: str) -> str:
    """The processes' URL: the owner's, with the user ``<database>_service``."""
    parts = urlsplit(owner_url)
    address = parts.netloc.rpartition("@")[2]
    user = f"{parts.path.strip('/')}_service"
    return parts._replace(netloc=f"{user}:{password}@{address}").geturl()


def _password(site: Site) -> str:
    file = site.settings.state / "secrets" / "database-login"
    if not file.exists():
        atomic.write(file, secrets.token_urlsafe(32) + "\n", mode=0o600)
    return file.read_text().strip()


def admin_token_file(site: Site) -> Path:
    """The platform admin's token, made with the database."""
    return site.settings.state / "secrets" / "admin-token"


def install(site: Site) -> str:
    """Put the chart into the cluster (CRDs, RBAC, admission) and give each process its identity."""
    chart = site.settings.checkout / "helm" / "funkhaus"
    crds = site.commands.output(
        [site.program("helm"), "show", "crds", str(chart)], seconds=APPLY_SECONDS
    )
    _apply(site, crds)
    _kubectl(site, "wait", "--for=condition=Established", "--timeout=60s", "-f", "-", stdin=crds)
    _apply(
        site,
        json.dumps(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM_NAMESPACE}}
        ),
    )
    gateway_namespace, _, gateway_name = addons.GATEWAY.partition("/")
    rendered = site.commands.output(
        [
            site.program("helm"), "template", "funkhaus", str(chart),
            "--namespace", SYSTEM_NAMESPACE,
            "--set", "workloads=false",
            "--set", "kubectl=webhook",  # kube-apiserver asks: control_plane.py
            "--set", f"domain={site.settings.domain}",
            "--set", f"webhook.url=https://127.0.0.1:{site.settings.ports.webhook}",
            "--set", f"registry.host={site.settings.registry}",
            "--set", f"gateway.namespace={gateway_namespace},gateway.name={gateway_name}",
        ],
        seconds=APPLY_SECONDS,
    )  # fmt: skip
    _apply(site, rendered)
    _apply(site, (site.sources / "manifests" / "accounts.yaml").read_text())
    waker = site.sources / "manifests" / "waker.yaml"
    _apply(site, manifests.render(waker.read_text(), manifests.values(site), source=waker))
    for account in ACCOUNTS:
        _identify(site, account)
    return "chart applied"


def runtimes(site: Site) -> str:
    """Write the Runtime objects of the images this node has built."""
    built: dict[str, str] = json.loads((site.settings.state / "images.json").read_text())
    entries = [
        {
            "apiVersion": "funkhaus.dev/v1alpha1",
            "kind": "Runtime",
            "metadata": {"name": name},
            "spec": {
                "image": image,
                "status": "active",
                "dependencyFile": "requirements.txt",
                "fileSuffix": ".py",
                "build": {
                    "image": built[f"build-{name}"],
                    "command": ["python3", "-P", "-m", "funkhaus_build"],
                },
            },
        }
        for name, image in sorted(built.items())
        if name.startswith("python")
    ]
    _apply(site, json.dumps({"apiVersion": "v1", "kind": "List", "items": entries}))
    return ", ".join(sorted(name for name in built if name.startswith("python")))


def migrate(site: Site) -> str:
    """Bring the database to the schema this checkout knows, and make the first admin token."""
    url = site.settings.database_url or postgres.url(site.settings)
    atomic.write(database_owner_url_file(site), url + "\n", mode=0o600)
    atomic.write(database_url_file(site), login_url(url, _password(site)) + "\n", mode=0o600)
    if not pepper_file(site).exists():
        atomic.write(pepper_file(site), secrets.token_urlsafe(32) + "\n", mode=0o600)
    if not audit_keys_file(site).exists():
        key = site.commands.output(["openssl", "genpkey", "-algorithm", "ed25519"])
        atomic.write(audit_keys_file(site), key, mode=0o600)
    as_process = environment(site, "funkhaus-api")
    as_owner = {**as_process, "FUNKHAUS_DATABASE_URL_FILE": str(database_owner_url_file(site))}
    for words, environ in (
        (["migrate", "--login-url-file", str(database_url_file(site))], as_owner),
        (["bootstrap-admin", "--token-file", str(admin_token_file(site))], as_process),
    ):
        site.commands.run(
            [python(site), "-m", "funkhaus_api", *words],
            log=site.settings.log / "migrate.log",
            seconds=APPLY_SECONDS,
            cwd=site.settings.checkout,
            env=environ,
        )
    return "at head"


def rules(site: Site) -> str:
    """Put the checkout's rules in force, unless an admin has put others there."""
    site.commands.run(
        [python(site), "-m", "funkhaus_api", "publish-policies", "policies"],
        log=site.settings.log / "rules.log",
        seconds=APPLY_SECONDS,
        cwd=site.settings.checkout,
        env={**environment(site, "funkhaus-api"), **policy_engine.environment(site)},
    )
    return "published"


def _identify(site: Site, account: str) -> None:
    """Wait for the account's token and write its kubeconfig."""
    deadline = time.monotonic() + TOKEN_SECONDS
    while True:
        out = _kubectl(
            site, "get", "secret", f"{account}-token", "-n", SYSTEM_NAMESPACE, "-o", "json"
        )
        data = json.loads(out).get("data") or {}
        if "token" in data:
            break
        if time.monotonic() > deadline:
            raise ClusterError(
                f"the token of ServiceAccount {account} was not made; does the controller-manager run?"
            )
        time.sleep(0.2)
    content = json.loads(
        kubeconfig.render(
            server=site.settings.apiserver_url,
            authority=base64.b64decode(data["ca.crt"]),
            user=account,
            certificate=b"",
            key=b"",
        )
    )
    content["users"][0]["user"] = {"token": base64.b64decode(data["token"]).decode()}
    atomic.write(
        site.settings.kubeconfig(account), json.dumps(content, indent=2) + "\n", mode=0o600
    )


def _apply(site: Site, text: str) -> None:
    _kubectl(
        site,
        "apply",
        "--server-side",
        "--force-conflicts",
        "--field-manager=funkhaus-local",
        "-f",
        "-",
        stdin=text,
    )


def _kubectl(site: Site, *words: str, stdin: str = "") -> str:
    return site.commands.output(
        [site.program("kubectl"), f"--kubeconfig={site.settings.kubeconfig('admin')}", *words],
        seconds=APPLY_SECONDS,
        stdin=stdin,
    )
