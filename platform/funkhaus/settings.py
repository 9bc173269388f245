"""All configuration, read once from the environment; nobody else reads `os.environ`.

Every field's variable is ``FUNKHAUS_`` and its name in capitals; with ``_FILE`` behind it, the variable names a file that
holds the value (how secrets come: not in a process's environment). Unknown ``FUNKHAUS_…`` variables are refused by
`load`, so that a typo never passes for a default. Times are seconds, sizes bytes, unless the name says otherwise.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from funkhaus.domain.errors import InvalidError
from funkhaus.domain.gateway import Gateway
from funkhaus.domain.kubectl_account import members_namespace
from funkhaus.domain.verdict import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "FUNKHAUS_"


@dataclass(frozen=True)
class Common:
    """What every process reads."""

    log_level: str = "info"
    """debug, info, warning or error."""
    kubeconfig: str = ""
    """Path of a kubeconfig; empty means the pod's service account."""
    domain: str = "127-0-0-1.nip.io"
    """The platform's domain; a tenant owns ``<tenant>.<domain>`` and everything below it."""
    system_namespace: str = "funkhaus-system"
    """Where the platform itself lives."""
    kubectl: str = "webhook"
    """How kubectl gets in: ``webhook`` where kube-apiserver asks the API server about tokens, ``token-request`` where it
    can't be told to (docs/identity.md).
    """

    gateway: str = ""
    """``namespace/name`` of the Gateway that carries what an Ingress can't say (docs/triggers.md), of the same proxy as the
    ingress class; empty: such fields are refused.
    """

    @property
    def route_gateway(self) -> Gateway | None:
        """The Gateway, ``None`` where none is named. Raises `InvalidError`."""
        return Gateway.of(self.gateway)

    @property
    def members_namespace(self) -> str:
        """Where ServiceAccounts stand for members' credentials; empty where none do. Raises `InvalidError`."""
        if self.kubectl not in {"webhook", "token-request"}:
            message = f"{self.kubectl!r}: webhook or token-request passes"
            raise InvalidError.at(
                Finding("setting-malformed", message, "FUNKHAUS_KUBECTL", value=self.kubectl)
            )
        return members_namespace(self.system_namespace) if self.kubectl == "token-request" else ""


@dataclass(frozen=True)
class Database:
    """Postgres."""

    database_url: str = ""
    """``postgresql+asyncpg://user:password@host/db``; required."""
    database_pool: int = 10
    """Connections for transactions a process may hold; four more are for look-ups."""
    database_timeout: float = 5.0
    """For getting a connection and for one statement."""


@dataclass(frozen=True)
class Api(Common, Database):
    """The API server."""

    api_host: str = "127.0.0.1"
    api_port: int = 8780
    token_pepper: str = ""
    """Secret that keys the digests of stored tokens; 32 characters at least; required."""
    audit_keys: str = ""
    """PEM blocks, by ``_FILE``: the Ed25519 private key that signs the audit log's checkpoints, and those before it
    (docs/audit.md); empty: no checkpoints are made.
    """
    registry: str = "127.0.0.1:5050"
    """``host[:port][/prefix]`` of the OCI registry function images and archives go to."""
    registry_plain_http: bool = False
    """Speak http to the registry: only for one on loopback."""
    ingress_port: int = 80
    """The port callers reach triggers on; part of the URLs the API shows."""
    body_limit: int = 32 * 1024 * 1024
    """Bytes of a request body, archives included."""
    request_timeout: float = 30.0
    """For one API request, streaming answers excepted."""
    requests_per_minute: int = 1200
    """Of one subject, at one replica; a minute's worth may come at once."""
    failed_sign_ins_per_minute: int = 120
    """From one client address, at one replica; beyond it no credential from there is looked at."""
    public_url: str = "http://127.0.0.1:8780"
    """Where browsers reach this API: identity providers send them back below it."""
    oidc: str = ""
    """Identity providers, JSON (docs/identity.md); empty: nobody can sign in. By ``_FILE``, where it holds a secret."""
    login_redirects: str = ""
    """Exact addresses of web pages that may sign people in, with commas between; programs on loopback always may."""
    self_service_plans: str = "small"
    """Plans a signed-in user may found tenants with, with commas between; ``none`` for no self-service."""
    self_service_tenants: int = 3
    """Tenants a user may found without asking."""
    deletion_grace_days: int = 30
    """Days between a tenant's deletion and its end, in which it can be taken back."""
    cluster_server: str = ""
    """Where people reach kube-apiserver, https; empty: where the kubeconfig says; without one, nobody is told."""
    cluster_ca: str = ""
    """PEM certificates that vouch for it, by ``_FILE`` as a rule; empty: those this process trusts itself."""
    policy_signing_key: str = ""
    """RSA private key (PEM, by ``_FILE``) that signs what OPA loads; empty: OPA has the rules as files."""
    policy_bundle_token: str = ""
    """What OPA shows to get the bundle; 32 characters at least; required with the key."""
    decision_days: int = 30
    """Days the decisions of admission are kept, for trying other rules on them."""
    decisions_per_tenant: int = 20_000
    """Of one tenant, at most; the oldest go first."""
    approval_webhook_url: str = ""
    """Where approvals that are asked for and decided are told (docs/approvals.md), https; empty: nowhere."""
    approval_webhook_secret: str = ""
    """``whsec_…`` (Standard Webhooks), by ``_FILE``: what they are signed with; required with the URL."""
    opa_program: str = "opa"
    """The program policy sets are tried out with before they are put in force."""
    trusted_proxies: str = ""
    """CIDRs, with commas between, of the proxies in front of the API whose X-Forwarded-For tells a caller's address."""


