"""Every period of the controller, in one place. Seconds."""

from __future__ import annotations

LEASE = 15.0
"""How long a holder of the lease that falls silent keeps it."""
LEASE_RENEWAL = 4.0
"""Between renewals, and between a candidate's looks."""
LEASE_GRACE = 10.0
"""Without a renewal for so long we end: safely before another may take over."""
RECONCILE = 120.0
"""For one reconciliation, image push included."""
DRAIN = 10.0
"""For reconciliations that run when the process is told to end."""
GAUGES = 5.0
"""Between looks at how much is waiting."""
WATCH_QUIET = 70.0
"""A watch that says nothing, not even a bookmark, for so long is begun anew."""
DECISIONS = 1.0
"""Between looks at which approvals were decided: a look at an index."""
DECISIONS_WITHIN = 15.0
"""How far back such a look goes."""
