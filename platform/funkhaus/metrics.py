"""Every metric of the product, declared once.

Label values come from closed sets only: never a tenant's or a user's text.
"""

from __future__ import annotations

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

REGISTRY = CollectorRegistry()
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

API_REQUESTS = Counter(
    "funkhaus_api_requests_total", "API requests", ["method", "route", "status"], registry=REGISTRY
)
API_SECONDS = Histogram(
    "funkhaus_api_request_seconds",
    "API request duration",
    ["route"],
    buckets=_SECONDS,
    registry=REGISTRY,
)
REVIEWS = Counter(
    "funkhaus_admission_reviews_total",
    "Admission reviews",
    ["phase", "kind", "outcome"],
    registry=REGISTRY,
)
REVIEW_SECONDS = Histogram(
    "funkhaus_admission_review_seconds",
    "Admission review duration",
    ["phase"],
    buckets=_SECONDS,
    registry=REGISTRY,
)
AUDIT_LOST = Counter(
    "funkhaus_audit_rows_lost_total",
    "Audit rows of refusals that could not be written",
    registry=REGISTRY,
)
AUDIT_LAG = Gauge(
    "funkhaus_audit_oldest_unchained_seconds",
    "Age of the oldest audit row without a place in its chain",
    registry=REGISTRY,
)
AUDIT_LINKED = Counter(
    "funkhaus_audit_rows_chained_total", "Audit rows given their place", registry=REGISTRY
)
AUDIT_SIGNED = Counter(
    "funkhaus_audit_checkpoints_total", "Checkpoints of audit chains signed", registry=REGISTRY
)
AUDIT_FAILURES = Counter(
    "funkhaus_audit_chain_failures_total",
    "Chains, or rounds over them, that failed",
    registry=REGISTRY,
)
POLICY_REVISION = Gauge(
    "funkhaus_policy_revision_info",
    "The policy revision this process was last judged by: 1 for that one, no other series",
    ["revision"],
    registry=REGISTRY,
)
DECISIONS_WRITTEN = Counter(
    "funkhaus_decisions_written_total", "Decisions put into the decision log", registry=REGISTRY
)
DECISIONS_LOST = Counter(
    "funkhaus_decisions_lost_total",
    "Decisions that were made and are not in the decision log",
    registry=REGISTRY,
)
APPROVALS_WAITING = Gauge(
    "funkhaus_approvals_waiting",
    "Objects held until somebody approves them, of all tenants; every API server counts the same",
    registry=REGISTRY,
)
APPROVALS_OLDEST = Gauge(
    "funkhaus_approvals_oldest_waiting_seconds",
    "Age of the oldest request for an approval that nobody has decided; 0 where none waits",
    registry=REGISTRY,
)
ADMISSION_GAPS = Gauge(
    "funkhaus_admission_gaps",
    "Objects of admission (webhook configurations, policies, bindings) that are gone or changed: 0 is well",
    ["kind"],
    registry=REGISTRY,
)
ADMISSION_RESTORED = Counter(
    "funkhaus_admission_restored_total",
    "Objects of admission that this process put back as the chart has them",
    ["kind"],
    registry=REGISTRY,
)
CERTIFICATE_EXPIRY = Gauge(
    "funkhaus_webhook_certificate_expiry_timestamp_seconds",
    "When the serving certificate ends",
    registry=REGISTRY,
)
RECONCILES = Counter(
    "funkhaus_reconciles_total", "Reconciliations", ["kind", "outcome"], registry=REGISTRY
)
RECONCILE_SECONDS = Histogram(
    "funkhaus_reconcile_seconds",
    "Reconciliation duration",
    ["kind"],
    buckets=_SECONDS,
    registry=REGISTRY,
)
RECONCILES_DUE = Gauge(
    "funkhaus_reconciles_due", "Objects waiting to be reconciled now", registry=REGISTRY
)
LEADING = Gauge(
    "funkhaus_controller_leading", "Whether this controller holds the lease", registry=REGISTRY
)
IMAGE_PUSHES = Counter(
    "funkhaus_image_pushes_total", "Function images assembled", ["outcome"], registry=REGISTRY
)
WAKER_CALLS = Counter(
    "funkhaus_waker_calls_total",
    "Calls that came to the waker, by what became of them",
    ["outcome"],
    registry=REGISTRY,
)
WAKER_WAKES = Counter(
    "funkhaus_waker_wakes_total", "Functions set from no replica to one", registry=REGISTRY
)
WAKER_HELD = Gauge(
    "funkhaus_waker_calls_open", "Calls that wait or are being answered now", registry=REGISTRY
)
WAKER_SECONDS = Histogram(
    "funkhaus_waker_wait_seconds",
    "How long calls waited for a replica",
    buckets=(*_SECONDS, 20, 30),
    registry=REGISTRY,
)
OUTBOX_AGE = Gauge(
    "funkhaus_outbox_oldest_seconds",
    "Age of the oldest undelivered cluster change",
    registry=REGISTRY,
)


def judged_by(revision: str) -> None:
    """Say which policy revision gives the answers now; the label is a digest, and there is one series at a time."""
    POLICY_REVISION.clear()
    POLICY_REVISION.labels(revision).set(1)


def render() -> tuple[bytes, str]:
    """The exposition text and its content type."""
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
