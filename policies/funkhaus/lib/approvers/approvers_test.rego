package funkhaus.lib.approvers_test

import data.funkhaus.lib.approvers

_approvals := {
	"default": {"platform": ["admin", "approver"], "people": 1, "days": 7},
	"rules": {
		"cpu-needs-approval": {
			"platform": ["admin"], "tenant": ["owner"], "tenant_up_to": "1500m",
			"people": 2, "days": 3,
		},
		"replicas-needs-approval": {
			"platform": ["approver"], "tenant": ["developer"], "tenant_up_to": 10,
			"people": 1, "days": 7,
		},
		"open": {"platform": ["approver"], "tenant": ["owner", "developer"], "people": 1, "days": 7},
	},
}

_rule(code, value) := found if {
	found := approvers.rule({"code": code, "value": value}) with data.data.approvals as _approvals
}

test_a_code_has_its_own_rule if {
	_rule("cpu-needs-approval", "1") == {
		"code": "cpu-needs-approval",
		"platformRoles": ["admin"],
		"tenantRoles": ["owner"],
		"people": 2,
		"days": 3,
	}
	_rule("open", "x").tenantRoles == ["owner", "developer"]
}

test_every_other_code_has_the_default if {
	_rule("freeze-in-force", "2026-12-20T00:00:00Z") == {
		"code": "freeze-in-force",
		"platformRoles": ["admin", "approver"],
		"tenantRoles": [],
		"people": 1,
		"days": 7,
	}
}

test_above_the_amount_the_tenant_has_no_say if {
	every value in ["1", "1500m", "1.5"] {
		_rule("cpu-needs-approval", value).tenantRoles == ["owner"]
	}
	every value in ["1501m", "2", "much", null] {
		_rule("cpu-needs-approval", value).tenantRoles == []
	}
	_rule("replicas-needs-approval", 10).tenantRoles == ["developer"]
	_rule("replicas-needs-approval", 11).tenantRoles == []
	_rule("replicas-needs-approval", 11).platformRoles == ["approver"]
}

test_without_data_the_platform_decides if {
	every data_ in [{}, null, {"rules": {}}, {"default": {}}] {
		found := approvers.rule({"code": "x", "value": 1}) with data.data.approvals as data_
		found == {
			"code": "x",
			"platformRoles": ["admin", "approver"],
			"tenantRoles": [],
			"people": 1,
			"days": 7,
		}
	}
}
