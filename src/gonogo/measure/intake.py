"""Intake: are the prerequisites there, current and verified? Body of `intake-validation-report.json` (F1, INT-02..09).

An item is a gap unless everything about it is known and good: absent, unreadable, of unknown age, from the future, of
another release or twice with different bytes are all gaps. Required items and approvals must be complete (C80); an
optional item may be absent, but where it is present it has to hold (C46).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal, TypeAlias, get_args

from gonogo.evidence.canonical import Tree
from gonogo.measure.derived import Derived, filled
from gonogo.measure.figures import Body, maybe_time, severity_of, share, time_text, without_none
from gonogo.measure.stored_fields import Fields
from gonogo.terms import Digest, Severity
from gonogo.values import dataclass

ItemState: TypeAlias = Literal["ok", "missing", "expired", "invalid", "requires_approval"]
GapCause: TypeAlias = Literal["not_generated", "expired", "upstream_incomplete"]
StateWord: TypeAlias = Literal["ok", "fail", "open"]

PARITY_REPORT = "staging-parity-report.json"
"""The one file that may prove an open system state later, by clauses of the same gate (C48)."""

SKEW = timedelta(seconds=5)
"""So far the clocks of those who make artifacts, and of the file servers that they lie on, may be ahead of this one."""


@dataclass(frozen=True, slots=True)
class SignatureSeen:
    """What became of a bound signature: `person` signed with `key_id`; None where it does not count, and `why`."""

    role: str
    person: str | None
    key_id: str
    why: str


@dataclass(frozen=True, slots=True)
class FoundFile:
    """One file found for a required artifact. `verified` says that its inner checksums or its schema held.

    `signature` is None where none is bound: the file is then recorded as unsigned. `verdict` is what the file says at
    the bound place, None where none is bound, and counts only if it is `wanted`.
    """

    sha256: Digest
    size: int
    produced_at: datetime | None
    readable: bool
    verified: bool
    expires_at: datetime | None = None
    release_digest: Digest | None = None
    detail: str = ""
    signature: SignatureSeen | None = None
    verdict: str | None = None
    wanted: str = ""


@dataclass(frozen=True, slots=True)
class ArtifactSeen:
    """A prerequisite artifact and what was found under its name and aliases (C6, C7).

    `max_age` None means that no age limit is configured; then only the file's own validity date counts. `late` marks a
    gap whose renewal is late (INT-06). `release_digest` is that of the release that is being prepared.
    """

    name: str
    source: str
    required: bool
    found: tuple[FoundFile, ...]
    max_age: timedelta | None
    release_digest: Digest
    aliases: tuple[str, ...] = ()
    upstream_finished: bool = True
    late: bool = False
    owner: str = ""


@dataclass(frozen=True, slots=True)
class ApprovalSeen:
    """A prerequisite approval; `person` and `decided_at` are None where nobody has decided. `granted` is the answer."""

    kind: str
    role: str
    person: str | None
    decided_at: datetime | None
    expires_at: datetime | None
    signature_verified: bool
    granted: bool
    late: bool = False


@dataclass(frozen=True, slots=True)
class StateSeen:
    """A state of the world. `holds` is None while nobody could tell; `judged_by` names the file that will prove it."""

    name: str
    probe: str
    holds: bool | None
    checked_at: datetime
    judged_by: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RenewalRequest:
    """A request for a renewal, sent to the owner of the upstream protocol (INT-05)."""

    item: str
    owner: str
    sent_at: datetime
    due: datetime
    answered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class IntakeSeen:
    """All prerequisites as they were found; `drift` is the severity of the parity report, None while unknown."""

    artifacts: tuple[ArtifactSeen, ...]
    approvals: tuple[ApprovalSeen, ...]
    system_states: tuple[StateSeen, ...]
    renewal_requests: tuple[RenewalRequest, ...] = ()
    drift: Severity | None = None


def intake_body(seen: IntakeSeen, now: datetime) -> Body:
    """Body of the intake report as of `now` (F1)."""
    raw: Body = {
        "intake_validation": without_none(
            {"checked_at": time_text(now), "drift_severity": seen.drift.word if seen.drift is not None else None}
        ),
        "artifacts": [_artifact_row(artifact, now) for artifact in seen.artifacts],
        "approvals": [_approval_row(approval, now) for approval in seen.approvals],
        "system_states": [_state_row(state) for state in seen.system_states],
        "renewal_requests": [_renewal_row(request) for request in seen.renewal_requests],
    }
    return filled(raw, derived_intake(raw))


def derived_intake(body: Mapping[str, Tree]) -> Derived:
    """Completeness, approval coverage and status, from the rows alone (III.2)."""
    fields = Fields(body)
    artifacts = fields.rows("artifacts")
    approvals = fields.rows("approvals")
    checked_at = fields.part("intake_validation").moment("checked_at")
    required = [row for row in artifacts if row.flag("required")]
    kept = [row for row in required if _artifact_holds(row, checked_at)]
    granted = [row for row in approvals if _approval_holds(row, checked_at)]
    return {
        "/intake_validation/completeness_score": share(len(kept), len(required)),
        "/intake_validation/approval_coverage": share(len(granted), len(approvals)),
        "/intake_validation/status": _status(fields, checked_at),
    }


@dataclass(frozen=True, slots=True)
class GapRow:
    """One thing that is not as it has to be. `source` is who owes it: a protocol, or the role that has to sign."""

    kind: str
    item: str
    source: str
    state: str
    cause: str
    detail: str
    required: bool
    owner: str = ""


def gap_rows(body: Mapping[str, Tree]) -> tuple[GapRow, ...]:
    """Every gap of an intake or prerequisites report, for people, requests and figures (INT-04, INT-05, INT-10)."""
    fields = Fields(body)
    found = [_gap("artifact", row.text("name"), row.text("from"), row) for row in fields.rows("artifacts")]
    if fields.has("approvals"):
        found += [_gap("approval", row.text("kind"), row.text("role"), row) for row in fields.rows("approvals")]
    found += [_gap("state", row.text("name"), "", row) for row in fields.rows("system_states")]
    return tuple(gap for gap in found if gap.state != "ok")


def _gap(kind: str, item: str, source: str, row: Fields) -> GapRow:
    required = row.flag("required") if row.has("required") else True
    detail = (row.maybe_text("detail") if row.has("detail") else "") or ""
    return GapRow(kind, item, source, row.text("state"), row.maybe_text("cause") or "", detail, required, _owner(row))


def _owner(row: Fields) -> str:
    return (row.maybe_text("owner") if row.has("owner") else "") or ""


def _artifact_row(artifact: ArtifactSeen, now: datetime) -> Body:
    state, detail = _artifact_state(artifact, now)
    first = artifact.found[0] if artifact.found else None
    return without_none(
        {
            "name": artifact.name,
            "aliases": list(artifact.aliases) or None,
            "from": artifact.source,
            "required": artifact.required,
            "present": first is not None,
            "sha256": first.sha256 if first else None,
            "size": first.size if first else None,
            "produced_at": maybe_time(first.produced_at) if first else None,
            "expires_at": maybe_time(_end_of(first, artifact.max_age)) if first else None,
            "verified": first is not None and first.readable and first.verified,
            "state": "requires_approval" if state != "ok" and artifact.late else state,
            "cause": _artifact_cause(artifact, state),
            "detail": detail,
            "owner": artifact.owner or None,
            "signature": _signature_row(first),
            "verdict": first.verdict if first else None,
        }
    )


def _signature_row(file: FoundFile | None) -> Body | None:
    """The file's signature as it is: verified with person and role, refused with the reason, or none (F1)."""
    if file is None:
        return None
    if file.signature is None:
        return {"signed": False, "verified": False}
    seen = file.signature
    found: dict[str, Tree] = {
        "signed": True,
        "verified": seen.person is not None,
        "role": seen.role,
        "person": seen.person,
    }
    return without_none(found | {"key_id": seen.key_id or None, "why": seen.why or None})


