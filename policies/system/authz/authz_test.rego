package system.authz_test

import data.system.authz

_asks(method, path) := {"method": method, "path": split(path, "/")}

test_questions_pass if {
	authz.allow with input as _asks("POST", "v1/data/funkhaus/main/decision")
	authz.allow with input as _asks("POST", "v1/data/funkhaus/main/defaults")
	authz.allow with input as _asks("GET", "health")
	authz.allow with input as _asks("GET", "metrics")
}

test_everything_else_is_refused if {
	every asked in [
		["PUT", "v1/policies/x"],
		["DELETE", "v1/policies/x"],
		["PUT", "v1/data/data/plans"],
		["PATCH", "v1/data/data/plans"],
		["GET", "v1/data"],
		["POST", "v1/data/data"],
		["POST", "v1/query"],
		["POST", "v1/data/funkhaus/main/decision/.."],
		["GET", "v1/config"],
		["GET", "v1/data/funkhaus/main/decision"],
		["PUT", "v1/data/funkhaus/main/defaults"],
		["POST", "health"],
	] {
		not authz.allow with input as _asks(asked[0], asked[1])
	}
}
