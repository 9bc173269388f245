"""The API over a real socket on loopback, with everything behind it in memory (or on a real database), and who calls it."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import aiohttp
from aiohttp import web
from jsonschema import Draft202012Validator

from funkhaus.auth import Ed25519Signer, KeyedMint
from funkhaus.crd import tenant_namespace
from funkhaus.domain.restriction import Restriction
from funkhaus.domain.tenant import Namespace, NamespaceQuota, Tenant
from funkhaus.domain.token import Token, TokenKind
from funkhaus.domain.user import Identity, Session
from funkhaus.services.founding import SelfService
from funkhaus.services.policies import PolicyFeed
from funkhaus_api.app import create_app
from funkhaus_api.assembly import wired
from funkhaus_api.keys import Limits

from . import published
from .activity import FakeActivity
from .audit import a_key
from .clock import FakeClock
from .cluster import MemoryCluster
from .dialer import MemoryDialer
from .policies import FakeCompiler, FakeTrial
from .providers import MemoryProviders
from .questions import DOMAIN
from .registry import MemoryRegistry
from .stores import MemoryStores

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from funkhaus.domain.cluster_address import ClusterAddress
    from funkhaus.domain.group_rule import GroupRule
    from funkhaus.domain.subject import Role
    from funkhaus.ports import Cluster, Providers, Stores
    from funkhaus_api.addresses import Proxies
    from funkhaus_api.keys import Services

PEPPER = "pepper of the tests, long enough to be one"
PUBLIC_URL = "https://functions.example"
ISSUER = "https://idp.example"
QUOTA = NamespaceQuota(20, 20, 20, 4_000, 4 * 1024**3)
PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "requestId", "findings"],
    "additionalProperties": False,
    "properties": {
        "type": {"pattern": "^/problems/[a-z-]+$"},
        "title": {"type": "string", "minLength": 5},
        "status": {"type": "integer"},
        "detail": {"type": "string", "minLength": 5},
        "code": {"type": "string"},
        "requestId": {"type": "string", "minLength": 32},
        "findings": {
            "type": "array",
            "items": {"type": "object", "required": ["code", "outcome", "message"]},
        },
    },
}


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def problem(self, status: int, code: str) -> dict[str, Any]:
        """The problem document; fails unless it is a whole one, of this status and code."""
        assert self.status == status, self.body
        assert self.headers["Content-Type"].partition(";")[0] == "application/problem+json"
        document: dict[str, Any] = self.json
        Draft202012Validator(PROBLEM).validate(document)
        assert (document["status"], document["code"]) == (status, code), document
        assert document["requestId"] == self.headers["X-Request-Id"]
        return document


@dataclass
class World:
    """What stands behind the API."""

    stores: Stores
    cluster: MemoryCluster = field(default_factory=lambda: MemoryCluster("funkhaus-api"))
    registry: MemoryRegistry = field(default_factory=MemoryRegistry)
    dialer: MemoryDialer = field(default_factory=MemoryDialer)
    activity: FakeActivity = field(default_factory=FakeActivity)
    clock: FakeClock = field(default_factory=FakeClock)
    mint: KeyedMint = field(default_factory=lambda: KeyedMint(PEPPER))
    founding: SelfService = field(default_factory=lambda: SelfService(("small",), 2))
    rules: tuple[GroupRule, ...] = ()
    signer: Ed25519Signer = field(default_factory=lambda: Ed25519Signer(a_key()))
    providers: Providers = field(default_factory=MemoryProviders)
    public_url: str = PUBLIC_URL
    cluster_address: ClusterAddress | None = None
    feed: PolicyFeed = field(default_factory=lambda: PolicyFeed(FakeCompiler(), FakeTrial()))
    members: str = ""
    """The namespace of the accounts that stand for credentials; empty: kube-apiserver asks."""

    def services(self, cluster: Cluster | None = None) -> Services:
        """The use cases, on another cluster where one is given."""
        return wired(
            self.stores,
            cluster or self.cluster,
            self.registry,
            self.dialer,
            self.activity,
            self.mint,
            self.clock,
            founding=self.founding,
            signer=self.signer,
            rules=self.rules,
            providers=self.providers,
            public_url=self.public_url,
            address=self.cluster_address,
            feed=self.feed,
            domain=DOMAIN,
            members=self.members,
        )

    @property
    def memory(self) -> MemoryStores:
        assert isinstance(self.stores, MemoryStores)
        return self.stores

    async def tenant(self, tenant: str, *namespaces: str) -> None:
        """A tenant whose namespaces the cluster knows already."""
        async with self.stores.begin_platform() as platform:
            await platform.add_tenant(Tenant(tenant, "small"))
        for name in namespaces:
            async with self.stores.begin(tenant) as work:
                await work.add_namespace(Namespace(tenant, name, QUOTA))
            self.settle(Namespace(tenant, name, QUOTA))

    def settle(self, namespace: Namespace) -> None:
        """Play the controller: make the Kubernetes namespace and say so."""
        manifest = tenant_namespace.manifest(replace(namespace, plan="small"))
        ready = {"type": "Ready", "status": "True", "observedGeneration": 1}
        self.cluster.put({**manifest, "status": {"conditions": [ready]}})
        meta = {"name": namespace.cluster_name}
        self.cluster.put({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})

    async def token(
        self,
        tenant: str,
        role: Role | None,
        *,
        days: float = 30,
        revoked: bool = False,
        scopes: tuple[str, ...] = (),
    ) -> str:
        """The text of a new token; of a platform admin's without a role."""
        text = self.mint.mint(TokenKind.USER if role else TokenKind.ADMIN)
        now = self.clock.now()
        token = Token(
            id=str(uuid4()),
            subject_id=str(uuid4()),
            subject_name="Ada",
            kind=TokenKind.USER if role else TokenKind.ADMIN,
            tenant=tenant,
            role=role.value if role else "",
            last_four=text[-4:],
            created_at=now,
            expires_at=now + timedelta(days=days),
            revoked_at=now if revoked else None,
            restriction=Restriction(scopes),
        )
        if role:
            async with self.stores.begin(tenant) as work:
                await work.add_token(token, self.mint.digest(text))
        else:
            async with self.stores.begin_platform() as platform:
                await platform.add_platform_token(token, self.mint.digest(text))
        return text

    async def session(
        self, sub: str, *, groups: tuple[str, ...] = (), verified: bool = True
    ) -> str:
        """The token of a user who just signed in."""
        text, now = self.mint.mint(TokenKind.SESSION), self.clock.now()
        email = f"{sub}@example.com" if verified else ""
        async with self.stores.begin_platform() as work:
            user = await work.users.signed_in(
                Identity(ISSUER, sub, email, sub.title(), groups), now
            )
            session = Session(str(uuid4()), user, groups, text[-4:], now, now + timedelta(hours=12))
            await work.sessions.add(session, self.mint.digest(text))
        return text


