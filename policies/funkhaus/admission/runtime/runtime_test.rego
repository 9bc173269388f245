package funkhaus.admission.runtime_test

import data.funkhaus.admission.runtime
import data.funkhaus.lib.samples_test as samples

_findings(id) := findings if {
	asked := samples.with_field(samples.function, "runtime", id)
	findings := runtime.findings with input as asked with data.data as samples.catalogue
}

_judged(id) := finding if some finding in _findings(id)

test_active_passes if {
	_findings("python3.11") == set()
	_findings("node22") == set()
}

test_deprecated_warns if {
	count(_findings("python3.9")) == 1
	_judged("python3.9").code == "runtime-deprecated"
	_judged("python3.9").outcome == "warn"
	_judged("python3.9").message == `runtime "python3.9" is deprecated; move to python3.11`
}

test_unknown_is_denied_with_the_nearest if {
	_judged("python3.8") == {
		"code": "runtime-unknown",
		"outcome": "deny",
		"path": "spec.runtime",
		"value": "python3.8",
		"limit": ["node22", "python3.10", "python3.11"],
		"passes": "python3.11",
		"message": concat("", [
			`runtime "python3.8" does not exist; `,
			"nearest that passes: python3.11 (of node22, python3.10 and python3.11)",
		]),
	}
	_judged("nodejs").passes == "node22"
	_judged("").code == "runtime-unknown"
}

test_blocked_is_denied if {
	_judged("python2.7").code == "runtime-blocked"
	_judged("python2.7").outcome == "deny"
	startswith(_judged("python2.7").message, `runtime "python2.7" is blocked; nearest that passes: python3.11`)
}

test_not_in_plan_is_denied if {
	_judged("ruby3.4").code == "runtime-not-in-plan"
	startswith(_judged("ruby3.4").message, `runtime "ruby3.4" is not among those of the plan small;`)
}

test_a_status_nobody_knows_is_denied if {
	runtimes := object.union(samples.runtimes, {"python3.11": {"status": "new"}})
	findings := runtime.findings with input as samples.function
		with data.data as samples.catalogue
		with data.data.runtimes as runtimes
	samples.codes(findings) == {"runtime-blocked"}
}

test_no_runtime_at_all_is_denied if {
	findings := runtime.findings with input as samples.function with data.data.runtimes as {}
	some finding in findings
	finding.code == "runtime-unknown"
	endswith(finding.message, "the plan has no active runtime at all; ask an administrator")
}

test_other_kinds_are_left_alone if {
	runtime.findings == set() with input as samples.trigger
}

test_a_trigger_s_fields_are_not_read if {
	every id in ["python3.9", "cobol74"] {
		asked := samples.with_field(samples.trigger, "runtime", id)
		runtime.findings == set() with input as asked with data.data as samples.catalogue
	}
}

test_a_deprecated_one_outside_of_the_plan_is_denied_alone if {
	plans := json.patch(samples.plans, [{"op": "replace", "path": "/small/function/runtimes", "value": ["python3.11"]}])
	findings := runtime.findings with input as samples.with_field(samples.function, "runtime", "python3.9")
		with data.data as samples.catalogue
		with data.data.plans as plans
	samples.codes(findings) == {"runtime-not-in-plan"}
}
