"""My keys: enrolling a passkey of this browser in the approvers file; inviting somebody who is listed (F41, REV-08)."""

from __future__ import annotations

import base64
import os
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from gonogo.control.trust.key_keeping import Device, enrol, file_device, listed, vouched
from gonogo.errors import BadInput, Refused
from gonogo.evidence.canonical import read_object
from gonogo.evidence.vouching import CHALLENGE_BYTES, passkey_registration
from gonogo.plan.approvers_editing import NewKey
from gonogo.terms import Person, digest_of
from gonogo.values import dataclass
from gonogo.web.credentials import Credential
from gonogo.web.sessions import LINK, Session
from gonogo.web.showing import form_of, page
from gonogo.web.signing_in import address_of, relying_party
from gonogo.web.site import Site, session_of, site_of
from gonogo.web.trail import ENROLLED

MOST_REGISTRATION: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A challenge that was given to one session."""

    session: str
    challenge: bytes


def you_page(request: Request) -> Response:
    """My keys, my sessions, and, for administrators, everybody's keys and a link for somebody."""
    site, session = site_of(request), session_of(request)
    rows = listed(site.door)
    about = {
        "session": session,
        "person": site.people.person(session.person),
        "keys": [row for row in rows if row.person == session.person],
        "everybody": rows if site.people.is_admin(session.person) else (),
        "people": site.people.ring().people,
        "keyed": {row.person for row in rows},
        "sessions": site.sessions.of(session.person),
        "fresh": session.is_fresh(site.now()),
        "passkeys": relying_party(site, request),
        "origin": address_of(site, request),
        "host": request.headers.get("host", "").rpartition(":")[0] or request.headers.get("host", ""),
        "link": "",
    }
    return page(request, "you.html", about)


async def begin_passkey(request: Request) -> Response:
    """The options for `navigator.credentials.create`, with a challenge of this session."""
    site, session = site_of(request), session_of(request)
    await form_of(request)
    _demand_fresh(site, session)
    challenge = os.urandom(CHALLENGE_BYTES)
    token = site.challenges.put(Enrolment(session.id, challenge), site.now())
    known = {row.fingerprint for row in listed(site.door) if row.person == session.person}
    return JSONResponse(
        {
            "token": token,
            "challenge": base64.urlsafe_b64encode(challenge).rstrip(b"=").decode(),
            "rp_id": relying_party(site, request),
            "user": session.person,
            "known": [item.id for item in site.credentials.all() if item.fingerprint in known],
        }
    )


async def enrol_passkey(request: Request) -> Response:
    """List the new passkey in the approvers file, as `gonogo keys enrol` does."""
    fields = await form_of(request)
    site, session = site_of(request), session_of(request)
    _demand_fresh(site, session)
    begun = site.challenges.take(fields.get("token", ""), site.now())
    if not isinstance(begun, Enrolment) or begun.session != session.id:
        site.trail.refused("enrolment_challenge", session.person)
        raise Refused("this enrolment was begun elsewhere, or is too old", next_step="begin it again")
    data = fields.get("registration", "").encode()
    name = read_object(data, name="registration", limit=MOST_REGISTRATION).get("id")
    if not isinstance(name, str) or not 1 <= len(name) <= 1400:
        raise BadInput("the browser's answer names no credential", next_step="begin the enrolment again")
    device = Device(passkey_registration(data), begun.challenge)
    found = vouched(site.door, None, device)
    digest = digest_of(device.attestation) if found.root else ""
    changed = enrol(site.door, NewKey(session.person, found.key, (), found.level, digest))
    changed.write()
    if found.root:
        file_device(site.door, found, device)
    site.credentials.add(Credential(name, found.key.fingerprint, session.person))
    fields_noted = {"fingerprint": found.key.fingerprint, "assurance": found.level.name}
    site.trail.note(ENROLLED, Person(session.person), fields_noted)
    return RedirectResponse("/you?done=enrolled", 303)


async def invite(request: Request) -> Response:
    """A one-time link for somebody who is listed; shown once, to an administrator."""
    fields = await form_of(request)
    site, session = site_of(request), session_of(request)
    if not site.people.is_admin(session.person) or not session.is_fresh(site.now()):
        site.trail.refused("invite", session.person)
        raise Refused("only an administrator who signed in a moment ago invites", next_step="sign in again")
    person = site.people.person(fields.get("person", ""))
    if person is None:
        raise BadInput("there is no such person in the approvers file", next_step="list them there first")
    token = site.links.put(person.handle, site.now())
    site.trail.note("web.invited", Person(session.person), {"person": person.handle})
    return page(request, "invited.html", {"person": person, "link": f"{address_of(site, request)}/welcome/{token}"})


def _demand_fresh(site: Site, session: Session) -> None:
    if not session.is_fresh(site.now()):
        site.trail.refused("enrolment_not_fresh", session.person)
        again = "ask an administrator for a new link, or, as the first one, start `gonogo serve` again"
        way = again if session.how == LINK else "sign in again with a key of yours"
        raise Refused("keys are changed only right after a key was proved", next_step=way)
