package funkhaus.admission.request_test

import data.funkhaus.admission.request
import data.funkhaus.lib.samples_test as samples

_judged(question) := samples.codes(findings) if {
	findings := request.findings with input as question with data.data as samples.catalogue
}

test_a_whole_question_passes if {
	_judged(samples.function) == set()
	_judged(samples.trigger) == set()
}

test_an_empty_question_is_denied if {
	_judged({}) == {
		"request-kind-unknown",
		"request-object-missing",
		"request-plan-unknown",
		"request-tenant-missing",
	}
}

test_an_unknown_kind_is_denied if {
	_judged(object.union(samples.function, {"kind": "KafkaTrigger"})) == {"request-kind-unknown"}
}

test_an_unknown_plan_is_denied if {
	_judged(object.union(samples.function, {"tenant": {"plan": "huge"}})) == {"request-plan-unknown"}
}

test_a_tenant_that_is_no_id_is_denied if {
	every id in ["", "A", "../x", "a b", "-a", 5] {
		_judged(object.union(samples.function, {"tenant": {"id": id}})) == {"request-tenant-missing"}
	}
}

test_missing_data_is_denied if {
	every name in ["plans", "runtimes", "hosts", "env", "annotations", "freezes"] {
		findings := request.findings with input as samples.function
			with data.data as object.remove(samples.catalogue, [name])
		some finding in findings
		finding.code == "request-data-missing"
		finding.value == name
	}
}

test_every_finding_refuses if {
	findings := request.findings with input as {} with data.data as {"plans": {}}
	samples.codes(findings) == {
		"request-data-missing",
		"request-kind-unknown",
		"request-object-missing",
		"request-plan-unknown",
		"request-tenant-missing",
	}
	every finding in findings {
		finding.outcome == "deny"
	}
}

test_the_finding_about_a_kind_says_everything if {
	findings := request.findings with input as object.union(samples.function, {"kind": "Pod"})
		with data.data as samples.catalogue
	findings == {{
		"code": "request-kind-unknown",
		"outcome": "deny",
		"path": "kind",
		"limit": ["CronJobTrigger", "Function", "HTTPTrigger"],
		"value": "Pod",
		"message": `no rule judges the kind "Pod"; a change of policy is needed before it passes`,
	}}
}

test_what_is_absent_is_shown_as_nothing if {
	findings := request.findings with input as {} with data.data as samples.catalogue
	every code in ["request-kind-unknown", "request-plan-unknown"] {
		some finding in findings
		finding.code == code
		finding.value == ""
	}
}
