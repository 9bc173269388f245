package funkhaus.admission.dependencies_test

import data.funkhaus.admission.dependencies
import data.funkhaus.lib.samples_test as samples

_findings(value) := findings if {
	asked := samples.with_field(samples.function, "dependencies", value)
	findings := dependencies.findings with input as asked with data.data as samples.catalogue
}

_judged(value) := samples.codes(_findings(value))

_refused(kind) := {"bytes": 10, "packages": 1, "refused": [{"line": 3, "kind": kind}]}

_fine := {"bytes": 10, "packages": 1, "refused": []}

test_none_passes if _judged({"bytes": 0, "packages": 0, "refused": []}) == set()

test_packages_pass_up_to_the_ceilings if {
	_judged(_fine) == set()
	_judged({"bytes": 1000, "packages": 20, "refused": []}) == set()
}

test_every_kind_of_line_has_its_code if {
	_judged(_refused("editable")) == {"dependencies-editable"}
	_judged(_refused("file")) == {"dependencies-file"}
	_judged(_refused("index")) == {"dependencies-index"}
	_judged(_refused("malformed")) == {"dependencies-malformed"}
	_judged(_refused("option")) == {"dependencies-option"}
	_judged(_refused("path")) == {"dependencies-path"}
	_judged(_refused("url")) == {"dependencies-url"}
	_judged(_refused("vcs")) == {"dependencies-vcs"}
}

test_a_line_alone_is_refused_too if {
	_judged({"bytes": 10, "packages": 0, "refused": [{"line": 1, "kind": "url"}]}) == {"dependencies-url"}
}

test_each_line_is_found if {
	lines := [{"line": 1, "kind": "url"}, {"line": 2, "kind": "url"}]
	count(_findings({"bytes": 10, "packages": 0, "refused": lines})) == 2
}

test_the_finding_about_a_line_says_everything if {
	said := {kind: finding.message |
		some kind in ["editable", "file", "index", "malformed", "option", "path", "url", "vcs"]
		some finding in _findings(_refused(kind))
	}
	ending := "; packages by name pass, as in requests==2.32.3"
	said == {kind: sprintf("line 3 %s%s", [words, ending]) | some kind, words in {
		"editable": "asks for a package to be edited in place, which no function can",
		"file": "names another file, which the build does not have",
		"index": "names a package index; the platform's own is the only one",
		"malformed": "is no requirement",
		"option": "is an option of pip's",
		"path": "is a path; put the package into the source",
		"url": "has a URL; the build reaches the platform's package index only",
		"vcs": "names a repository; the build reaches the platform's package index only",
	}}
	_findings(_refused("malformed")) == {{
		"code": "dependencies-malformed",
		"outcome": "deny",
		"path": "spec.dependencies",
		"value": "line 3",
		"passes": "requests==2.32.3",
		"message": "line 3 is no requirement; packages by name pass, as in requests==2.32.3",
	}}
}

test_above_the_ceilings_is_denied if {
	_findings({"bytes": 1001, "packages": 1, "refused": []}) == {{
		"code": "dependencies-too-large",
		"outcome": "deny",
		"path": "spec.dependencies",
		"value": 1001,
		"limit": 1000,
		"passes": 1000,
		"message": "the dependencies have 1001 bytes; at most 1000 pass",
	}}
	_findings({"bytes": 10, "packages": 21, "refused": []}) == {{
		"code": "dependencies-too-many",
		"outcome": "deny",
		"path": "spec.dependencies",
		"value": 21,
		"limit": 20,
		"passes": 20,
		"message": "the dependencies name 21 packages; at most 20 pass",
	}}
}

test_a_runtime_without_a_format_installs_nothing if {
	in_javascript := samples.with_field(samples.function, "runtime", "node22")
	asked := samples.with_field(in_javascript, "dependencies", _fine)
	dependencies.findings == {{
		"code": "dependencies-unsupported",
		"outcome": "deny",
		"path": "spec.dependencies",
		"value": "node22",
		"passes": "",
		"message": concat("", [
			`runtime "node22" installs no dependencies; `,
			"put the packages into the source, leave the field out",
		]),
	}} with input as asked with data.data as samples.catalogue
	lines := samples.with_field(in_javascript, "dependencies", {"bytes": 9, "packages": 0, "refused": [{"line": 1, "kind": "url"}]})
	found := dependencies.findings with input as lines with data.data as samples.catalogue
	samples.codes(found) == {"dependencies-unsupported", "dependencies-url"}
	nothing := samples.with_field(in_javascript, "dependencies", {"bytes": 9, "packages": 0, "refused": []})
	dependencies.findings == set() with input as nothing with data.data as samples.catalogue
}

test_an_unknown_runtime_is_another_rule_s_business if {
	unknown := samples.with_field(samples.function, "runtime", "cobol74")
	asked := samples.with_field(unknown, "dependencies", _fine)
	dependencies.findings == set() with input as asked with data.data as samples.catalogue
}

test_what_can_t_be_measured_is_denied if {
	_findings({}) == {{
		"code": "dependencies-unreadable",
		"outcome": "deny",
		"path": "spec.dependencies",
		"message": concat(" ", [
			"the platform could not say what the dependencies are;",
			"whoever runs it has to look at its policy set",
		]),
	}}
	every wrong in [
		{"bytes": "1", "packages": 1, "refused": []},
		{"bytes": 1, "packages": null, "refused": []},
		{"bytes": 1, "packages": 1, "refused": {}},
		_refused("new"),
		{"bytes": 1, "packages": 1, "refused": [{"line": "3", "kind": "url"}]},
	] {
		"dependencies-unreadable" in _judged(wrong)
	}
}

test_without_ceilings_nothing_passes if {
	asked := samples.with_field(samples.function, "dependencies", _fine)
	every limits in [{}, {"bytes": 5}, {"packages": 5}, {"bytes": "5", "packages": 5}] {
		found := dependencies.findings with input as asked
			with data.data as samples.catalogue
			with data.data.dependencies as limits
		"dependencies-unreadable" in samples.codes(found)
	}
}

test_other_kinds_are_left_alone if {
	dependencies.findings == set() with input as samples.trigger with data.data as samples.catalogue
	every value in [_refused("url"), {"bytes": 1001, "packages": 21, "refused": []}, {}] {
		asked := samples.with_field(samples.trigger, "dependencies", value)
		dependencies.findings == set() with input as asked with data.data as samples.catalogue
	}
}
