# METADATA
# title: CPU of one replica
# description: A function asks for CPU in Kubernetes' quantities, between its plan's floor and ceiling.
# custom:
#   findings:
#     cpu-above-ceiling: more cpu is asked than the plan's ceiling
#     cpu-below-floor: less cpu is asked than the plan's floor
#     cpu-malformed: what is asked is no amount
#     cpu-missing: nothing is asked and nothing was filled in
#     cpu-needs-approval: more cpu is asked than the plan gives without an approval (require_approval)
#     cpu-unbounded: the plan has no floor or no ceiling, so nothing passes
package funkhaus.admission.cpu

import data.funkhaus.lib.amount
import data.funkhaus.lib.plan

findings contains amount.finding("cpu", "spec.resources.cpu", _asked, plan.bounds("cpu")) if {
	input.kind == "Function"
}

_asked := {
	"value": object.get(input, ["object", "resources", "cpu", "text"], ""),
	"number": _cores(object.get(input, ["object", "resources", "cpu", "millis"], null)),
	"unit": "",
}

_cores(millis) := millis / 1000 if is_number(millis)

_cores(millis) := null if not is_number(millis)
