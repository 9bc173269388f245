# METADATA
# title: Memory of one replica
# description: A function asks for memory in Kubernetes' quantities, between its plan's floor and ceiling.
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
