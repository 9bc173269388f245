# METADATA
# title: Where source is fetched from
# description: |
#   A source that is an address is fetched by the platform. Its origin (scheme, host, port) has to be one that everybody, the
#   tenant's plan or the tenant may fetch from.
# custom:
#   findings:
#     origin-malformed: the address is none that is fetched from
#     origin-not-allowed: the address has an origin that the tenant may not fetch from
package funkhaus.admission.origin

import data.data.sources

findings contains {
	"code": "origin-malformed",
	"outcome": "deny",
	"path": _path,
	"passes": "https://files.example.com/hello-1.0.tar.gz",
	"message": concat("", [
		"the address is none that is fetched from: http or https, a host in lower case, perhaps a port, and a path pass, ",
		"without user, password and fragment",
	]),
} if {
	_fetched
	not _origin
}

findings contains {
	"code": "origin-not-allowed",
	"outcome": "deny",
	"path": _path,
	"value": _origin,
	"limit": sort(_passing),
	"message": sprintf("%q is no origin that tenant %q may fetch from; %s", [_origin, input.tenant.id, _said]),
} if {
	_fetched
	_origin
	not _origin in _passing
}

_fetched if {
	input.kind == "Function"
	input.object.source.origin != null
}

_origin := input.object.source.origin if {
	is_string(input.object.source.origin)
	input.object.source.origin != ""
}

default _path := "spec.source.url"

_path := "spec.source.git.url" if input.object.source.ref != null

_passing := (_everybody | _of_plan) | _of_tenant

_everybody := {origin | some origin in sources.origins}

_of_plan := {origin | some origin in sources.plans[input.tenant.plan]}

_of_tenant := {origin | some origin in sources.tenants[input.tenant.id]}

default _said := "none passes here: upload the source"

_said := sprintf("%s pass", [concat(", ", sort(_passing))]) if count(_passing) > 0
