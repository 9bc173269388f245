"""openapi.yaml says what there is: no more, no less. That its answers are true, every other test here checks by the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from funkhaus_api.app import ROUTES
from funkhaus_api.problem_types import error_classes, registry
from tests.support.published import WHERE, document, resolved

if TYPE_CHECKING:
    from tests.support.api import Client

METHODS = {"get", "post", "put", "patch", "delete"}
DOCUMENTED = {
    (method.upper(), path)
    for path, entry in document()["paths"].items()
    for method in METHODS & set(entry)
}
SERVED = {(route.method, route.path) for route in ROUTES if isinstance(route, web.RouteDef)}
OPERATIONS: list[dict[str, Any]] = [
    {**document()["paths"][path][method.lower()], "at": f"{method} {path}"}
    for method, path in sorted(DOCUMENTED)
]


def test_every_route_is_in_the_contract() -> None:
    assert not SERVED - DOCUMENTED, f"add to {WHERE}: {sorted(SERVED - DOCUMENTED)}"


def test_everything_in_the_contract_is_a_route() -> None:
    assert not DOCUMENTED - SERVED, (
        f"in {WHERE}, but no handler's ROUTES: {sorted(DOCUMENTED - SERVED)}"
    )


def test_operation_ids_are_unique() -> None:
    ids = [operation["operationId"] for operation in OPERATIONS]
    assert sorted(set(ids)) == sorted(ids)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda item: item["at"])
def test_what_needs_a_credential_announces_problems(operation: dict[str, Any]) -> None:
    if operation.get("security") != []:
        assert "default" in operation["responses"], (
            f"{operation['at']}: add `default: {{$ref: '#/components/responses/Problem'}}` in {WHERE}"
        )


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda item: item["at"])
def test_every_list_is_paged(operation: dict[str, Any]) -> None:
    for status, answer in operation["responses"].items():
        for content in resolved(answer).get("content", {}).values():
            schema = resolved(content.get("schema", {}))
            if "items" in schema.get("properties", {}) and operation.get("security") != []:
                parameters = {resolved(item)["name"] for item in operation.get("parameters", [])}
                assert "next" in schema["required"], (
                    f"{operation['at']} ({status}): a list answers with `next`; see funkhaus_api.pages"
                )
                assert {"limit", "continue"} <= parameters, (
                    f"{operation['at']}: add the parameters limit and continue in {WHERE}"
                )


def test_every_error_has_a_code_of_its_own_that_is_published() -> None:
    codes = {kind.code for kind in error_classes()} | {"internal", "method-not-allowed"}
    published = set(document()["components"]["schemas"]["Problem"]["properties"]["code"]["enum"])
    assert published == codes, (
        f"components.schemas.Problem.code in {WHERE} and the error tree differ"
    )
    assert set(registry()) == codes
    for item in registry().values():
        assert item.advice, f"say what to do about {item.code!r} in funkhaus_api/problem_types.py"


async def test_the_contract_is_served(nobody: Client) -> None:
    reply = await nobody.get("/v1/openapi.yaml")
    assert reply.body.startswith(b"openapi: 3.1")


async def test_types_of_problems_lead_somewhere(nobody: Client) -> None:
    listed = (await nobody.get("/problems")).json["items"]
    assert [item["code"] for item in listed] == sorted(registry())
    problem = (await nobody.get("/v1/me")).problem(401, "unauthenticated")
    there = (await nobody.get(problem["type"])).json
    assert (there["type"], there["title"]) == (problem["type"], problem["title"])
    page = await nobody.get(problem["type"], headers={"Accept": "text/html,*/*;q=0.8"})
    assert page.headers["Content-Type"].startswith("text/html")
    assert b"What to do" in page.body
    (await nobody.get("/problems/none")).problem(404, "not-found")
