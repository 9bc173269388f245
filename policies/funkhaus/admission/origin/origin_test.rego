package funkhaus.admission.origin_test

import data.funkhaus.admission.origin
import data.funkhaus.lib.samples_test as samples

_source(address) := {"origin": address, "sha256": "0", "path": ""}

_judged(address) := findings if {
	asked := samples.with_field(samples.function, "source", _source(address))
	findings := origin.findings with input as asked with data.data as samples.catalogue
}

test_what_everybody_the_plan_and_the_tenant_may if {
	_judged("https://files.example.com") == set()
	_judged("https://plan.example.com") == set()
	_judged("http://tenant.example.com:8080") == set()
}

test_the_finding_names_the_origin_and_what_passes if {
	_judged("https://evil.example.com") == {{
		"code": "origin-not-allowed",
		"outcome": "deny",
		"path": "spec.source.url",
		"value": "https://evil.example.com",
		"limit": ["http://tenant.example.com:8080", "https://files.example.com", "https://plan.example.com"],
		"message": concat("", [
			`"https://evil.example.com" is no origin that tenant "demo" may fetch from; `,
			"http://tenant.example.com:8080, https://files.example.com, https://plan.example.com pass",
		]),
	}}
}

test_another_s_origins_are_not_one_s_own if {
	asked := samples.with_field(samples.function, "source", _source("http://tenant.example.com:8080"))
	other := json.patch(asked, [{"op": "replace", "path": "/tenant/id", "value": "other"}])
	[finding] := [finding | some finding in origin.findings with input as other with data.data as samples.catalogue]
	finding.limit == ["https://files.example.com", "https://plan.example.com"]
	bigger := json.patch(asked, [{"op": "replace", "path": "/tenant/plan", "value": "large"}])
	origin.findings == set() with input as bigger with data.data as samples.catalogue
	large := json.patch(bigger, [{"op": "replace", "path": "/object/source/origin", "value": "https://plan.example.com"}])
	samples.codes(origin.findings) == {"origin-not-allowed"} with input as large with data.data as samples.catalogue
}

test_another_scheme_or_port_is_another_origin if {
	samples.codes(_judged("http://files.example.com")) == {"origin-not-allowed"}
	samples.codes(_judged("https://files.example.com:8443")) == {"origin-not-allowed"}
	samples.codes(_judged("https://files.example.com.evil.example")) == {"origin-not-allowed"}
}

test_what_is_no_address_is_denied if {
	_judged("") == {{
		"code": "origin-malformed",
		"outcome": "deny",
		"path": "spec.source.url",
		"passes": "https://files.example.com/hello-1.0.tar.gz",
		"message": concat("", [
			"the address is none that is fetched from: http or https, a host in lower case, perhaps a port, and a path pass, ",
			"without user, password and fragment",
		]),
	}}
	samples.codes(_judged(5)) == {"origin-malformed"}
}

test_a_repository_s_field_is_named if {
	repository := {"origin": "https://evil.example.com", "ref": "main", "path": ""}
	asked := samples.with_field(samples.function, "source", repository)
	[finding] := [finding | some finding in origin.findings with input as asked with data.data as samples.catalogue]
	finding.path == "spec.source.git.url"
}

test_without_data_nothing_passes if {
	asked := samples.with_field(samples.function, "source", _source("https://files.example.com"))
	[finding] := [finding | some finding in origin.findings with input as asked with data.data as {"revision": "x"}]
	finding.limit == []
	endswith(finding.message, "; none passes here: upload the source")
}

test_what_is_not_fetched_has_no_origin if {
	origin.findings == set() with input as samples.function with data.data as samples.catalogue
	archived := samples.with_field(samples.function, "source", {"archive": "sha256:0"})
	origin.findings == set() with input as archived with data.data as samples.catalogue
	trigger := samples.with_field(samples.trigger, "source", _source(""))
	origin.findings == set() with input as trigger with data.data as samples.catalogue
}
