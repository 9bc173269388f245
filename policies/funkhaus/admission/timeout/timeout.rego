# METADATA
# title: Seconds a call may take
# description: A call ends after a time the plan allows.
# custom:
#   findings:
#     timeout-above-ceiling: more timeout is asked than the plan's ceiling
#     timeout-below-floor: less timeout is asked than the plan's floor
#     timeout-malformed: what is asked is no amount
#     timeout-missing: nothing is asked and nothing was filled in
#     timeout-unbounded: the plan has no floor or no ceiling, so nothing passes
package funkhaus.admission.timeout

import data.funkhaus.lib.amount
import data.funkhaus.lib.plan

findings contains amount.finding("timeout", "spec.timeout", _asked, plan.bounds("timeout")) if {
	input.kind == "Function"
}

_asked := {"value": value, "number": value, "unit": " s"} if {
	value := object.get(input, ["object", "timeout"], "")
}
