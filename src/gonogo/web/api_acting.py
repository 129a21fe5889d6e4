"""What the API does: opens, drives, halts, aborts runs, asks for waivers, prepares statements, takes signed ones.

No call signs. What is handed in was signed by a person elsewhere, and is verified as if it came from their hand.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Final

from gonogo.control.agents.said import agents_said
from gonogo.control.agents.separation import separated
from gonogo.control.answering import Asked as Round_
from gonogo.control.answering import Said, signer_of, statement_of
from gonogo.engine.people import people_now
from gonogo.engine.resuming import OUTCOMES
from gonogo.errors import BadInput, Refused
from gonogo.evidence.handles import HANDLE
from gonogo.evidence.signers import PRODUCTION, namespace
from gonogo.evidence.statements import read_statement
from gonogo.plan.model import Plan
from gonogo.ports import Draft
from gonogo.reports.separation import WORDS as LEVELS
from gonogo.run.agents import Scope
from gonogo.terms import Json, Person, RunId, digest_of
from gonogo.web.asking_own import ASKS, asked_for
from gonogo.web.calls import Answered, Asked, Call, Field, known_of
from gonogo.web.deciding import says_of
from gonogo.web.settling import settle

WISHED: Final = (
    Field("risk_assessment", "what may happen"),
    Field("controls", "what is done instead, one a line"),
    Field("risk_owner", "who answers for it"),
    Field("follow_up", "the ticket"),
)
"""What else a waiver says."""
REASON: Final = Field("reason", "why; shown to everybody who looks at the run", needed=True)


def _open(asked: Asked) -> Answered:
    def told(_run: RunId, plan: Plan) -> tuple[Draft, ...]:
        """Asked when the plan is known and nothing is written yet."""
        if not asked.caller.reaches(plan.name, plan.environment):
            raise Refused("this token is not for this protocol", next_step="gonogo agent list")
        _demand_apart(asked, plan)
        return ()

    opened = asked.site.door.open(asked.given["protocol"], asked.given["release"], asked.caller.actor, told)
    return {"run": opened.run, "driven": asked.site.drivers.drive(opened.run)}


def _drive(asked: Asked) -> Answered:
    opened = known_of(asked).opened
    _demand_apart(asked, opened.plan)
    return {"run": opened.run, "driven": asked.site.drivers.drive(opened.run)}


def _demand_apart(asked: Asked, plan: Plan) -> None:
    """Refused where a token would drive production, and could reach more than a person accepted when making it.

    It is what the door for agents demands of the same token: one door is no way round the other.
    """
    token, door = asked.caller.token, asked.site.door
    if token is None or plan.environment != PRODUCTION:
        return
    if separated(door, "", door.world.environ).level < LEVELS[token.separation]:
        raise Refused(
            f"agents are not kept apart here as this token asks ({token.separation})",
            next_step="gonogo doctor --agents says what an agent could reach",
        )


def _halt(asked: Asked) -> Answered:
    run = known_of(asked).opened.run
    asked.door.halt(run, asked.given["reason"], asked.caller.actor)
    return {"run": run, "halted": True}


def _abort(asked: Asked) -> Answered:
    run = known_of(asked).opened.run
    asked.door.abort(run, asked.given["reason"], asked.caller.actor)
    return {"run": run, "aborting": True, "driven": asked.site.drivers.drive(run)}


def _waiver(asked: Asked) -> Answered:
    return _opened_for(asked, {**asked.given, "kind": "waiver"})


def _ask(asked: Asked) -> Answered:
    return _opened_for(asked, asked.given)


def _opened_for(asked: Asked, said: Mapping[str, str]) -> Answered:
    return {"round": asked_for(asked.door, known_of(asked).opened.run, said, asked.caller.actor)}


def _prepare(asked: Asked) -> Answered:
    """The exact bytes that a person would sign; made for whoever they are for, worth nothing unsigned."""
    opened, door = known_of(asked).opened, asked.site.door
    found, request, shown = door.request(opened.run, asked.path["round"])
    handle = asked.given["person"]
    person = people_now(door.world, opened.plan).person(handle) if HANDLE.fullmatch(handle) else None
    listed = (
        next((item for item in person.keys if item.key.fingerprint == asked.given["key"]), None) if person else None
    )
    if person is None or listed is None:
        raise Refused("this key of this person does not count in the run", next_step="gonogo keys list")
    round_asked = Round_(opened.run, found, request)
    signer = signer_of(door, round_asked, person, listed.key, asked.given.get("role", ""))
    said = Said(says_of(found, asked.given), asked.given.get("comment", ""), "ssh-keygen")
    statement = statement_of(round_asked, signer, said)
    return {
        "statement": base64.b64encode(statement).decode(),
        "sha256": digest_of(statement),
        "namespace": namespace(found.kind, opened.plan.environment),
        "shown": shown.decode("utf-8", "replace"),
        "untrusted_agents": agents_said(door.world, opened.run, found.name).as_json(),
    }


def _hand_in(asked: Asked) -> Answered:
    run = known_of(asked).opened.run
    try:
        statement = base64.b64decode(asked.given["statement"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadInput("`statement` is no base64", next_step="hand in the very bytes that were signed") from error
    signature = asked.given["signature"].strip().encode() + b"\n"
    person = read_statement(statement).signer.person
    door, name = asked.door, asked.path["round"]
    found = door.record(run, name, statement, signature, Person(person))
    lifted = settle(door, run, name, Person(person))
    body: dict[str, Json] = {"run": run, "round": asked.path["round"], "person": found.person, "role": found.role}
    return {**body, "decision": found.decision, "level": found.level.name, "lifted": lifted}


ACTING: Final = (
    Call(
        "POST",
        "/runs",
        "Open a run and drive it.",
        _open,
        (
            Field("protocol", "its name", needed=True, longest=100),
            Field("release", "the version", needed=True, longest=100),
        ),
        Scope.DRIVE,
    ),
    Call("POST", "/runs/{run}/drive", "Let a run go on from where its ledger ends.", _drive, (), Scope.DRIVE),
    Call("POST", "/runs/{run}/halt", "Stop a run before its next act.", _halt, (REASON,), Scope.DRIVE),
    Call(
        "POST",
        "/runs/{run}/abort",
        "End a run; production that was touched is rolled back.",
        _abort,
        (REASON,),
        Scope.DRIVE,
    ),
    Call(
        "POST",
        "/runs/{run}/waivers",
        "Ask for a waiver of the gate at which a run stands; people grant it by signature.",
        _waiver,
        (
            Field("gate", "its id", needed=True),
            Field("justification", "why it may be left as it is", needed=True),
            *WISHED,
        ),
        Scope.DRIVE,
    ),
    Call(
        "POST",
        "/runs/{run}/requests",
        "Ask people for something of one's own accord: an objection, a resume, a choice, a sign-off, a waiver.",
        _ask,
        (
            Field("kind", "what people are asked for", needed=True, choices=tuple(ASKS)),
            Field("stage", "resume: the step to return to"),
            Field("outcome", "outcome: what became of the act", choices=OUTCOMES),
            Field("about", "sign-off, consent: what it is about"),
            Field("lines", "consent: what is accepted, one a line"),
            Field("step", "by-hand: the step"),
            Field("gate", "waiver: its id"),
            Field("justification", "waiver: why it may be left as it is"),
            *WISHED,
        ),
        Scope.DRIVE,
    ),
    Call(
        "POST",
        "/runs/{run}/requests/{round}/statement",
        "The exact bytes of a statement, to be signed elsewhere.",
        _prepare,
        (
            Field("person", "who signs", needed=True, longest=64),
            Field("key", "the fingerprint, SHA256:...", needed=True, longest=64),
            Field("decision", "go or no_go"),
            Field("reason", "why"),
            Field("answer", "choice: the letter of the option; by-hand: the answers"),
            Field("mitigation", "resume: what was done"),
            Field("role", "in which role"),
            Field("comment", "stored, never judged"),
            Field("risks", "ID=TEXT, one a line"),
            Field("conditions", "one a line"),
        ),
    ),
    Call(
        "POST",
        "/runs/{run}/requests/{round}/signatures",
        "Hand in a statement that a person signed.",
        _hand_in,
        (
            Field("statement", "base64 of the bytes", needed=True, longest=1 << 20),
            Field("signature", "the SSH signature, armoured", needed=True, longest=1 << 15),
        ),
    ),
)
"""Every call that acts."""
