# METADATA
# title: When a function is called
# description: |
#   A schedule is one that Kubernetes' CronJob knows, in a time zone the IANA database has, and not more often than the plan
#   allows. How many runs are kept to look at is bounded.
# custom:
#   findings:
#     schedule-history-malformed: more finished runs are to be kept than pass, or less than none
#     schedule-malformed: the schedule is none that CronJob knows
#     schedule-too-often: two runs come closer than the plan allows
#     schedule-unbounded: the plan does not say how often, so nothing passes
#     schedule-zone-unknown: the time zone is not in the IANA database
package funkhaus.admission.schedule

import data.funkhaus.lib.plan

findings contains {
	"code": "schedule-malformed",
	"outcome": "deny",
	"path": "spec.schedule",
	"value": _text,
	"passes": "*/5 * * * *",
	"message": sprintf("schedule %q can't be read: %v", [_text, object.get(_schedule, "problem", "there is none")]),
} if {
	_judged
	not is_number(_interval)
}

findings contains {
	"code": "schedule-too-often",
	"outcome": "deny",
	"path": "spec.schedule",
	"value": _interval,
	"limit": _least,
	"passes": _least,
	"message": sprintf("schedule %q comes every %v s at times; the plan %s allows one run in %v s", [
		_text,
		_interval,
		plan.id,
		_least,
	]),
} if {
	_judged
	is_number(_interval)
	_interval < _least
}

findings contains {
	"code": "schedule-unbounded",
	"outcome": "deny",
	"path": "spec.schedule",
	"message": sprintf(
		"the plan %q has no trigger.interval; an administrator has to add it to policies/data/plans.yaml",
		[plan.id],
	),
} if {
	_judged
	not is_number(_least)
}

findings contains {
	"code": "schedule-zone-unknown",
	"outcome": "deny",
	"path": "spec.timeZone",
	"value": object.get(_zone, "text", ""),
	"passes": "UTC",
	"message": sprintf(
		"%q is no time zone of the IANA database; names like Europe/Berlin pass",
		[object.get(_zone, "text", "")],
	),
} if {
	_judged
	not _zone.known == true
}

findings contains {
	"code": "schedule-history-malformed",
	"outcome": "deny",
	"path": sprintf("spec.%sJobsHistoryLimit", [which]),
	"value": kept,
	"limit": _kept_most,
	"passes": 3,
	"message": sprintf("%v runs can't be kept; 0 to %v pass", [kept, _kept_most]),
} if {
	_judged
	some which in ["successful", "failed"]
	kept := object.get(input, ["object", "history", which], null)
	not _keepable(kept)
}

_kept_most := 20

_keepable(kept) if {
	is_number(kept)
	kept >= 0
	kept <= _kept_most
}

_judged if input.kind == "CronJobTrigger"

default _schedule := {}

_schedule := found if {
	found := input.object.schedule
	is_object(found)
}

_text := object.get(_schedule, "text", "")

default _interval := null

_interval := _schedule.interval

default _zone := {}

_zone := found if {
	found := input.object.time_zone
	is_object(found)
}

default _least := null

_least := plan.trigger.interval
