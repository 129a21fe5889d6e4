"""What each kind of statement says beyond the common fields: closed fields, read once, as values (F8, F13, F31, F32).

For every kind some fields are asked (they stand in the request, and a signer cannot change them) and some are answered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, TypeAlias

from gonogo.evidence.closed import Fields, names
from gonogo.evidence.signers import Kind
from gonogo.terms import Decision, Digest
from gonogo.values import dataclass

_DECISION: Final = re.compile(r"go|no_go")
_VERDICT: Final = re.compile(r"approved|rejected")
_WORD: Final = re.compile(r"[a-z0-9][a-z0-9._/-]{0,127}")


@dataclass(frozen=True, slots=True)
class Risk:
    """A risk that the signer accepts, and who owns it."""

    id: str
    text: str
    owner: str


@dataclass(frozen=True, slots=True)
class Owed:
    """Something that somebody owes until a date; it keeps nobody from approving."""

    text: str
    owner: str
    due: datetime


@dataclass(frozen=True, slots=True)
class ApprovalSaying:
    """Go or no-go at a decision point. A go with open conditions does not count until they are met."""

    decision: Decision
    reason: str
    conditions: tuple[str, ...]
    risks_accepted: tuple[Risk, ...]
    action_items: tuple[Owed, ...] = ()


@dataclass(frozen=True, slots=True)
class WaivedClause:
    """A clause that failed, with the limit and the measured value that are accepted."""

    id: str
    limit: str
    measured: str


@dataclass(frozen=True, slots=True)
class WaiverSaying:
    """A judgement is accepted although it is no pass; bound to the judgement, used once (WVR-01 to WVR-06)."""

    decision: Decision
    waiver_id: str
    gate: str
    clauses: tuple[WaivedClause, ...]
    judgement_sha256: Digest
    justification: str
    risk_assessment: str
    compensating_controls: tuple[str, ...]
    risk_owner: str
    follow_up_id: str
    follow_up_due: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class FreezeSaying:
    """The signer knows of the change freeze from one time to another (FRZ-04)."""

    window_from: datetime
    window_to: datetime
    repository: str
    branch: str
    probe_sha256: Digest
    exceptions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that belongs to an attestation."""

    name: str
    sha256: Digest


@dataclass(frozen=True, slots=True)
class AttestationSaying:
    """A fact that only a person can state. `text` is the question or criterion, word for word."""

    about: str
    text: str
    answer: str
    observed_at: datetime
    reason_no_automation: str
    attachments: tuple[Attachment, ...]


@dataclass(frozen=True, slots=True)
class SignoffSaying:
    """Completeness, ownership, or receipt is confirmed or rejected (REV-07, F32)."""

    about: str
    decision: Decision
    reason: str


@dataclass(frozen=True, slots=True)
class AcceptanceSaying:
    """A lock, a weaker lock, a finding or a missing separation is accepted, line by line (CFG-02)."""

    about: str
    weaker: tuple[str, ...]
    decision: Decision
    reason: str


@dataclass(frozen=True, slots=True)
class ResumeSaying:
    """The halt recorded as entry `halt_seq` is lifted."""

    about: str
    halt_seq: int
    reason: str
    mitigation: str


@dataclass(frozen=True, slots=True)
class DissentSaying:
    """An objection that is shown beside the decision and never counted."""

    about: str
    reason: str


Saying: TypeAlias = (
    ApprovalSaying
    | WaiverSaying
    | FreezeSaying
    | AttestationSaying
    | SignoffSaying
    | AcceptanceSaying
    | ResumeSaying
    | DissentSaying
)

ABOUT: Final[Mapping[Kind, frozenset[str]]] = {
    Kind.ATTESTATION: names("criterion manual_step log_review scope target halt_condition"),
    Kind.SIGNOFF: names("completeness owner downstream receipt"),
    Kind.ACCEPTANCE: names("lock weaker_lock finding separation"),
}
"""What a statement of a kind may be about, where that is a closed list."""

ASKED: Final[Mapping[Kind, tuple[frozenset[str], frozenset[str]]]] = {
    Kind.APPROVAL: (frozenset(), frozenset()),
    Kind.WAIVER: (
        names("waiver_id gate clauses judgement_sha256 justification risk_owner follow_up max_uses"),
        names("risk_assessment compensating_controls"),
    ),
    Kind.FREEZE_ACK: (names("window branch_lock"), frozenset()),
    Kind.ATTESTATION: (names("about text"), frozenset()),
    Kind.SIGNOFF: (names("about"), frozenset()),
    Kind.ACCEPTANCE: (names("about weaker"), frozenset()),
    Kind.RESUME: (names("about halt_seq"), frozenset()),
    Kind.DISSENT: (names("about"), frozenset()),
}
"""Fields of the request: those that have to be there, those that may be."""

ANSWERED: Final[Mapping[Kind, tuple[frozenset[str], frozenset[str]]]] = {
    Kind.APPROVAL: (names("decision reason"), names("conditions risks_accepted action_items")),
    Kind.WAIVER: (names("decision reason"), frozenset()),
    Kind.FREEZE_ACK: (frozenset(), names("exceptions")),
    Kind.ATTESTATION: (names("answer observed_at reason_no_automation"), names("attachments")),
    Kind.SIGNOFF: (names("decision reason"), frozenset()),
    Kind.ACCEPTANCE: (names("decision reason"), frozenset()),
    Kind.RESUME: (names("reason mitigation"), frozenset()),
    Kind.DISSENT: (names("reason"), frozenset()),
}
"""Fields that the signer adds: those that have to be there, those that may be."""


