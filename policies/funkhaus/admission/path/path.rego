# METADATA
# title: Path of a trigger
# description: |
#   A path has one form that every proxy reads alike: no empty segment, no "." or "..", no escapes, no query. The schema
#   refuses most of it first; here it is refused for whoever asks without kube-apiserver.
# custom:
#   findings:
#     path-ambiguous: the path has an empty segment, . or ..
#     path-malformed: the path has a character that proxies read differently, or does not begin with /
#     path-too-long: the path has more than 256 characters
package funkhaus.admission.path

findings contains {
	"code": "path-malformed",
	"outcome": "deny",
	"path": "spec.path",
	"value": _path,
	"limit": "/[A-Za-z0-9_.~/-]*",
	"passes": "/",
	"message": sprintf("path %s is no plain path: / and then letters, digits and _ . ~ - / pass", [json.marshal(_path)]),
} if {
	input.kind == "HTTPTrigger"
	not regex.match(`^/[A-Za-z0-9_.~/-]*$`, _path)
}

findings contains {
	"code": "path-ambiguous",
	"outcome": "deny",
	"path": "spec.path",
	"value": _path,
	"limit": ["//", ".", ".."],
	"passes": _plain,
	"message": sprintf("path %q holds a segment that proxies leave out or walk up by (%s); %s passes", [
		_path,
		concat(", ", sort(_ambiguous)),
		_plain,
	]),
} if {
	input.kind == "HTTPTrigger"
	count(_ambiguous) > 0
}

findings contains {
	"code": "path-too-long",
	"outcome": "deny",
	"path": "spec.path",
	"value": count(_path),
	"limit": 256,
	"passes": 256,
	"message": sprintf("the path has %d characters; at most 256 pass", [count(_path)]),
} if {
	input.kind == "HTTPTrigger"
	count(_path) > 256
}

_path := object.get(input, ["object", "path"], "")

_segments := split(_path, "/")

_ambiguous contains "//" if contains(_path, "//")

_ambiguous contains segment if {
	some segment in _segments
	segment in {".", ".."}
}

# The path without what is ambiguous in it.
_plain := sprintf("/%s", [concat("/", [segment | some segment in _segments; not segment in {"", ".", ".."}])])
