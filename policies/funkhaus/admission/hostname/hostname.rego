# METADATA
# title: Host of a trigger
# description: |
#   A host is a DNS name in the one form every ingress compares alike, and it lies in a suffix the tenant owns, whole
#   label by whole label. Hosts that begin with xn-- are refused: they show as letters they do not hold.
# custom:
#   findings:
#     hostname-address: the host is an IP address
#     hostname-malformed: the host is no DNS name
#     hostname-missing: no host is given and none was filled in
#     hostname-outside: the host lies in no suffix the tenant owns
#     hostname-punycode: a label of the host begins with xn--
#     hostname-reserved: the host lies below a name of the cluster's own
#     hostname-too-long: the host has more than 253 characters
#     hostname-trailing-dot: the host ends in a dot
#     hostname-uppercase: the host has upper-case letters
#     hostname-wildcard: the host has a wildcard
package funkhaus.admission.hostname

import data.data.hosts
import data.funkhaus.lib.words

findings contains object.union(_facts, {"code": sprintf("hostname-%s", [problem]), "message": sentence}) if {
	input.kind == "HTTPTrigger"
	some problem, sentence in _problems
}

_facts := {
	"outcome": "deny",
	"path": "spec.host",
	"value": _host,
	"limit": [sprintf("*.%s", [suffix]) | some suffix in _suffixes],
	"passes": _suggestion,
}

_host := object.get(input, ["object", "host"], "")

_suffixes := [suffix | some suffix in object.get(input, ["tenant", "host_suffixes"], [])]

_problems["missing"] := "no host is given" if _host == ""

_problems["uppercase"] := sprintf("host %q has upper-case letters; hosts are lower-case", [_host]) if {
	_host != lower(_host)
}

_problems["trailing-dot"] := sprintf("host %q ends in a dot; leave it out", [_host]) if endswith(_host, ".")

_problems["wildcard"] := sprintf("host %q has a wildcard; a trigger answers for one host", [_host]) if {
	contains(_host, "*")
}

_problems["address"] := sprintf("host %q is an address; only names pass", [_host]) if _address

_problems["punycode"] := sprintf("host %q has a label that begins with xn--; plain letters pass", [_host]) if {
	some label in split(lower(_host), ".")
	startswith(label, "xn--")
}

_problems["too-long"] := sprintf("host %q has %d characters; at most 253 pass", [_host, count(_host)]) if {
	count(_host) > 253
}

_problems["malformed"] := sprintf(
	"host %q is not a DNS name: labels of 1 to 63 letters, digits and inner hyphens, with single dots between",
	[_host],
) if {
	_host != ""
	not _address
	not regex.match(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`, _plain)
}

_problems["outside"] := sprintf(
	"host %q is outside of what tenant %s owns: hosts below %s pass",
	[_host, object.get(input, ["tenant", "id"], "?"), words.list(_suffixes)],
) if {
	_host != ""
	not _owned
}

_problems["reserved"] := sprintf("host %q is below %s, which no trigger gets", [_host, suffix]) if {
	some suffix in hosts.reserved_suffixes
	_within(_plain, suffix)
}

# The host with what other findings name already taken off, so that each mistake is named once.
_plain := replace(trim_suffix(lower(_host), "."), "*", "w")

_address if regex.match(`^([0-9.]+|\[?[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*\]?)$`, _host)

_owned if {
	some suffix in _suffixes
	_within(_plain, suffix)
}

_within(host, suffix) if host == suffix

_within(host, suffix) if endswith(host, sprintf(".%s", [suffix]))

default _suggestion := null

_suggestion := sprintf("%s.%s", [input.object.function, _suffixes[0]])
