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

test_other_kinds_are_left_alone if {
	timeout.findings == set() with input as samples.trigger
}
