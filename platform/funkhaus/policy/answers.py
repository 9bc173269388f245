"""What OPA answered, read with distrust: anything but the exact shape is no answer.

Undefined decisions come as HTTP 200 without a result; a rule someone broke may give null, a number or half an object. Each
raises `UnavailableError`, which callers turn into a refusal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from funkhaus.domain import approval_rules
from funkhaus.domain.errors import UnavailableError
from funkhaus.domain.question import Default
from funkhaus.domain.verdict import Finding, Outcome, Verdict

if TYPE_CHECKING:
    from funkhaus.domain.approval import ApproverRule


def verdict(answer: object) -> Verdict:
    """The verdict in the answer to `data.funkhaus.main.decision`."""
    result = _result(answer)
    read = findings(result.get("findings"))
    return Verdict(
        findings=read,
        decision_id=_decision_id(answer),
        revision=_revision(result),
        approvers=approval_rules.together(read, _rules(result.get("approvers", []))),
    )


def findings(found: object) -> tuple[Finding, ...]:
    """The findings in `data.funkhaus.main.findings`."""
    if not isinstance(found, list):
        raise _wrong("its findings are no list")
    return tuple(_finding(item) for item in found)


def defaults(answer: object) -> tuple[Default, ...]:
    """The values to fill in, in the answer to `data.funkhaus.main.defaults`, by path."""
    result = _result(answer)
    _revision(result)
    fields = result.get("fields")
    if not isinstance(fields, list):
        raise _wrong("its fields are no list")
    return tuple(sorted((_default(item) for item in fields), key=lambda item: item.path))


def revision(answer: object) -> str:
    """The revision in either answer."""
    return _revision(_result(answer))


def _result(answer: object) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise _wrong("it is no JSON object")
    if "result" not in answer:
        raise UnavailableError(
            "the policy engine has no such rule; its policy may not be loaded yet, try again"
        )
    result = answer["result"]
    if not isinstance(result, dict):
        raise _wrong("its result is no object")
    return result


def _decision_id(answer: object) -> str:
    value = answer.get("decision_id", "") if isinstance(answer, dict) else ""
    return value if isinstance(value, str) else ""


def _revision(result: dict[str, Any]) -> str:
    value = result.get("revision")
    if not isinstance(value, str) or not value:
        raise UnavailableError(
            "the policy engine names no revision of its policy; it may be loaded without its data yet, try again"
        )
    return value


def _finding(item: object) -> Finding:
    if not isinstance(item, dict):
        raise _wrong("one of its findings is no object")
    texts = {key: item.get(key, "") for key in ("code", "message", "path")}
    if not all(isinstance(text, str) for text in texts.values()):
        raise _wrong("the code, message or path of a finding is no text")
    if not texts["code"] or not texts["message"]:
        raise _wrong("a finding has no code or no message")
    try:
        outcome = Outcome(str(item.get("outcome")))
    except ValueError as error:
        raise _wrong(f"a finding has the unknown outcome {item.get('outcome')!r:.40}") from error
    return Finding(
        **texts,
        outcome=outcome,
        limit=item.get("limit"),
        value=item.get("value"),
        passes=item.get("passes"),
    )


def _rules(items: object) -> dict[str, ApproverRule]:
    """Who may approve, by code. Sets of before this was said have none, and what they ask is the platform's to approve."""
    if not isinstance(items, list):
        raise _wrong("its approvers are no list")
    try:
        return {str(item["code"]): approval_rules.read(item) for item in items}
    except (ValueError, KeyError, TypeError) as error:
        raise _wrong(f"one of its approvers is no rule: {error}") from error


def _default(item: object) -> Default:
    path = item.get("path") if isinstance(item, dict) else None
    if not isinstance(item, dict) or not isinstance(path, list) or "value" not in item:
        raise _wrong("one of its fields has no path or no value")
    if not path or path[0] != "spec" or not all(isinstance(key, str) and key for key in path):
        raise _wrong("the path of one of its fields does not lead into the spec")
    return Default(path=tuple(path), value=item["value"])


def _wrong(what: str) -> UnavailableError:
    return UnavailableError(
        f"the policy engine's answer can't be trusted: {what}; an admin has to look at the rules in force"
    )
