# METADATA
# title: Replicas
# description: |
#   At least one replica, at most as many as the plan allows, and a target the autoscaler can hold. `min` 0 is refused
#   by name until functions can be woken from zero.
# custom:
#   findings:
#     replicas-above-ceiling: max is above the plan's ceiling
#     replicas-below-floor: min is no whole number of 1 or more
#     replicas-crossed: max is below min
#     replicas-needs-approval: max is above what the plan gives without an approval (require_approval)
#     replicas-target-out-of-range: cpuPercent is no percentage
#     replicas-unbounded: the plan has no ceiling, or one that is no number, so nothing passes
#     replicas-zero: min is 0; functions are not woken from zero yet
package funkhaus.admission.replicas

import data.funkhaus.lib.plan

findings contains object.union({"outcome": "deny"}, objection) if {
	input.kind == "Function"
	some objection in _objections
}

findings contains {
	"code": "replicas-needs-approval",
	"outcome": "require_approval",
	"path": "spec.scaling.max",
	"value": _max,
	"limit": _free,
	"passes": _free,
	"message": sprintf(
		"max %v is above %v replicas, up to which the plan %s needs nobody's approval; up to %v passes once approved",
		[_max, _free, plan.id, _ceiling],
	),
} if {
	input.kind == "Function"
	is_number(_free)
	_max > _free
	_max <= _ceiling
}

# A set and no array: an array with one element undefined is undefined, and would say nothing at all.
_objections contains _min_objection

_objections contains _max_objection

_objections contains _target_objection

_min := object.get(input, ["object", "scaling", "min"], null)

_max := object.get(input, ["object", "scaling", "max"], null)

_target := object.get(input, ["object", "scaling", "cpu_percent"], null)

_ceiling := object.get(plan.function, ["replicas", "max"], null)

_free := object.get(plan.function, ["replicas", "approval"], _ceiling)

_min_objection := {
	"code": "replicas-zero",
	"path": "spec.scaling.min",
	"value": _min,
	"limit": 1,
	"passes": 1,
	"message": "min 0 needs scale to zero, which this platform does not offer yet; 1 passes",
} if {
	_min == 0
} else := {
	"code": "replicas-below-floor",
	"path": "spec.scaling.min",
	"value": _min,
	"limit": 1,
	"passes": 1,
	"message": sprintf("min %v is not a whole number of 1 or more; 1 passes", [_min]),
} if {
	not _counts(_min)
}

_max_objection := {
	"code": "replicas-unbounded",
	"path": "spec.scaling.max",
	"value": _max,
	"message": sprintf(
		"the plan %q has no ceiling for replicas; an administrator has to add function.replicas.max to policies/data/plans.yaml",
		[plan.id],
	),
} if {
	not _bounded
} else := {
	"code": "replicas-above-ceiling",
	"path": "spec.scaling.max",
	"value": _max,
	"limit": _ceiling,
	"passes": _ceiling,
	"message": sprintf(
		"max %v is above the plan %s's ceiling of %v replicas; at most %v passes",
		[_max, plan.id, _ceiling, _ceiling],
	),
} if {
	_max > _ceiling
} else := {
	"code": "replicas-crossed",
	"path": "spec.scaling.max",
	"value": _max,
	"limit": _min,
	"passes": _min,
	"message": sprintf("max %v is below min %v; %v or more passes", [_max, _min, _min]),
} if {
	not _reaches_min
}

_bounded if {
	is_number(_ceiling)
	is_number(_free)
}

_reaches_min if {
	_counts(_max)
	_max >= _min
}

_target_objection := {
	"code": "replicas-target-out-of-range",
	"path": "spec.scaling.cpuPercent",
	"value": _target,
	"limit": 100,
	"passes": 80,
	"message": sprintf("cpuPercent %v is not a percentage; 1 to 100 pass", [_target]),
} if {
	not _percentage(_target)
}

_counts(number) if {
	is_number(number)
	number >= 1
}

_percentage(number) if {
	_counts(number)
	number <= 100
}
