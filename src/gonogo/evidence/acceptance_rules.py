"""The rules A5 and A7 to A16, each a function that declines or says nothing (REV-08, APR-02, APR-03, FRZ-04)."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from gonogo.evidence.acceptance_case import CLOCK_SKEW, Case, Declined, level_of
from gonogo.evidence.canonical import Tree
from gonogo.evidence.independence import UNKNOWN, Asker, barred
from gonogo.evidence.ledger import Entry
from gonogo.evidence.manifest import EVIDENCE_SUMS, listed_digests
from gonogo.evidence.signers import UNRANKED, Kind, RevocationReason
from gonogo.terms import digest_of

WHO: Final = "one of these may sign: {}"


def _check_role(case: Case) -> Declined | None:
    """A5: role, environment, time and revocation."""
    signer, kind = case.statement.signer, case.request.kind
    if signer.fingerprint != case.signed.key.fingerprint:
        return Declined("A5", f"the statement names another key, {signer.fingerprint}", "sign the statement again")
    if signer.role not in case.person.roles:
        return Declined("A5", f"{signer.person} is not a {signer.role}", _may_sign(case))
    if kind is Kind.FREEZE_ACK and signer.person not in case.ring.freeze_stakeholders:
        names = ", ".join(case.ring.freeze_stakeholders)
        return Declined("A5", f"{signer.person} is no stakeholder of the freeze", f"asked are: {names or 'nobody'}")
    if kind not in UNRANKED and signer.role not in case.rule.roles:
        return Declined("A5", f"a {signer.role} does not decide {case.request.decision_point}", _may_sign(case))
    return _check_key(case)


def _check_key(case: Case) -> Declined | None:
    environment, listed = case.request.scope.environment, case.listed
    fingerprint = listed.key.fingerprint
    if not listed.signs_for(environment):
        return Declined("A5", f"the key {fingerprint} is not listed for {environment}", _may_sign(case))
    if not listed.valid_at(case.occasion.recorded_at):
        return Declined("A5", f"the key {fingerprint} is not valid at this time", "sign with a key that is valid now")
    revoked = case.ring.revocation(listed.key)
    if revoked is not None and (
        revoked.reason is RevocationReason.COMPROMISED or revoked.effective_from <= case.occasion.recorded_at
    ):
        return Declined("A5", f"the key {fingerprint} was revoked ({revoked.reason.value})", "sign with another key")
    return None


def _may_sign(case: Case) -> str:
    able = {f"{person.handle} ({role})" for role in sorted(case.rule.roles) for person in case.ring.holding(role)}
    return WHO.format(", ".join(sorted(able)) or "nobody has a role that decides this; see the approvers file")


def _check_level(case: Case) -> Declined | None:
    """A7: presence and verification, as far as this environment asks for them."""
    if case.request.kind in UNRANKED:
        return None
    needed = case.rule.asks_for(case.request.scope.environment)
    found = level_of(case.listed, case.signed, case.ring)
    if found >= needed:
        return None
    reason = f"the signature proves {found.name}, and {case.request.scope.environment} asks for {needed.name}"
    return Declined("A7", reason, "sign with a listed security key or passkey, touching it (H2: with its PIN)")


def _check_origin(case: Case) -> Declined | None:
    """A8: passkeys from our pages, security keys made for SSH; no crossing."""
    key, touch = case.signed.key, case.signed.touch
    if touch is None:
        return None
    if not touch.origin:
        if key.application.startswith("ssh:"):
            return None
        return Declined("A8", f"the security key is bound to {key.application}", "use a key with an application ssh:…")
    if key.application not in case.ring.web.rp_ids:
        return Declined("A8", f"the passkey belongs to {key.application}", "enrol a passkey of this site")
    if touch.origin not in case.ring.web.origins:
        return Declined("A8", f"the signature was made on {touch.origin}", "sign on the approval page of this site")
    return None


def _check_counter(case: Case) -> Declined | None:
    """A9: the counter of a device never stands still, unless the device does not count."""
    touch = case.signed.touch
    if touch is None:
        return None
    fingerprint = case.signed.key.fingerprint
    end = case.occasion.recorded.seq if case.occasion.recorded is not None else None
    highest = max(
        (
            counter
            for entry in case.occasion.log[:end]
            if entry.type == "approval.recorded" and entry.data.get("fingerprint") == fingerprint
            if isinstance(counter := entry.data.get("counter"), int)
        ),
        default=-1,
    )
    if touch.counter > highest or touch.counter == highest == 0:
        return None
    return Declined("A9", f"the counter of the device went from {highest} to {touch.counter}", "sign again")


def _check_evidence(case: Case) -> Declined | None:
    """A11: the list is the one that was signed, whole, and not overtaken."""
    if case.request.subject(EVIDENCE_SUMS) != digest_of(case.evidence_list):
        return Declined("A11", "the evidence list is not the one that the statement names", _ASK_AGAIN)
    # Nothing sealed yet gives an empty list; the loop below then refuses as soon as the log says otherwise.
    listed = listed_digests(case.evidence_list, name=EVIDENCE_SUMS) if case.evidence_list else frozenset()
    requested = _issued(case)
    if requested is None:
        return None
    current: dict[str, str] = {}
    attempts: dict[str, Tree] = {}
    for seq, name, digest, attempt in case.occasion.files():
        if not isinstance(name, str) or not isinstance(digest, str):
            return Declined("A11", f"entry {seq} of the log seals no file", _LOOK)
        if seq < requested.seq:
            current[name], attempts[name] = digest, attempt
            continue
        anew = current.get(name) in listed and current[name] != digest
        if anew and not _was_due(case.occasion.log[requested.seq + 1 : seq], attempts[name], attempt):
            return Declined("A11", f"{name} was measured again after the request", _ASK_AGAIN)
    kept = sorted(name for name, digest in current.items() if digest not in listed)
    return Declined("A11", f"{kept[0]} was sealed before the request and not shown", _ASK_AGAIN) if kept else None


def _was_due(since: Sequence[Entry], before: Tree, after: Tree) -> bool:
    """Whether a file that was sealed anew belongs to work that was to be done again when the request was made.

    Then it has a later attempt, and nothing since the request let any step begin again: the earlier file was given up
    by then, such as the record of an approval that was void and is asked for anew (APR-03).
    """
    later = isinstance(before, int) and isinstance(after, int) and after > before
    return later and not any(entry.type in _BEGUN_AGAIN for entry in since)


_BEGUN_AGAIN: Final = frozenset({"run.resumed", "abort.requested", "rollback.begun"})
"""After these a step is done again, as a later attempt."""

_ASK_AGAIN: Final = "ask for a new round on the evidence as it is now"
_LOOK: Final = "verify the log with: gonogo verify"


def _issued(case: Case) -> Entry | None:
    asking = [
        entry
        for entry in case.occasion.log
        if entry.type == "approval.requested" and entry.data.get("challenge") == case.request.challenge
    ]
    return asking[0] if len(asking) == 1 else None


def _check_round(case: Case) -> Declined | None:
    """A12: asked in this log, once, and still open."""
    requested = _issued(case)
    name = case.request.scope.round
    if requested is None:
        return Declined("A12", "the challenge of the request was not issued once in this log", "ask for a new round")
    if requested.data.get("request_sha256") != case.request.digest or requested.data.get("round") != name:
        return Declined("A12", "the log asked with another request", "fetch the request again")
    for entry in case.occasion.log[requested.seq + 1 :]:
        if entry.data.get("round") == name and (what := _ENDS.get(entry.type)):
            return Declined("A12", f"the round {name} was {what} (entry {entry.seq})", "answer the newest request")
        if entry.type == "run.closed":
            return Declined("A12", f"the run was closed (entry {entry.seq})", "start another run")
    return None


_ENDS: Final = {"approval.voided": "voided", "approval.expired": "over", "approval.consumed": "used"}


def _check_time(case: Case) -> Declined | None:
    """A13: in time, and the signer's clock is nearly ours."""
    moment, request = case.occasion.moment, case.request
    if request.expires_at > request.requested_at + case.rule.valid_for:
        return Declined("A13", "the request claims to be valid for longer than its rule allows", "ask for a new round")
    if moment < request.not_before:
        return Declined("A13", "the request is not open yet", f"sign from {request.not_before:%Y-%m-%d %H:%M} UTC on")
    if moment >= request.expires_at:
        return Declined("A13", f"the request expired at {request.expires_at:%Y-%m-%d %H:%M} UTC", "ask for a new round")
    if abs(case.statement.signed_at - case.occasion.recorded_at) > CLOCK_SKEW:
        return Declined(
            "A13",
            f"signed at {case.statement.signed_at:%Y-%m-%d %H:%M:%S} UTC by the signer's clock, received at "
            f"{case.occasion.recorded_at:%Y-%m-%d %H:%M:%S} UTC",
            "set the clock right, sign again and hand it in within ten minutes",
        )
    return None


