# METADATA
# title: The question itself
# description: |
#   A rule that finds nothing to judge says nothing, so what would make all of them silent is refused here: a kind no
#   rule knows, no tenant, a plan that does not exist.
# custom:
#   findings:
#     request-data-missing: a catalogue is missing
#     request-kind-unknown: no rule judges objects of this kind
#     request-object-missing: the question holds no object
#     request-plan-unknown: the tenant's plan is not in the catalogue
#     request-tenant-missing: the question names no tenant
package funkhaus.admission.request

import data.data.plans

findings contains {
	"code": "request-kind-unknown",
	"outcome": "deny",
	"path": "kind",
	"limit": sort(_kinds),
	"value": kind,
	"message": sprintf("no rule judges the kind %q; a change of policy is needed before it passes", [kind]),
} if {
	kind := object.get(input, "kind", "")
	not kind in _kinds
}

findings contains {
	"code": "request-tenant-missing",
	"outcome": "deny",
	"message": "the question names no tenant",
} if {
	not _tenant
}

findings contains {
	"code": "request-plan-unknown",
	"outcome": "deny",
	"limit": sort(object.keys(plans)),
	"value": plan,
	"message": sprintf("the plan %q does not exist; an administrator has to add it to policies/data/plans.yaml", [plan]),
} if {
	plan := object.get(input, ["tenant", "plan"], "")
	not plans[plan]
}

findings contains {
	"code": "request-object-missing",
	"outcome": "deny",
	"message": "the question holds no object",
} if {
	not is_object(object.get(input, "object", null))
}

findings contains {
	"code": "request-data-missing",
	"outcome": "deny",
	"value": name,
	"message": sprintf("the policy's data lack %q; an administrator has to restore policies/data", [name]),
} if {
	some name in ["plans", "runtimes", "hosts", "env", "annotations", "freezes"]
	not _loaded(name)
}

_loaded(name) if is_object(data.data[name])

_kinds := {"CronJobTrigger", "Function", "HTTPTrigger"}

_tenant if regex.match(`^[a-z]([a-z0-9-]*[a-z0-9])?$`, input.tenant.id)
