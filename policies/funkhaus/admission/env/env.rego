# METADATA
# title: Environment variables
# description: |
#   A function sets no variable the platform, the runtime or the loader owns (policies/data/env.yaml), and takes Secrets
#   and ConfigMaps by their plain name, so from its own namespace.
# custom:
#   findings:
#     env-reference-malformed: a variable refers to something that is not a plain name, so perhaps to another namespace
#     env-reserved: a variable's name is the platform's, the runtime's or the loader's, or is empty
package funkhaus.admission.env

import data.data.env

findings contains {
	"code": "env-reserved",
	"outcome": "deny",
	"path": sprintf("spec.env[%d].name", [index]),
	"value": _name(variable),
	"limit": sort({name | some name in env.reserved_names} | {sprintf("%s*", [prefix]) | some prefix in env.reserved_prefixes}),
	"message": sprintf("the variable %s is the platform's; choose another name", [_name(variable)]),
} if {
	some index, variable in _variables
	not _free(_name(variable))
}

findings contains {
	"code": "env-reference-malformed",
	"outcome": "deny",
	"path": sprintf("spec.env[%d]", [index]),
	"value": _reference(variable),
	"message": sprintf(
		"the variable %s refers to %q, which is not the name of a %s of the same namespace",
		[_name(variable), _reference(variable), object.get(variable, "from", "value")],
	),
} if {
	some index, variable in _variables
	not _literal(variable)
	not regex.match(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`, _reference(variable))
}

_name(variable) := object.get(variable, "name", "")

_reference(variable) := object.get(variable, "reference", "")

_literal(variable) if variable.from == "value"

_variables := input.object.env if input.kind == "Function"

_free(name) if {
	name != ""
	is_array(env.reserved_names)
	not name in env.reserved_names
	every prefix in env.reserved_prefixes {
		not startswith(name, prefix)
	}
}
