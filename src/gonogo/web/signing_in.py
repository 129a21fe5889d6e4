"""Signing in by proof of a listed key: a passkey in the browser, or an SSH signature by copy and paste; signing out.

What is signed is a line with a challenge of this server that is used once; its namespace is of no other kind of
statement, so that nothing signed here could ever be shown as an approval, and no approval opens a session.
"""

from __future__ import annotations

import base64
import re
import shlex
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from gonogo.errors import GonogoError, Refused
from gonogo.evidence.passkey_wrapping import BrowserAnswer, read_answer, signature_of
from gonogo.evidence.signers import ListedPerson
from gonogo.evidence.sshkeys import PublicKey
from gonogo.evidence.sshsig import Signed, examine, signed_data
from gonogo.evidence.wire import BadSignature
from gonogo.terms import Person
from gonogo.web.sessions import COOKIE, LINK, LONGEST_S
from gonogo.web.showing import form_of, page, read_form
from gonogo.web.site import Site, session_of, site_of
from gonogo.web.trail import SIGNED_IN, SIGNED_OUT

NAMESPACE: Final = "gonogo/sign-in/v1"
_PATH: Final = re.compile(r"/[A-Za-z0-9._~/@:+-]*(?:\?[A-Za-z0-9._~/@:+=&%*-]{0,1000})?")


def message_of(site: Site, challenge: str) -> bytes:
    """The line that is signed."""
    return f"sign in to gonogo of {site.name} with {challenge}\n".encode()


async def sign_in_page(request: Request) -> Response:
    """The page for strangers: both ways in, with a new challenge."""
    site = site_of(request)
    challenge = site.challenges.put("sign-in", site.now())
    message = message_of(site, challenge)
    about = {
        "challenge": challenge,
        "quoted": shlex.quote(message.decode().rstrip("\n")),
        "namespace": NAMESPACE,
        "data": _base64url(signed_data(NAMESPACE, message)),
        "passkeys": relying_party(site, request),
        "next": following(site, request.query_params.get("next", "")),
        "origins": sorted(site.origins()),
        "oidc": getattr(request.app.state, "oidc", None),
    }
    return page(request, "sign_in.html", about)


async def sign_in(request: Request) -> Response:
    """Open a session for whoever proved a listed key; 403 with the reason otherwise."""
    site = site_of(request)
    address = request.client.host if request.client else ""
    if site.attempts.is_full(address, site.now()):
        site.trail.refused("too_many_sign_ins", "")
        return page(request, "refused.html", {"what": "too many attempts; wait a minute"}, 429)
    fields = read_form(await request.body())
    try:
        person, signed, how = _proved(site, fields)
    except GonogoError as error:
        site.attempts.allows(address, site.now())
        site.trail.refused("sign_in", "")
        about = {"what": error.what, "next_step": error.next_step}
        return page(request, "refused.html", about, 403)
    return let_in(request, person, how, signed.key.fingerprint, following(site, fields.get("next", "")))


def let_in(request: Request, person: ListedPerson, how: str, fingerprint: str, wanted: str) -> Response:
    """A new session, always with a new cookie; an old one of the same browser ends."""
    site = site_of(request)
    old = request.scope.get("gonogo.session")
    if old is not None:
        site.sessions.end(old)
        if old.person != person.handle:
            # Somebody signs in over another's session: it may have been planted in their browser.
            site.trail.refused("session_of_another", old.person)
    value, _ = site.sessions.begin(person.handle, how, fingerprint, site.now())
    site.trail.note(SIGNED_IN, Person(person.handle), {"how": how, "fingerprint": fingerprint})
    answer = RedirectResponse(wanted or "/", 303)
    secure = address_of(site, request).startswith("https:")
    answer.set_cookie(COOKIE, value, max_age=int(LONGEST_S), path="/", httponly=True, samesite="lax", secure=secure)
    return answer


async def sign_out(request: Request) -> Response:
    """End the session."""
    await form_of(request)
    site, session = site_of(request), session_of(request)
    site.sessions.end(session)
    site.trail.note(SIGNED_OUT, Person(session.person), {})
    answer = RedirectResponse("/sign-in", 303)
    answer.delete_cookie(COOKIE, path="/")
    return answer


