# METADATA
# title: Dependencies
# description: |
#   A function's dependencies are packages by name, which a build installs from the platform's index. A line says a name, and
#   perhaps extras, a version, a marker and hashes. What would have the build look elsewhere is refused, by line.
# custom:
#   findings:
#     dependencies-editable: a line asks for a package to be edited in place (-e)
#     dependencies-file: a line names another file (-r, -c)
#     dependencies-index: a line names a package index (--index-url, --find-links and their like)
#     dependencies-malformed: a line is no requirement
#     dependencies-option: a line is an option of pip's
#     dependencies-path: a line is a path
#     dependencies-too-large: the file is larger than the ceiling
#     dependencies-too-many: more packages are named than the ceiling
#     dependencies-unreadable: the platform could not say what the dependencies are
#     dependencies-unsupported: the runtime installs no dependencies
#     dependencies-url: a line is or has a URL
#     dependencies-vcs: a line names a repository (git+ and its like)
package funkhaus.admission.dependencies

import data.data.dependencies
import data.data.runtimes

findings contains {
	"code": sprintf("dependencies-%s", [line.kind]),
	"outcome": "deny",
	"path": "spec.dependencies",
	"value": sprintf("line %d", [line.line]),
	"passes": "requests==2.32.3",
	"message": sprintf("line %d %s; packages by name pass, as in requests==2.32.3", [line.line, _said[line.kind]]),
} if {
	input.kind == "Function"
	some line in _asked.refused
	_said[line.kind]
}

findings contains object.union(_facts("bytes"), {
	"code": "dependencies-too-large",
	"message": sprintf("the dependencies have %v bytes; at most %v pass", [_asked.bytes, _limit("bytes")]),
}) if {
	input.kind == "Function"
	_above("bytes")
}

findings contains object.union(_facts("packages"), {
	"code": "dependencies-too-many",
	"message": sprintf("the dependencies name %v packages; at most %v pass", [_asked.packages, _limit("packages")]),
}) if {
	input.kind == "Function"
	_above("packages")
}

findings contains {
	"code": "dependencies-unsupported",
	"outcome": "deny",
	"path": "spec.dependencies",
	"value": _runtime,
	"passes": "",
	"message": sprintf("runtime %q installs no dependencies; put the packages into the source, leave the field out", [_runtime]),
} if {
	input.kind == "Function"
	_any
	runtimes[_runtime]
	not runtimes[_runtime].dependencies
}

findings contains {
	"code": "dependencies-unreadable",
	"outcome": "deny",
	"path": "spec.dependencies",
	"message": "the platform could not say what the dependencies are; whoever runs it has to look at its policy set",
} if {
	input.kind == "Function"
	not _readable
}

_said := {
	"editable": "asks for a package to be edited in place, which no function can",
	"file": "names another file, which the build does not have",
	"index": "names a package index; the platform's own is the only one",
	"malformed": "is no requirement",
	"option": "is an option of pip's",
	"path": "is a path; put the package into the source",
	"url": "has a URL; the build reaches the platform's package index only",
	"vcs": "names a repository; the build reaches the platform's package index only",
}

_asked := object.get(input, ["object", "dependencies"], {})

_runtime := object.get(input, ["object", "runtime"], "")

# An unknown runtime is another rule's business.
_any if _asked.packages > 0

_any if count(_asked.refused) > 0

# Every line that was refused has words here, and there are ceilings: what no rule can measure does not pass.
_readable if {
	is_number(_asked.bytes)
	is_number(_asked.packages)
	is_number(_limit("bytes"))
	is_number(_limit("packages"))
	is_array(_asked.refused)
	every line in _asked.refused {
		is_number(line.line)
		_said[line.kind]
	}
}

_limit(amount) := object.get(dependencies, amount, null)

_above(amount) if {
	is_number(_limit(amount))
	_asked[amount] > _limit(amount)
}

_facts(amount) := {
	"outcome": "deny",
	"path": "spec.dependencies",
	"value": _asked[amount],
	"limit": _limit(amount),
	"passes": _limit(amount),
}
