"""Deciding in the browser: the request with all that stands for and against it, the exact bytes, the signature.

Two pages. On the first the person reads and says what they say; on the second they see the very bytes of their
statement and sign them: with a passkey, whose challenge is the SSHSIG digest of these bytes, or with ssh-keygen by copy
and paste. What comes back is verified as if it came from the command line, and again offline by `gonogo verify`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gonogo.control.agents.said import agents_said
from gonogo.control.answering import (
    Asked,
    Said,
    is_reason_needed,
    passkey_signature,
    reason_of,
    signer_of,
    statement_of,
)
from gonogo.control.parity_open import open_parity
from gonogo.control.run_reports import card_of
from gonogo.engine.people import people_now
from gonogo.errors import BadInput, GonogoError, Refused
from gonogo.evidence.canonical import Tree
from gonogo.evidence.signers import Kind, ListedKey, ListedPerson, namespace
from gonogo.evidence.sshsig import signed_data
from gonogo.evidence.statements import read_request
from gonogo.reports.asked import known_about
from gonogo.run.asking import rule_of
from gonogo.run.state import Round
from gonogo.terms import Digest, RunId, digest_of
from gonogo.values import dataclass
from gonogo.web.asking_own import answered, answers_of, asked_fields, asked_for
from gonogo.web.memory import Known
from gonogo.web.run_pages import asking_of, frame, run_named
from gonogo.web.settling import settle
from gonogo.web.showing import form_of, page
from gonogo.web.site import Site, actor_of, session_of, site_of


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement that is ready to be signed: by whom, in which session, for which round, with which key."""

    person: str
    session: str
    run: RunId
    round: str
    kind: str
    statement: bytes
    fingerprint: str
    namespace: str
    passkey: bool


def request_page(request: Request) -> Response:
    """An open round: what is asked, what is known, and the form to answer it."""
    site, known, asked = _asked(request)
    opened, vault = known.opened, site.door.world.vault
    me = session_of(request).person
    person = people_now(site.door.world, opened.plan).person(me)
    about = {
        "asked": asking_of(site.door.world, opened, asked),
        "reason_needed": is_reason_needed(asked),
        "request": read_request(vault.read(asked.request)),
        "parity": tuple(open_parity(site.door.world, opened, site.door.world.clock.now())),
        "shown": vault.read(asked.shown).decode("utf-8", "replace"),
        "agents": agents_said(site.door.world, opened.run, asked.name),
        "known": known_about(opened.plan, opened.state, asked, lambda digest: vault.read(Digest(digest))),
        "gates": [card_of(site.door, opened, name) for name in opened.state.judgements if name in opened.plan.gates],
        "keys": _keys(site, person),
        "late": _late(site, me, person),
        "roles": _roles(known, asked, person),
        "person": person,
        "rule": rule_of(opened.plan, asked),
        "fields": asked_fields(asked.kind, vault.read(asked.request)),
        "answers": answers_of(known, asked, vault.read(asked.request)),
    }
    return page(request, "request.html", {**frame(site, known, ""), **about})


async def prepare(request: Request) -> Response:
    """Make the statement that the form describes, and go to the page where it is signed."""
    fields = await form_of(request)
    site, known, asked = _asked(request)
    opened, session = known.opened, session_of(request)
    person = people_now(site.door.world, opened.plan).person(session.person)
    listed = _key(person, fields.get("key", ""))
    if person is None or listed is None:
        site.trail.refused("key_does_not_count", session.person, run=opened.run, round=asked.name)
        raise Refused(
            "this key does not count in this run: whoever was listed, and which keys, was fixed when it was opened",
            next_step="sign with a key that was listed then; the new one counts in runs that are opened from now on",
        )
    passkey = bool(listed.key.application) and not listed.key.application.startswith("ssh:")
    round_asked = Asked(opened.run, asked, site.door.world.vault.read(asked.request))
    signer = signer_of(site.door, round_asked, person, listed.key, fields.get("role", ""))
    fields = answered(answers_of(known, asked, round_asked.request), fields)
    said = Said(says_of(asked, fields), fields.get("comment", ""), "browser" if passkey else "ssh-keygen")
    statement = statement_of(round_asked, signer, said)
    space = namespace(asked.kind, opened.plan.environment)
    ready = Prepared(
        session.person,
        session.id,
        opened.run,
        asked.name,
        asked.kind,
        statement,
        listed.key.fingerprint,
        space,
        passkey,
    )
    return RedirectResponse(f"/sign/{site.prepared.put(ready, site.now())}", 303)