async def welcome_page(request: Request) -> Response:
    """A one-time link, looked at: it is used up by the button only, so that a preview of the link costs nothing."""
    site = site_of(request)
    found = site.links.look(request.path_params["token"], site.now())
    if found is None:
        return page(request, "refused.html", {"what": "this link was used already, or is too old"}, 403)
    people = site.people.first() if found == "" else tuple(p for p in site.people.ring().people if p.handle == found)
    return page(request, "welcome.html", {"people": people, "token": request.path_params["token"]})


async def welcome(request: Request) -> Response:
    """Use a one-time link: the first administrator, or whoever an administrator invited."""
    site = site_of(request)
    fields = read_form(await request.body())
    found = site.links.take(request.path_params["token"], site.now())
    if found is None:
        site.trail.refused("used_link", "")
        return page(request, "refused.html", {"what": "this link was used already, or is too old"}, 403)
    able = {person.handle: person for person in site.people.first()}
    invited = site.people.person(str(found)) if found else able.get(fields.get("person", ""))
    if invited is None:
        site.trail.refused("welcome", "")
        return page(request, "refused.html", {"what": "this link is for nobody who is listed"}, 403)
    return let_in(request, invited, LINK, "", "/you")


def _proved(site: Site, fields: dict[str, str]) -> tuple[ListedPerson, Signed, str]:
    challenge = fields.get("challenge", "")
    if site.challenges.take(challenge, site.now()) != "sign-in":
        raise Refused("the challenge was used already, or is too old", next_step="open the sign-in page again")
    message = message_of(site, challenge)
    if fields.get("assertion"):
        signed = _by_passkey(site, read_answer(fields["assertion"].encode()), message)
        how = "passkey"
    else:
        signed = examine(fields.get("signature", "").strip().encode() + b"\n", message, NAMESPACE)
        how = "ssh"
    person = site.people.owner(signed.key, site.door.world.clock.now())
    if person is None:
        raise Refused(f"{signed.key.fingerprint} is no key that is listed now", next_step="gonogo keys list")
    return person, signed, how


def _by_passkey(site: Site, answer: BrowserAnswer, message: bytes) -> Signed:
    ring = site.people.ring()
    keys = [item.key for person in ring.people for item in person.keys if item.key.application in ring.web.rp_ids]
    for key in keys:
        signed = _signed_by(key, answer, message, site)
        if signed is not None:
            return signed
    raise Refused("this passkey is not listed", next_step="enrol it: ask an administrator for a link")


def _signed_by(key: PublicKey, answer: BrowserAnswer, message: bytes, site: Site) -> Signed | None:
    try:
        armoured = signature_of(answer, key, message, NAMESPACE, site.people.ring().web)
    except BadSignature:
        return None
    signed = examine(armoured, message, NAMESPACE)
    if signed.touch is None or not signed.touch.verified:
        raise Refused("the device did not verify who you are", next_step="use its PIN, finger or face")
    return signed


def relying_party(site: Site, request: Request) -> str:
    """The relying party of this origin, where the approvers file lets passkeys come from it; else empty."""
    web = site.people.ring().web
    origin = f"{request.url.scheme}://{request.headers.get('host', '')}"
    for known in web.origins:
        if known == origin or urlsplit(known).netloc == request.headers.get("host", ""):
            host = urlsplit(known).hostname or ""
            return next((name for name in web.rp_ids if host == name or host.endswith(f".{name}")), "")
    return ""


def address_of(site: Site, request: Request) -> str:
    """The listed address under which this server was asked: by TLS where a proxy ends that before it."""
    host, said = request.headers.get("host", "").lower(), request.headers.get("origin", "")
    under = sorted(origin for origin in site.origins() if urlsplit(origin).netloc.lower() == host)
    return said if said in under else under[-1]


def following(site: Site, text: str) -> str:
    """A path of this very server; anything else is left out, and stands in the log (open redirects)."""
    found = text if _PATH.fullmatch(text) and not text.startswith("//") else ""
    if text and not found:
        site.trail.refused("open_redirect", "")
    return found


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


async def healthz(_request: Request) -> Response:
    """That the server answers; says nothing about anything."""
    return JSONResponse({"ok": True})
