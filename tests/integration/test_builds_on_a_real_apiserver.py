"""A function with dependencies and the controller on a real kube-apiserver; nobody there makes pods of its Job."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

from funkhaus.crd import conditions
from funkhaus.domain.kinds import FUNCTION, FUNCTION_REVISION, JOB
from funkhaus.manifests import build, labels
from tests.support.builds import Result, tar_of

if TYPE_CHECKING:
    from tests.integration.test_controller import Stage

HOST = "192.0.2.7"


async def test_dependencies_become_a_job_and_the_job_a_layer(stage: Stage) -> None:
    async with stage.controller():
        await stage.tenant_namespace()
        await service_account(stage)
        await stage.function(dependencies="requests==2.32.3\n")
        await stage.until(lambda: built_is(stage, "Building"))
        (job,) = await stage.admin.list(JOB, stage.namespace)
        assert job["metadata"]["ownerReferences"][0]["kind"] == "Function"
        assert job["spec"]["podFailurePolicy"]["rules"][1]["action"] == "FailJob"
        await finish(stage, job)
        await stage.until(lambda: built_is(stage, "Assembled"))
        await stage.until(lambda: gone(stage))
        status = await stage.status(FUNCTION, "hello")
        revision = await stage.admin.get(
            FUNCTION_REVISION, stage.namespace, status["latestRevision"]
        )
        assert revision is not None
        ((layer, _),) = stage.registry.layers.values()
        assert revision["spec"]["packages"]["layer"] == layer.digest


async def test_an_address_becomes_a_job_and_the_job_an_archive(stage: Stage) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        made.writestr("fn/hello.py", "def handler(event, context): ...")
    content = buffer.getvalue()
    address = {"url": "https://github.com/a.zip", "sha256": hashlib.sha256(content).hexdigest()}
    async with stage.controller():
        await stage.tenant_namespace()
        await service_account(stage)
        await stage.function(source={**address, "path": "fn"})
        await stage.until(lambda: built_is(stage, "Fetching"))
        (job,) = await stage.admin.list(JOB, stage.namespace)
        assert job["metadata"]["labels"][labels.BUILD_OF] == "source"
        await finish(stage, job, content)
        await stage.until(lambda: built_is(stage, "Assembled"))
        await stage.until(lambda: gone(stage))
        status = await stage.status(FUNCTION, "hello")
        found = await stage.admin.get(FUNCTION_REVISION, stage.namespace, status["latestRevision"])
        assert found is not None
        assert found["spec"]["source"] == {**address, "path": "fn"}
        assert stage.registry.images[found["spec"]["image"]].keys() == {"hello.py"}


async def test_what_failed_is_told_and_tried_again_after_a_change(stage: Stage) -> None:
    async with stage.controller():
        await stage.tenant_namespace()
        await stage.function(dependencies="requests==0\n")
        await stage.until(lambda: built_is(stage, "Building"))
        (job,) = await stage.admin.list(JOB, stage.namespace)
        await fail(stage, job)
        await stage.until(lambda: built_is(stage, "BuildFailed"))
        await stage.function(dependencies="requests==0\n", timeout=31)
        await stage.until(lambda: is_another(stage, job["metadata"]["uid"]))


async def built_is(stage: Stage, reason: str) -> bool:
    found = await stage.admin.get(FUNCTION, stage.namespace, "hello")
    return ((found and conditions.find(found, conditions.BUILT)) or {}).get("reason") == reason


async def gone(stage: Stage) -> bool:
    return not await stage.admin.list(JOB, stage.namespace)


async def is_another(stage: Stage, uid: str) -> bool:
    jobs = await stage.admin.list(JOB, stage.namespace)
    return [job["metadata"]["uid"] != uid for job in jobs] == [True]


def pod_of(stage: Stage, job: dict[str, Any]) -> dict[str, Any]:
    """The pod Kubernetes would make."""
    template = job["spec"]["template"]
    name = job["metadata"]["name"]
    marks = {**template["metadata"]["labels"], "batch.kubernetes.io/job-name": name}
    meta = {"namespace": stage.namespace, "name": f"{name}-x", "labels": marks}
    spec = {key: value for key, value in template["spec"].items() if key != "schedulerName"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


async def service_account(stage: Stage) -> None:
    """The namespace's own, which a controller makes that is not here."""
    meta = {"namespace": stage.namespace, "name": "default"}
    await stage.admin.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})


async def finish(stage: Stage, job: dict[str, Any], content: bytes = b"") -> None:
    """Have its pod serve a result."""
    result = content or tar_of({"requests/__init__.py": b""})
    stage.results.served[HOST] = Result(build.secret_of(job), result)
    pod = pod_of(stage, job)
    await stage.admin.apply(pod)  # Pod Security lets it in
    ready = [{"type": "Ready", "status": "True", "lastTransitionTime": None}]
    status = {"phase": "Running", "podIP": HOST, "podIPs": [{"ip": HOST}], "conditions": ready}
    await patch_status(stage, "pod", pod["metadata"]["name"], status)


async def fail(stage: Stage, job: dict[str, Any]) -> None:
    """Have it failed, as the Job controller would."""
    ended = {"status": "True", "reason": "PodFailurePolicy", "message": "exit code 3"}
    kinds = [{"type": name, **ended} for name in ("FailureTarget", "Failed")]
    status = {"startTime": job["metadata"]["creationTimestamp"], "conditions": kinds}
    await patch_status(stage, "job", job["metadata"]["name"], status)


async def patch_status(stage: Stage, kind: str, name: str, status: dict[str, Any]) -> None:
    words = ("patch", kind, name, "-n", stage.namespace, "--subresource=status", "--type=merge")
    await asyncio.to_thread(stage.kubectl, *words, "-p", json.dumps({"status": status}))