def _check_age(case: Case) -> Declined | None:
    """A14: some requests have to lie for a while."""
    requested = _issued(case)
    if requested is None or case.occasion.moment - requested.ts >= case.rule.min_age:
        return None
    return Declined(
        "A14", "the request is too young to be answered", f"sign from {requested.ts + case.rule.min_age} on"
    )


def _check_checkpoint(case: Case) -> Declined | None:
    """A15: what the signer witnesses is part of this log."""
    seen, log, scope = case.request.checkpoint, case.occasion.log, case.request.scope
    if seen.origin != f"{scope.site}/{scope.run_id}":
        return Declined("A15", f"the checkpoint is of another log, {seen.origin}", "fetch the request again")
    requested = _issued(case)
    most = requested.seq if requested is not None else 0
    if not 0 < seen.size <= most or log[seen.size - 1].digest != seen.head:
        return Declined("A15", "the log that was signed is not the beginning of this log", _LOOK)
    if base64.b64encode(case.occasion.root(seen.size)).decode() != seen.root:
        return Declined("A15", "the log that was signed is not the beginning of this log", _LOOK)
    return None


def _check_independence(case: Case) -> Declined | None:
    """A16: nobody passes their own change or their own request."""
    if case.request.kind in UNRANKED:
        return None
    why = _barred(case).get(case.person.handle)
    if why == UNKNOWN:
        count = _asker(case).unmapped
        reason = f"{count} commit author(s) belong to no listed person, so nobody is known to be independent"
        return Declined("A16", reason, "list their commit addresses under `identities`, or set unmapped_authors: allow")
    return Declined("A16", f"{case.person.handle} {why}", _other(case)) if why else None


