# METADATA
# title: Seconds a call may take
# description: A call ends after a time the plan allows.
package funkhaus.admission.timeout

import data.funkhaus.lib.amount
import data.funkhaus.lib.plan

findings contains amount.finding("timeout", "spec.timeout", _asked, plan.bounds("timeout")) if {
	input.kind == "Function"
}

_asked := {"value": value, "number": value, "unit": " s"} if {
	value := object.get(input, ["object", "timeout"], "")
}