def decision_of(saying: Saying) -> Decision | None:
    """What a statement decides; None for one that states and does not decide."""
    match saying:
        case ApprovalSaying() | WaiverSaying() | SignoffSaying() | AcceptanceSaying():
            return saying.decision
        case ResumeSaying() | FreezeSaying():
            return Decision.GO
        case AttestationSaying(answer="yes"):
            return Decision.GO
        case AttestationSaying(answer="no"):
            return Decision.NO_GO
        case AttestationSaying() | DissentSaying():
            return None


def check_asked(kind: Kind, fields: Fields) -> None:
    """Raises BadInput where the asked fields of `kind` are not in order."""
    match kind:
        case Kind.WAIVER:
            _waiver_asked(fields)
        case Kind.FREEZE_ACK:
            _freeze_asked(fields)
        case Kind.RESUME:
            fields.integer("halt_seq")
            fields.text("about")
        case Kind.APPROVAL:
            pass
        case _:
            _about(kind, fields)


def read_saying(kind: Kind, fields: Fields) -> Saying:
    """What a statement of `kind` says. Raises BadInput where a field is not in order."""
    return _READERS[kind](fields)


def _about(kind: Kind, fields: Fields) -> str:
    about = fields.text("about")
    known = ABOUT.get(kind)
    if known is not None and about not in known:
        fields.refuse("about", f"is not one of {', '.join(sorted(known))}")
    return about


def _decision(fields: Fields) -> Decision:
    return Decision(fields.text("decision", _DECISION))


def _approval(fields: Fields) -> ApprovalSaying:
    risks = fields.parts("risks_accepted", names("id text owner"))
    return ApprovalSaying(
        _decision(fields),
        fields.text("reason"),
        fields.texts("conditions"),
        tuple(Risk(risk.text("id"), risk.text("text"), risk.text("owner")) for risk in risks),
        tuple(
            Owed(item.text("text"), item.text("owner"), item.moment("due"))
            for item in fields.parts("action_items", names("text owner due"))
        ),
    )


def _waiver_asked(fields: Fields) -> tuple[Fields, tuple[WaivedClause, ...]]:
    fields.digest("judgement_sha256")
    for name in ("waiver_id", "gate"):
        fields.text(name, _WORD)
    for name in ("justification", "risk_owner"):
        if not fields.text(name).strip():
            fields.refuse(name, "is empty")
    if fields.integer("max_uses") != 1:
        fields.refuse("max_uses", "is not 1: a waiver is used once")
    clauses = tuple(
        WaivedClause(clause.text("id"), clause.text("limit"), clause.text("measured"))
        for clause in fields.parts("clauses", names("id limit measured"))
    )
    if not clauses:
        fields.refuse("clauses", "is empty: a waiver names what it waives")
    return fields.part("follow_up", names("id due")), clauses


def _waiver(fields: Fields) -> WaiverSaying:
    follow_up, clauses = _waiver_asked(fields)
    return WaiverSaying(
        decision=_decision(fields),
        waiver_id=fields.text("waiver_id", _WORD),
        gate=fields.text("gate", _WORD),
        clauses=clauses,
        judgement_sha256=fields.digest("judgement_sha256"),
        justification=fields.text("justification"),
        risk_assessment=fields.optional_text("risk_assessment") or "",
        compensating_controls=fields.texts("compensating_controls"),
        risk_owner=fields.text("risk_owner"),
        follow_up_id=follow_up.text("id"),
        follow_up_due=follow_up.moment("due"),
        reason=fields.text("reason"),
    )


def _freeze_asked(fields: Fields) -> tuple[Fields, Fields]:
    window = fields.part("window", names("from to"))
    if window.moment("from") >= window.moment("to"):
        fields.refuse("window", "ends before it begins")
    return window, fields.part("branch_lock", names("repository branch probe_sha256"))


def _freeze(fields: Fields) -> FreezeSaying:
    window, lock = _freeze_asked(fields)
    return FreezeSaying(
        window.moment("from"),
        window.moment("to"),
        lock.text("repository"),
        lock.text("branch"),
        lock.digest("probe_sha256"),
        fields.texts("exceptions"),
    )


def _attestation(fields: Fields) -> AttestationSaying:
    attached = fields.parts("attachments", names("name sha256"))
    return AttestationSaying(
        _about(Kind.ATTESTATION, fields),
        fields.text("text"),
        fields.text("answer"),
        fields.moment("observed_at"),
        fields.text("reason_no_automation"),
        tuple(Attachment(item.text("name"), item.digest("sha256")) for item in attached),
    )


def _signoff(fields: Fields) -> SignoffSaying:
    said = fields.text("decision", _VERDICT)
    decision = Decision.GO if said == "approved" else Decision.NO_GO
    return SignoffSaying(_about(Kind.SIGNOFF, fields), decision, fields.text("reason"))


def _acceptance(fields: Fields) -> AcceptanceSaying:
    about = _about(Kind.ACCEPTANCE, fields)
    return AcceptanceSaying(about, fields.texts("weaker"), _decision(fields), fields.text("reason"))


def _resume(fields: Fields) -> ResumeSaying:
    halt = fields.integer("halt_seq")
    return ResumeSaying(fields.text("about"), halt, fields.text("reason"), fields.text("mitigation"))


def _dissent(fields: Fields) -> DissentSaying:
    return DissentSaying(fields.text("about"), fields.text("reason"))


_READERS: Final[Mapping[Kind, Callable[[Fields], Saying]]] = {
    Kind.APPROVAL: _approval,
    Kind.WAIVER: _waiver,
    Kind.FREEZE_ACK: _freeze,
    Kind.ATTESTATION: _attestation,
    Kind.SIGNOFF: _signoff,
    Kind.ACCEPTANCE: _acceptance,
    Kind.RESUME: _resume,
    Kind.DISSENT: _dissent,
}