def sign_page(request: Request) -> Response:
    """The exact bytes, and both ways to sign them."""
    site = site_of(request)
    ready = _prepared(request, site.prepared.look(str(request.path_params["token"]), site.now()))
    data = signed_data(ready.namespace, ready.statement)
    about = {
        "ready": ready,
        "statement": ready.statement.decode(),
        "data": base64.urlsafe_b64encode(data).rstrip(b"=").decode(),
        "digest": digest_of(ready.statement),
        "credentials": ",".join(site.credentials.of(ready.fingerprint)),
        "rp_id": _application(site, ready),
        "token": request.path_params["token"],
    }
    return page(request, "sign.html", about)


def statement_file(request: Request) -> Response:
    """The statement as a file, to be signed elsewhere."""
    site = site_of(request)
    ready = _prepared(request, site.prepared.look(str(request.path_params["token"]), site.now()))
    headers = {"content-disposition": 'attachment; filename="statement.json"'}
    return Response(ready.statement, media_type="application/octet-stream", headers=headers)


async def sign(request: Request) -> Response:
    """Record the signature; a statement that was prepared is answered once."""
    fields = await form_of(request)
    site = site_of(request)
    ready = _prepared(request, site.prepared.take(str(request.path_params["token"]), site.now()))
    try:
        if fields.get("assertion"):
            signature = passkey_signature(site.door, ready.run, ready.statement, fields["assertion"].encode())
        else:
            signature = fields.get("signature", "").strip().encode() + b"\n"
        site.door.record(ready.run, ready.round, ready.statement, signature, actor_of(request))
    except GonogoError:
        site.trail.refused("signature", ready.person, run=ready.run, round=ready.round)
        raise
    if settle(site.door, ready.run, ready.round, actor_of(request)):
        site.drivers.drive(ready.run)
    return RedirectResponse(f"/runs/{ready.run}?done=signed", 303)


async def ask(request: Request) -> Response:
    """Open a round of one's own, such as an objection or a sign-off; then go to its page."""
    fields = await form_of(request)
    site, known = run_named(request)
    name = asked_for(site.door, known.opened.run, fields, actor_of(request))
    return RedirectResponse(f"/runs/{known.opened.run}/requests/{name}", 303)


def _decided(asked: Round, fields: Mapping[str, str]) -> dict[str, Tree]:
    decision = fields.get("decision", "")
    if decision not in {"go", "no_go"}:
        raise BadInput("say go or no-go", next_step="choose one of the two")
    return {"decision": decision, "reason": reason_of(asked, decision, fields.get("reason", ""))}


def _approval(asked: Round, fields: Mapping[str, str]) -> dict[str, Tree]:
    found = _decided(asked, fields)
    risks = [line.partition("=") for line in _lines(fields, "risks")]
    if risks:
        owner = fields.get("role", "") or "the signer"
        found["risks_accepted"] = [{"id": name, "text": text or name, "owner": owner} for name, _, text in risks]
    if _lines(fields, "conditions"):
        found["conditions"] = [*_lines(fields, "conditions")]
    return found


def _attestation(_asked: Round, fields: Mapping[str, str]) -> dict[str, Tree]:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    answer = "no" if fields.get("decision") == "no_go" else "yes"
    return {
        "answer": fields.get("answer", "").strip() or answer,
        "observed_at": now,
        "reason_no_automation": fields.get("reason", "").strip() or "only a person can state this",
    }


def _signoff(asked: Round, fields: Mapping[str, str]) -> dict[str, Tree]:
    found = _decided(asked, fields)
    return {**found, "decision": "approved" if found["decision"] == "go" else "rejected"}


def _reasoned(_asked: Round, fields: Mapping[str, str]) -> dict[str, Tree]:
    reason = fields.get("reason", "").strip()
    if not reason:
        raise BadInput("a reason is needed", next_step="say why")
    return {"reason": reason}


