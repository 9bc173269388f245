package funkhaus.admission.handler_test

import data.funkhaus.admission.handler
import data.funkhaus.lib.samples_test as samples

_findings(text, files) := findings if {
	named := samples.with_field(samples.function, "handler", text)
	asked := samples.with_field(named, "source/files", {file: 1 | some file in files})
	findings := handler.findings with input as asked with data.data as samples.catalogue
}

_judged(text, files) := finding if some finding in _findings(text, files)

test_a_module_among_the_files_passes if {
	_findings("hello.handler", ["hello.py", "b.py"]) == set()
	_findings("hello.handler", ["hello/__init__.py"]) == set()
	_findings("shop.cart.add", ["shop/cart.py"]) == set()
}

test_a_missing_module_is_denied if {
	_judged("hello.handler", ["main.py"]) == {
		"code": "handler-module-missing",
		"outcome": "deny",
		"path": "spec.handler",
		"value": "hello.handler",
		"limit": ["main.py"],
		"passes": "main.handler",
		"message": `handler "hello.handler" needs a file hello.py or hello/__init__.py; the source has main.py`,
	}
	_judged("hello.handler", ["a.py", "b.py"]).passes == null
	_judged("hello.handler", ["hello.txt"]).passes == null
	_judged("hello.handler", ["x/hello.py"]).passes == "x.hello.handler"
	_judged("hello.handler", []).code == "handler-module-missing"
}

test_the_ending_is_the_runtime_s if {
	in_javascript := samples.with_field(samples.function, "runtime", "node22")
	findings := handler.findings with input as in_javascript with data.data as samples.catalogue
	some finding in findings
	finding.message == `handler "hello.handler" needs a file hello.js; the source has hello.py`
}

test_no_module_is_denied if {
	every text in ["handler", "", ".", "a.", ".a", "a..b", "a.b-c", "1a.b", "a.b ", "a/b.c"] {
		_judged(text, ["hello.py"]).code == "handler-malformed"
	}
}

test_an_unknown_runtime_is_another_rule_s_business if {
	asked := samples.with_field(samples.function, "runtime", "cobol74")
	handler.findings == set() with input as asked with data.data as samples.catalogue
}

test_an_archive_s_files_are_not_known_here if {
	asked := samples.with_field(samples.function, "source", {"archive": "sha256:0"})
	handler.findings == set() with input as asked
}

test_other_kinds_are_left_alone if {
	handler.findings == set() with input as samples.trigger
}

test_the_finding_about_a_malformed_one_says_everything if {
	_judged("handler", ["hello.py"]) == {
		"code": "handler-malformed",
		"outcome": "deny",
		"path": "spec.handler",
		"value": "handler",
		"passes": "hello.handler",
		"message": `handler "handler" is not module.function; for example hello.handler passes`,
	}
}

test_no_handler_is_malformed if {
	asked := json.patch(samples.function, [{"op": "remove", "path": "/object/handler"}])
	findings := handler.findings with input as asked with data.data as samples.catalogue
	some finding in findings
	finding.value == ""
}

test_a_trigger_s_fields_are_not_read if {
	spoilt := samples.with_field(samples.trigger, "handler", "hello.handler")
	asked := json.patch(spoilt, [
		{"op": "add", "path": "/object/source", "value": {"files": {}}},
		{"op": "add", "path": "/object/runtime", "value": "python3.11"},
	])
	handler.findings == set() with input as asked with data.data as samples.catalogue
}
