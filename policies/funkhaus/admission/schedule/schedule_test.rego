package funkhaus.admission.schedule_test

import data.funkhaus.admission.schedule
import data.funkhaus.lib.samples_test as samples

_judged(question) := samples.codes(findings) if {
	findings := schedule.findings with input as question with data.data as samples.catalogue
}

_with(field, value) := samples.with_field(samples.cron_trigger, field, value)

_of(interval) := _with("schedule", {"text": "x", "interval": interval, "problem": null})

test_what_the_plan_allows_passes if {
	_judged(samples.cron_trigger) == set()
	_judged(_of(300)) == set()
	_judged(_of(86400)) == set()
}

test_more_often_is_denied if {
	_judged(_of(299)) == {"schedule-too-often"}
	_judged(_of(60)) == {"schedule-too-often"}
}

test_what_cannot_be_read_is_denied if {
	spoiled := {"text": "61 * * * *", "interval": null, "problem": "minute '61' is not within 0 to 59"}
	findings := schedule.findings with input as _with("schedule", spoiled) with data.data as samples.catalogue
	{finding.message | some finding in findings} == {`schedule "61 * * * *" can't be read: minute '61' is not within 0 to 59`}
	_judged(_with("schedule", {})) == {"schedule-malformed"}
	_judged(_with("schedule", null)) == {"schedule-malformed"}
}

test_an_unknown_zone_is_denied if {
	_judged(_with("time_zone", {"text": "Mars/Base", "known": false})) == {"schedule-zone-unknown"}
	_judged(_with("time_zone", {})) == {"schedule-zone-unknown"}
	_judged(_with("time_zone", null)) == {"schedule-zone-unknown"}
}

test_a_long_history_is_denied if {
	_judged(_with("history", {"successful": 21, "failed": 1})) == {"schedule-history-malformed"}
	_judged(_with("history", {"successful": 3, "failed": -1})) == {"schedule-history-malformed"}
	_judged(_with("history", {"successful": 0, "failed": 20})) == set()
	_judged(_with("history", {})) == {"schedule-history-malformed"}
}

test_without_a_bound_nothing_passes if {
	findings := schedule.findings with input as samples.cron_trigger with data.data as {"plans": {"small": {}}}
	samples.codes(findings) == {"schedule-unbounded"}
}

test_other_kinds_are_left_alone if {
	_judged(samples.function) == set()
	_judged(samples.trigger) == set()
}