@dataclass(frozen=True)
class Webhook(Common, Database):
    """The admission webhook."""

    webhook_host: str = "127.0.0.1"
    webhook_port: int = 8743
    webhook_ops_host: str = "127.0.0.1"
    webhook_ops_port: int = 8744
    webhook_url: str = ""
    """Base URL kube-apiserver calls when it does not call a Service (the local cluster).

    Its host goes into the certificate.
    """
    webhook_client_ca_file: str = ""
    """PEM of the authority that signed kube-apiserver's client certificate for webhooks. Whoever shows none is not
    answered; empty: everybody is who reaches the port.
    """
    admission_restore: bool = True
    """Whether webhook configurations and policies that were changed or deleted are put back, not only counted."""
    opa_url: str = "http://127.0.0.1:8181"
    opa_timeout: float = 1.0
    """Whole deadline of one decision; below half of the webhook's timeoutSeconds."""
    review_timeout: float = 2.5
    """Whole deadline of one review, its audit row excepted; below the webhook's timeoutSeconds."""
    review_limit: int = 8 * 1024 * 1024
    """Bytes of one AdmissionReview: an update carries the object twice."""
    reviews_at_once: int = 16
    """Reviews judged at the same time. Beyond it one waits within its deadline, in its tenant's row: a flood waits for
    itself, and a neighbour's review for one of these at most.
    """


@dataclass(frozen=True)
class Controller(Common, Database):
    """The controller."""

    controller_ops_host: str = "127.0.0.1"
    controller_ops_port: int = 8745
    registry: str = "127.0.0.1:5050"
    registry_plain_http: bool = False
    ingress_class: str = "contour"
    """IngressClass of the Ingresses made for HTTPTriggers."""
    ingress_port: int = 80
    ingress_namespace: str = "projectcontour"
    """Namespace whose pods may reach function pods (the ingress controller's)."""
    dns_cidrs: str = ""
    """CIDRs of DNS servers that are no pods (a node-local cache), with commas between: functions may ask them."""
    opa_url: str = "http://127.0.0.1:8181"
    opa_timeout: float = 1.0
    caller_runtime: str = "python3.11"
    """Runtime whose image makes the calls of cron triggers; it has the module ``funkhaus_runtime.caller``."""
    build_index_url: str = ""
    """The package index functions' dependencies are installed from, PEP 503; empty: nothing is built."""
    build_index_cidrs: str = ""
    """CIDRs of it, with commas between: all that builds reach beside DNS, on the URL's port."""
    build_index_namespace: str = ""
    """Namespace it runs in, where it runs in the cluster; instead of CIDRs or beside them. The URL's port is the pods'."""
    build_index_ca: str = ""
    """PEM certificates that vouch for it, by ``_FILE`` as a rule; empty: the build image's own."""
    source_cidrs: str = ""
    """CIDRs sources are fetched from, with commas between; what of them is no internet address (RFC 6890) is left out,
    unless it is named itself. Empty, without a namespace: nothing is fetched. Rules say which hosts pass
    (``data/sources.yaml``).
    """
    source_namespace: str = ""
    """Namespace with servers that sources are fetched from too."""
    source_ports: str = "443"
    """Ports of them all, with commas between."""
    source_ca: str = ""
    """PEM certificates that vouch for them, by ``_FILE`` as a rule; empty: the build image's own."""
    source_runtime: str = "python3.11"
    """Runtime whose build image fetches sources; it has the module ``funkhaus_build.source``."""
    build_seconds: int = 600
    """For one build, its result's fetching included."""
    build_cpu: str = "500m"
    build_memory: str = "512Mi"
    build_disk: str = "1Gi"
    """What a build's pod gets, Kubernetes quantities; it counts towards the namespace's ResourceQuota while it runs."""
    builds_at_once: int = 10
    """Builds of all tenants that run at once; the next one waits."""
    builds_at_once_tenant: int = 2
    """Of one tenant."""
    waker_port: int = 8750
    """The port of the waker: where functions reach neighbours that sleep."""
    waker_cidrs: str = ""
    """CIDRs of the waker where it is no pod of the system namespace, with commas between."""
    revisions_kept: int = 10
    """Revisions of a function kept for going back to, beside those in use; the oldest goes first."""
    resync: float = 30.0
    """Every object is compared with what it should be at least this often."""


