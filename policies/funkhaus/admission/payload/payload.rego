# METADATA
# title: What a cron trigger sends
# description: A payload travels in the pod's environment, which has room for some KiB; more is the function's to fetch.
# custom:
#   findings:
#     payload-too-large: the payload as JSON is larger than a pod's environment has room for
package funkhaus.admission.payload

findings contains {
	"code": "payload-too-large",
	"outcome": "deny",
	"path": "spec.payload",
	"value": _bytes,
	"limit": _most,
	"passes": _most,
	"message": sprintf("the payload has %v bytes as JSON; at most %v pass", [_bytes, _most]),
} if {
	input.kind == "CronJobTrigger"
	not _fits
}

_most := 16384

_bytes := object.get(input, ["object", "payload", "bytes"], null)

_fits if {
	is_number(_bytes)
	_bytes <= _most
}
