from __future__ import annotations

import json
from typing import Any

import pytest

from funkhaus.domain.errors import InvalidError
from funkhaus.domain.kinds import FUNCTION
from funkhaus.services.reviews import Operation
from funkhaus_webhook.request import envelope, review
from tests.support.admission import USER, admission_review, body
from tests.support.questions import function


def test_a_review_is_read_whole() -> None:
    new, old = function(timeout=2), function(timeout=1)
    read = review(envelope(body(new, old, dryRun=True)), FUNCTION)
    assert read.uid == "705ab4f5-6393-11e8-b7cc-42010a800002"
    assert (read.operation, read.kind, read.dry_run) == (Operation.UPDATE, FUNCTION, True)
    assert (read.namespace, read.name) == ("demo--default", "hello")
    assert (read.manifest, read.old) == (new, old)
    assert (read.requester, read.token_id) == (USER, "token-7")


def test_a_delete_has_an_old_object_only() -> None:
    asked = body(function(), operation="DELETE", object=None, oldObject=function())
    read = review(envelope(asked), FUNCTION)
    assert (read.operation, read.manifest, read.old) == (Operation.DELETE, {}, function())


def test_a_user_need_not_have_a_token() -> None:
    read = review(envelope(body(function(), userInfo={"username": "admin"})), FUNCTION)
    assert (read.requester, read.token_id) == ("admin", "")


def test_what_a_signed_token_is_called_comes_with_the_user() -> None:
    extra = {"authentication.kubernetes.io/credential-id": ["JTI=7"]}
    user = {"username": "system:serviceaccount:a:b", "extra": extra}
    read = review(envelope(body(function(), userInfo=user)), FUNCTION)
    assert (read.requester, read.token_id, read.credential_id) == (user["username"], "", "JTI=7")


def without(*path: str) -> dict[str, Any]:
    document = admission_review(function())
    place = document
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    return document


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 100_000,
        b'{"kind": "Pod"}',
        json.dumps(
            {**admission_review(function()), "apiVersion": "admission.k8s.io/v1beta1"}
        ).encode(),
        json.dumps(without("request")).encode(),
        json.dumps(without("request", "uid")).encode(),
        json.dumps(without("request", "resource")).encode(),
        body(function(), uid=""),
        body(function(), uid=7),
        body(function(), uid="x" * 200),
        body(function(), resource={"group": "funkhaus.dev", "resource": 3}),
    ],
)
def test_without_an_envelope_there_is_nobody_to_answer(text: bytes) -> None:
    with pytest.raises(InvalidError):
        envelope(text)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"operation": "CONNECT"}, "'CONNECT' is not judged"),
        ({"operation": None}, "request.operation"),
        ({"object": None}, "request.object"),
        ({"object": []}, "request.object"),
        ({"object": {"metadata": "x"}}, "request.object.metadata"),
        ({"operation": "UPDATE", "oldObject": None}, "request.oldObject"),
        ({"operation": "DELETE", "oldObject": None}, "request.oldObject"),
        ({"userInfo": {}}, "request.userInfo.username"),
        ({"userInfo": None}, "request.userInfo"),
        ({"namespace": 5}, "request.namespace"),
    ],
)
def test_what_is_wrong_in_the_letter_is_named(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidError, match=words):
        review(envelope(body(function(), **change)), FUNCTION)


def test_what_it_is_about_is_known_before_it_is_read() -> None:
    about = {"group": "funkhaus.dev", "kind": "Function", "name": "hello"}
    assert envelope(body(function())).about == about
    assert envelope(body(function(), kind="x", name=None)).about == {"group": "funkhaus.dev"}
