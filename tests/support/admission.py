"""AdmissionReviews as kube-apiserver posts them."""

from __future__ import annotations

import json
from typing import Any

USER = "fh:0b9e"
_RESOURCES = {
    "Function": "functions",
    "HTTPTrigger": "httptriggers",
    "CronJobTrigger": "cronjobtriggers",
}


def admission_review(
    manifest: dict[str, Any], old: dict[str, Any] | None = None, **change: Any
) -> dict[str, Any]:
    """A review of creating `manifest`, or of changing `old` into it; `change` replaces fields of the request."""
    kind = manifest["kind"]
    gvr = {"group": "funkhaus.dev", "version": "v1alpha1", "resource": _RESOURCES[kind]}
    gvk = {"group": "funkhaus.dev", "version": "v1alpha1", "kind": kind}
    return {
        "kind": "AdmissionReview",
        "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": gvk,
            "resource": gvr,
            "requestKind": gvk,
            "requestResource": gvr,
            "name": manifest["metadata"].get("name", ""),
            "namespace": "demo--default",
            "operation": "UPDATE" if old else "CREATE",
            "userInfo": {
                "username": USER,
                "groups": ["fh:demo:developer", "system:authenticated"],
                "extra": {"funkhaus.dev/token-id": ["token-7"]},
            },
            "object": manifest,
            "oldObject": old,
            "dryRun": False,
            "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
            **change,
        },
    }


def body(*args: Any, **change: Any) -> bytes:
    """The same as bytes."""
    return json.dumps(admission_review(*args, **change)).encode()
