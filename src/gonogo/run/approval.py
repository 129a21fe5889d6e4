"""Who may approve what, and using an approval at the instant of the act (APR-03, REV-08; rules A1 to A18).

The rules themselves are pure and shared with the verifiers; they stand in `gonogo.evidence.acceptance` and `.quorum`.
Here they are joined into the question that the engine asks: may this act begin now?
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

from gonogo.evidence.acceptance import FREEZE_RULE, Accepted, Asked, Declined, Occasion, accept
from gonogo.evidence.ledger import Entry
from gonogo.evidence.quorum import Quorum, freeze_quorum, quorum
from gonogo.evidence.signers import DecisionRule, Kind, Ring
from gonogo.evidence.statements import read_request
from gonogo.terms import digest_of
from gonogo.values import dataclass

__all__ = [
    "FREEZE_RULE",
    "Accepted",
    "Asked",
    "Declined",
    "MayBegin",
    "MustWait",
    "Occasion",
    "Quorum",
    "Signature",
    "accept",
    "freeze_quorum",
    "quorum",
    "use",
]


@dataclass(frozen=True, slots=True)
class Signature:
    """A stored statement with its armoured signature."""

    statement: bytes
    armoured: bytes


@dataclass(frozen=True, slots=True)
class MayBegin:
    """The act may begin now, by these statements."""

    accepted: tuple[Accepted, ...]
    quorum: Quorum


@dataclass(frozen=True, slots=True)
class MustWait:
    """The act may not begin: what is missing, and which recorded statements no longer count, and why."""

    quorum: Quorum
    declined: tuple[Declined, ...]


Use: TypeAlias = MayBegin | MustWait


def use(
    asked: Asked,
    signatures: Sequence[Signature],
    ring: Ring,
    rule: DecisionRule,
    facts: Mapping[str, str],
    log: Sequence[Entry],
    now: datetime,
) -> Use:
    """A18: judge every recorded statement of a round again, with the people, bytes and time of this instant.

    A person removed from the ring, a key revoked, a measurement repeated, or an expiry since the record makes a
    statement count no more (APR-03). A statement without its record in the log never counts.
    """
    accepted: list[Accepted] = []
    declined: list[Declined] = []
    for signature in signatures:
        record = _record(log, signature)
        if record is None:
            declined.append(
                Declined("A18", "a statement is not recorded in this log", "hand it in with: gonogo approve")
            )
            continue
        occasion = Occasion(log, now, record)
        match accept(signature.statement, signature.armoured, asked, ring, rule, occasion):
            case Accepted() as good:
                accepted.append(good)
            case Declined() as bad:
                declined.append(bad)
    found = _counted(asked, accepted, ring, rule, facts)
    if found.met:
        return MayBegin(tuple(accepted), found)
    return MustWait(found, tuple(declined))


def _counted(
    asked: Asked, accepted: Sequence[Accepted], ring: Ring, rule: DecisionRule, facts: Mapping[str, str]
) -> Quorum:
    if read_request(asked.request).kind is Kind.FREEZE_ACK:
        return freeze_quorum(ring, accepted)
    return quorum(rule, accepted, facts, ring)


def _record(log: Sequence[Entry], signature: Signature) -> Entry | None:
    digest = digest_of(signature.statement)
    return next(
        (entry for entry in log if entry.type == "approval.recorded" and entry.data.get("statement_sha256") == digest),
        None,
    )
