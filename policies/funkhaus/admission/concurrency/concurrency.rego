# METADATA
# title: Calls one replica works on at once
# description: A replica works on at least one call at once, and on no more than the plan allows.
package funkhaus.admission.concurrency

import data.funkhaus.lib.amount
import data.funkhaus.lib.plan

findings contains amount.finding("concurrency", "spec.concurrency", _asked, plan.bounds("concurrency")) if {
	input.kind == "Function"
}

_asked := {"value": value, "number": value, "unit": ""} if {
	value := object.get(input, ["object", "concurrency"], "")
}