@dataclass(frozen=True)
class Client:
    """A caller with one token (or none)."""

    session: aiohttp.ClientSession
    url: str
    token: str = ""

    def holding(self, token: str) -> Client:
        return Client(self.session, self.url, token)

    async def ask(self, method: str, path: str, **options: Any) -> Reply:
        headers = dict(options.pop("headers", {}))
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        async with self.session.request(
            method, f"{self.url}{path}", headers=headers, **options
        ) as answer:
            reply = Reply(answer.status, answer.headers, await answer.read())
        published.check(method, path, reply.status, reply.headers, reply.body)
        return reply

    async def get(self, path: str, **options: Any) -> Reply:
        return await self.ask("GET", path, **options)

    async def post(self, path: str, body: Any, **options: Any) -> Reply:
        return await self.ask("POST", path, json=body, **options)

    async def put(self, path: str, body: Any, **options: Any) -> Reply:
        return await self.ask("PUT", path, json=body, **options)

    async def patch(self, path: str, body: Any, **options: Any) -> Reply:
        return await self.ask("PATCH", path, json=body, **options)

    async def delete(self, path: str, **options: Any) -> Reply:
        return await self.ask("DELETE", path, **options)


@asynccontextmanager
async def serving(
    services: Services,
    limits: Limits | None = None,
    proxies: Proxies | None = None,
    *,
    port: int = 0,
) -> AsyncIterator[Client]:
    """The API on a port of its own, as `python -m funkhaus_api` runs it."""
    app = create_app(services, limits or Limits(body=1024 * 1024, seconds=30), proxies)
    runner = web.AppRunner(app, access_log=None, auto_decompress=False, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    host, port = runner.addresses[0][:2]
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
        yield Client(session, f"http://{host}:{port}")
    await runner.cleanup()