@dataclass(frozen=True)
class Waker(Common):
    """The waker: it holds calls of functions that sleep. It has no database."""

    waker_host: str = "127.0.0.1"
    """The address EndpointSlices lead to, or all; Kubernetes takes no loopback there."""
    waker_port: int = 8750
    waker_ops_host: str = "127.0.0.1"
    waker_ops_port: int = 8751
    waker_seconds: float = 30.0
    """A call waits for its function to wake, at most."""
    waker_drain: float = 5.0
    """When it is told to end it goes on for so long: functions' Services may still lead to it."""
    waker_answer_seconds: float = 3660.0
    """A function may take to answer, at most: more than the longest time-out of any plan, so that its own 408 wins."""
    waker_calls: int = 2000
    """Calls of all functions that wait or are being answered; more are refused."""
    waker_calls_tenant: int = 500
    """Of one tenant."""
    waker_calls_function: int = 200
    """Of one function."""
    waker_callers: str = ""
    """CIDRs, with commas between, of callers that are no pods: an ingress controller on its node's network or outside."""
    waker_body_limit: int = 32 * 1024 * 1024
    """Bytes of a call's body. It is passed on as it comes and never kept as a whole."""


S = TypeVar("S", Common, Database, Api, Webhook, Controller, Waker)
_REQUIRED = {"database_url", "token_pepper"}
_TOOLING = {
    "CLUSTER",
    "CONTEXT",
    "STATE",
    "CACHE",
    "API",
    "TOKEN",
    "ADMIN_TOKEN_FILE",
    "INGRESS",
    "PART",
    "TENANT",
    "NAMESPACE",
    "CONFIG",
    "DEBUG",
    "NO_KEYRING",
    "OPA",
}
"""Variables of the CLI and of the local cluster's tool, which share the prefix."""


def load(kind: type[S], environ: Mapping[str, str]) -> S:
    """The settings of one process; raises `InvalidError` naming every variable that is wrong, at once."""
    known = {
        field.name
        for settings in (Api, Webhook, Controller, Waker)
        for field in dataclasses.fields(settings)
    }
    findings: list[Finding] = []
    values: dict[str, object] = {}
    for variable in sorted(name for name in environ if name.startswith(PREFIX)):
        bare = variable.removeprefix(PREFIX)
        if not known & {bare.lower(), bare.removesuffix("_FILE").lower()} and bare not in _TOOLING:
            findings.append(
                Finding(
                    "setting-unknown",
                    f"no setting of that name; known: {_near(bare, known)}",
                    variable,
                )
            )
    for field in dataclasses.fields(kind):
        variable = PREFIX + field.name.upper()
        try:
            text = _text(environ, variable)
        except (OSError, ValueError) as error:
            findings.append(Finding("setting-unreadable", str(error), f"{variable}_FILE"))
            continue
        if not text:
            if field.name in _REQUIRED:
                findings.append(Finding("setting-missing", "is required and not set", variable))
            continue
        try:
            values[field.name] = _convert(text, type(field.default))
        except ValueError as error:
            findings.append(
                Finding("setting-malformed", f"{text!r}: {error}", variable, value=text)
            )
    if findings:
        raise InvalidError.at(*findings)
    return kind(**values)  # type: ignore[arg-type]  # the field names are the dataclass's own


def _text(environ: Mapping[str, str], variable: str) -> str:
    path = environ.get(f"{variable}_FILE")
    if path is None:
        return environ.get(variable, "")
    if variable in environ:
        raise ValueError(f"{variable} is set too; one of the two passes")
    return Path(path).read_text(encoding="utf-8").strip()


def _near(name: str, known: set[str]) -> str:
    words = set(name.lower().split("_"))
    near = sorted(known, key=lambda other: -len(words & set(other.split("_"))))[:3]
    return ", ".join(PREFIX + other.upper() for other in near)


def _convert(text: str, kind: type) -> object:
    if kind is bool:
        if text.lower() not in {"true", "false"}:
            raise ValueError("true or false passes")
        return text.lower() == "true"
    if kind is int or kind is float:
        number = kind(text)
        if number <= 0:
            raise ValueError("a number above 0 passes")
        return number
    return text
