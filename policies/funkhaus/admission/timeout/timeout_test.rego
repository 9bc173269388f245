package funkhaus.admission.timeout_test

import data.funkhaus.admission.timeout
import data.funkhaus.lib.samples_test as samples

_judged(value) := findings if {
	asked := samples.with_field(samples.function, "timeout", value)
	findings := timeout.findings with input as asked with data.data as samples.catalogue
}

test_within_bounds_passes if {
	_judged(1) == set()
	_judged(300) == set()
}

test_outside_of_bounds_is_denied if {
	samples.codes(_judged(0)) == {"timeout-below-floor"}
	samples.codes(_judged(-5)) == {"timeout-below-floor"}
	samples.codes(_judged(301)) == {"timeout-above-ceiling"}
	samples.codes(_judged(null)) == {"timeout-malformed"}
	samples.codes(_judged("")) == {"timeout-missing"}
}

test_a_plan_without_bounds_denies if {
	plans := json.patch(samples.plans, [{"op": "remove", "path": "/small/function/timeout"}])
	findings := timeout.findings with input as samples.function with data.data.plans as plans
	samples.codes(findings) == {"timeout-unbounded"}
}

test_the_finding_names_the_field if {
	findings := timeout.findings with input as samples.function with data.data.plans as {}
	some finding in findings
	finding.path == "spec.timeout"
	finding.outcome == "deny"
	contains(finding.message, "bounds for timeout;")
}

test_other_kinds_are_left_alone if {
	timeout.findings == set() with input as samples.trigger
}

test_the_finding_says_everything if {
	_judged(301) == {{
		"code": "timeout-above-ceiling",
		"outcome": "deny",
		"path": "spec.timeout",
		"limit": 300,
		"value": 301,
		"passes": 300,
		"message": "timeout 301 s is above the plan small's ceiling of 300 s; at most 300 s passes",
	}}
}

test_no_field_is_nothing_asked if {
	asked := json.patch(samples.function, [{"op": "remove", "path": "/object/timeout"}])
	findings := timeout.findings with input as asked with data.data as samples.catalogue
	samples.codes(findings) == {"timeout-missing"}
}