def _barred(case: Case) -> Mapping[str, str]:
    return barred(case.rule, case.ring, _asker(case))


def _asker(case: Case) -> Asker:
    request = case.request
    asked_by = frozenset({request.requested_by, *_openers(case.occasion.log)})
    return Asker(asked_by, request.requester_owner or "", request.change_authors)


def _openers(log: Sequence[Entry]) -> frozenset[str]:
    asked = (entry.data.get("requested_by") for entry in log[:1] if entry.type == "run.opened")
    return frozenset(who for who in asked if isinstance(who, str))


def _other(case: Case) -> str:
    name = case.request.scope.round
    recorded = (entry.data for entry in case.occasion.log if entry.type == "approval.recorded")
    signed = {data.get("person") for data in recorded if data.get("round") == name}
    excluded = {case.person.handle, *_barred(case), *signed}
    able = {
        f"{person.handle} ({role})"
        for role in case.rule.roles
        for person in case.ring.holding(role)
        if person.handle not in excluded
    }
    return WHO.format(", ".join(sorted(able)) or "nobody who is independent; list another person or let one ask")


_Check: TypeAlias = Callable[[Case], Declined | None]
CHECKS: Final[tuple[_Check, ...]] = (
    _check_role,
    _check_level,
    _check_origin,
    _check_counter,
    _check_evidence,
    _check_round,
    _check_time,
    _check_age,
    _check_checkpoint,
    _check_independence,
)
