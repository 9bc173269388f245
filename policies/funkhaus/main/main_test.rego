package funkhaus.main_test

import data.funkhaus.lib.samples_test as samples
import data.funkhaus.main

test_good_objects_pass if {
	every question in [samples.function, samples.trigger] {
		decision := main.decision with input as question with data.data as samples.catalogue
		decision == {"findings": set(), "revision": "sha256:0"}
	}
}

test_every_rule_is_heard if {
	bad := json.patch(samples.function, [
		{"op": "replace", "path": "/object/resources/cpu", "value": {"text": "3", "millis": 3000}},
		{"op": "replace", "path": "/object/runtime", "value": "cobol74"},
		{"op": "replace", "path": "/object/timeout", "value": 0},
	])
	decision := main.decision with input as bad with data.data as samples.catalogue
	samples.codes(decision.findings) == {"cpu-above-ceiling", "runtime-unknown", "timeout-below-floor"}
}

test_both_documents_are_total if {
	decision := main.decision with input as {} with data.data as {}
	decision.revision == ""
	count(decision.findings) > 0
	defaults := main.defaults with input as {} with data.data as {}
	defaults == {"fields": set(), "revision": ""}
}

test_every_finding_is_whole if {
	bad := {"kind": "Function", "tenant": {}, "object": {"env": [{"name": "PATH"}]}, "owned": {}}
	decision := main.decision with input as bad with data.data as samples.catalogue
	every finding in decision.findings {
		finding.outcome in {"deny", "require_approval", "warn"}
		finding.message != ""
		is_string(object.get(finding, "path", ""))
	}
}
