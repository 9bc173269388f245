# METADATA
# description: The asking tenant's plan, from policies/data/plans.yaml.
package funkhaus.lib.plan

import data.data.plans

default id := ""

id := input.tenant.plan

# METADATA
# description: What one function may be; empty when the plan is unknown, so that every rule meets a bound it can't find.
default function := {}

function := plans[id].function
