# METADATA
# title: Handler
# description: A handler is module.function, and its module is among the inline files.
# custom:
#   findings:
#     handler-malformed: the handler is not module.function
#     handler-module-missing: no inline file is the handler's module
package funkhaus.admission.handler

import data.data.runtimes
import data.funkhaus.lib.words

findings contains {
	"code": "handler-malformed",
	"outcome": "deny",
	"path": "spec.handler",
	"value": _text,
	"passes": "hello.handler",
	"message": sprintf("handler %q is not module.function; for example hello.handler passes", [_text]),
} if {
	input.kind == "Function"
	not _well_formed
}

findings contains {
	"code": "handler-module-missing",
	"outcome": "deny",
	"path": "spec.handler",
	"value": _text,
	"limit": _files,
	"passes": _suggestion,
	"message": sprintf(
		"handler %q needs a file %s; the source has %s",
		[_text, concat(" or ", _candidates), words.list(_files)],
	),
} if {
	input.kind == "Function"
	_well_formed
	_suffix != ""
	input.object.source.files
	not _module_exists
}

_text := object.get(input, ["object", "handler"], "")

_well_formed if regex.match(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+$`, _text)

_parts := split(_text, ".")

_module := array.slice(_parts, 0, count(_parts) - 1)

# An unknown runtime has no known ending; its own rule refuses it.
_suffix := object.get(runtimes, [object.get(input, ["object", "runtime"], ""), "suffix"], "")

_candidates := [sprintf("%s%s", [concat("/", _module), _suffix])] if {
	_suffix != ".py"
} else := [
	sprintf("%s.py", [concat("/", _module)]),
	sprintf("%s/__init__.py", [concat("/", _module)]),
]

_files := sort(object.keys(input.object.source.files))

_module_exists if {
	some candidate in _candidates
	candidate in _files
}

# With one source file there is no doubt which module was meant.
default _suggestion := null

_suggestion := sprintf("%s.%s", [replace(trim_suffix(_files[0], _suffix), "/", "."), _parts[count(_parts) - 1]]) if {
	count(_files) == 1
	endswith(_files[0], _suffix)
}
