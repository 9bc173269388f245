"""People sign in through a real OpenID provider, without a browser: its form is filled in by an HTTP client."""

from __future__ import annotations

import hashlib
import re
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from html import unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit, urlunsplit

import pytest

from funkhaus.auth.oidc import OidcProviders, ProviderSettings, parse
from funkhaus.domain.errors import UnauthenticatedError, UnavailableError
from funkhaus.domain.login import callback
from funkhaus.factory import SystemClock
from tests.support.api import Client, World, serving
from tests.support.idp import IdentityProvider, Person, running
from tests.support.ports import free_port
from tests.support.stores import MemoryStores

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

LOOPBACK = "http://127.0.0.1:49152/callback"


def settings(idp: IdentityProvider, **more: Any) -> tuple[ProviderSettings, ...]:
    import json

    one = {
        "id": "dev", "issuer": idp.issuer, "clientId": idp.client,
        "scopes": ["openid", "profile", "email", "groups"],
        "rules": [{"group": "funkhaus-admins", "platformRole": "admin"}],
    } | more  # fmt: skip
    return parse(json.dumps([one]))


@dataclass
class House:
    """An API with a provider beside it."""

    client: Client
    idp: IdentityProvider
    providers: OidcProviders
    url: str

    async def begin(self, verifier: str) -> str:
        challenge = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
        reply = await self.client.post(
            "/v1/logins",
            {
                "redirectUri": LOOPBACK,
                "codeChallenge": challenge.decode(),
                "codeChallengeMethod": "S256",
                "state": "s",
            },
        )
        assert reply.status == 201, reply.body
        return str(reply.json["authorizationUrl"])

    async def signed_in(self, login: str) -> Client:
        verifier = secrets.token_urlsafe(48)
        end, page = await Person(login).sign_in(await self.begin(verifier), LOOPBACK)
        assert end, page
        code = dict(parse_qsl(urlsplit(end).query))["code"]
        body = {"code": code, "codeVerifier": verifier, "redirectUri": LOOPBACK}
        reply = await self.client.post("/v1/sessions", body)
        assert reply.status == 201, reply.body
        return self.client.holding(reply.json["token"])


pytestmark = pytest.mark.usefixtures("idp_programs")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with running(tmp_path, callback(url)) as idp:
        world = World(MemoryStores(), clock=SystemClock(), public_url=url)  # type: ignore[arg-type]  # a clock
        configured = settings(idp)
        providers = OidcProviders(configured, callback(url), world.clock)
        world.providers, world.rules = providers, configured[0].rules
        async with serving(world.services(), port=port) as client:
            yield House(client, idp, providers, url)
        await providers.close()


async def test_people_sign_in_and_are_who_their_provider_says(house: House) -> None:
    ada, bob = await house.signed_in("ada@example.com"), await house.signed_in("bob@example.com")
    eve = await house.signed_in("eve@example.com")
    me = (await ada.get("/v1/me")).json
    assert (me["name"], me["email"], me["issuer"]) == (
        "Ada Lovelace",
        "ada@example.com",
        house.idp.issuer,
    )
    assert me["platformRoles"] == ["admin"]
    assert (await bob.get("/v1/me")).json["platformRoles"] == []
    assert (await eve.get("/v1/me")).json["email"] == ""  # the provider did not check it
    assert (await bob.post("/v1/tenants", {"id": "bobs"})).status == 201
    made = await bob.post(
        "/v1/tenants/bobs/invitations", {"email": "ada@example.com", "role": "viewer"}
    )
    taken = await ada.post("/v1/me/invitations/accept", {"secret": made.json["secret"]})
    assert taken.json == {"tenant": "bobs", "role": "viewer"}


