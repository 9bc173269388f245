package funkhaus.admission.dependencies_test

import data.funkhaus.admission.dependencies
import data.funkhaus.lib.samples_test as samples

_judged(value) := samples.codes(findings) if {
	asked := samples.with_field(samples.function, "dependencies", value)
	findings := dependencies.findings with input as asked
}

test_none_passes if _judged({"bytes": 0}) == set()

test_any_is_denied if {
	_judged({"bytes": 1}) == {"dependencies-unsupported"}
	_judged({}) == {"dependencies-unsupported"}
}

test_other_kinds_are_left_alone if {
	dependencies.findings == set() with input as samples.trigger
}

test_the_finding_says_everything if {
	asked := samples.with_field(samples.function, "dependencies", {"bytes": 7})
	dependencies.findings == {{
		"code": "dependencies-unsupported",
		"outcome": "deny",
		"path": "spec.dependencies",
		"limit": 0,
		"value": 7,
		"passes": "",
		"message": concat(" ", [
			"this platform does not build dependencies yet;",
			"leave the field out and use the runtime's own library",
		]),
	}} with input as asked
}
