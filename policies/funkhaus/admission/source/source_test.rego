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

test_other_kinds_are_left_alone if {
	source.findings == set() with input as samples.trigger
}
