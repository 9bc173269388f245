package funkhaus.admission.hostname_test

import data.funkhaus.admission.hostname
import data.funkhaus.lib.samples_test as samples

_findings(host) := findings if {
	asked := samples.with_field(samples.trigger, "host", host)
	findings := hostname.findings with input as asked with data.data as samples.catalogue
}

_codes(host) := samples.codes(_findings(host))

test_hosts_in_an_owned_suffix_pass if {
	every host in [
		"hello.demo.example.com",
		"demo.example.com",
		"a.b.demo.example.com",
		"1.demo.example.com",
		"hello.shop.example.org",
		"a--b.demo.example.com",
	] {
		_codes(host) == set()
	}
}

test_the_suffix_ends_at_a_label if {
	every host in [
		"evildemo.example.com",
		"demo.example.com.evil.net",
		"example.com",
		"hello.other.example.com",
		"shop.example.com",
		"com",
	] {
		"hostname-outside" in _codes(host)
	}
}

test_each_mistake_is_named_once if {
	_codes("Hello.demo.example.com") == {"hostname-uppercase"}
	_codes("hello.demo.example.com.") == {"hostname-trailing-dot"}
	_codes("Hello.demo.example.com.") == {"hostname-trailing-dot", "hostname-uppercase"}
	_codes("*.demo.example.com") == {"hostname-wildcard"}
	_codes("*") == {"hostname-malformed", "hostname-outside", "hostname-wildcard"}
	_codes("xn--bcher-kva.demo.example.com") == {"hostname-punycode"}
	_codes("hello.demo.example.com:80") == {"hostname-malformed", "hostname-outside"}
	_codes("") == {"hostname-missing"}
}

test_addresses_are_denied if {
	every host in ["10.0.0.1", "127.1", "::1", "[::1]", "::ffff:10.0.0.1", "2001:db8::1"] {
		_codes(host) == {"hostname-address", "hostname-outside"}
	}
}

test_what_is_no_dns_name_is_denied if {
	every host in [
		"a..demo.example.com",
		".demo.example.com",
		"-a.demo.example.com",
		"a-.demo.example.com",
		"a_b.demo.example.com",
		"a b.demo.example.com",
		"a/b.demo.example.com",
		"bücher.demo.example.com",
		"a。demo.example.com",
	] {
		"hostname-malformed" in _codes(host)
	}
	_codes(sprintf("%s.demo.example.com", [_repeated("a", 64)])) == {"hostname-malformed"}
	_codes(sprintf("%s.demo.example.com", [_repeated("a", 63)])) == set()
	"hostname-too-long" in _codes(sprintf("%sdemo.example.com", [_repeated("a.", 120)]))
	_codes(sprintf("%sdemo.example.com", [_repeated("a.", 118)])) == set()
}

_repeated(text, times) := concat("", [text | some _ in numbers.range(1, times)])

test_the_cluster_s_own_names_are_denied_even_if_granted if {
	asked := json.patch(
		samples.with_field(samples.trigger, "host", "api.default.svc.cluster.local"),
		[{"op": "add", "path": "/tenant/host_suffixes/-", "value": "svc.cluster.local"}],
	)
	findings := hostname.findings with input as asked with data.data as samples.catalogue
	samples.codes(findings) == {"hostname-reserved"}
}

test_the_finding_says_everything if {
	_findings("hello.evil.net") == {{
		"code": "hostname-outside",
		"outcome": "deny",
		"path": "spec.host",
		"value": "hello.evil.net",
		"limit": ["*.demo.example.com", "*.shop.example.org"],
		"passes": "hello.demo.example.com",
		"message": concat("", [
			`host "hello.evil.net" is outside of what tenant demo owns: `,
			"hosts below demo.example.com and shop.example.org pass",
		]),
	}}
}

test_a_tenant_without_suffixes_owns_nothing if {
	every suffixes in [[], null] {
		asked := json.patch(samples.trigger, [{"op": "add", "path": "/tenant/host_suffixes", "value": suffixes}])
		findings := hostname.findings with input as asked with data.data as samples.catalogue
		some finding in findings
		finding.code == "hostname-outside"
		finding.passes == null
	}
}

test_other_kinds_are_left_alone if {
	hostname.findings == set() with input as samples.function
}

test_no_host_is_missing_and_nothing_else if {
	asked := json.patch(samples.trigger, [{"op": "remove", "path": "/object/host"}])
	findings := hostname.findings with input as asked with data.data as samples.catalogue
	samples.codes(findings) == {"hostname-missing"}
}

test_the_length_is_bounded_exactly if {
	name := sprintf("%s%s.demo.example.com", [_repeated("a.", 117), "aa"])
	count(name) == 253
	_codes(name) == set()
	_codes(sprintf("a%s", [name])) == {"hostname-too-long"}
}