def _artifact_state(artifact: ArtifactSeen, now: datetime) -> tuple[ItemState, str]:
    if not artifact.found:
        return "missing", f"no file under {' or '.join((artifact.name, *artifact.aliases))}"
    if len({file.sha256 for file in artifact.found}) > 1:
        return "invalid", "files with different bytes lie under its names; keep the right one"
    file = artifact.found[0]
    if not (file.readable and file.verified):
        return "invalid", file.detail or "it cannot be read or its checksums do not hold"
    if file.release_digest not in (None, artifact.release_digest):
        return "invalid", "it is about another release"
    if file.signature is not None and file.signature.person is None:
        return "invalid", f"its signature does not count: {file.signature.why}"
    if file.verdict is not None and file.verdict != file.wanted:
        return "invalid", f"its verdict is `{file.verdict}`, not `{file.wanted}`"
    return _currency(file, artifact.max_age, now)


def _currency(file: FoundFile, max_age: timedelta | None, now: datetime) -> tuple[ItemState, str]:
    if file.produced_at is None:
        return "invalid", "it does not say when it was produced"
    if file.produced_at > now + SKEW:
        return "invalid", f"it says that it was produced in the future, at {time_text(file.produced_at)}"
    end = _end_of(file, max_age)
    if end is not None and now > end:
        return "expired", f"it was valid until {time_text(end)}"
    return "ok", file.detail


