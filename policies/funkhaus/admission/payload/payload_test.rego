package funkhaus.admission.payload_test

import data.funkhaus.admission.payload
import data.funkhaus.lib.samples_test as samples

_judged(bytes) := samples.codes(findings) if {
	findings := payload.findings with input as samples.with_field(samples.cron_trigger, "payload", {"bytes": bytes})
}

test_what_fits_passes if {
	_judged(0) == set()
	_judged(16384) == set()
}

test_more_is_denied if {
	_judged(16385) == {"payload-too-large"}
	_judged(null) == {"payload-too-large"}
}

test_other_kinds_are_left_alone if {
	payload.findings == set() with input as samples.function
}
