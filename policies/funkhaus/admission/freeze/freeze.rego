# METADATA
# title: Freeze windows
# description: |
#   Nothing changes within a window of policies/data/freezes.yaml: a change is refused, or waits for an approval where the
#   window says so. What is stored already is left alone. An exception breaks the glass of one window for one tenant, with
#   a reason, a name and an end; what passes by it carries a warning, so that the audit has each such change. A window
#   whose times can't be read is in force; an exception with anything missing is none.
# custom:
#   findings:
#     freeze-change-unknown: the question does not say what changes and when
#     freeze-in-force: a change falls into a window (deny, or require_approval where the window says so)
#     freeze-lifted: a change passes by an exception (warn)
package funkhaus.admission.freeze

import data.data.freezes

findings contains {
	"code": "freeze-in-force",
	"outcome": _outcome(window),
	"path": "spec",
	"value": input.change.at,
	"limit": window.name,
	"passes": object.get(window, "until", null),
	"message": sprintf("nothing changes until %s: %s (freeze %q); an administrator can make an exception", [
		object.get(window, "until", "further notice"),
		object.get(window, "reason", "no reason is given"),
		window.name,
	]),
} if {
	some window in _in_force
	count(_exceptions(window)) == 0
}

findings contains {
	"code": "freeze-lifted",
	"outcome": "warn",
	"path": "spec",
	"value": input.change.at,
	"limit": window.name,
	"message": sprintf("freeze %q is lifted until %s by %s: %s; this change is on record", [
		window.name,
		exception.until,
		exception.by,
		exception.reason,
	]),
} if {
	some window in _in_force
	some exception in _exceptions(window)
}

findings contains {
	"code": "freeze-change-unknown",
	"outcome": "deny",
	"message": "the question does not say what changes and when, so no freeze can be judged",
} if {
	not _told
}

_told if input.change.operation == "NONE"

_told if {
	_changes
	is_number(_now)
}

_changes if input.change.operation in {"CREATE", "UPDATE"}

_now := time.parse_rfc3339_ns(input.change.at)

_in_force contains window if {
	_changes
	some window in freezes.windows
	not _of_others(window)
	not _past(window)
	not _to_come(window)
}

_of_others(window) if {
	is_array(window.tenants)
	not input.tenant.id in window.tenants
}

_to_come(window) if _now < time.parse_rfc3339_ns(window.from)

_past(window) if _now >= time.parse_rfc3339_ns(window.until)

_outcome(window) := "require_approval" if {
	window.outcome == "require_approval"
} else := "deny"

_exceptions(window) := {exception |
	some exception in freezes.exceptions
	exception.window == window.name
	exception.tenant == input.tenant.id
	exception.reason != ""
	exception.by != ""
	_now < time.parse_rfc3339_ns(exception.until)
	not _for_another(exception)
}

_for_another(exception) if {
	"namespace" in object.keys(exception)
	not exception.namespace == input.tenant.namespace
}

_for_another(exception) if {
	"object" in object.keys(exception)
	not exception.object == sprintf("%s/%s", [input.kind, input.object.name])
}
