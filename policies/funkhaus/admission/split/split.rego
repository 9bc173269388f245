# METADATA
# title: Shares of a trigger's calls
# description: |
#   A trigger may share its calls out between revisions of its function, by name, and whichever the function serves with
#   (`current`). As many as the plan says; each once, with a weight, and not all of them zero.
# custom:
#   findings:
#     split-revision-twice: a revision is named twice
#     split-revision-unknown: what is named is no revision of the function that is kept
#     split-too-many: more revisions are named than the plan's ceiling
#     split-unbounded: the plan has no ceiling, so nothing passes
#     split-weight-out-of-range: a weight is below zero or above the ceiling
#     split-weightless: all weights are zero
package funkhaus.admission.split

import data.funkhaus.lib.plan
import data.funkhaus.lib.words

findings contains {
	"code": "split-unbounded",
	"outcome": "deny",
	"path": "spec.backends",
	"value": count(_backends),
	"message": concat(" ", [
		sprintf("plan %q says nothing of splits:", [plan.id]),
		"an administrator has to add trigger.backends to policies/data/plans.yaml, or leave backends out",
	]),
} if {
	count(_backends) > 0
	not _most
}

findings contains {
	"code": "split-too-many",
	"outcome": "deny",
	"path": "spec.backends",
	"value": count(_backends),
	"limit": _most,
	"passes": _most,
	"message": sprintf("%d revisions share the calls; plan %q lets at most %d pass", [count(_backends), plan.id, _most]),
} if {
	count(_backends) > _most
}

findings contains {
	"code": "split-revision-unknown",
	"outcome": "deny",
	"path": sprintf("spec.backends[%d].revision", [index]),
	"value": backend.revision,
	"limit": _kept,
	"passes": "current",
	"message": sprintf("%q is no revision that function %q keeps: %s are, and current is the one it serves with", [
		backend.revision,
		input.object.function,
		words.list(_kept),
	]),
} if {
	some index, backend in _backends
	not backend.known == true
}

findings contains {
	"code": "split-revision-twice",
	"outcome": "deny",
	"path": sprintf("spec.backends[%d].revision", [index]),
	"value": backend.revision,
	"message": sprintf("revision %q is named twice: one weight for both passes", [backend.revision]),
} if {
	some index, backend in _backends
	some earlier, other in _backends
	earlier < index
	backend.revision == other.revision
}

findings contains {
	"code": "split-weight-out-of-range",
	"outcome": "deny",
	"path": sprintf("spec.backends[%d].weight", [index]),
	"value": backend.weight,
	"limit": [0, _heaviest],
	"passes": _nearest(backend.weight),
	"message": sprintf("weight %d is none of 0 to %d", [backend.weight, _heaviest]),
} if {
	some index, backend in _backends
	_nearest(backend.weight) != backend.weight
}

findings contains {
	"code": "split-weightless",
	"outcome": "deny",
	"path": "spec.backends",
	"value": 0,
	"limit": 1,
	"message": "every weight is 0, so no call would be led anywhere: one above 0 passes",
} if {
	count(_backends) > 0
	every backend in _backends {
		backend.weight == 0
	}
}

_heaviest := 1000

_nearest(weight) := min({_heaviest, max({0, weight})})

_backends := [backend |
	input.kind == "HTTPTrigger"
	some backend in object.get(input, ["object", "backends"], [])
]

_kept := object.get(input, ["object", "kept"], [])

# How many the plan lets pass.
_most := plan.trigger.backends if is_number(plan.trigger.backends)
