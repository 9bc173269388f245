# METADATA
# title: Replicas
# description: |
#   At least one replica, at most as many as the plan allows, and a target the autoscaler can hold. `min` may be 0 where the
#   plan says after how many seconds without a call a function sleeps (`idle`); then `idle` is within what it says.
# custom:
#   findings:
#     replicas-above-ceiling: max is above the plan's ceiling
#     replicas-below-floor: min is no whole number of 1 or more, or of 0 or more where functions may sleep
#     replicas-crossed: max is below min, or below 1
#     replicas-idle-out-of-range: idle is not within the plan's seconds
#     replicas-needs-approval: max is above what the plan gives without an approval (require_approval)
#     replicas-target-out-of-range: cpuPercent is no percentage
#     replicas-unbounded: the plan has no ceiling, or one that is no number, so nothing passes
#     replicas-zero: min is 0, and the plan does not let functions sleep
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

_objections contains _idle_objection

_min := object.get(input, ["object", "scaling", "min"], null)

_max := object.get(input, ["object", "scaling", "max"], null)

_target := object.get(input, ["object", "scaling", "cpu_percent"], null)

_idle := object.get(input, ["object", "scaling", "idle"], null)

_rest := object.get(plan.function, ["idle"], null)

_ceiling := object.get(plan.function, ["replicas", "max"], null)

_free := object.get(plan.function, ["replicas", "approval"], _ceiling)

_min_objection := {
	"code": "replicas-zero",
	"path": "spec.scaling.min",
	"value": _min,
	"limit": 1,
	"passes": 1,
	"message": sprintf("min is 0, and the plan %s does not let functions sleep; 1 passes", [plan.id]),
} if {
	_min == 0
	not _sleeps
} else := {
	"code": "replicas-below-floor",
	"path": "spec.scaling.min",
	"value": _min,
	"limit": _floor,
	"passes": 1,
	"message": sprintf("min %v is not a whole number of %v or more; 1 passes", [_min, _floor]),
} if {
	not _whole_from(_min, _floor)
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
	"limit": _least,
	"passes": _least,
	"message": sprintf("max %v is below %v; %v or more passes", [_max, _least, _least]),
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

_idle_objection := {
	"code": "replicas-idle-out-of-range",
	"path": "spec.scaling.idle",
	"value": _idle,
	"limit": _nearest,
	"passes": _nearest,
	"message": sprintf("idle %v is not within the plan %s's %v to %v seconds", [_idle, plan.id, _rest.min, _rest.max]),
} if {
	_min == 0
	_sleeps
	not _rests
}

_sleeps if {
	is_number(_rest.min)
	is_number(_rest.max)
}

_rests if {
	is_number(_idle)
	_idle >= _rest.min
	_idle <= _rest.max
}

_nearest := _rest.max if {
	is_number(_idle)
	_idle > _rest.max
} else := _rest.min

_floor := 0 if {
	_sleeps
} else := 1

_least := max([1, _min]) if {
	is_number(_min)
} else := _min

_counts(number) if {
	_whole_from(number, 1)
}

_whole_from(number, floor) if {
	is_number(number)
	number >= floor
}

_percentage(number) if {
	_counts(number)
	number <= 100
}
