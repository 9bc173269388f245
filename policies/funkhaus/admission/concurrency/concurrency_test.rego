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

test_other_kinds_are_left_alone if {
	concurrency.findings == set() with input as samples.trigger
}
