# METADATA
# title: Certificate of a trigger
# description: The Secret with the certificate is named plainly, so it is one of the trigger's own namespace.
# custom:
#   findings:
#     tls-secret-malformed: the certificate's Secret is not named plainly, so perhaps of another namespace
package funkhaus.admission.tls

findings contains {
	"code": "tls-secret-malformed",
	"outcome": "deny",
	"path": "spec.tls.secretName",
	"value": input.object.tls_secret,
	"message": sprintf(
		"%q is not the name of a Secret of the same namespace; lower-case letters, digits, '-' and '.' pass",
		[input.object.tls_secret],
	),
} if {
	input.kind == "HTTPTrigger"
	input.object.tls_secret != ""
	not regex.match(`^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$`, input.object.tls_secret)
}
