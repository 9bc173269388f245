# METADATA
# title: What the platform asks
# description: |
#   The two documents admission reads, both total: `decision` with every finding of every rule, `defaults` with the fields
#   to fill in. Adding a rule is adding a folder below policies/funkhaus/admission with a set `findings` in it.
#
#   `revision` is the digest of these files; the platform trusts no answer without one, because rules that were loaded
#   without their data would be silent.
package funkhaus.main

decision := {"findings": findings, "revision": revision}

defaults := {"fields": data.funkhaus.defaults.fields, "revision": revision}

findings contains finding if {
	some rule
	some finding in data.funkhaus.admission[rule].findings
}

default revision := ""

revision := data.data.revision
