package funkhaus.admission.env_test

import data.funkhaus.admission.env
import data.funkhaus.lib.samples_test as samples

_findings(variables) := findings if {
	asked := samples.with_field(samples.function, "env", variables)
	findings := env.findings with input as asked with data.data as samples.catalogue
}

_named(name) := [{"name": name, "from": "value"}]

_referring(name) := [{"name": "A", "from": "Secret", "reference": name}]

test_own_variables_pass if {
	every name in ["GREETING", "path", "MY_PATH", "FUNC", "PYTHONUNBUFFERED"] {
		_findings(_named(name)) == set()
	}
}

test_the_platform_s_are_denied if {
	every name in ["PATH", "MOD_NAME", "FUNC_TIMEOUT", "FUNKHAUS_", ""] {
		samples.codes(_findings(_named(name))) == {"env-reserved"}
	}
}

test_the_finding_names_the_place if {
	variables := array.concat(_named("GREETING"), _named("PATH"))
	_findings(variables) == {{
		"code": "env-reserved",
		"outcome": "deny",
		"path": "spec.env[1].name",
		"value": "PATH",
		"limit": ["FUNC_*", "FUNKHAUS_*", "MOD_NAME", "PATH"],
		"message": "the variable PATH is the platform's; choose another name",
	}}
}

test_references_are_plain_names if {
	_findings(_referring("db.password-1")) == set()
	every name in ["other/db", "../db", "DB", "-db", "", "db/"] {
		samples.codes(_findings(_referring(name))) == {"env-reference-malformed"}
	}
	samples.codes(_findings([{"name": "A"}])) == {"env-reference-malformed"}
}

test_other_kinds_are_left_alone if {
	env.findings == set() with input as samples.trigger
}

test_the_finding_about_a_reference_says_everything if {
	_findings(_referring("other/db")) == {{
		"code": "env-reference-malformed",
		"outcome": "deny",
		"path": "spec.env[0]",
		"value": "other/db",
		"message": `the variable A refers to "other/db", which is not the name of a Secret of the same namespace`,
	}}
}

test_a_variable_without_a_name_is_denied if {
	samples.codes(_findings([{"from": "value"}])) == {"env-reserved"}
}

test_a_trigger_s_fields_are_not_read if {
	asked := samples.with_field(samples.trigger, "env", _named("PATH"))
	env.findings == set() with input as asked with data.data as samples.catalogue
}
