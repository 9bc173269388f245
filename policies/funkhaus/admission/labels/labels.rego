# METADATA
# title: The platform's labels and annotations
# description: |
#   What begins with funkhaus.dev/, or with a domain below it, says whose an object is and what was decided about it. Only
#   the platform writes such keys; `input.owned` holds those it has written or writes now.
# custom:
#   findings:
#     labels-reserved: a label or annotation of funkhaus.dev is not the one the platform wrote
package funkhaus.admission.labels

findings contains {
	"code": "labels-reserved",
	"outcome": "deny",
	"path": sprintf("metadata.%s[%s]", [field, key]),
	"value": value,
	"limit": "funkhaus.dev/*",
	"passes": object.get(input, ["owned", field, key], null),
	"message": sprintf("only the platform sets %s; %s", [key, _remedy(field, key)]),
} if {
	some field in ["labels", "annotations"]
	some key, value in input.object[field]
	not input.owned[field][key] == value
}

_remedy(field, key) := sprintf("%q passes", [input.owned[field][key]])

_remedy(field, key) := "leave it out" if not input.owned[field][key]
