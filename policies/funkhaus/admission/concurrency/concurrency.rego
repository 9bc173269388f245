# METADATA
# title: Calls one replica works on at once
# description: A replica works on at least one call at once, and on no more than the plan allows.
# custom:
#   findings:
#     concurrency-above-ceiling: more concurrency is asked than the plan's ceiling
#     concurrency-below-floor: less concurrency is asked than the plan's floor
#     concurrency-malformed: what is asked is no amount
#     concurrency-missing: nothing is asked and nothing was filled in
#     concurrency-unbounded: the plan has no floor or no ceiling, so nothing passes
package funkhaus.admission.concurrency

import data.funkhaus.lib.amount
import data.funkhaus.lib.plan

findings contains amount.finding("concurrency", "spec.concurrency", _asked, plan.bounds("concurrency")) if {
	input.kind == "Function"
}

_asked := {"value": value, "number": value, "unit": ""} if {
	value := object.get(input, ["object", "concurrency"], "")
}
