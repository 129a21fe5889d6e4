"""Signing in with OpenID Connect where it is configured: it opens pages as a listed person, and signs nothing.

`GONOGO_OIDC_ISSUER`, `GONOGO_OIDC_CLIENT` and `GONOGO_OIDC_SECRET` in the environment of the server name the provider.
Who somebody is, the approvers file says: the verified e-mail address has to be one of a person's `identities`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from gonogo.adapters.identity_provider import IdentityProvider
from gonogo.errors import GonogoError, Refused
from gonogo.evidence.idtokens import Expected, claims_of, email_of
from gonogo.evidence.signers import ListedPerson
from gonogo.terms import Secret, digest_of
from gonogo.values import dataclass
from gonogo.web.guarding import cookies
from gonogo.web.showing import page
from gonogo.web.signing_in import address_of, following, let_in
from gonogo.web.site import Site, site_of

COOKIE: Final = "gonogo_oidc"
LASTS_S: Final = 300
BACK: Final = "/sign-in/oidc/back"


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in that was begun: what the provider has to give back, and where the person wanted to go."""

    nonce: str
    verifier: str
    browser: str
    redirect: str
    wanted: str


def configured(environ: Mapping[str, str]) -> IdentityProvider | None:
    """The provider that the environment names; None where it names none."""
    issuer, client = environ.get("GONOGO_OIDC_ISSUER", ""), environ.get("GONOGO_OIDC_CLIENT", "")
    if not issuer or not client:
        return None
    return IdentityProvider(issuer, client, Secret(environ.get("GONOGO_OIDC_SECRET", "")))


def routes() -> list[Route]:
    """Away, and back again."""
    return [Route("/sign-in/oidc", away, methods=["GET"]), Route(BACK, back, methods=["GET"])]


async def away(request: Request) -> Response:
    """Send the browser to the provider, with a state that only this browser can bring back."""
    site, provider = site_of(request), request.app.state.oidc
    if not isinstance(provider, IdentityProvider):
        return page(request, "refused.html", {"what": "no identity provider is configured"}, 404)
    browser, verifier, nonce = (secrets.token_urlsafe(32) for _ in range(3))
    here = address_of(site, request)
    redirect = f"{here}{BACK}"
    begun = Begun(nonce, verifier, browser, redirect, following(site, request.query_params.get("next", "")))
    state = site.challenges.put(begun, site.now())
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    try:
        address = await run_in_threadpool(provider.away, redirect, state, nonce, challenge)
    except GonogoError as error:
        return page(request, "refused.html", {"what": error.what, "next_step": error.next_step}, 503)
    answer = RedirectResponse(address, 303)
    secure = here.startswith("https:")
    answer.set_cookie(COOKIE, browser, max_age=LASTS_S, path="/sign-in", httponly=True, samesite="lax", secure=secure)
    return answer


async def back(request: Request) -> Response:
    """Open a session for the person whose address the provider vouches for."""
    site = site_of(request)
    try:
        person, wanted = await run_in_threadpool(_proved, site, request)
    except GonogoError as error:
        site.trail.refused("oidc", "")
        return page(request, "refused.html", {"what": error.what, "next_step": error.next_step}, 403)
    answer = let_in(request, person, "oidc", "", wanted)
    answer.delete_cookie(COOKIE, path="/sign-in")
    return answer


def _proved(site: Site, request: Request) -> tuple[ListedPerson, str]:
    provider, now = request.app.state.oidc, site.door.world.clock.now()
    begun = site.challenges.take(request.query_params.get("state", ""), site.now())
    here = next(iter(cookies(request.headers, COOKIE)), "")
    if not isinstance(provider, IdentityProvider) or not isinstance(begun, Begun):
        raise Refused("this sign-in was not begun here, or is too old", next_step="sign in again")
    if not hmac.compare_digest(here.encode(), begun.browser.encode()):
        raise Refused("this sign-in was begun in another browser", next_step="sign in again")
    code = request.query_params.get("code", "")
    if not code:
        raise Refused("the identity provider did not let you in", next_step="sign in again")
    if request.query_params.get("iss", provider.issuer) != provider.issuer:
        raise Refused("another identity provider sent you here", next_step="sign in again")
    tokens = provider.tokens_for(code, begun.redirect, begun.verifier)
    expected = Expected(provider.issuer, provider.client, begun.nonce, now)
    claims = claims_of(tokens.identity, provider.keys(), expected)
    told = {} if "email" in claims else provider.about(tokens.access)
    identity = digest_of(email_of(claims, told).encode())
    found = next((person for person in site.people.ring().people if identity in person.identities), None)
    if found is None:
        raise Refused("nobody in the approvers file has this address", next_step="list it under `identities`")
    return found, begun.wanted
