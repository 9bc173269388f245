package funkhaus.defaults_test

import data.funkhaus.defaults
import data.funkhaus.lib.samples_test as samples

test_a_function_gets_the_plan_s_amounts if {
	fields := defaults.fields with input as samples.function with data.data as samples.catalogue
	fields == {
		{"path": ["spec", "resources", "cpu"], "value": "250m"},
		{"path": ["spec", "resources", "memory"], "value": "128Mi"},
	}
}

test_a_trigger_gets_a_host_in_the_first_suffix if {
	fields := defaults.fields with input as samples.trigger with data.data as samples.catalogue
	fields == {{"path": ["spec", "host"], "value": "hello.demo.example.com"}}
}

test_an_unknown_plan_gives_nothing if {
	defaults.fields == set() with input as samples.function with data.data.plans as {}
}

test_other_kinds_get_nothing if {
	asked := object.union(samples.function, {"kind": "CronJobTrigger", "object": {"function": "hello"}})
	defaults.fields == set() with input as asked with data.data as samples.catalogue
}
