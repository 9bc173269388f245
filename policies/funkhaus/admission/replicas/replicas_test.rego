package funkhaus.admission.replicas_test

import data.funkhaus.admission.replicas
import data.funkhaus.lib.samples_test as samples

_judged(least, most) := _scaled({"min": least, "max": most, "cpu_percent": 80})

_scaled(scaling) := samples.codes(findings) if {
	asked := samples.with_field(samples.function, "scaling", scaling)
	findings := replicas.findings with input as asked with data.data as samples.catalogue
}

test_within_bounds_passes if {
	_judged(1, 1) == set()
	_judged(1, 5) == set()
	_judged(5, 5) == set()
}

test_zero_is_refused_by_name if {
	_judged(0, 1) == {"replicas-zero"}
	_judged(0, 0) == {"replicas-zero", "replicas-crossed"}
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
		_scaled({"min": 1, "max": 2, "cpu_percent": percent}) == set()
	}
	every percent in [0, -1, 101, null] {
		_scaled({"min": 1, "max": 2, "cpu_percent": percent}) == {"replicas-target-out-of-range"}
	}
}

test_nothing_asked_is_denied if {
	_scaled({}) == {"replicas-below-floor", "replicas-crossed", "replicas-target-out-of-range"}
}

test_a_plan_without_a_ceiling_denies if {
	plans := json.patch(samples.plans, [{"op": "remove", "path": "/small/function/replicas"}])
	findings := replicas.findings with input as samples.function with data.data.plans as plans
	samples.codes(findings) == {"replicas-unbounded"}
}

test_other_kinds_are_left_alone if {
	replicas.findings == set() with input as samples.trigger
}
