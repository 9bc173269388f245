package funkhaus.admission.concurrency_test

import data.funkhaus.admission.concurrency
import data.funkhaus.lib.samples_test as samples

_judged(value) := findings if {
	asked := samples.with_field(samples.function, "concurrency", value)
	findings := concurrency.findings with input as asked with data.data as samples.catalogue
}

test_within_bounds_passes if {
	_judged(1) == set()
	_judged(100) == set()
}

test_outside_of_bounds_is_denied if {
	samples.codes(_judged(0)) == {"concurrency-below-floor"}
	samples.codes(_judged(-5)) == {"concurrency-below-floor"}
	samples.codes(_judged(101)) == {"concurrency-above-ceiling"}
	samples.codes(_judged(null)) == {"concurrency-malformed"}
	samples.codes(_judged("")) == {"concurrency-missing"}
}

test_a_plan_without_bounds_denies if {
	plans := json.patch(samples.plans, [{"op": "remove", "path": "/small/function/concurrency"}])
	findings := concurrency.findings with input as samples.function with data.data.plans as plans
	samples.codes(findings) == {"concurrency-unbounded"}
}

test_the_finding_names_the_field if {
	findings := concurrency.findings with input as samples.function with data.data.plans as {}
	some finding in findings
	finding.path == "spec.concurrency"
	finding.outcome == "deny"
	contains(finding.message, "bounds for concurrency;")
}

test_other_kinds_are_left_alone if {
	concurrency.findings == set() with input as samples.trigger
}

test_no_field_is_nothing_asked if {
	asked := json.patch(samples.function, [{"op": "remove", "path": "/object/concurrency"}])
	findings := concurrency.findings with input as asked with data.data as samples.catalogue
	samples.codes(findings) == {"concurrency-missing"}
}
