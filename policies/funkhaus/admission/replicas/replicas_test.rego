package funkhaus.admission.replicas_test

import data.funkhaus.admission.replicas
import data.funkhaus.lib.samples_test as samples

_judged(least, most) := _scaled({"min": least, "max": most, "cpu_percent": 80, "idle": 300})

_scaled(scaling) := samples.codes(findings) if {
	asked := samples.with_field(samples.function, "scaling", scaling)
	findings := replicas.findings with input as asked with data.data as samples.catalogue
}

test_within_bounds_passes if {
	_judged(1, 1) == set()
	_judged(1, 5) == set()
	_judged(5, 5) == set()
}

test_zero_passes_where_functions_may_sleep if {
	_judged(0, 1) == set()
	_judged(0, 5) == set()
	_judged(0, 0) == {"replicas-crossed"}
	_judged(0, 6) == {"replicas-above-ceiling"}
}

_awake := json.patch(samples.plans, [{"op": "remove", "path": "/small/function/idle"}])

_judged_awake(least, most, plans) := samples.codes(findings) if {
	scaling := {"min": least, "max": most, "cpu_percent": 80, "idle": 300}
	asked := samples.with_field(samples.function, "scaling", scaling)
	findings := replicas.findings with input as asked with data.data.plans as plans
}

test_zero_is_refused_by_name_where_they_may_not if {
	_judged_awake(0, 1, _awake) == {"replicas-zero"}
	_judged_awake(0, 0, _awake) == {"replicas-zero", "replicas-crossed"}
	_judged_awake(1, 1, _awake) == set()
	_judged_awake(-1, 1, _awake) == {"replicas-below-floor"}
}

test_half_a_bound_lets_nothing_sleep if {
	every idle in [{"min": 10}, {"max": 10}, {"min": "10", "max": 20}, {"min": 10, "max": "20"}, null] {
		plans := json.patch(samples.plans, [{"op": "replace", "path": "/small/function/idle", "value": idle}])
		_judged_awake(0, 1, plans) == {"replicas-zero"}
		_judged_awake(1, 1, plans) == set()
	}
}

_idle(seconds) := _scaled({"min": 0, "max": 1, "cpu_percent": 80, "idle": seconds})

test_idle_is_within_the_plan_s_seconds if {
	every seconds in [10, 300, 3600] {
		_idle(seconds) == set()
	}
	every seconds in [9, 3601, -1, "60", null] {
		_idle(seconds) == {"replicas-idle-out-of-range"}
	}
}

_idle_finding(seconds) := finding if {
	asked := samples.with_field(samples.function, "scaling", {"min": 0, "max": 1, "cpu_percent": 80, "idle": seconds})
	findings := replicas.findings with input as asked with data.data as samples.catalogue
	some finding in findings
}

test_idle_of_what_never_sleeps_does_not_matter if {
	_scaled({"min": 1, "max": 1, "cpu_percent": 80, "idle": 1}) == set()
}

test_the_finding_about_idle_says_everything if {
	_idle_finding(5) == {
		"code": "replicas-idle-out-of-range",
		"outcome": "deny",
		"path": "spec.scaling.idle",
		"value": 5,
		"limit": 10,
		"passes": 10,
		"message": "idle 5 is not within the plan small's 10 to 3600 seconds",
	}
	object.filter(_idle_finding(3601), ["limit", "passes"]) == {"limit": 3600, "passes": 3600}
	object.filter(_idle_finding("60"), ["limit", "passes"]) == {"limit": 10, "passes": 10}
}

test_outside_of_bounds_is_denied if {
	_judged(-1, 1) == {"replicas-below-floor"}
	_judged(null, 1) == {"replicas-below-floor"}
	_judged(1, 6) == {"replicas-above-ceiling"}
	_judged(1, null) == {"replicas-crossed"}
	_judged(3, 2) == {"replicas-crossed"}
	_judged(7, 6) == {"replicas-above-ceiling"}
}

test_the_target_is_a_percentage if {
	every percent in [1, 80, 100] {
		_scaled({"min": 1, "max": 2, "cpu_percent": percent, "idle": 300}) == set()
	}
	every percent in [0, -1, 101, null] {
		_scaled({"min": 1, "max": 2, "cpu_percent": percent, "idle": 300}) == {"replicas-target-out-of-range"}
	}
}

