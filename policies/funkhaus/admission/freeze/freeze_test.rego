package funkhaus.admission.freeze_test

import data.funkhaus.admission.freeze
import data.funkhaus.lib.samples_test as samples

_window := {
	"name": "year-end",
	"from": "2026-12-20T00:00:00Z",
	"until": "2027-01-02T00:00:00Z",
	"reason": "the books are closed",
}

_exception := {
	"window": "year-end",
	"tenant": "demo",
	"until": "2026-12-24T12:00:00Z",
	"reason": "incident 4711",
	"by": "ada@example.com",
}

_at(moment) := object.union(samples.function, {"change": {"operation": "UPDATE", "at": moment}})

_judged(question, windows, exceptions) := findings if {
	findings := freeze.findings with input as question
		with data.data.freezes as {"windows": windows, "exceptions": exceptions}
}

_christmas := _at("2026-12-24T11:59:59Z")

test_a_change_within_a_window_is_denied if {
	_judged(_christmas, [_window], []) == {{
		"code": "freeze-in-force",
		"outcome": "deny",
		"path": "spec",
		"value": "2026-12-24T11:59:59Z",
		"limit": "year-end",
		"passes": "2027-01-02T00:00:00Z",
		"message": concat(" ", [
			"nothing changes until 2027-01-02T00:00:00Z: the books are closed",
			`(freeze "year-end"); an administrator can make an exception`,
		]),
	}}
}

test_a_window_has_a_beginning_and_an_end if {
	every moment in ["2026-12-19T23:59:59Z", "2027-01-02T00:00:00Z", "2027-06-01T00:00:00+02:00"] {
		_judged(_at(moment), [_window], []) == set()
	}
	every moment in ["2026-12-20T00:00:00Z", "2027-01-01T23:59:59Z", "2027-01-02T00:59:59+01:00"] {
		samples.codes(_judged(_at(moment), [_window], [])) == {"freeze-in-force"}
	}
}

test_it_may_ask_for_an_approval if {
	some finding in _judged(_christmas, [object.union(_window, {"outcome": "require_approval"})], [])
	finding.outcome == "require_approval"
	some strict in _judged(_christmas, [object.union(_window, {"outcome": "ask"})], [])
	strict.outcome == "deny"
}

test_it_may_hold_for_some_tenants_alone if {
	_judged(_christmas, [object.union(_window, {"tenants": ["other"]})], []) == set()
	every tenants in [["demo", "other"], "other", null] {
		window := object.union(_window, {"tenants": tenants})
		samples.codes(_judged(_christmas, [window], [])) == {"freeze-in-force"}
	}
}

test_what_is_stored_is_left_alone if {
	stored := object.union(samples.function, {"change": {"operation": "NONE", "at": null}})
	_judged(stored, [_window], []) == set()
}

test_a_creation_is_a_change if {
	created := object.union(_christmas, {"change": {"operation": "CREATE"}})
	samples.codes(_judged(created, [_window], [])) == {"freeze-in-force"}
}

test_no_time_or_no_operation_is_denied if {
	every change in [
		null,
		{},
		{"operation": "UPDATE"},
		{"operation": "UPDATE", "at": "yesterday"},
		{"operation": "UPDATE", "at": null},
		{"operation": "SCALE", "at": "2026-12-24T11:59:59Z"},
	] {
		question := json.patch(samples.function, [{"op": "add", "path": "/change", "value": change}])
		_judged(question, [], []) == {{
			"code": "freeze-change-unknown",
			"outcome": "deny",
			"message": "the question does not say what changes and when, so no freeze can be judged",
		}}
	}
}

test_a_window_that_can_t_be_read_is_in_force if {
	every window in [{"name": "x"}, {"name": "x", "from": "soon", "until": "later"}] {
		samples.codes(_judged(_christmas, [window], [])) == {"freeze-in-force"}
	}
	some finding in _judged(_christmas, [{"name": "x"}], [])
	finding.passes == null
	startswith(finding.message, "nothing changes until further notice: no reason is given")
}

test_an_exception_lifts_it_and_is_on_record if {
	_judged(_christmas, [_window], [_exception]) == {{
		"code": "freeze-lifted",
		"outcome": "warn",
		"path": "spec",
		"value": "2026-12-24T11:59:59Z",
		"limit": "year-end",
		"message": concat(" ", [
			`freeze "year-end" is lifted until 2026-12-24T12:00:00Z by ada@example.com:`,
			"incident 4711; this change is on record",
		]),
	}}
}

test_an_exception_ends if {
	samples.codes(_judged(_at("2026-12-24T12:00:00Z"), [_window], [_exception])) == {"freeze-in-force"}
}

test_an_exception_is_for_one_tenant_and_one_window if {
	every change in [
		{"tenant": "other"},
		{"window": "easter"},
		{"reason": ""},
		{"by": ""},
		{"until": "for ever"},
		{"namespace": "test"},
		{"namespace": null},
		{"object": "Function/other"},
		{"object": "HTTPTrigger/hello"},
	] {
		exception := object.union(_exception, change)
		samples.codes(_judged(_christmas, [_window], [exception])) == {"freeze-in-force"}
	}
	every name in ["tenant", "window", "reason", "by", "until"] {
		exception := object.remove(_exception, [name])
		samples.codes(_judged(_christmas, [_window], [exception])) == {"freeze-in-force"}
	}
}

test_an_exception_may_be_narrow if {
	narrow := object.union(_exception, {"namespace": "default", "object": "Function/hello"})
	samples.codes(_judged(_christmas, [_window], [narrow])) == {"freeze-lifted"}
}

test_every_window_needs_its_own_exception if {
	second := object.union(_window, {"name": "audit"})
	samples.codes(_judged(_christmas, [_window, second], [_exception])) == {"freeze-in-force", "freeze-lifted"}
}

test_no_window_is_no_freeze if {
	_judged(_christmas, [], [_exception]) == set()
}