async def test_a_device_is_let_in_by_a_person_elsewhere(house: House) -> None:
    device = (await house.client.ask("POST", "/v1/device-logins")).json
    form = {"code": device["userCode"], "provider": "dev"}
    _, page = await Person("bob@example.com").sign_in(f"{house.url}/device", "none", form=form)
    assert device["userCode"] in page
    assert "Bob Ross" in page
    found = re.search(r'name="code" value="([^"]+)"', page)
    assert found
    answer = {"code": unescape(found[1]), "decision": "allow"}
    assert (await house.client.ask("POST", "/device/decision", data=answer)).status == 200
    reply = await house.client.post("/v1/sessions", {"deviceCode": device["deviceCode"]})
    assert (reply.status, reply.json["user"]["email"]) == (201, "bob@example.com")


async def test_a_wrong_password_leads_nowhere(house: House) -> None:
    url = await house.begin("v" * 43)
    end, page = await Person("ada@example.com", "not it").sign_in(url, LOOPBACK)
    assert (end, "another password" in page) == ("", True)


def changed(url: str, **more: str | None) -> str:
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()} | more
    given = {name: value for name, value in query.items() if value is not None}
    return urlunsplit(parts._replace(query=urlencode(given)))


@pytest.mark.parametrize(
    "change",
    [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"redirect_uri": "http://127.0.0.1:1/elsewhere"},
        {"client_id": "another"},
    ],
)
async def test_the_provider_itself_holds_the_rules_we_rely_on(
    house: House, change: dict[str, str | None]
) -> None:
    url = changed(await house.begin("v" * 43), **change)
    end, page = await Person("ada@example.com").sign_in(url, LOOPBACK)
    assert end == "", page


@pytest.mark.parametrize(
    "change",
    [{"nonce": "another"}, {"code_challenge": "x" * 43}, {"state": "another"}, {"nonce": None}],
)
async def test_a_sign_in_changed_on_its_way_is_refused(
    house: House, change: dict[str, str | None]
) -> None:
    """Whoever changes what the browser carries to the provider gets nothing back."""
    url = changed(await house.begin("v" * 43), **change)
    end, page = await Person("ada@example.com").sign_in(url, LOOPBACK)
    assert (end, "Not signed in" in page) == ("", True)


async def at_the_provider(house: House, verifier: str) -> dict[str, str]:
    """What the provider answers with, before the platform has seen it."""
    url = await house.providers.authorization_url("dev", state="s", nonce="n", verifier=verifier)
    end, page = await Person("ada@example.com").sign_in(url, callback(house.url))
    assert end, page
    return dict(parse_qsl(urlsplit(end).query))


async def test_codes_are_taken_once_with_their_verifier_from_their_issuer(house: House) -> None:
    verifier = secrets.token_urlsafe(48)
    answer = await at_the_provider(house, verifier)
    assert answer["iss"] == house.idp.issuer
    for wrong in ({"iss": "https://evil.example"}, {"iss": ""}):
        with pytest.raises(UnauthenticatedError, match="another identity provider"):
            await house.providers.identify("dev", answer | wrong, nonce="n", verifier=verifier)
    without = {name: value for name, value in answer.items() if name != "iss"}
    with pytest.raises(UnauthenticatedError, match="another identity provider"):
        await house.providers.identify("dev", without, nonce="n", verifier=verifier)
    ada = await house.providers.identify("dev", answer, nonce="n", verifier=verifier)
    assert (ada.sub, ada.groups) == ("ada", ("funkhaus-admins", "engineering"))
    with pytest.raises(UnauthenticatedError, match="did not take the code"):
        await house.providers.identify("dev", answer, nonce="n", verifier=verifier)


async def test_a_code_with_another_verifier_or_nonce(house: House) -> None:
    verifier = secrets.token_urlsafe(48)
    answer = await at_the_provider(house, verifier)
    with pytest.raises(UnauthenticatedError, match="did not take the code"):
        await house.providers.identify("dev", answer, nonce="n", verifier=secrets.token_urlsafe(48))
    answer = await at_the_provider(house, verifier)
    with pytest.raises(UnauthenticatedError, match="nonce"):
        await house.providers.identify("dev", answer, nonce="other", verifier=verifier)


