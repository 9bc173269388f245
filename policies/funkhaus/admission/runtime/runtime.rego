# METADATA
# title: Runtime
# description: |
#   The runtime is one the plan allows and the catalogue (policies/data/runtimes.yaml) has as active; a deprecated one
#   passes with a warning.
# custom:
#   findings:
#     runtime-blocked: the runtime is blocked, or has a status nobody knows
#     runtime-deprecated: the runtime is deprecated (warn)
#     runtime-not-in-plan: the plan does not allow the runtime
#     runtime-unknown: the catalogue has no such runtime
package funkhaus.admission.runtime

import data.data.runtimes
import data.funkhaus.lib.plan
import data.funkhaus.lib.words

findings contains object.union(_facts, {
	"code": "runtime-deprecated",
	"outcome": "warn",
	"message": sprintf("runtime %q is deprecated; move to %s", [_asked, _nearest]),
}) if {
	input.kind == "Function"
	_allowed
	_status == "deprecated"
}

findings contains object.union(_facts, {
	"code": sprintf("runtime-%s", [_problem]),
	"outcome": "deny",
	"message": sprintf("%s; %s", [_sentence[_problem], _remedy]),
}) if {
	input.kind == "Function"
	not _passes
}

_passes if {
	_allowed
	_status in {"active", "deprecated"}
}

_asked := object.get(input, ["object", "runtime"], "")

default _status := "unknown"

_status := runtimes[_asked].status

_allowed if _asked in plan.function.runtimes

_problem := "unknown" if {
	not runtimes[_asked]
} else := "not-in-plan" if {
	not _allowed
} else := "blocked"

_sentence := {
	"unknown": sprintf("runtime %q does not exist", [_asked]),
	"not-in-plan": sprintf("runtime %q is not among those of the plan %s", [_asked, plan.id]),
	"blocked": sprintf("runtime %q is %s", [_asked, _status]),
}

_facts := {"path": "spec.runtime", "value": _asked, "limit": _choices, "passes": _nearest}

# What the tenant may use without being warned.
_choices := sort({id |
	some id in object.get(plan.function, "runtimes", [])
	runtimes[id].status == "active"
})

default _remedy := "the plan has no active runtime at all; ask an administrator"

_remedy := sprintf("nearest that passes: %s (of %s)", [_nearest, words.list(_choices)]) if is_string(_nearest)

# The choice that shares the longest beginning with what was asked; of equals the last, which is the newest.
default _nearest := null

_nearest := ranked[count(ranked) - 1][1] if {
	ranked := sort({[_shared(_asked, id), id] | some id in _choices})
}

_shared(a, b) := max({n |
	some n in numbers.range(0, min({count(a), count(b)}))
	substring(a, 0, n) == substring(b, 0, n)
})