def _resume(asked: Round, fields: Mapping[str, str]) -> dict[str, Tree]:
    found = _reasoned(asked, fields)
    return {**found, "mitigation": fields.get("mitigation", "").strip() or found["reason"]}


SAYS: Final[Mapping[Kind, Callable[[Round, Mapping[str, str]], dict[str, Tree]]]] = {
    Kind.APPROVAL: _approval,
    Kind.WAIVER: _decided,
    Kind.FREEZE_ACK: lambda _asked, _fields: {},
    Kind.ATTESTATION: _attestation,
    Kind.SIGNOFF: _signoff,
    Kind.ACCEPTANCE: _decided,
    Kind.RESUME: _resume,
    Kind.DISSENT: _reasoned,
}
"""What a form says, as the answered fields of each kind of statement."""


def says_of(asked: Round, fields: Mapping[str, str]) -> dict[str, Tree]:
    """The answered fields of a statement, from what a form or a call says; BadInput where one is missing."""
    return SAYS[Kind(asked.kind)](asked, fields)


def _lines(fields: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in fields.get(name, "").splitlines() if line.strip())


def _asked(request: Request) -> tuple[Site, Known, Round]:
    """The open round that an address names; one that is not known yet is asked for in the journal."""
    site, known = run_named(request)
    name = str(request.path_params["round"])
    if name not in known.opened.state.rounds:
        site.memory.look_again()
        known = site.memory.known(known.opened.run)
    return site, known, _round(known, name)


def _round(known: Known, name: str) -> Round:
    found = known.opened.state.rounds.get(name)
    if found is None:
        raise BadInput(f"there is no request {name} in this run", next_step="look at the page of the run")
    if found.status != "open":
        raise Refused(f"the request {name} is {found.status}", next_step="answer the newest request of this run")
    return found


def _prepared(request: Request, found: object | None) -> Prepared:
    session = session_of(request)
    if not isinstance(found, Prepared):
        site_of(request).trail.refused("statement_used_or_old", session.person)
        raise Refused("this statement was answered already, or is too old", next_step="prepare it again")
    if found.person != session.person or found.session != session.id:
        site_of(request).trail.refused("statement_of_another", session.person)
        raise Refused("this statement is another person's", next_step="prepare your own")
    return found


def _key(person: ListedPerson | None, fingerprint: str) -> ListedKey | None:
    keys = person.keys if person is not None else ()
    return next((item for item in keys if item.key.fingerprint == fingerprint), None)


@dataclass(frozen=True, slots=True)
class KeyChoice:
    """A key of the signer: how it is named on the page, and whether a browser can use it here."""

    fingerprint: str
    type: str
    passkey: bool
    assurance: str


def _keys(site: Site, person: ListedPerson | None) -> tuple[KeyChoice, ...]:
    rp_ids = site.people.ring().web.rp_ids
    now = site.door.world.clock.now()
    found = [item for item in (person.keys if person else ()) if item.valid_at(now)]
    rows = [
        KeyChoice(item.key.fingerprint, item.key.type, item.key.application in rp_ids, item.assurance.name)
        for item in found
    ]
    return tuple(sorted(rows, key=lambda row: not row.passkey))


def _late(site: Site, handle: str, person: ListedPerson | None) -> tuple[KeyChoice, ...]:
    """Keys of the approvers file as it is now that came after this run was opened: they give nobody a voice in it."""
    pinned = {item.key.fingerprint for item in person.keys} if person is not None else set()
    listed = _keys(site, site.people.person(handle))
    return tuple(key for key in listed if key.fingerprint not in pinned)


def _roles(known: Known, asked: Round, person: ListedPerson | None) -> tuple[str, ...]:
    if person is None:
        return ()
    counting = rule_of(known.opened.plan, asked).roles
    return tuple(sorted(person.roles & counting)) or tuple(sorted(person.roles))


def _application(site: Site, ready: Prepared) -> str:
    person = site.people.person(ready.person)
    listed = _key(person, ready.fingerprint)
    return listed.key.application if listed is not None and ready.passkey else ""
