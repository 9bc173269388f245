# METADATA
# title: Size of inline source
# description: |
#   Source written into the object is bounded: it lives in etcd and travels in every review twice. More goes into an
#   archive.
# custom:
#   findings:
#     source-above-ceiling: more source is asked than the plan's ceiling
#     source-archive-malformed: an archive is not named by its digest
#     source-below-floor: less source is asked than the plan's floor
#     source-missing: nothing is asked and nothing was filled in
#     source-path-malformed: the folder in the source is no relative path
#     source-ref-malformed: a repository comes without a branch, tag or commit
#     source-sha256-malformed: an address comes without the SHA-256 of what is there
#     source-unbounded: the plan has no floor or no ceiling, so nothing passes
package funkhaus.admission.source

import data.funkhaus.lib.amount
import data.funkhaus.lib.plan

findings contains amount.finding("source", "spec.source.inline.files", _asked, plan.bounds("source")) if {
	input.kind == "Function"
	not _archived
	not _fetched
}

findings contains {
	"code": "source-archive-malformed",
	"outcome": "deny",
	"path": "spec.source.archive.digest",
	"value": input.object.source.archive,
	"message": sprintf("%q is not a digest; sha256: and 64 hexadecimal digits pass", [input.object.source.archive]),
} if {
	input.kind == "Function"
	_archived
	not regex.match(`^sha256:[a-f0-9]{64}$`, input.object.source.archive)
}

findings contains {
	"code": "source-sha256-malformed",
	"outcome": "deny",
	"path": "spec.source.sha256",
	"value": input.object.source.sha256,
	"message": sprintf("%q is no SHA-256; 64 hexadecimal digits pass, as sha256sum prints them", [input.object.source.sha256]),
} if {
	input.kind == "Function"
	_fetched
	not _from_git
	not regex.match(`^[a-f0-9]{64}$`, input.object.source.sha256)
}

findings contains {
	"code": "source-ref-malformed",
	"outcome": "deny",
	"path": "spec.source.git.ref",
	"value": input.object.source.ref,
	"message": sprintf("%q is no branch, tag or commit; main, v1.0 and 40 hexadecimal digits pass", [input.object.source.ref]),
} if {
	input.kind == "Function"
	_from_git
	not regex.match(`^[A-Za-z0-9_][A-Za-z0-9_./+@-]*$`, input.object.source.ref)
}

findings contains {
	"code": "source-path-malformed",
	"outcome": "deny",
	"path": _path,
	"value": input.object.source.path,
	"message": sprintf("%q is no folder in the source; a relative path without .. passes, as in functions/hello", [input.object.source.path]),
} if {
	input.kind == "Function"
	_fetched
	input.object.source.path != ""
	not regex.match(`^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$`, input.object.source.path)
}

_archived if input.object.source.archive

default _path := "spec.source.path"

_path := "spec.source.git.path" if _from_git

_from_git if input.object.source.ref != null

# Where it comes from is the rule origin's business.
_fetched if input.object.source.origin != null

_asked := {"value": _size, "number": _size, "unit": " bytes"}

default _size := ""

_size := input.object.source.bytes if is_object(input.object.source.files)
