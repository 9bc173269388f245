# METADATA
# description: |
#   Who may approve what a finding asks approval for, by policies/data/approvals.yaml. A rule that is gone or can't be read
#   leaves the platform's admins and approvers; an amount that can't be read leaves the tenant's own roles out.
package funkhaus.lib.approvers

import data.data.approvals

# METADATA
# description: The rule for one finding, its amounts resolved.
rule(finding) := {
	"code": finding.code,
	"platformRoles": object.get(_rule(finding.code), "platform", ["admin", "approver"]),
	"tenantRoles": _tenant_roles(finding),
	"people": object.get(_rule(finding.code), "people", 1),
	"days": object.get(_rule(finding.code), "days", 7),
}

_rule(code) := approvals.rules[code]

_rule(code) := _otherwise if not approvals.rules[code]

default _otherwise := {}

_otherwise := approvals["default"]

_tenant_roles(finding) := [] if {
	_bounded(finding)
	not _within(finding)
} else := object.get(_rule(finding.code), "tenant", [])

_bounded(finding) if "tenant_up_to" in object.keys(_rule(finding.code))

_within(finding) if _number(finding.value) <= _number(_rule(finding.code).tenant_up_to)

_number(amount) := amount if is_number(amount)

_number(amount) := units.parse(amount) if is_string(amount)
