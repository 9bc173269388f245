"""From a `Bundle` to the API, one thing after the other. What is there already stays or is changed; nothing is taken away.

What is refused does not stop the rest: it is one line of the report, with the words of the refusal. An API server that does
not answer stops everything; the same command then goes on where it stopped.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from funkhaus_cli.bundle import KINDS
from funkhaus_cli.client import segment
from funkhaus_cli.failure import Exit, Failure
from funkhaus_cli.limits import less, plus
from funkhaus_cli.output import moment
from funkhaus_cli.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from funkhaus_cli.bundle import Bundle, Space
    from funkhaus_cli.session import Session

Document = dict[str, Any]
READY_SECONDS = 30.0
ANY = {"If-Match": "*"}
"""A quota becomes what the export says, whatever somebody else has just made of it."""
DAYS_LIMIT = 365
CREATED, CHANGED, UNCHANGED, NOT_BROUGHT = "created", "changed", "unchanged", "not brought"


@dataclass(frozen=True)
class Line:
    """One thing of the export: what became of it, and why not where it was not brought."""

    done: str
    what: str
    words: str = ""


@dataclass
class Import:
    """One import into `tenant`. A dry run changes nothing and says what would be."""

    session: Session
    bundle: Bundle
    tenant: str
    dry_run: bool
    lines: list[Line] = field(default_factory=list)

    def run(self) -> None:
        """Everything in order; `lines` say what became of it, also when this ends in a `Failure`."""
        if not self._tenant():
            if not self.dry_run:
                return
            there: set[str] = set()
        else:
            there = {item["name"] for item in self._items("namespaces")}
            self._people()
            self._host_suffixes()
            self._override()
            self._approved()
        for item in self.bundle.head["namespaces"]:
            self._namespace(item, there)

    def _note(self, done: str, what: str, words: str = "") -> None:
        self.lines.append(Line(done, what, words))

    def _try(self, done: str, what: str, act: Callable[[], object]) -> bool:
        """Do it and note it, or note why not; whether it was done (or would be)."""
        if self.dry_run:
            self._note(f"would be {done}", what)
            return True
        return self._really(done, what, act)

    def _really(self, done: str, what: str, act: Callable[[], object]) -> bool:
        try:
            act()
        except Failure as failure:
            if failure.exit in {Exit.UNAVAILABLE, Exit.USAGE}:
                raise
            self._note(NOT_BROUGHT, what, words_of(failure))
            return False
        self._note(done, what)
        return True

    def _path(self, *parts: str) -> str:
        return segment("tenants", self.tenant, *parts)

    def _items(self, *parts: str) -> list[Document]:
        return self.session.api.items(self._path(*parts))

    def _tenant(self) -> bool:
        """Whether there is one to fill now."""
        head, what = self.bundle.head, f"tenant {self.tenant}"
        try:
            found = self.session.api.get(self._path())
        except Failure as failure:
            if failure.exit is not Exit.NOT_FOUND:
                raise
            body = {
                "id": self.tenant,
                "plan": head["plan"],
                "displayName": str(head.get("displayName") or ""),
            }
            made = self._try(CREATED, what, lambda: self.session.api.post("/v1/tenants", body))
            return made and not self.dry_run
        if found["plan"] != head["plan"]:
            words = (
                f"it has plan {found['plan']} here and {head['plan']} in the export; a platform admin can change that with "
                "`funkhaus tenant set-plan`"
            )
            self._note(NOT_BROUGHT, f"{what}: plan", words)
        else:
            self._note(UNCHANGED, what)
        return True

    def _people(self) -> None:
        members = {
            (item["issuer"], item["sub"]): item["role"]
            for item in self._items("members")
            if item.get("source") != "group"
        }
        for item in self.bundle.head["members"]:
            self._member(item, members.get((item.get("issuer"), item.get("sub"))))
        for item in self.bundle.head["invitations"]:
            self._invite(str(item["email"]), str(item["role"]))
        accounts = {item["name"]: item["role"] for item in self._items("serviceaccounts")}
        for item in self.bundle.head["serviceAccounts"]:
            self._account(str(item["name"]), str(item["role"]), accounts)

    def _member(self, item: Document, held: str | None) -> None:
        who = {key: str(item.get(key) or "") for key in ("issuer", "sub", "role")}
        email = str(item.get("email") or "")
        what = f"member {email or item.get('displayName') or who['sub']} ({who['role']})"
        if held == who["role"]:
            self._note(UNCHANGED, what)
            return
        try:
            if not self.dry_run:
                self.session.api.post(self._path("members"), who)
        except Failure as failure:
            if any(found.get("code") == "user-unknown" for found in failure.findings):
                if email:
                    self._invite(email, who["role"])
                else:
                    words = "has not signed in here and has no address to invite"
                    self._note(NOT_BROUGHT, what, words)
                return
            if failure.exit in {Exit.UNAVAILABLE, Exit.USAGE}:
                raise
            self._note(NOT_BROUGHT, what, words_of(failure))
            return
        done = CHANGED if held else CREATED
        self._note(f"would be {done}" if self.dry_run else done, what)

    def _invite(self, email: str, role: str) -> None:
        what, asked = f"invitation to {email} ({role})", {"email": email, "role": role}
        for item in self._items("invitations"):
            if item["state"] == "open" and (item["email"], item["role"]) == (email, role):
                self._note(UNCHANGED, what)
                return
        self._try(CREATED, what, lambda: self.session.api.post(self._path("invitations"), asked))

    def _account(self, name: str, role: str, held: dict[str, str]) -> None:
        what = f"service account {name} ({role})"
        if name not in held:
            body = {"name": name, "role": role}
            path = self._path("serviceaccounts")
            self._try(CREATED, what, lambda: self.session.api.post(path, body))
        elif held[name] == role:
            self._note(UNCHANGED, what)
        else:
            self._note(NOT_BROUGHT, what, f"there is one of that name with role {held[name]}")

    def _host_suffixes(self) -> None:
        asked = self.bundle.head.get("hostSuffixes") or []
        held = self.session.api.get(self._path("host-suffixes"))["granted"] if asked else []
        for suffix in map(str, asked):
            what, path = f"host suffix {suffix}", self._path("host-suffixes", suffix)
            if suffix in held:
                self._note(UNCHANGED, what)
            else:
                self._try(CREATED, what, functools.partial(self.session.api.put, path, None))

    def _override(self) -> None:
        asked = self.bundle.head.get("quotaOverride")
        if not asked:
            return
        limits = {key: asked[key] for key in asked if key not in {"reason", "expiresAt"}}
        ends, what = moment(asked.get("expiresAt")), "quota override"
        days = math.ceil((ends - self.session.now()).total_seconds() / 86400) if ends else 0
        if days < 1:
            self._note(NOT_BROUGHT, what, "it has expired")
            return
        found = self.session.api.get(self._path("quota"))
        held = found.get("override") or {}
        if held.get("reason") == asked.get("reason") and found["base"] == found["base"] | limits:
            self._note(UNCHANGED, what)
            return
        body = {**limits, "reason": asked.get("reason"), "days": min(days, DAYS_LIMIT)}
        path = self._path("quota", "override")
        self._try(
            CHANGED if held else CREATED,
            what,
            lambda: self.session.api.put(path, body, headers=ANY),
        )

    def _approved(self) -> None:
        """What was approved for a time is for an approver here to approve; the shares come without it."""
        asked = self.bundle.head.get("approvedQuota") or []
        keys = ("namespace", "extra", "reason")
        there = self.session.api.get(self._path("quota"))["approved"] if asked else []
        held = [[item[key] for key in keys] for item in there]
        for item in asked:
            where = f" of namespace {item['namespace']}" if item["namespace"] else ""
            what = f"approved quota{where} ({item['reason']})"
            if [item.get(key) for key in keys] in held:
                self._note(UNCHANGED, what)
                continue
            words = (
                f"it ends {item['expiresAt']} there: ask for it here with `funkhaus quota request`"
            )
            self._note(NOT_BROUGHT, what, words)

    def _namespace(self, item: Document, there: set[str]) -> None:
        name = str(item["name"])
        what, space = f"namespace {name}", self.bundle.spaces[name]
        if name in there:
            self._note(UNCHANGED, what)
        else:
            path = self._path("namespaces")
            if not self._try(CREATED, what, lambda: self.session.api.post(path, {"name": name})):
                self._left_out(name, space, "its namespace was not brought")
                return
            if self.dry_run:
                for kind, thing in self._in_order(space):
                    self._note(f"would be {CREATED}", f"{kind} {name}/{thing}")
                return
        self._quota(name, item["quota"])
        if not self._ready(name):
            self._left_out(name, space, f"the cluster did not make it within {READY_SECONDS:g} s")
            return
        self._objects(name, space)

    def _left_out(self, name: str, space: Space, words: str) -> None:
        for kind, thing in self._in_order(space):
            self._note(NOT_BROUGHT, f"{kind} {name}/{thing}", words)

    @staticmethod
    def _in_order(space: Space) -> list[tuple[str, str]]:
        kinds = list(KINDS)
        return sorted(space.objects, key=lambda key: (kinds.index(key[0]), key[1]))

    def _quota(self, name: str, quota: Document) -> None:
        books = self.session.api.get(self._path("quota"))
        extras = [item["extra"] for item in books["approved"] if item["namespace"] == name]
        held = next((item["hard"] for item in books["namespaces"] if item["name"] == name), None)
        if held is not None and less(held, *extras) == quota:
            return
        path = self._path("namespaces", name, "quota")
        self._try(
            CHANGED,
            f"quota of namespace {name}",
            lambda: self.session.api.put(path, plus(quota, *extras), headers=ANY),
        )

    def _ready(self, name: str) -> bool:
        with Progress(self.session.clock, self.session.sleep) as progress:
            while True:
                found = self.session.api.get(self._path("namespaces", name))
                if found.get("ready") is not False:
                    return True
                if progress.seconds > READY_SECONDS:
                    return False
                progress.say(f"The cluster is making {found.get('clusterName')}")
                progress.pause(0.3)

    def _objects(self, name: str, space: Space) -> None:
        home = ("namespaces", name)
        if not self.dry_run:
            for content in space.archives.values():
                self.session.api.upload(
                    self._path(*home, "archives"), content, "application/octet-stream"
                )
        for kind, thing in self._in_order(space):
            document = space.objects[kind, thing]
            path, what = self._path(*home, KINDS[kind], thing), f"{kind} {name}/{thing}"
            spec = without_default_host(document["spec"], self.bundle.id)
            labels = document["metadata"].get("labels") or {}
            try:
                live = self.session.api.get(path)
            except Failure as failure:
                if failure.exit is not Exit.NOT_FOUND:
                    raise
                done = CREATED
            else:
                own = {
                    key: text for key, text in live["labels"].items() if "funkhaus.dev/" not in key
                }
                if (without_default_host(live["spec"], self.tenant), own) == (spec, labels):
                    self._note(UNCHANGED, what)
                    continue
                done = CHANGED
            body, params = {"spec": spec, "labels": labels}, {}
            if self.dry_run:  # admission says today what it would say
                done, params = f"would be {done}", {"dryRun": "true"}
            self._really(
                done,
                what,
                lambda p=path, b=body, q=params: self.session.api.put(p, b, q),  # type: ignore[misc]
            )


def without_default_host(spec: Document, tenant: str) -> Document:
    """A trigger's spec without the host it got because it asked for none: elsewhere it gets another."""
    host = str(spec.get("host") or "")
    if host.startswith(f"{spec.get('function')}.{tenant}."):
        return {key: value for key, value in spec.items() if key != "host"}
    return spec


def words_of(failure: Failure) -> str:
    """A refusal on one line."""
    found = [
        ": ".join(part for part in (item.get("path"), item.get("message")) if part)
        for item in failure.findings
    ]
    return "; ".join(found) or failure.message
