"""Signing in with a real OpenID Connect provider: who is listed gets in, nobody else, and nothing is signed by it."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from urllib3 import PoolManager

from gonogo.adapters.identity_provider import IdentityProvider
from gonogo.errors import Broken, Refused
from gonogo.evidence.idtokens import Expected, claims_of, email_of
from gonogo.terms import Secret
from tests.projects import small_project
from tests.worlds_http import place
from web_world import Client, Page, Served, served

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # One of its own libraries is on its way out.
    import oidc_provider_mock

# The provider of the test warns about a library of its own; under `-W error` it would answer 500.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
EXPECTED = Expected("https://id.example", "gonogo", "nonce-1", NOW)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    logging.getLogger("oidc_provider_mock").setLevel(logging.ERROR)
    root = tmp_path_factory.mktemp("oidc")
    people = [
        oidc_provider_mock.User(sub=name, claims={"email": email, "email_verified": True})
        for name, email in (("sre", "sre@shop.example"), ("stranger", "eve@evil.example"))
    ]
    with oidc_provider_mock.run_server_in_thread(require_nonce=True, user_claims=people) as provider:
        with place(root / "staging") as staging, place(root / "production") as production:
            project = small_project(root / "shop", staging, production)
            project.edit("config/release-approvers.yaml", "  - id: sre1\n", "  - id: sre1\n    identities: [Sre@Shop.example]\n")
            issuer = f"http://localhost:{provider.server_port}"
            environ = {"GONOGO_OIDC_ISSUER": issuer, "GONOGO_OIDC_CLIENT": "gonogo", "GONOGO_OIDC_SECRET": "hush"}
            object.__setattr__(project, "environ", environ)
            with served(project) as site:
                yield site


def through(client: Client, subject: str) -> Page:
    """Go to the provider, log in there as `subject`, and come back."""
    away = client.get("/sign-in/oidc?next=/audit")
    assert away.status == 303, away.text
    said = PoolManager().request("POST", away.location, body=urlencode({"sub": subject}), headers={"content-type": "application/x-www-form-urlencoded"}, redirect=False)
    assert said.status in {302, 303}, said.data
    back = urlsplit(said.headers["location"])
    return client.get(f"{back.path}?{back.query}")


def test_a_listed_person_gets_in_and_a_stranger_does_not(here: Served) -> None:
    client = Client(here)
    assert "Sign in with localhost" in client.get("/sign-in").text
    page = through(client, "sre")
    assert page.location == "/audit", page.text
    assert "sre1" in client.get("/audit").text
    stranger = Client(here)
    assert through(stranger, "stranger").status == 403
    assert "gonogo_session" not in stranger.cookies
    assert here.refusals()[-1] == "oidc"


def test_behind_a_proxy_with_tls_the_provider_sends_people_back_there_and_the_cookies_go_nowhere_else(here: Served) -> None:
    file = "config/release-approvers.yaml"
    before = (here.project.root / file).read_text()
    here.project.edit(file, "freeze_stakeholders:", "web: {rp_ids: [gonogo.example], origins: ['https://gonogo.example']}\nfreeze_stakeholders:")
    try:
        client = Client(here, headers={"host": "gonogo.example"})
        away = client.get("/sign-in/oidc?next=/audit")
        assert parse_qs(urlsplit(away.location).query)["redirect_uri"] == ["https://gonogo.example/sign-in/oidc/back"]
        assert "secure" in away.headers["set-cookie"].lower()
        page = through(client, "sre")
        assert "samesite=lax; secure" in page.headers["set-cookie"].lower()
        assert "secure" not in through(Client(here), "sre").headers["set-cookie"].lower(), "on this machine there is no TLS"
    finally:
        (here.project.root / file).write_text(before)


def test_a_sign_in_that_another_browser_began_is_not_finished_here(here: Served) -> None:
    attacker, victim = Client(here), Client(here)
    away = attacker.get("/sign-in/oidc")
    said = PoolManager().request("POST", away.location, body=urlencode({"sub": "sre"}), headers={"content-type": "application/x-www-form-urlencoded"}, redirect=False)
    back = urlsplit(said.headers["location"])
    assert victim.get(f"{back.path}?{back.query}").status == 403
    assert attacker.get(f"{back.path}?{back.query}").status == 403, "a state is used once"
    assert here.refusals()[-2:] == ["oidc", "oidc"]


def test_a_provider_is_asked_for_the_address_by_the_token_that_it_gave(here: Served) -> None:
    environ = here.project.environ
    provider = IdentityProvider(environ["GONOGO_OIDC_ISSUER"], "gonogo", Secret("hush"))
    redirect, verifier = f"{here.base}/sign-in/oidc/back", "v" * 43
    address = provider.away(redirect, "state", "nonce-1", b64(hashlib.sha256(verifier.encode()).digest()))
    said = PoolManager().request("POST", address, body=urlencode({"sub": "sre"}), headers={"content-type": "application/x-www-form-urlencoded"}, redirect=False)
    tokens = provider.tokens_for(parse_qs(urlsplit(said.headers["location"]).query)["code"][0], redirect, verifier)
    told = provider.about(tokens.access)
    assert email_of({"sub": told["sub"]}, told) == "sre@shop.example"
    assert provider.about(Secret("")) == {}
    with pytest.raises(Broken, match="answered 4"):
        provider.about(Secret("another"))


RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def whole(number: int, size: int) -> str:
    return b64(number.to_bytes(size, "big"))


KEYS = (
    {"kty": "RSA", "kid": "r", "n": whole(RSA.public_key().public_numbers().n, 256), "e": "AQAB"},
    {"kty": "EC", "kid": "e", "crv": "P-256", "x": whole(EC.public_key().public_numbers().x, 32), "y": whole(EC.public_key().public_numbers().y, 32)},
)


def token(algorithm: str = "RS256", kid: str = "r", head: dict[str, object] | None = None, **claims: object) -> str:
    said = {"iss": "https://id.example", "aud": "gonogo", "nonce": "nonce-1", "email": "Sre@Shop.example", "email_verified": True}
    said |= {"iat": int(NOW.timestamp()), "exp": int(NOW.timestamp()) + 300, **claims}
    header = {"alg": algorithm, "kid": kid, **(head or {})}
    signed = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(said).encode())}"
    if algorithm == "RS256":
        signature = RSA.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    elif algorithm == "ES256":
        r, s = decode_dss_signature(EC.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    else:
        signature = b""
    return f"{signed}.{b64(signature)}"


@pytest.mark.parametrize(("algorithm", "kid"), [("RS256", "r"), ("ES256", "e")])
def test_a_sound_token_gives_the_address_in_lower_case(algorithm: str, kid: str) -> None:
    assert email_of(claims_of(token(algorithm, kid), KEYS, EXPECTED), {}) == "sre@shop.example"


WRONG = {
    "no algorithm": token("none"),
    "a secret instead of a key": token("HS256"),
    "another key": token("RS256", "e"),
    "an extension that nobody understands": token(head={"crit": ["x"]}),
    "another issuer": token(iss="https://evil.example"),
    "another client": token(aud="other"),
    "several clients": token(aud=["gonogo", "other"]),
    "another sign-in": token(nonce="nonce-2"),
    "no sign-in": token(nonce=None),
    "an old token": token(iat=int(NOW.timestamp()) - 3600),
    "a token of the past": token(exp=int(NOW.timestamp()) - 3600),
    "a token of the future": token(iat=int(NOW.timestamp()) + 3600),
    "an address that nobody verified": token(email_verified=False),
    "an address verified in words": token(email_verified="true"),
    "no address": token(email=None),
    "a time that is none": token(exp=True),
    "two parts": token().rpartition(".")[0],
    "no base64": token().replace(".", ".!", 1),
    "a changed claim": ".".join((token().split(".")[0], token(email="eve@evil.example").split(".")[1], token().split(".")[2])),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_token_that_is_not_sound_opens_nothing(name: str) -> None:
    with pytest.raises(Refused, match="does not count"):
        email_of(claims_of(WRONG[name], KEYS, EXPECTED), {})


def test_an_address_that_stands_apart_from_the_token_counts_for_its_very_subject_alone() -> None:
    claims = {"sub": "248"}
    said = {"email": "Sre@Shop.example", "email_verified": True}
    assert email_of(claims, {**said, "sub": "248"}) == "sre@shop.example"
    for told in ({}, said, {**said, "sub": "249"}, {**said, "sub": "248", "email_verified": False}):
        with pytest.raises(Refused, match="does not count"):
            email_of(claims, told)
    for one in ({}, {"sub": ""}, {"sub": 7}, {"sub": "248", "email": None}, {"sub": "248", "email": "eve@evil.example"}):
        with pytest.raises(Refused, match="does not count"):
            email_of(one, {**said, "sub": one.get("sub")})
