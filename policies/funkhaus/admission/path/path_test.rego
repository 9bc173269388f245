package funkhaus.admission.path_test

import data.funkhaus.admission.path
import data.funkhaus.lib.samples_test as samples

_findings(text) := findings if {
	findings := path.findings with input as samples.with_field(samples.trigger, "path", text)
}

test_plain_paths_pass if {
	every text in ["/", "/shop", "/shop/", "/a.b/~c/d_e-f/9", "/...", "/a..b"] {
		_findings(text) == set()
	}
}

test_anything_else_is_malformed if {
	every text in ["", "shop", "/a b", "/a?b", "/a#b", "/%2e%2e/a", "/ä", "/a\nb", "/a;b", "/*", null, 5] {
		samples.codes(_findings(text)) == {"path-malformed"}
	}
	_findings("/a?b") == {{
		"code": "path-malformed",
		"outcome": "deny",
		"path": "spec.path",
		"value": "/a?b",
		"limit": "/[A-Za-z0-9_.~/-]*",
		"passes": "/",
		"message": `path "/a?b" is no plain path: / and then letters, digits and _ . ~ - / pass`,
	}}
}

test_ambiguous_segments_are_denied if {
	every text in ["//", "/a//b", "/.", "/..", "/a/../b", "/a/./b", "/a/.."] {
		samples.codes(_findings(text)) == {"path-ambiguous"}
	}
	_findings("/a/./../b//c") == {{
		"code": "path-ambiguous",
		"outcome": "deny",
		"path": "spec.path",
		"value": "/a/./../b//c",
		"limit": ["//", ".", ".."],
		"passes": "/a/b/c",
		"message": `path "/a/./../b//c" holds a segment that proxies leave out or walk up by (., .., //); /a/b/c passes`,
	}}
}

test_the_length_is_bounded if {
	_findings(sprintf("/%s", [_repeated(255)])) == set()
	_findings(sprintf("/%s", [_repeated(256)])) == {{
		"code": "path-too-long",
		"outcome": "deny",
		"path": "spec.path",
		"value": 257,
		"limit": 256,
		"passes": 256,
		"message": "the path has 257 characters; at most 256 pass",
	}}
}

_repeated(times) := concat("", ["a" | some _ in numbers.range(1, times)])

test_no_path_at_all_is_denied if {
	samples.codes(path.findings) == {"path-malformed"} with input as {"kind": "HTTPTrigger"}
}

test_other_kinds_are_left_alone if {
	every text in ["", "//", _repeated(300)] {
		path.findings == set() with input as samples.with_field(samples.function, "path", text)
	}
}
