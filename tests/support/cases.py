"""Bad input a person might send, by name: the manifest, and the code of the finding that has to refuse it."""

from __future__ import annotations

from typing import Any

from .questions import DOMAIN, cron_job_trigger, function, http_trigger

FILES = {"hello.py": "def handler(event, context): ..."}


def cpu(text: str) -> dict[str, Any]:
    return function(resources={"cpu": text, "memory": "128Mi"})


def memory(text: str) -> dict[str, Any]:
    return function(resources={"cpu": "250m", "memory": text})


def scaling(least: int, most: int, percent: int = 80) -> dict[str, Any]:
    return function(scaling={"min": least, "max": most, "cpuPercent": percent})


def host(text: str) -> dict[str, Any]:
    return http_trigger(host=text)


FUNCTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "unknown runtime": (function(runtime="python2.7"), "runtime-unknown"),
    "cpu 3": (cpu("3"), "cpu-above-ceiling"),
    "cpu 3000m": (cpu("3000m"), "cpu-above-ceiling"),
    "cpu -1": (cpu("-1"), "cpu-below-floor"),
    "cpu 1e3": (cpu("1e3"), "cpu-above-ceiling"),
    "cpu 2 cores": (cpu("2 cores"), "cpu-malformed"),
    "cpu of forty digits": (cpu("9" * 30 + "E"), "cpu-above-ceiling"),
    "cpu in another script": (cpu("٣"), "cpu-malformed"),
    "cpu in Ki": (cpu("1Ki"), "cpu-above-ceiling"),
    "memory in milli": (memory("128m"), "memory-below-floor"),
    "memory in words": (memory("1 zettabyte"), "memory-malformed"),
    "memory 1Gi": (memory("1Gi"), "memory-above-ceiling"),
    "no replica at all": (scaling(0, 0), "replicas-crossed"),
    "asleep after a second": (
        function(scaling={"min": 0, "max": 1, "cpuPercent": 80, "idle": 1}),
        "replicas-idle-out-of-range",
    ),
    "min above max": (scaling(3, 2), "replicas-crossed"),
    "too many replicas": (scaling(1, 1000), "replicas-above-ceiling"),
    "target of 0 percent": (scaling(1, 2, 0), "replicas-target-out-of-range"),
    "timeout 0": (function(timeout=0), "timeout-below-floor"),
    "timeout of a day": (function(timeout=86_400), "timeout-above-ceiling"),
    "concurrency -1": (function(concurrency=-1), "concurrency-below-floor"),
    "handler without a dot": (function(handler="handler"), "handler-malformed"),
    "handler in no file": (function(handler="main.handler"), "handler-module-missing"),
    "source over the limit": (
        function(
            source={"inline": {"files": {**FILES, "b.py": "x" * 40_000, "c.py": "é" * 20_000}}}
        ),
        "source-above-ceiling",
    ),
    "an origin nobody named": (
        function(source={"url": "https://evil.example.com/a.zip", "sha256": "0" * 64}),
        "origin-not-allowed",
    ),
    "a source without a digest": (
        function(source={"url": "https://github.com/a.zip", "sha256": "latest"}),
        "source-sha256-malformed",
    ),
    "an address with a password": (
        function(source={"url": "https://user:word@github.com/a.zip", "sha256": "0" * 64}),
        "origin-malformed",
    ),
    "a repository of an origin nobody named": (
        function(source={"git": {"url": "https://evil.example.com/r", "ref": "main"}}),
        "origin-not-allowed",
    ),
    "a ref in words": (
        function(source={"git": {"url": "https://github.com/r", "ref": "the latest"}}),
        "source-ref-malformed",
    ),
    "another index": (
        function(dependencies="requests==2.32.3\n--index-url https://example.com/\n"),
        "dependencies-index",
    ),
    "a repository": (function(dependencies="git+https://example.com/x.git"), "dependencies-vcs"),
    "a package's address": (
        function(dependencies="x @ https://example.com/x.whl"),
        "dependencies-url",
    ),
    "a package's path": (function(dependencies="./x-1-py3-none-any.whl"), "dependencies-path"),
    "an editable package": (function(dependencies="-e ."), "dependencies-editable"),
    "another file": (function(dependencies="-r more.txt"), "dependencies-file"),
    "an option of pip's": (function(dependencies="--pre"), "dependencies-option"),
    "a variable in a requirement": (
        function(dependencies="x==${VERSION}"),
        "dependencies-malformed",
    ),
    "too many packages": (
        function(dependencies="".join(f"p{n}==1\n" for n in range(201))),
        "dependencies-too-many",
    ),
    "the platform's variable": (
        function(env=[{"name": "FUNC_TIMEOUT", "value": "9999"}]),
        "env-reserved",
    ),
    "another namespace's secret": (
        function(env=[{"name": "A", "secretKeyRef": {"name": "other/db", "key": "url"}}]),
        "env-reference-malformed",
    ),
}
TRIGGERS: dict[str, tuple[dict[str, Any], str]] = {
    "host outside": (host("hello.example.com"), "hostname-outside"),
    "another tenant's host": (host(f"hello.other.{DOMAIN}"), "hostname-outside"),
    "suffix without its dot": (host(f"evildemo.{DOMAIN}"), "hostname-outside"),
    "upper case": (host(f"Hello.demo.{DOMAIN}"), "hostname-uppercase"),
    "trailing dot": (host(f"hello.demo.{DOMAIN}."), "hostname-trailing-dot"),
    "wildcard": (host(f"*.demo.{DOMAIN}"), "hostname-wildcard"),
    "bare wildcard": (host("*"), "hostname-wildcard"),
    "an address": (host("10.0.0.1"), "hostname-address"),
    "a port": (host(f"hello.demo.{DOMAIN}:80"), "hostname-malformed"),
    "punycode": (host(f"xn--bcher-kva.demo.{DOMAIN}"), "hostname-punycode"),
    "another namespace's certificate": (
        http_trigger(tls={"secretName": "other/tls"}),
        "tls-secret-malformed",
    ),
    "methods where no Gateway is": (http_trigger(methods=["GET"]), "route-without-gateway"),
    "a split where no Gateway is": (
        http_trigger(backends=[{"revision": "current", "weight": 1}]),
        "route-without-gateway",
    ),
    "a share for a revision nobody keeps": (
        http_trigger(backends=[{"revision": "hello-0123456789", "weight": 1}]),
        "split-revision-unknown",
    ),
    "shares of nothing": (
        http_trigger(backends=[{"revision": "current", "weight": 0}]),
        "split-weightless",
    ),
}
CRON_TRIGGERS: dict[str, tuple[dict[str, Any], str]] = {
    "a schedule in words": (cron_job_trigger(schedule="at noon"), "schedule-malformed"),
    "a minute too late": (cron_job_trigger(schedule="60 * * * *"), "schedule-malformed"),
    "a zone in the schedule": (cron_job_trigger(schedule="TZ=UTC 0 3 * * *"), "schedule-malformed"),
    "a day that never comes": (cron_job_trigger(schedule="0 0 31 2 *"), "schedule-malformed"),
    "a zone nobody has": (cron_job_trigger(timeZone="Mars/Base"), "schedule-zone-unknown"),
    "a path as a zone": (cron_job_trigger(timeZone="../../etc/passwd"), "schedule-zone-unknown"),
    "a long history": (cron_job_trigger(failedJobsHistoryLimit=1000), "schedule-history-malformed"),
    "a large payload": (cron_job_trigger(payload={"a": "x" * 16_384}), "payload-too-large"),
}
ALL = {**FUNCTIONS, **TRIGGERS, **CRON_TRIGGERS}