test_nothing_asked_is_denied if {
	_scaled({}) == {
		"replicas-below-floor",
		"replicas-crossed",
		"replicas-target-out-of-range",
	}
}

test_a_plan_without_a_ceiling_denies if {
	plans := json.patch(samples.plans, [{"op": "remove", "path": "/small/function/replicas"}])
	findings := replicas.findings with input as samples.function with data.data.plans as plans
	samples.codes(findings) == {"replicas-unbounded"}
}

_softly(most, approval) := findings if {
	asked := samples.with_field(samples.function, "scaling", {"min": 1, "max": most, "cpu_percent": 80, "idle": 300})
	plans := json.patch(samples.plans, [{"op": "add", "path": "/small/function/replicas/approval", "value": approval}])
	findings := replicas.findings with input as asked with data.data.plans as plans
}

test_between_what_is_free_and_the_ceiling_somebody_has_to_say_yes if {
	_softly(3, 3) == set()
	_softly(4, 3) == {{
		"code": "replicas-needs-approval",
		"outcome": "require_approval",
		"path": "spec.scaling.max",
		"value": 4,
		"limit": 3,
		"passes": 3,
		"message": "max 4 is above 3 replicas, up to which the plan small needs nobody's approval; up to 5 passes once approved",
	}}
	samples.codes(_softly(5, 3)) == {"replicas-needs-approval"}
	samples.codes(_softly(6, 3)) == {"replicas-above-ceiling"}
}

test_a_soft_ceiling_that_is_no_number_denies if {
	every approval in ["3", null] {
		samples.codes(_softly(1, approval)) == {"replicas-unbounded"}
	}
}

test_other_kinds_are_left_alone if {
	replicas.findings == set() with input as samples.trigger
}

_finding(least, most) := finding if {
	asked := samples.with_field(samples.function, "scaling", {"min": least, "max": most, "cpu_percent": 80, "idle": 300})
	findings := replicas.findings with input as asked with data.data as samples.catalogue
	some finding in findings
}

test_the_findings_say_everything if {
	zero := replicas.findings with input as samples.with_field(samples.function, "scaling", {"min": 0, "max": 1, "cpu_percent": 80, "idle": 300}) with data.data.plans as _awake
	zero == {{
		"code": "replicas-zero",
		"outcome": "deny",
		"path": "spec.scaling.min",
		"value": 0,
		"limit": 1,
		"passes": 1,
		"message": "min is 0, and the plan small does not let functions sleep; 1 passes",
	}}
	_finding(-1, 1) == {
		"code": "replicas-below-floor",
		"outcome": "deny",
		"path": "spec.scaling.min",
		"value": -1,
		"limit": 0,
		"passes": 1,
		"message": "min -1 is not a whole number of 0 or more; 1 passes",
	}
	_finding(1, 6) == {
		"code": "replicas-above-ceiling",
		"outcome": "deny",
		"path": "spec.scaling.max",
		"value": 6,
		"limit": 5,
		"passes": 5,
		"message": "max 6 is above the plan small's ceiling of 5 replicas; at most 5 passes",
	}
	_finding(3, 2) == {
		"code": "replicas-crossed",
		"outcome": "deny",
		"path": "spec.scaling.max",
		"value": 2,
		"limit": 3,
		"passes": 3,
		"message": "max 2 is below 3; 3 or more passes",
	}
}

test_the_finding_about_the_target_says_everything if {
	asked := samples.with_field(samples.function, "scaling", {"min": 1, "max": 2, "cpu_percent": 0, "idle": 300})
	findings := replicas.findings with input as asked with data.data as samples.catalogue
	findings == {{
		"code": "replicas-target-out-of-range",
		"outcome": "deny",
		"path": "spec.scaling.cpuPercent",
		"value": 0,
		"limit": 100,
		"passes": 80,
		"message": "cpuPercent 0 is not a percentage; 1 to 100 pass",
	}}
}

test_the_finding_about_a_missing_ceiling_names_the_field if {
	findings := replicas.findings with input as samples.function with data.data.plans as {}
	some finding in findings
	finding.path == "spec.scaling.max"
}

test_texts_are_no_numbers if {
	_judged("2", 2) == {"replicas-below-floor", "replicas-crossed"}
	_judged(1, "2") == {"replicas-above-ceiling"}
}
