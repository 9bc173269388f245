# Questions and data to test rules with: a function and a trigger that pass, and what they are measured by.
package funkhaus.lib.samples_test

function := {
	"kind": "Function",
	"platform": {"gateway": false},
	"tenant": {"id": "demo", "namespace": "default", "plan": "small", "host_suffixes": ["demo.example.com"]},
	"object": {
		"namespace": "demo--default",
		"name": "hello",
		"labels": {},
		"annotations": {},
		"annotation_keys": [],
		"runtime": "python3.11",
		"handler": "hello.handler",
		"source": {"files": {"hello.py": 100}, "bytes": 100},
		"dependencies": {"bytes": 0, "packages": 0, "refused": []},
		"env": [],
		"resources": {"cpu": {"text": "250m", "millis": 250}, "memory": {"text": "128Mi", "bytes": 134217728}},
		"timeout": 60,
		"concurrency": 8,
		"scaling": {"min": 1, "max": 1, "cpu_percent": 80, "idle": 300},
	},
	"owned": {"labels": {}, "annotations": {}},
	"change": {"operation": "CREATE", "at": "2026-01-01T00:00:00Z"},
}

trigger := {
	"kind": "HTTPTrigger",
	"platform": {"gateway": false},
	"tenant": {
		"id": "demo",
		"namespace": "default",
		"plan": "small",
		"host_suffixes": ["demo.example.com", "shop.example.org"],
	},
	"object": {
		"namespace": "demo--default",
		"name": "hello",
		"labels": {},
		"annotations": {},
		"annotation_keys": [],
		"function": "hello",
		"host": "hello.demo.example.com",
		"path": "/",
		"tls_secret": "",
		"methods": [],
		"backends": [],
		"kept": [],
	},
	"owned": {"labels": {}, "annotations": {}},
	"change": {"operation": "CREATE", "at": "2026-01-01T00:00:00Z"},
}

cron_trigger := {
	"kind": "CronJobTrigger",
	"platform": {"gateway": false},
	"tenant": {"id": "demo", "namespace": "default", "plan": "small", "host_suffixes": ["demo.example.com"]},
	"object": {
		"namespace": "demo--default",
		"name": "nightly",
		"labels": {},
		"annotations": {},
		"annotation_keys": [],
		"function": "hello",
		"schedule": {"text": "0 3 * * *", "interval": 86400, "problem": null},
		"time_zone": {"text": "UTC", "known": true},
		"payload": {"bytes": 0},
		"history": {"successful": 3, "failed": 1},
	},
	"owned": {"labels": {}, "annotations": {}},
	"change": {"operation": "CREATE", "at": "2026-01-01T00:00:00Z"},
}

plans := {"small": {"trigger": {"interval": 300, "backends": 3}, "function": {
	"cpu": {"min": "10m", "default": "250m", "max": "1"},
	"memory": {"min": "32Mi", "default": "128Mi", "max": "512Mi"},
	"replicas": {"max": 5},
	"timeout": {"min": 1, "max": 300},
	"concurrency": {"min": 1, "max": 100},
	"idle": {"min": 10, "max": 3600},
	"source": {"min": 1, "max": 65536},
	"runtimes": ["node22", "python2.7", "python3.10", "python3.11", "python3.9"],
}}}

runtimes := {
	"node22": {"status": "active", "suffix": ".js"},
	"python2.7": {"status": "blocked", "suffix": ".py", "dependencies": "requirements.txt"},
	"python3.9": {"status": "deprecated", "suffix": ".py", "dependencies": "requirements.txt"},
	"python3.10": {"status": "active", "suffix": ".py", "dependencies": "requirements.txt"},
	"python3.11": {"status": "active", "suffix": ".py", "dependencies": "requirements.txt"},
	"ruby3.4": {"status": "active", "suffix": ".rb"},
}

dependencies := {"bytes": 1000, "packages": 20}

hosts := {"reserved_suffixes": ["cluster.local"]}

env := {"reserved_names": ["PATH", "MOD_NAME"], "reserved_prefixes": ["FUNC_", "FUNKHAUS_"]}

annotations := {"most": 3, "ingress": ["kubernetes.io/ingress.class", "nginx.org"]}

sources := {
	"origins": ["https://files.example.com"],
	"plans": {"small": ["https://plan.example.com"]},
	"tenants": {"demo": ["http://tenant.example.com:8080"]},
}

freezes := {"windows": [], "exceptions": []}

approvals := {
	"default": {"platform": ["approver"], "tenant": ["owner"], "people": 1, "days": 3},
	"rules": {},
}

catalogue := {
	"plans": plans,
	"dependencies": dependencies,
	"runtimes": runtimes,
	"hosts": hosts,
	"env": env,
	"annotations": annotations,
	"freezes": freezes,
	"sources": sources,
	"approvals": approvals,
	"revision": "sha256:0",
}

# METADATA
# description: "`question` with its object's field at a JSON pointer set to `value`."
with_field(question, pointer, value) := json.patch(question, [{
	"op": "add",
	"path": sprintf("/object/%s", [pointer]),
	"value": value,
}])

codes(findings) := {finding.code | some finding in findings}
