# METADATA
# title: What a trigger asks for beyond host and path
# description: |
#   Host, path and certificate are an Ingress. Whatever else a trigger asks for needs an HTTPRoute, so a Gateway that
#   whoever runs the platform names; and a route's certificate is its Gateway's, so the two are not asked for at once.
# custom:
#   findings:
#     route-method-twice: a method is named twice
#     route-method-unknown: a method is none that triggers are narrowed to
#     route-with-certificate: a field needs a route, and the trigger names a certificate of its own
#     route-without-gateway: a field needs a route, and the platform names no Gateway
package funkhaus.admission.route

findings contains {
	"code": "route-without-gateway",
	"outcome": "deny",
	"path": sprintf("spec.%s", [field]),
	"value": value,
	"message": concat(" ", [
		sprintf("%s needs a Gateway, and this platform names none:", [field]),
		"ask whoever runs it to set FUNKHAUS_GATEWAY (gateway.name in the chart), or leave it out",
	]),
} if {
	some field, value in _routed
	not _gateway
}

findings contains {
	"code": "route-with-certificate",
	"outcome": "deny",
	"path": sprintf("spec.%s", [field]),
	"value": value,
	"message": sprintf("%s needs a route, and a route's certificate is its Gateway's: leave out %s or tls", [field, field]),
} if {
	some field, value in _routed
	_gateway
	input.object.tls_secret != ""
}

findings contains {
	"code": "route-method-unknown",
	"outcome": "deny",
	"path": sprintf("spec.methods[%d]", [index]),
	"value": method,
	"limit": _known,
	"passes": _upper(method),
	"message": sprintf("method %q is none of %s", [method, concat(", ", _known)]),
} if {
	some index, method in _methods
	not method in _known
}

findings contains {
	"code": "route-method-twice",
	"outcome": "deny",
	"path": sprintf("spec.methods[%d]", [index]),
	"value": method,
	"message": sprintf("method %q is named twice", [method]),
} if {
	some index, method in _methods
	some earlier, other in _methods
	earlier < index
	method == other
}

_known := ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

_methods := [method | input.kind == "HTTPTrigger"; some method in object.get(input, ["object", "methods"], [])]

# What the trigger asks for that an Ingress can't say, by the field's name.
_routed["methods"] := _methods if count(_methods) > 0

_routed["backends"] := _backends if count(_backends) > 0

_backends := [backend.revision |
	input.kind == "HTTPTrigger"
	some backend in object.get(input, ["object", "backends"], [])
]

_gateway if object.get(input, ["platform", "gateway"], false) == true

# The method in capitals where that is one, else null.
_upper(method) := upper(method) if upper(method) in _known

else := null
