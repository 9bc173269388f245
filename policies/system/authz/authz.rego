# METADATA
# title: Who may ask OPA what
# description: |
#   Run OPA with `--authorization=basic`. It answers the platform's questions and says how it is; nobody writes policy or
#   data through its API, whoever can reach the port: both come from the files it was started with.
package system.authz

default allow := false

allow if {
	input.method == "POST"
	input.path in [
		["v1", "data", "funkhaus", "main", "decision"],
		["v1", "data", "funkhaus", "main", "defaults"],
	]
}

allow if {
	input.method == "GET"
	input.path in [["health"], ["metrics"]]
}