def _end_of(file: FoundFile, max_age: timedelta | None) -> datetime | None:
    by_age = file.produced_at + max_age if file.produced_at is not None and max_age is not None else None
    return min((end for end in (by_age, file.expires_at) if end is not None), default=None)


def _artifact_cause(artifact: ArtifactSeen, state: ItemState) -> GapCause | None:
    if state == "ok":
        return None
    refused = any(file.verdict is not None and file.verdict != file.wanted for file in artifact.found)
    if not artifact.upstream_finished or refused:
        return "upstream_incomplete"
    return "expired" if state == "expired" else "not_generated"


def _approval_row(approval: ApprovalSeen, now: datetime) -> Body:
    state = _approval_state(approval, now)
    return without_none(
        {
            "kind": approval.kind,
            "role": approval.role,
            "person": approval.person,
            "decided_at": maybe_time(approval.decided_at),
            "expires_at": maybe_time(approval.expires_at),
            "signature_verified": approval.signature_verified,
            "state": "requires_approval" if state != "ok" and approval.late else state,
            "cause": None if state == "ok" else "expired" if state == "expired" else "upstream_incomplete",
        }
    )


def _approval_state(approval: ApprovalSeen, now: datetime) -> ItemState:
    if approval.person is None or approval.decided_at is None:
        return "missing"
    if not (approval.signature_verified and approval.granted) or approval.decided_at > now:
        return "invalid"
    return "expired" if approval.expires_at is not None and now > approval.expires_at else "ok"


def _state_row(state: StateSeen) -> Body:
    word: StateWord = "open" if state.holds is None else "ok" if state.holds else "fail"
    return without_none(
        {
            "name": state.name,
            "probe": state.probe,
            "state": word,
            "checked_at": time_text(state.checked_at),
            "judged_by": state.judged_by,
            "detail": state.detail or None,
        }
    )


def _renewal_row(request: RenewalRequest) -> Body:
    return without_none(
        {
            "item": request.item,
            "owner": request.owner,
            "sent_at": time_text(request.sent_at),
            "due": time_text(request.due),
            "answered_at": maybe_time(request.answered_at),
        }
    )


def _artifact_holds(row: Fields, checked_at: datetime) -> bool:
    if row.word("state", get_args(ItemState)) != "ok":
        return False
    end = row.maybe_moment("expires_at")
    signature = row.maybe_part("signature")
    if signature is not None and signature.flag("signed") and not signature.flag("verified"):
        return False
    whole = row.flag("present") and row.flag("verified") and row.filled("sha256")
    return whole and row.moment("produced_at") <= checked_at + SKEW and (end is None or checked_at <= end)


def _approval_holds(row: Fields, checked_at: datetime) -> bool:
    if row.word("state", get_args(ItemState)) != "ok":
        return False
    end = row.maybe_moment("expires_at")
    signed = row.flag("signature_verified") and row.filled("person")
    return signed and row.moment("decided_at") <= checked_at and (end is None or checked_at <= end)


def _state_holds(row: Fields) -> bool:
    word = row.word("state", get_args(StateWord))
    return word == "ok" or (word == "open" and row.maybe_text("judged_by") == PARITY_REPORT)


def _drift_holds(fields: Fields) -> bool:
    drift = fields.part("intake_validation").maybe_text("drift_severity")
    return drift is None or severity_of(drift) <= Severity.LOW


def _status(fields: Fields, checked_at: datetime) -> str | None:
    """`pass`, `fail`, `requires_approval`; None where nothing was required at all, which is no pass (C16)."""
    binding = [row for row in fields.rows("artifacts") if row.flag("required") or row.flag("present")]
    approvals = fields.rows("approvals")
    around = all(_state_holds(row) for row in fields.rows("system_states")) and _drift_holds(fields)
    broken = [row for row in binding if not _artifact_holds(row, checked_at)]
    broken += [row for row in approvals if not _approval_holds(row, checked_at)]
    if around and not broken:
        return "pass" if approvals and any(row.flag("required") for row in binding) else None
    marked = bool(broken) and all(row.text("state") == "requires_approval" for row in broken)
    return "requires_approval" if marked and around else "fail"
