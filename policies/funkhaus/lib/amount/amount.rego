# METADATA
# description: |
#   Amounts with a floor and a ceiling. What is asked is {"value", "number", "unit"}: as the user wrote it, as a number
#   (null when it isn't one) and the unit to read after it, if any. Bounds are {"min", "max"} and perhaps "default"
#   and "approval", above which (up to max) somebody has to say yes; each a number or a Kubernetes quantity.
package funkhaus.lib.amount

import data.funkhaus.lib.plan

# METADATA
# description: The finding about `asked`, a `name` at `path`; undefined only when it lies within its bounds.
finding(name, path, asked, bounds) := {
	"code": sprintf("%s-%s", [name, problem]),
	"outcome": _outcome(problem),
	"path": path,
	"value": asked.value,
	"limit": object.get(bounds, _limit(problem), null),
	"passes": object.get(bounds, _passes(problem), null),
	"message": _message(problem, {
		"asked": sprintf("%s %s%s", [name, json.marshal(asked.value), asked.unit]),
		"name": name,
		"range": sprintf("%v to %v%s", [object.get(bounds, "min", "?"), object.get(bounds, "max", "?"), asked.unit]),
		"min": sprintf("%v%s", [object.get(bounds, "min", "?"), asked.unit]),
		"max": sprintf("%v%s", [object.get(bounds, "max", "?"), asked.unit]),
		"free": sprintf("%v%s", [object.get(bounds, "approval", "?"), asked.unit]),
	}),
} if {
	problem := _problem(asked, bounds)
	problem != "fits"
}

_problem(asked, bounds) := "unbounded" if {
	not _bounded(bounds)
} else := "missing" if {
	asked.value == ""
} else := "malformed" if {
	not is_number(asked.number)
} else := "below-floor" if {
	asked.number < _number(bounds.min)
} else := "above-ceiling" if {
	asked.number > _number(bounds.max)
} else := "needs-approval" if {
	asked.number > _number(bounds.approval)
} else := "fits"

_outcome(problem) := "require_approval" if {
	problem == "needs-approval"
} else := "deny"

_bounded(bounds) if {
	is_number(_number(bounds.min))
	is_number(_number(bounds.max))
	is_number(_number(object.get(bounds, "approval", 0)))
}

_number(bound) := bound if is_number(bound)

_number(bound) := units.parse(bound) if is_string(bound)

# Which of the bounds an answer names as the one in force, and which as what would pass.
_limit(problem) := "min" if {
	problem == "below-floor"
} else := "approval" if {
	problem == "needs-approval"
} else := "max"

_passes("below-floor") := "min"

_passes("above-ceiling") := "max"

_passes("needs-approval") := "approval"

_passes(problem) := "default" if problem in {"missing", "malformed", "unbounded"}

_message("missing", words) := sprintf("no %s is given; %s pass", [words.name, words.range])

_message("malformed", words) := sprintf("%s is not a Kubernetes quantity; %s pass", [words.asked, words.range])

_message("below-floor", words) := sprintf(
	"%s is below the plan %s's floor of %s; %s pass",
	[words.asked, plan.id, words.min, words.range],
)

_message("above-ceiling", words) := sprintf(
	"%s is above the plan %s's ceiling of %s; at most %s passes",
	[words.asked, plan.id, words.max, words.max],
)

_message("needs-approval", words) := sprintf(
	"%s is above %s, up to which the plan %s needs nobody's approval; up to %s passes once approved",
	[words.asked, words.free, plan.id, words.max],
)

_message("unbounded", words) := sprintf(
	"the plan %q has no bounds for %s; an administrator has to add function.%s to policies/data/plans.yaml",
	[plan.id, words.name, words.name],
)
