package funkhaus.admission.source_test

import data.funkhaus.admission.source
import data.funkhaus.lib.samples_test as samples

_digest := "sha256:0123456789012345678901234567890123456789012345678901234567890123"

_judged(value) := findings if {
	asked := samples.with_field(samples.function, "source", value)
	findings := source.findings with input as asked with data.data as samples.catalogue
}

test_inline_up_to_the_limit_passes if {
	_judged({"files": {"a.py": 65535, "b.py": 1}, "bytes": 65536}) == set()
}

test_inline_over_the_limit_is_denied if {
	[finding] := [finding | some finding in _judged({"files": {"a.py": 65537}, "bytes": 65537})]
	finding.code == "source-above-ceiling"
	finding.path == "spec.source.inline.files"
	finding.message == "source 65537 bytes is above the plan small's ceiling of 65536 bytes; at most 65536 bytes passes"
}

test_no_source_is_denied if {
	samples.codes(_judged({})) == {"source-missing"}
	samples.codes(_judged({"bytes": 10})) == {"source-missing"}
	samples.codes(_judged({"files": {"a.py": 0}, "bytes": 0})) == {"source-below-floor"}
}

test_archives_go_by_digest if {
	_judged({"archive": _digest}) == set()
	samples.codes(_judged({"archive": "latest"})) == {"source-archive-malformed"}
	samples.codes(_judged({"archive": ""})) == {"source-archive-malformed"}
	samples.codes(_judged({"archive": 5})) == {"source-archive-malformed"}
}

_at(digits, folder) := {"origin": "https://files.example.com", "sha256": digits, "path": folder}

_digits := trim_prefix(_digest, "sha256:")

test_what_is_fetched_goes_by_its_sha256 if {
	_judged(_at(_digits, "")) == set()
	_judged(_at(_digits, "functions/hello")) == set()
	_judged(_at("latest", "")) == {{
		"code": "source-sha256-malformed",
		"outcome": "deny",
		"path": "spec.source.sha256",
		"value": "latest",
		"message": `"latest" is no SHA-256; 64 hexadecimal digits pass, as sha256sum prints them`,
	}}
	samples.codes(_judged(_at(_digest, ""))) == {"source-sha256-malformed"}
	samples.codes(_judged(_at("", ""))) == {"source-sha256-malformed"}
	samples.codes(_judged(json.patch(_at(_digits, ""), [{"op": "replace", "path": "/origin", "value": ""}]))) == set()
}

test_a_folder_stays_inside if {
	_judged(_at(_digits, "a/../b")) == {{
		"code": "source-path-malformed",
		"outcome": "deny",
		"path": "spec.source.path",
		"value": "a/../b",
		"message": `"a/../b" is no folder in the source; a relative path without .. passes, as in functions/hello`,
	}}
	samples.codes(_judged(_at(_digits, "/a"))) == {"source-path-malformed"}
	samples.codes(_judged(_at(_digits, "a/"))) == {"source-path-malformed"}
}

_git(ref, folder) := {"origin": "https://files.example.com", "ref": ref, "path": folder}

test_a_repository_goes_by_a_ref if {
	_judged(_git("main", "")) == set()
	_judged(_git("feature/a+b@1.0_x-y", "functions/hello")) == set()
	_judged(_git(trim_prefix(_digest, "sha256:"), "")) == set()
	_judged(_git("a b", "")) == {{
		"code": "source-ref-malformed",
		"outcome": "deny",
		"path": "spec.source.git.ref",
		"value": "a b",
		"message": `"a b" is no branch, tag or commit; main, v1.0 and 40 hexadecimal digits pass`,
	}}
	samples.codes(_judged(_git("", ""))) == {"source-ref-malformed"}
	samples.codes(_judged(_git("-main", ""))) == {"source-ref-malformed"}
	[finding] := [finding | some finding in _judged(_git("main", ".."))]
	finding.code == "source-path-malformed"
	finding.path == "spec.source.git.path"
}

test_a_plan_without_bounds_denies if {
	plans := json.patch(samples.plans, [{"op": "remove", "path": "/small/function/source"}])
	findings := source.findings with input as samples.function with data.data.plans as plans
	samples.codes(findings) == {"source-unbounded"}
}

test_the_finding_names_the_field if {
	findings := source.findings with input as samples.function with data.data.plans as {}
	some finding in findings
	finding.path == "spec.source.inline.files"
	finding.outcome == "deny"
	contains(finding.message, "bounds for source;")
}

test_other_kinds_are_left_alone if {
	source.findings == set() with input as samples.trigger
}

test_the_finding_about_an_archive_says_everything if {
	_judged({"archive": "latest"}) == {{
		"code": "source-archive-malformed",
		"outcome": "deny",
		"path": "spec.source.archive.digest",
		"value": "latest",
		"message": `"latest" is not a digest; sha256: and 64 hexadecimal digits pass`,
	}}
}

test_a_trigger_s_fields_are_not_read if {
	asked := samples.with_field(samples.trigger, "source", {"archive": "latest"})
	source.findings == set() with input as asked
	fetched := samples.with_field(samples.trigger, "source", _at("latest", ".."))
	source.findings == set() with input as fetched
	cloned := samples.with_field(samples.trigger, "source", _git("", ".."))
	source.findings == set() with input as cloned
}
