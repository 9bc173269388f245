# METADATA
# title: Defaults
# description: |
#   What the platform fills in where a field is absent. Each is {"path", "value"}: the keys from the object's top down to
#   the field. Admission adds them to the object, so that what was decided can be read there.
package funkhaus.defaults

import data.funkhaus.lib.plan

fields contains {"path": ["spec", "resources", resource], "value": plan.function[resource]["default"]} if {
	input.kind == "Function"
	some resource in ["cpu", "memory"]
}

fields contains {"path": ["spec", "host"], "value": sprintf("%s.%s", [input.object.function, input.tenant.host_suffixes[0]])} if {
	input.kind == "HTTPTrigger"
}
