# METADATA
# title: Memory of one replica
# description: A function asks for memory in Kubernetes' quantities, between its plan's floor and ceiling.
# custom:
#   findings:
#     memory-above-ceiling: more memory is asked than the plan's ceiling
#     memory-below-floor: less memory is asked than the plan's floor
#     memory-malformed: what is asked is no amount
#     memory-missing: nothing is asked and nothing was filled in
#     memory-needs-approval: more memory is asked than the plan gives without an approval (require_approval)
#     memory-unbounded: the plan has no floor or no ceiling, so nothing passes
package funkhaus.admission.memory

import data.funkhaus.lib.amount
import data.funkhaus.lib.plan

findings contains amount.finding("memory", "spec.resources.memory", _asked, plan.bounds("memory")) if {
	input.kind == "Function"
}

_asked := {
	"value": object.get(input, ["object", "resources", "memory", "text"], ""),
	"number": object.get(input, ["object", "resources", "memory", "bytes"], null),
	"unit": "",
}