async def test_what_the_provider_refuses_is_said_in_its_words(house: House) -> None:
    answer = {"error": "access_denied", "error_description": "no\nway", "iss": house.idp.issuer}
    with pytest.raises(UnauthenticatedError, match="no way"):
        await house.providers.identify("dev", answer, nonce="n", verifier="v")


async def test_a_provider_that_speaks_for_another_or_is_not_there(house: House) -> None:
    clock = SystemClock()
    for issuer in (
        house.idp.issuer.replace("127.0.0.1", "localhost"),
        f"http://127.0.0.1:{free_port()}",
    ):
        other = OidcProviders(
            settings(IdentityProvider(issuer, "funkhaus")), callback(house.url), clock
        )
        with pytest.raises(UnavailableError):
            await other.authorization_url("dev", state="s", nonce="n", verifier="v" * 43)
        await other.close()


async def test_the_providers_keys_change_and_people_still_sign_in(tmp_path: Path) -> None:
    """The development provider has new keys at every start: an unknown one is fetched, if a minute has passed."""
    from tests.support.clock import FakeClock

    clock, port = FakeClock(SystemClock().now()), free_port()
    with running(tmp_path, "http://127.0.0.1:1/cb", port=port) as idp:
        providers = OidcProviders(settings(idp), "http://127.0.0.1:1/cb", clock)
        assert (await _identified(providers)).sub == "ada"
    with running(tmp_path, "http://127.0.0.1:1/cb", port=port):
        with pytest.raises(UnauthenticatedError, match="by no key"):
            await _identified(providers)
        clock.pass_seconds(60)
        assert (await _identified(providers)).sub == "ada"
    await providers.close()


async def test_a_key_that_is_kept_outlives_a_restart(tmp_path: Path) -> None:
    port, kept = free_port(), ("--key-file", str(tmp_path / "key"))
    with running(tmp_path, "http://127.0.0.1:1/cb", *kept, port=port) as idp:
        providers = OidcProviders(settings(idp), "http://127.0.0.1:1/cb", SystemClock())
        assert (await _identified(providers)).sub == "ada"
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    with running(tmp_path, "http://127.0.0.1:1/cb", *kept, port=port):
        assert (await _identified(providers)).sub == "ada"
    await providers.close()


@pytest.mark.parametrize("asked", [True, False])
async def test_claims_that_only_userinfo_has(tmp_path: Path, asked: bool) -> None:  # noqa: FBT001 - a parameter
    with running(tmp_path, "http://127.0.0.1:1/cb", "--lean-id-tokens") as idp:
        providers = OidcProviders(
            settings(idp, userinfo=asked), "http://127.0.0.1:1/cb", SystemClock()
        )
        ada = await _identified(providers)
        await providers.close()
    assert ada.sub == "ada"
    more = (ada.display_name, ada.email, ada.groups)
    there = ("Ada Lovelace", "ada@example.com", ("funkhaus-admins", "engineering"))
    assert more == (there if asked else ("", "", ()))


async def test_a_confidential_client_shows_its_secret(tmp_path: Path) -> None:
    secret = "a s3cret: with + and %20"
    (tmp_path / "secret").write_text(secret + "\n")
    redirect = "http://127.0.0.1:1/cb"
    with running(tmp_path, redirect, "--client-secret-file", str(tmp_path / "secret")) as idp:
        for given, passes in ((secret, True), ("another secret", False), ("", False)):
            more = {"clientSecret": given} if given else {}
            providers = OidcProviders(settings(idp, **more), redirect, SystemClock())
            if passes:
                assert (await _identified(providers)).sub == "ada"
            else:
                with pytest.raises(UnauthenticatedError, match="did not take the code"):
                    await _identified(providers)
            await providers.close()


async def _identified(providers: OidcProviders) -> Any:
    verifier = secrets.token_urlsafe(48)
    url = await providers.authorization_url("dev", state="s", nonce="n", verifier=verifier)
    end, page = await Person("ada@example.com").sign_in(url, "http://127.0.0.1:1/cb")
    assert end, page
    answer = dict(parse_qsl(urlsplit(end).query))
    return await providers.identify("dev", answer, nonce="n", verifier=verifier)
