"""Answering an open round: the bytes that a person signs, and a browser's answer as the signature of a passkey.

Every surface makes statements here, so that what is signed on the command line, elsewhere with ssh-keygen and in a
browser has one form (REV-03, APR-02). Nothing here holds a private key.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from gonogo.control.door import Door
from gonogo.engine.people import people_now
from gonogo.errors import BadInput, Refused
from gonogo.evidence.canonical import Tree
from gonogo.evidence.passkey_wrapping import read_answer, signature_of
from gonogo.evidence.signers import Kind, ListedPerson
from gonogo.evidence.sshkeys import PublicKey
from gonogo.evidence.sshsig import examine
from gonogo.evidence.statements import Answer, Signer, read_statement, statement_bytes, statement_id
from gonogo.run.asking import rule_of
from gonogo.run.overtaken import BREAK_GLASS
from gonogo.run.state import Round
from gonogo.terms import RunId
from gonogo.values import dataclass

USUAL_REASONS: Final[Mapping[str, str]] = {"rollback": "what the request says"}
USUAL_REASON: Final = "all gates so far have passed"
"""What a go says of its reason where nobody gave one; a go to a rollback says that nothing passed."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An open round of a run, with the request whose bytes go into the statement."""

    run: RunId
    round: Round
    request: bytes


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody says in a round: the answered fields of its kind, free words, and by which client they sign."""

    says: Mapping[str, Tree]
    comment: str
    client: str


def signer_of(door: Door, asked: Asked, person: ListedPerson, key: PublicKey, role: str) -> Signer:
    """Who signs, in `role` or else in the first of their roles that can count for the round."""
    rule = rule_of(door.load(asked.run).plan, asked.round)
    fitting = sorted(person.roles & rule.roles) if rule.roles else sorted(person.roles)
    chosen = role or next(iter((*fitting, *sorted(person.roles))), "nobody")
    return Signer(person.handle, person.name or person.handle, chosen, key.fingerprint)


def is_reason_needed(asked: Round) -> bool:
    """Whether also a go has to say why: all but a freeze and a plain approval."""
    return asked.point == BREAK_GLASS or Kind(asked.kind) not in {Kind.APPROVAL, Kind.FREEZE_ACK, Kind.ATTESTATION}


def reason_of(asked: Round, decision: str, reason: str) -> str:
    """Why somebody decides so. BadInput where they have to say it: for every no, and for all that is no plain approval.

    To break the glass is an approval in form, and an exception in substance: nobody's silence is a reason for it.
    """
    said = reason.strip()
    if not said and asked.point == BREAK_GLASS:
        raise BadInput("the glass is broken for a reason", next_step="say why")
    if not said and (decision != "go" or is_reason_needed(asked)):
        raise BadInput(f"a {'go to this' if decision == 'go' else 'no-go'} needs a reason", next_step="say why")
    return said or USUAL_REASONS.get(asked.point, USUAL_REASON)


def statement_of(asked: Asked, signer: Signer, said: Said) -> bytes:
    """The very bytes that are signed; each call makes a new statement, with an id and a time of its own."""
    now = datetime.now(UTC)
    identity = statement_id(now, os.urandom(10))
    return statement_bytes(
        asked.request, signer, Answer(identity, now.replace(microsecond=0), said.client, said.says, said.comment)
    )


def passkey_signature(door: Door, run: RunId, statement: bytes, answer: bytes) -> bytes:
    """The SSH signature in a browser's answer, by the passkey that the statement names.

    Pages ask the device to verify the person; an answer in which it did not is refused, whatever assurance a rule asks
    for: somebody changed the page, or the answer.
    """
    said = read_statement(statement)
    ring = people_now(door.world, door.load(run).plan)
    listed = (key.key for person in ring.people for key in person.keys)
    key = next((key for key in listed if key.fingerprint == said.signer.fingerprint), None)
    if key is None:
        raise Refused(f"{said.signer.fingerprint} is no listed passkey", next_step="gonogo keys list")
    space = said.request.namespace
    signature = signature_of(read_answer(answer), key, statement, space, ring.web)
    touch = examine(signature, statement, space).touch
    if touch is None or not touch.verified:
        raise Refused("the device did not verify who you are", next_step="use its PIN, finger or face")
    return signature
