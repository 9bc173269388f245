# METADATA
# title: Dependencies
# description: Refused by name until functions are built; installing at the start of a pod is nothing we offer.
# custom:
#   findings:
#     dependencies-unsupported: the function names dependencies
package funkhaus.admission.dependencies

findings contains {
	"code": "dependencies-unsupported",
	"outcome": "deny",
	"path": "spec.dependencies",
	"limit": 0,
	"value": object.get(input, ["object", "dependencies", "bytes"], null),
	"passes": "",
	"message": "this platform does not build dependencies yet; leave the field out and use the runtime's own library",
} if {
	input.kind == "Function"
	not _none
}

_none if input.object.dependencies.bytes == 0
