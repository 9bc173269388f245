"""The Kubernetes kinds the platform reads or writes, each written once."""

from __future__ import annotations

from dataclasses import dataclass

GROUP = "funkhaus.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"


@dataclass(frozen=True, slots=True)
class Kind:
    """Where a kind lives in the API."""

    api_version: str
    name: str
    plural: str
    namespaced: bool = True

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The URL path of the collection, of one object, or of its subresource."""
        root = (
            f"/api/{self.api_version}"
            if "/" not in self.api_version
            else f"/apis/{self.api_version}"
        )
        scope = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        tail = "".join(f"/{part}" for part in (name, subresource) if part)
        return f"{root}{scope}/{self.plural}{tail}"


FUNCTION = Kind(API_VERSION, "Function", "functions")
FUNCTION_REVISION = Kind(API_VERSION, "FunctionRevision", "functionrevisions")
HTTP_TRIGGER = Kind(API_VERSION, "HTTPTrigger", "httptriggers")
CRON_JOB_TRIGGER = Kind(API_VERSION, "CronJobTrigger", "cronjobtriggers")
RUNTIME = Kind(API_VERSION, "Runtime", "runtimes", namespaced=False)
TENANT_NAMESPACE = Kind(API_VERSION, "TenantNamespace", "tenantnamespaces", namespaced=False)

NAMESPACE = Kind("v1", "Namespace", "namespaces", namespaced=False)
POD = Kind("v1", "Pod", "pods")
POD_METRICS = Kind("metrics.k8s.io/v1beta1", "PodMetrics", "pods")
SERVICE = Kind("v1", "Service", "services")
SERVICE_ACCOUNT = Kind("v1", "ServiceAccount", "serviceaccounts")
SECRET = Kind("v1", "Secret", "secrets")
CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps")
EVENT = Kind("v1", "Event", "events")
RESOURCE_QUOTA = Kind("v1", "ResourceQuota", "resourcequotas")
LIMIT_RANGE = Kind("v1", "LimitRange", "limitranges")
ENDPOINT_SLICE = Kind("discovery.k8s.io/v1", "EndpointSlice", "endpointslices")
DEPLOYMENT = Kind("apps/v1", "Deployment", "deployments")
CRON_JOB = Kind("batch/v1", "CronJob", "cronjobs")
JOB = Kind("batch/v1", "Job", "jobs")
AUTOSCALER = Kind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
INGRESS = Kind("networking.k8s.io/v1", "Ingress", "ingresses")
HTTP_ROUTE = Kind("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes")
NETWORK_POLICY = Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
ROLE_BINDING = Kind("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings")
LEASE = Kind("coordination.k8s.io/v1", "Lease", "leases")
MUTATING_WEBHOOK = Kind(
    "admissionregistration.k8s.io/v1",
    "MutatingWebhookConfiguration",
    "mutatingwebhookconfigurations",
    namespaced=False,
)
VALIDATING_WEBHOOK = Kind(
    "admissionregistration.k8s.io/v1",
    "ValidatingWebhookConfiguration",
    "validatingwebhookconfigurations",
    namespaced=False,
)
ADMISSION_POLICY = Kind(
    "admissionregistration.k8s.io/v1",
    "ValidatingAdmissionPolicy",
    "validatingadmissionpolicies",
    namespaced=False,
)
ADMISSION_POLICY_BINDING = Kind(
    "admissionregistration.k8s.io/v1",
    "ValidatingAdmissionPolicyBinding",
    "validatingadmissionpolicybindings",
    namespaced=False,
)

_ALL = (
    CRON_JOB_TRIGGER, CRON_JOB, JOB,
    FUNCTION, FUNCTION_REVISION, HTTP_TRIGGER, RUNTIME, TENANT_NAMESPACE, NAMESPACE, POD, POD_METRICS, SERVICE,
    SERVICE_ACCOUNT, SECRET, CONFIG_MAP, EVENT, RESOURCE_QUOTA, LIMIT_RANGE, ENDPOINT_SLICE, DEPLOYMENT, AUTOSCALER,
    INGRESS, HTTP_ROUTE, NETWORK_POLICY, ROLE_BINDING, LEASE, MUTATING_WEBHOOK, VALIDATING_WEBHOOK,
    ADMISSION_POLICY, ADMISSION_POLICY_BINDING,
)  # fmt: skip
_BY_NAME = {(kind.api_version, kind.name): kind for kind in _ALL}


def kind_of(manifest: dict[str, object]) -> Kind:
    """The kind of a manifest; raises `KeyError` for one the platform has no business with."""
    return _BY_NAME[(str(manifest["apiVersion"]), str(manifest["kind"]))]
