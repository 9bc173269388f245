package funkhaus.main_test

import data.funkhaus.lib.samples_test as samples
import data.funkhaus.main

test_good_objects_pass if {
	every question in [samples.function, samples.trigger] {
		decision := main.decision with input as question with data.data as samples.catalogue
		decision == {"findings": set(), "approvers": set(), "revision": "sha256:0"}
	}
}

test_what_asks_for_approval_says_who_may if {
	plans := json.patch(samples.plans, [{"op": "add", "path": "/small/function/cpu/approval", "value": "500m"}])
	asked := samples.with_field(samples.function, "resources/cpu", {"text": "1", "millis": 1000})
	decision := main.decision with input as asked
		with data.data as object.union(samples.catalogue, {"plans": plans})
	samples.codes(decision.findings) == {"cpu-needs-approval"}
	decision.approvers == {{
		"code": "cpu-needs-approval",
		"platformRoles": ["approver"],
		"tenantRoles": ["owner"],
		"people": 1,
		"days": 3,
	}}
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

# One mistake per rule, none in the same field as another's.
_mistakes := {
	"annotations-too-many": ["/object/annotation_keys", ["a", "b", "c", "d"]],
	"concurrency-below-floor": ["/object/concurrency", 0],
	"cpu-above-ceiling": ["/object/resources/cpu", {"text": "3", "millis": 3000}],
	"dependencies-url": ["/object/dependencies", {"bytes": 9, "packages": 0, "refused": [{"line": 1, "kind": "url"}]}],
	"env-reserved": ["/object/env", [{"name": "PATH", "from": "value"}]],
	"freeze-change-unknown": ["/change", {}],
	"handler-malformed": ["/object/handler", "x"],
	"labels-reserved": ["/object/labels", {"funkhaus.dev/tenant": "other"}],
	"memory-above-ceiling": ["/object/resources/memory", {"text": "1Gi", "bytes": 1073741824}],
	"replicas-below-floor": ["/object/scaling/min", -1],
	"request-tenant-missing": ["/tenant/id", ""],
	"runtime-deprecated": ["/object/runtime", "python3.9"],
	"source-above-ceiling": ["/object/source/bytes", 70000],
	"timeout-below-floor": ["/object/timeout", 0],
}

_codes_of(codes) := samples.codes(findings) if {
	patches := [{"op": "add", "path": _mistakes[code][0], "value": _mistakes[code][1]} | some code in codes]
	findings := main.findings with input as json.patch(samples.function, patches) with data.data as samples.catalogue
}

test_no_rule_silences_another if {
	every one, _ in _mistakes {
		every other, _ in _mistakes {
			_codes_of({one, other}) == {one, other}
		}
	}
	_codes_of(object.keys(_mistakes)) == object.keys(_mistakes)
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

# What a rule measures by. Without it nothing may pass, whichever way it is gone.
_measures := array.concat(
	[sprintf("/plans/small/function/%s/%s", [amount, bound]) |
		some amount in ["cpu", "memory", "timeout", "concurrency", "source"]
		some bound in ["min", "max"]
	],
	[
		"/plans",
		"/plans/small",
		"/plans/small/function",
		"/plans/small/function/cpu",
		"/plans/small/function/replicas",
		"/plans/small/function/replicas/max",
		"/plans/small/function/runtimes",
		"/runtimes",
		"/runtimes/python3.11",
		"/runtimes/python3.11/status",
		"/hosts",
		"/env",
		"/env/reserved_names",
		"/env/reserved_prefixes",
		"/annotations",
		"/annotations/most",
		"/freezes",
	],
)

test_a_hole_in_the_data_refuses if {
	_let_in == set()
}

_question := samples.with_field(samples.function, "env", [{"name": "A", "from": "value"}])

_let_in contains ["removed", measure] if {
	some measure in _measures
	not _denied(json.patch(samples.catalogue, [{"op": "remove", "path": measure}]))
}

_let_in contains ["emptied", measure] if {
	some measure in _measures
	not _denied(json.patch(samples.catalogue, [{"op": "replace", "path": measure, "value": null}]))
}

_denied(catalogue) if {
	some finding in main.findings with input as _question with data.data as catalogue
	finding.outcome == "deny"
}
