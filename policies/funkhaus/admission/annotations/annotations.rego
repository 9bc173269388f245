# METADATA
# title: Annotations of other programs
# description: |
#   An annotation on a trigger reaches no ingress controller: the platform writes the Ingress, with its own annotations
#   alone. One that speaks to such a controller (policies/data/annotations.yaml) is refused and not silently ignored.
#   How many an object carries is bounded. A change that only brings annotations is judged too, as what is stored is.
# custom:
#   findings:
#     annotations-foreign: a trigger carries an annotation that speaks to an ingress controller
#     annotations-too-many: the object carries more annotations than the ceiling
package funkhaus.admission.annotations

import data.data.annotations

findings contains {
	"code": "annotations-foreign",
	"outcome": "deny",
	"path": sprintf("metadata.annotations[%s]", [key]),
	"value": key,
	"limit": annotations.ingress,
	"message": sprintf(
		"%s speaks to an ingress controller, which no annotation of a trigger reaches; leave it out",
		[key],
	),
} if {
	input.kind == "HTTPTrigger"
	some key in _keys
	some name in annotations.ingress
	_below(key, name)
}

findings contains {
	"code": "annotations-too-many",
	"outcome": "deny",
	"path": "metadata.annotations",
	"value": _count,
	"limit": _most,
	"passes": _most,
	"message": sprintf("the object has %v annotations or more; at most %v pass", [_count, _most]),
} if {
	not _few
}

_few if {
	is_number(_count)
	_count <= _most
}

_keys := object.get(input, ["object", "annotation_keys"], [])

default _count := null

_count := count(_keys) if is_array(_keys)

default _most := null

_most := annotations.most

# A name stands for one key, for all keys of a domain, and for those of the domains below it.
_below(key, name) if key == name

_below(key, name) if startswith(key, sprintf("%s/", [name]))

_below(key, name) if endswith(split(key, "/")[0], sprintf(".%s", [name]))
