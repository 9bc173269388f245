package funkhaus.admission.split_test

import data.funkhaus.admission.split
import data.funkhaus.lib.samples_test as samples

_old := {"revision": "hello-0123456789", "weight": 90, "known": true}

_new := {"revision": "current", "weight": 10, "known": true}

_trigger(backends) := object.union(samples.trigger, {"object": object.union(
	samples.trigger.object,
	{"backends": backends, "kept": ["hello-0123456789", "hello-abcdefabcd"]},
)})

_findings(backends) := _under(backends, samples.plans)

_under(backends, plans) := findings if {
	findings := split.findings with input as _trigger(backends) with data.data.plans as plans
}

_weighing(weight) := object.union(_old, {"weight": weight})

test_without_a_split_there_is_nothing_to_say if {
	_findings([]) == set()
	_under([], {"small": {"trigger": {}}}) == set()
}

test_a_canary_passes if {
	_findings([_old, _new]) == set()
	_findings([_old]) == set()
}

test_as_many_as_the_plan_says_pass if {
	backends := [backend |
		some digit in numbers.range(1, 4)
		backend := {"revision": sprintf("hello-000000000%d", [digit]), "weight": 1, "known": true}
	]
	_findings(array.slice(backends, 0, 3)) == set()
	_findings(backends) == {{
		"code": "split-too-many",
		"outcome": "deny",
		"path": "spec.backends",
		"value": 4,
		"limit": 3,
		"passes": 3,
		"message": `4 revisions share the calls; plan "small" lets at most 3 pass`,
	}}
}

test_a_plan_that_says_nothing_lets_none_pass if {
	every trigger in [{}, {"interval": 60}, {"backends": "3"}] {
		_under([_old], {"small": {"trigger": trigger}}) == {{
			"code": "split-unbounded",
			"outcome": "deny",
			"path": "spec.backends",
			"value": 1,
			"message": concat(" ", [
				`plan "small" says nothing of splits:`,
				"an administrator has to add trigger.backends to policies/data/plans.yaml, or leave backends out",
			]),
		}}
	}
}

test_what_is_not_kept_is_named if {
	_findings([_new, object.union(_old, {"revision": "other-0123456789", "known": false})]) == {{
		"code": "split-revision-unknown",
		"outcome": "deny",
		"path": "spec.backends[1].revision",
		"value": "other-0123456789",
		"limit": ["hello-0123456789", "hello-abcdefabcd"],
		"passes": "current",
		"message": concat(" ", [
			`"other-0123456789" is no revision that function "hello" keeps:`,
			"hello-0123456789 and hello-abcdefabcd are, and current is the one it serves with",
		]),
	}}
}

test_who_does_not_say_that_one_is_known_knows_none if {
	samples.codes(_findings([object.remove(_old, ["known"])])) == {"split-revision-unknown"}
	question := json.remove(_trigger([object.remove(_old, ["known"])]), ["/object/kept"])
	findings := split.findings with input as question with data.data.plans as samples.plans
	some finding in findings
	finding.limit == []
	contains(finding.message, "keeps: none are")
}

test_twice_is_once_too_often if {
	_findings([_old, _new, object.union(_old, {"weight": 1})]) == {{
		"code": "split-revision-twice",
		"outcome": "deny",
		"path": "spec.backends[2].revision",
		"value": "hello-0123456789",
		"message": `revision "hello-0123456789" is named twice: one weight for both passes`,
	}}
}

test_weights_have_bounds if {
	every weight in [1, 1000] {
		_findings([_weighing(weight)]) == set()
	}
	_findings([_weighing(0), _new]) == set()
	_findings([_new, _weighing(1001)]) == {{
		"code": "split-weight-out-of-range",
		"outcome": "deny",
		"path": "spec.backends[1].weight",
		"value": 1001,
		"limit": [0, 1000],
		"passes": 1000,
		"message": "weight 1001 is none of 0 to 1000",
	}}
	some finding in _findings([_weighing(-1)])
	finding.code == "split-weight-out-of-range"
	finding.passes == 0
	finding.message == "weight -1 is none of 0 to 1000"
}

test_all_zero_leads_nowhere if {
	_findings([_weighing(0), object.union(_new, {"weight": 0})]) == {{
		"code": "split-weightless",
		"outcome": "deny",
		"path": "spec.backends",
		"value": 0,
		"limit": 1,
		"message": "every weight is 0, so no call would be led anywhere: one above 0 passes",
	}}
}

test_other_kinds_are_left_alone if {
	question := samples.with_field(samples.function, "backends", [{"revision": "x", "weight": 0}])
	split.findings == set() with input as question with data.data.plans as samples.plans
}
