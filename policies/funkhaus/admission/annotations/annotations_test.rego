package funkhaus.admission.annotations_test

import data.funkhaus.admission.annotations
import data.funkhaus.lib.samples_test as samples

_findings(question, keys) := findings if {
	asked := samples.with_field(question, "annotation_keys", keys)
	findings := annotations.findings with input as asked with data.data as samples.catalogue
}

test_other_people_s_annotations_pass if {
	every key in ["note", "example.com/owner", "kubectl.kubernetes.io/last-applied-configuration", "evilnginx.org/x"] {
		_findings(samples.trigger, [key]) == set()
	}
}

test_an_ingress_controller_s_are_denied if {
	every key in ["nginx.org/a", "a.nginx.org/b", "kubernetes.io/ingress.class"] {
		samples.codes(_findings(samples.trigger, [key])) == {"annotations-foreign"}
	}
	_findings(samples.trigger, ["note", "nginx.org/server-snippets"]) == {{
		"code": "annotations-foreign",
		"outcome": "deny",
		"path": "metadata.annotations[nginx.org/server-snippets]",
		"value": "nginx.org/server-snippets",
		"limit": ["kubernetes.io/ingress.class", "nginx.org"],
		"message": concat(" ", [
			"nginx.org/server-snippets speaks to an ingress controller,",
			"which no annotation of a trigger reaches; leave it out",
		]),
	}}
}

test_a_function_meets_no_ingress_controller if {
	_findings(samples.function, ["nginx.org/a"]) == set()
}

test_their_number_is_bounded if {
	every question in [samples.trigger, samples.function] {
		_findings(question, ["a", "b", "c"]) == set()
		_findings(question, ["a", "b", "c", "d"]) == {{
			"code": "annotations-too-many",
			"outcome": "deny",
			"path": "metadata.annotations",
			"value": 4,
			"limit": 3,
			"passes": 3,
			"message": "the object has 4 annotations or more; at most 3 pass",
		}}
	}
}

test_keys_nobody_can_count_are_denied if {
	samples.codes(_findings(samples.function, 5)) == {"annotations-too-many"}
}
