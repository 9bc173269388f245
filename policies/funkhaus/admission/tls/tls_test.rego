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

test_the_finding_says_everything if {
	findings := tls.findings with input as samples.with_field(samples.trigger, "tls_secret", "other/tls")
	findings == {{
		"code": "tls-secret-malformed",
		"outcome": "deny",
		"path": "spec.tls.secretName",
		"value": "other/tls",
		"message": concat(" ", [
			`"other/tls" is not the name of a Secret of the same namespace;`,
			"lower-case letters, digits, '-' and '.' pass",
		]),
	}}
}
