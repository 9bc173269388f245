"""Expressions of ours that meet a user's text, at the longest that gets there and made to try every way.

`re` goes back and forth: an expression that can match in several ways takes for ever on a text that nearly matches. None
may; one that does ends at the time limit of every test.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from funkhaus.domain import cron, names, quantity, requirements
from funkhaus.domain.errors import InvalidError
from funkhaus.kube import status

if TYPE_CHECKING:
    from collections.abc import Callable

LONG = 1_000_000
"""Characters: more than kube-apiserver stores of an object, and than it repeats in a message."""


def of_kubernetes(message: str) -> Callable[[], object]:
    """What a message of kube-apiserver becomes, as an answer's own and as a cause in it."""
    document = {
        "kind": "Status",
        "message": message,
        "details": {"causes": [{"field": message, "message": message, "reason": message}]},
    }
    body = json.dumps(document)
    return lambda: [str(status.error(code, body)) for code in (400, 403, 404, 422, 500)]


TYPED = "failed to create typed patch object (a/b; c, Kind=D): "
MESSAGES = {
    "field names of line breaks": f"{TYPED}{chr(10) * LONG}x",
    "field names of spaces": f"{TYPED}{' ' * LONG}x",
    "dots": f"{TYPED}{'.' * LONG}",
    "typed patches without end": "failed to create typed patch object " * (LONG // 36),
    "values without end": TYPED + ".a: b" + ", got &value.valueUnstructured{Value:}" * (LONG // 38),
    "webhooks without end": 'admission webhook "' * (LONG // 19),
    "policies without end": "ValidatingAdmissionPolicy '" * (LONG // 27),
    "pod security without end": 'violates PodSecurity "' * (LONG // 22),
    "unknown fields without end": "strict decoding error: " + 'unknown field "' * (LONG // 15),
    "a cause of quotes": 'Invalid value: "' + '\\"' * (LONG // 2),
    "a cause of braces": "Invalid value: {" + "{" * LONG,
    "capitals": "aA" * (LONG // 2),
}
TEXTS = {
    "letters": "a" * LONG + "!",
    "names": "a.-_" * (LONG // 4) + "!",
    "extras": "a[" + "a," * (LONG // 2) + "!",
    "extras of one name": "a[" + "a" * LONG + "!",
    "versions": "a" + "==1," * (LONG // 4) + "!",
    "spaces": "a" + " " * LONG + "!",
    "comments": " #" * (LONG // 2),
    "hashes": "a " + "--hash=sha256:" * (LONG // 14),
    "markers": "a; " + "a == '1' and " * (LONG // 13) + "!",
    "lines": "a\n" * (LONG // 2) + "!",
    "digits": "1" * LONG + "!",
    "stars": "*/" * (LONG // 2),
    "fields": "* " * (LONG // 2),
    "lists": "1," * (LONG // 2) + "!",
    "dashes": "-" * LONG,
}


@pytest.mark.parametrize("case", MESSAGES)
def test_b56_no_message_of_kubernetes_takes_for_ever(case: str) -> None:
    assert of_kubernetes(MESSAGES[case])()


def test_b56_what_was_said_of_a_field_is_still_read() -> None:
    text = f"{TYPED}errors:\n  .spec.a: field not declared in schema\n\t.spec.b: expected string"
    error = status.error(500, json.dumps({"kind": "Status", "message": text}))
    assert [item.path for item in error.findings] == ["spec.a", "spec.b"]


@pytest.mark.parametrize("case", TEXTS)
def test_b56_no_text_of_a_tenant_s_takes_for_ever(case: str) -> None:
    text = TEXTS[case]
    requirements.parse(text)
    assert quantity.parse(text) is None
    assert cron.zone(text) is None
    with pytest.raises(ValueError, match=r".+"):
        cron.parse(text)
    for name in (names.function_name, names.tenant_id, names.namespace_name):
        with pytest.raises(InvalidError):
            name(text)
