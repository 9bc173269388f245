package funkhaus.admission.memory_test

import data.funkhaus.admission.memory
import data.funkhaus.lib.samples_test as samples

_judged(text, bytes) := findings if {
	asked := samples.with_field(samples.function, "resources/memory", {"text": text, "bytes": bytes})
	findings := memory.findings with input as asked with data.data as samples.catalogue
}

test_within_bounds_passes if {
	every asked in [["32Mi", 33554432], ["128Mi", 134217728], ["512Mi", 536870912]] {
		_judged(asked[0], asked[1]) == set()
	}
}

test_outside_of_bounds_is_denied if {
	samples.codes(_judged("512Mi1", 536870913)) == {"memory-above-ceiling"}
	samples.codes(_judged("1Gi", 1073741824)) == {"memory-above-ceiling"}
	samples.codes(_judged("128m", 1)) == {"memory-below-floor"}
	samples.codes(_judged("1 zettabyte", null)) == {"memory-malformed"}
	samples.codes(_judged("", null)) == {"memory-missing"}
}

test_a_plan_without_bounds_denies if {
	plans := json.patch(samples.plans, [{"op": "remove", "path": "/small/function/memory"}])
	findings := memory.findings with input as samples.function with data.data.plans as plans
	samples.codes(findings) == {"memory-unbounded"}
}

test_the_finding_names_the_field if {
	findings := memory.findings with input as samples.function with data.data.plans as {}
	some finding in findings
	finding.path == "spec.resources.memory"
	finding.outcome == "deny"
	contains(finding.message, "bounds for memory;")
}

test_above_what_is_free_somebody_has_to_say_yes if {
	plans := json.patch(samples.plans, [{"op": "add", "path": "/small/function/memory/approval", "value": "256Mi"}])
	asked := samples.with_field(samples.function, "resources/memory", {"text": "257Mi", "bytes": 269484032})
	findings := memory.findings with input as asked with data.data.plans as plans
	samples.codes(findings) == {"memory-needs-approval"}
	some finding in findings
	finding.outcome == "require_approval"
	[finding.path, finding.limit, finding.passes] == ["spec.resources.memory", "256Mi", "256Mi"]
}

test_other_kinds_are_left_alone if {
	memory.findings == set() with input as samples.trigger
}

test_no_field_is_nothing_asked if {
	asked := json.patch(samples.function, [{"op": "remove", "path": "/object/resources/memory"}])
	findings := memory.findings with input as asked with data.data as samples.catalogue
	samples.codes(findings) == {"memory-missing"}
}
