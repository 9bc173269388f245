package funkhaus.admission.labels_test

import data.funkhaus.admission.labels
import data.funkhaus.lib.samples_test as samples

_asked(carried, owned) := object.union(
	samples.with_field(samples.function, "labels", carried),
	{"owned": {"labels": owned, "annotations": {"funkhaus.dev/created-by": "fh:1"}}},
)

_judged(carried, owned) := findings if {
	findings := labels.findings with input as _asked(carried, owned)
}

test_what_the_platform_wrote_passes if {
	_judged({}, {"funkhaus.dev/tenant": "demo"}) == set()
	_judged({"funkhaus.dev/tenant": "demo"}, {"funkhaus.dev/tenant": "demo"}) == set()
}

test_what_it_did_not_write_is_denied if {
	_judged({"funkhaus.dev/tenant": "other"}, {"funkhaus.dev/tenant": "demo"}) == {{
		"code": "labels-reserved",
		"outcome": "deny",
		"path": "metadata.labels[funkhaus.dev/tenant]",
		"value": "other",
		"limit": "funkhaus.dev/*",
		"passes": "demo",
		"message": `only the platform sets funkhaus.dev/tenant; "demo" passes`,
	}}
	_judged({"funkhaus.dev/approved": "true"}, {}) == {{
		"code": "labels-reserved",
		"outcome": "deny",
		"path": "metadata.labels[funkhaus.dev/approved]",
		"value": "true",
		"limit": "funkhaus.dev/*",
		"passes": null,
		"message": "only the platform sets funkhaus.dev/approved; leave it out",
	}}
}

test_annotations_are_judged_alike if {
	asked := samples.with_field(samples.trigger, "annotations", {"funkhaus.dev/created-by": "fh:2"})
	findings := labels.findings with input as asked
	some finding in findings
	finding.path == "metadata.annotations[funkhaus.dev/created-by]"
}

test_nothing_owned_denies_everything if {
	carried := samples.with_field(samples.function, "labels", {"funkhaus.dev/tenant": "demo"})
	samples.codes(labels.findings) == {"labels-reserved"} with input as object.remove(carried, ["owned"])
}
