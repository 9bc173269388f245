# METADATA
# title: What the platform asks
# description: |
#   The two documents admission reads, both total: `decision` with every finding of every rule and who may
#   approve what they ask for, `defaults` with the fields
#   to fill in. Adding a rule is adding a folder below policies/funkhaus/admission with a set `findings` in it.
#
#   `revision` is the digest of these files; the platform trusts no answer without one, because rules that were loaded
#   without their data would be silent.
package funkhaus.main

import data.funkhaus.lib.approvers as rules

decision := {"findings": findings, "approvers": approvers, "revision": revision}

defaults := {"fields": data.funkhaus.defaults.fields, "revision": revision}

# METADATA
# description: Who may approve what is asked for, a rule per code.
approvers contains rules.rule(finding) if {
	some finding in findings
	finding.outcome == "require_approval"
}

findings contains finding if {
	some rule
	some finding in data.funkhaus.admission[rule].findings
}

default revision := ""

revision := data.data.revision
