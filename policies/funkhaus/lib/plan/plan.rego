# METADATA
# description: The asking tenant's plan, from policies/data/plans.yaml.
package funkhaus.lib.plan

import data.data.plans

default id := ""

id := input.tenant.plan

# METADATA
# description: What one function may be; empty when the plan is unknown, so that every rule meets a bound it can't find.
default function := {}

function := found if {
	found := plans[id].function
	is_object(found)
}

# METADATA
# description: What one trigger may be; empty when the plan is unknown or says nothing of it.
default trigger := {}

trigger := found if {
	found := plans[id].trigger
	is_object(found)
}

# METADATA
# description: The floor and ceiling of one amount; empty when the plan has none.
bounds(amount) := found if {
	found := function[amount]
	is_object(found)
} else := {}
