# METADATA
# title: CPU of one replica
# description: A function asks for CPU in Kubernetes' quantities, between its plan's floor and ceiling.
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
