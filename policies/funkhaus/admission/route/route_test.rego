package funkhaus.admission.route_test

import data.funkhaus.admission.route
import data.funkhaus.lib.samples_test as samples

_trigger(methods, tls, gateway) := object.union(samples.trigger, {
	"platform": {"gateway": gateway},
	"object": object.union(samples.trigger.object, {"methods": methods, "tls_secret": tls}),
})

_findings(methods, tls, gateway) := findings if {
	findings := route.findings with input as _trigger(methods, tls, gateway)
}

test_what_an_ingress_can_say_passes if {
	every gateway in [true, false] {
		_findings([], "", gateway) == set()
		_findings([], "shop-tls", gateway) == set()
	}
}

test_known_methods_pass_where_there_is_a_gateway if {
	_findings(["GET"], "", true) == set()
	_findings(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"], "", true) == set()
}

test_without_a_gateway_the_field_is_named if {
	_findings(["GET", "POST"], "", false) == {{
		"code": "route-without-gateway",
		"outcome": "deny",
		"path": "spec.methods",
		"value": ["GET", "POST"],
		"message": concat(" ", [
			"methods needs a Gateway, and this platform names none:",
			"ask whoever runs it to set FUNKHAUS_GATEWAY (gateway.name in the chart), or leave it out",
		]),
	}}
}

test_a_split_needs_a_gateway_as_well if {
	question := object.union(_trigger([], "", false), {"object": {"backends": [{"revision": "current", "weight": 1}]}})
	found := route.findings with input as question
	{[finding.code, finding.path, finding.value] | some finding in found} == {[
		"route-without-gateway",
		"spec.backends",
		["current"],
	]}
	there := route.findings with input as object.union(question, {"platform": {"gateway": true}})
	there == set()
	certified := json.patch(question, [
		{"op": "replace", "path": "/platform/gateway", "value": true},
		{"op": "replace", "path": "/object/tls_secret", "value": "shop-tls"},
	])
	refused := route.findings with input as certified
	{[finding.code, finding.path] | some finding in refused} == {["route-with-certificate", "spec.backends"]}
	other := route.findings with input as object.union(question, {"kind": "Function"})
	other == set()
}

test_who_does_not_say_whether_there_is_one_has_none if {
	question := json.remove(_trigger(["GET"], "", true), ["/platform"])
	findings := route.findings with input as question
	samples.codes(findings) == {"route-without-gateway"}
}

test_a_certificate_of_ones_own_is_an_ingress if {
	_findings(["GET"], "shop-tls", true) == {{
		"code": "route-with-certificate",
		"outcome": "deny",
		"path": "spec.methods",
		"value": ["GET"],
		"message": "methods needs a route, and a route's certificate is its Gateway's: leave out methods or tls",
	}}
}

test_an_unknown_method_is_named if {
	_findings(["GET", "get"], "", true) == {{
		"code": "route-method-unknown",
		"outcome": "deny",
		"path": "spec.methods[1]",
		"value": "get",
		"limit": ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
		"passes": "GET",
		"message": `method "get" is none of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS`,
	}}
	every method in ["CONNECT", "TRACE", "*", "", "GET "] {
		some finding in _findings([method], "", true)
		finding.code == "route-method-unknown"
		finding.passes == null
	}
}

test_twice_is_once_too_often if {
	_findings(["GET", "POST", "GET"], "", true) == {{
		"code": "route-method-twice",
		"outcome": "deny",
		"path": "spec.methods[2]",
		"value": "GET",
		"message": `method "GET" is named twice`,
	}}
}

test_other_kinds_are_left_alone if {
	question := samples.with_field(samples.function, "methods", ["x"])
	route.findings == set() with input as question
}
