package funkhaus.admission.tls_test

import data.funkhaus.admission.tls
import data.funkhaus.lib.samples_test as samples

_judged(name) := samples.codes(findings) if {
	findings := tls.findings with input as samples.with_field(samples.trigger, "tls_secret", name)
}

test_a_plain_name_or_none_passes if {
	_judged("") == set()
	_judged("shop-tls") == set()
	_judged("shop.example.com") == set()
}

test_anything_else_is_denied if {
	every name in ["other/shop-tls", "Shop", "-a", "a-", "a b", "*"] {
		_judged(name) == {"tls-secret-malformed"}
	}
}

test_other_kinds_are_left_alone if {
	tls.findings == set() with input as samples.with_field(samples.function, "tls_secret", "a/b")
}
