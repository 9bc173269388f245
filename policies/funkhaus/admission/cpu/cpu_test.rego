package funkhaus.admission.cpu_test

import data.funkhaus.admission.cpu
import data.funkhaus.lib.samples_test as samples

_judged(text, millis) := findings if {
	asked := samples.with_field(samples.function, "resources/cpu", {"text": text, "millis": millis})
	findings := cpu.findings with input as asked with data.data as samples.catalogue
}

test_within_bounds_passes if {
	every asked in [["10m", 10], ["250m", 250], ["1", 1000], ["1000m", 1000]] {
		_judged(asked[0], asked[1]) == set()
	}
}

test_above_ceiling_is_denied if {
	every asked in [["3", 3000], ["3000m", 3000], ["1e3", 1000000], ["1001m", 1001]] {
		samples.codes(_judged(asked[0], asked[1])) == {"cpu-above-ceiling"}
	}
}

test_below_floor_is_denied if {
	every asked in [["-1", -1000], ["0", 0], ["9m", 9]] {
		samples.codes(_judged(asked[0], asked[1])) == {"cpu-below-floor"}
	}
}

test_no_quantity_is_denied if {
	samples.codes(_judged("2 cores", null)) == {"cpu-malformed"}
	samples.codes(_judged("", null)) == {"cpu-missing"}
	samples.codes(cpu.findings) == {"cpu-missing"} with input as {"kind": "Function", "tenant": {"plan": "small"}}
		with data.data as samples.catalogue
}

test_the_finding_says_everything if {
	_judged("3", 3000) == {{
		"code": "cpu-above-ceiling",
		"outcome": "deny",
		"path": "spec.resources.cpu",
		"limit": "1",
		"value": "3",
		"passes": "1",
		"message": `cpu "3" is above the plan small's ceiling of 1; at most 1 passes`,
	}}
	_judged("2 cores", null) == {{
		"code": "cpu-malformed",
		"outcome": "deny",
		"path": "spec.resources.cpu",
		"limit": "1",
		"value": "2 cores",
		"passes": "250m",
		"message": `cpu "2 cores" is not a Kubernetes quantity; 10m to 1 pass`,
	}}
	_judged("-1", -1000) == {{
		"code": "cpu-below-floor",
		"outcome": "deny",
		"path": "spec.resources.cpu",
		"limit": "10m",
		"value": "-1",
		"passes": "10m",
		"message": `cpu "-1" is below the plan small's floor of 10m; 10m to 1 pass`,
	}}
}

test_a_plan_without_bounds_denies if {
	every cut in ["/small/function/cpu", "/small/function/cpu/min", "/small/function/cpu/max", "/small"] {
		plans := json.patch(samples.plans, [{"op": "remove", "path": cut}])
		findings := cpu.findings with input as samples.function with data.data.plans as plans
		samples.codes(findings) == {"cpu-unbounded"}
	}
}

test_a_bound_that_is_no_quantity_denies if {
	plans := json.patch(samples.plans, [{"op": "add", "path": "/small/function/cpu/max", "value": "lots"}])
	findings := cpu.findings with input as samples.function with data.data.plans as plans
	samples.codes(findings) == {"cpu-unbounded"}
}

_softly(text, millis, approval) := findings if {
	asked := samples.with_field(samples.function, "resources/cpu", {"text": text, "millis": millis})
	plans := json.patch(samples.plans, [{"op": "add", "path": "/small/function/cpu/approval", "value": approval}])
	findings := cpu.findings with input as asked with data.data.plans as plans
}

test_between_what_is_free_and_the_ceiling_somebody_has_to_say_yes if {
	_softly("500m", 500, "500m") == set()
	_softly("501m", 501, "500m") == {{
		"code": "cpu-needs-approval",
		"outcome": "require_approval",
		"path": "spec.resources.cpu",
		"limit": "500m",
		"value": "501m",
		"passes": "500m",
		"message": `cpu "501m" is above 500m, up to which the plan small needs nobody's approval; up to 1 passes once approved`,
	}}
	samples.codes(_softly("1", 1000, "500m")) == {"cpu-needs-approval"}
	samples.codes(_softly("1001m", 1001, "500m")) == {"cpu-above-ceiling"}
	samples.codes(_softly("9m", 9, "500m")) == {"cpu-below-floor"}
}

test_a_soft_ceiling_that_is_no_quantity_denies if {
	every approval in ["lots", null, {}] {
		samples.codes(_softly("250m", 250, approval)) == {"cpu-unbounded"}
	}
}

test_other_kinds_are_left_alone if {
	cpu.findings == set() with input as samples.trigger
}
