"""Whether a signed statement counts (REV-08, APR-02, APR-03, WVR-02, WVR-06, FRZ-04).

One pure procedure for the engine, the client and the verifiers. The rules, in the order in which they are applied:

    A1   the signature has the one strict form, a strong hash and a key type that counts
    A2   it was made for this kind of statement and this environment
    A3   it fits the bytes of the statement
    A4   the statement is strict JSON with a closed set of fields
    A10  it repeats the request unchanged, and names its digest
    A6   the signer is a listed person, no agent and no engine
    A5   the key is listed for that person, the role is theirs and asked for, all valid at the time of the record
    A7   the level of assurance suffices, judged by the key's listing and the flags of the device, whichever is lower
    A8   a passkey comes from a configured site, a security key is bound to `ssh:`
    A9   the counter of the device grew
    A11  the evidence list is the one that was shown, holds all that was sealed before, and nothing has moved since
    A12  the challenge was issued in this log, once; the round is neither voided, expired, closed nor used
    A13  now lies between the bounds of the request, and the signer's clock is within ten minutes of the record
    A14  the request is old enough
    A15  the log that the signer saw is a prefix of this log
    A16  the signer neither made the change nor asked for it

A17 (who is still missing) is `quorum`, A18 (use at the instant of the act) is `run.approval.use`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from gonogo.errors import BadInput
from gonogo.evidence.canonical import Tree
from gonogo.evidence.ledger import Entry
from gonogo.evidence.manifest import EVIDENCE_SUMS, read_sums
from gonogo.evidence.merkle import leaf_digest, prefix_roots
from gonogo.evidence.sayings import ApprovalSaying
from gonogo.evidence.signers import (
    UNRANKED,
    Assurance,
    DecisionRule,
    Kind,
    ListedKey,
    ListedPerson,
    RevocationReason,
    Ring,
    is_security_key,
)
from gonogo.evidence.sshsig import WEBAUTHN, BadSignature, DoesNotFit, Signed, WrongNamespace, examine
from gonogo.evidence.statements import Request, Statement, read_request, read_statement
from gonogo.terms import Decision, Digest, digest_of

CLOCK_SKEW: Final = timedelta(minutes=10)
FREEZE_RULE: Final = DecisionRule(not_author=False, not_requester=False)
"""The rule of an acknowledgement of the change freeze: every listed stakeholder, whoever they are (FRZ-04)."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked: the bytes of `request.json` and of the evidence list of its round."""

    request: bytes
    evidence_list: bytes


@dataclass(frozen=True, slots=True)
class Occasion:
    """When a statement is judged: the log, the wall clock, and the entry of its record where it has one already."""

    log: Sequence[Entry]
    now: datetime
    recorded: Entry | None = None

    @property
    def moment(self) -> datetime:
        """The later of the wall clock and the last entry: setting a clock back revives nothing."""
        return max(self.now, self.log[-1].ts) if self.log else self.now

    @property
    def recorded_at(self) -> datetime:
        """The time that counts for key and clock: that of the record, or now."""
        return self.recorded.ts if self.recorded is not None else self.moment


@dataclass(frozen=True, slots=True)
class Accepted:
    """A statement that counts. It cannot be made but by `accept`'s checks."""

    statement: Statement
    signed: Signed
    level: Assurance
    signature: bytes

    @property
    def person(self) -> str:
        """Who signed."""
        return self.statement.signer.person

    @property
    def role(self) -> str:
        """As what they signed."""
        return self.statement.signer.role

    @property
    def in_browser(self) -> bool:
        """Whether it was signed with a passkey on a page."""
        return self.signed.algorithm == WEBAUTHN

    @property
    def decision(self) -> str:
        """`go`, `no_go`, `withheld` (a go with open conditions) or `stated` (nothing is decided)."""
        match self.statement.saying:
            case ApprovalSaying(decision=Decision.GO, conditions=conditions) if conditions:
                return "withheld"
            case _:
                said = self.statement.decision
                return said.value if said is not None else "stated"


@dataclass(frozen=True, slots=True)
class Declined:
    """A statement that does not count: the rule it failed, why, and what to do."""

    rule: str
    reason: str
    next_step: str

    def __str__(self) -> str:
        return f"{self.reason} ({self.rule})\n  next: {self.next_step}"


@dataclass(frozen=True, slots=True)
class _Case:
    """All that the rules look at."""

    statement: Statement
    request: Request
    signed: Signed
    signature: bytes
    person: ListedPerson
    listed: ListedKey
    evidence_list: bytes
    ring: Ring
    rule: DecisionRule
    occasion: Occasion


def accept(
    statement: bytes, signature: bytes, asked: Asked, ring: Ring, rule: DecisionRule, occasion: Occasion
) -> Accepted | Declined:
    """Judge one statement by A1 to A16.

    Raises BadInput only where the request itself, gonogo's own file, cannot be read.
    """
    request = read_request(asked.request)
    signed = _examined(statement, signature, request)
    if isinstance(signed, Declined):
        return signed
    said = _understood(statement, request)
    if isinstance(said, Declined):
        return said
    found = _listed(said, signed, ring)
    if isinstance(found, Declined):
        return found
    case = _Case(said, request, signed, signature, found[0], found[1], asked.evidence_list, ring, rule, occasion)
    return next((declined for check in _CHECKS if (declined := check(case))), None) or _accepted(case)


def _examined(statement: bytes, signature: bytes, request: Request) -> Signed | Declined:
    """A1, A2, A3: before anything is parsed that no key signed."""
    try:
        return examine(signature, statement, request.namespace)
    except WrongNamespace as error:
        return Declined("A2", error.what, error.next_step)
    except DoesNotFit as error:
        return Declined("A3", error.what, error.next_step)
    except BadSignature as error:
        return Declined("A1", error.what, error.next_step)


def _understood(statement: bytes, request: Request) -> Statement | Declined:
    """A4 and A10: a statement with known fields that repeats the request."""
    again = "fetch the statement of this request again and sign it as it is"
    try:
        said = read_statement(statement)
    except BadInput as error:
        return Declined("A4", f"{error.where}: {error.what}", again)
    changed = _changed(said, request)
    return Declined("A10", changed, again) if changed else said


def level_of(listed: ListedKey, signed: Signed, ring: Ring) -> Assurance:
    """What a signature proves: the lower of what the key is listed for and what its flags show."""
    touch = signed.touch
    if touch is None or not touch.present or not is_security_key(signed.key):
        return Assurance.H0
    if touch.backup_eligible:
        return min(listed.assurance, ring.web.synced_passkeys, Assurance.H1)
    return min(listed.assurance, Assurance.H2 if touch.verified else Assurance.H1)


def _accepted(case: _Case) -> Accepted:
    return Accepted(case.statement, case.signed, level_of(case.listed, case.signed, case.ring), case.signature)


def _changed(said: Statement, request: Request) -> str:
    """A10: what of the request the statement does not repeat."""
    if said.request_sha256 != request.digest:
        return f"the statement answers the request {said.request_sha256[:12]}…, not {request.digest[:12]}…"
    differing = _difference(request.tree, said.request.tree)
    return f"the statement changes {differing} of the request" if differing else ""


def _difference(asked: Mapping[str, Tree], said: Mapping[str, Tree]) -> str:
    for name, value in asked.items():
        other = said.get(name)
        if name == "predicate" and isinstance(value, Mapping) and isinstance(other, Mapping):
            if inner := _difference(value, other):
                return inner
        elif name not in said or not _same(value, other):
            return repr(name)
    return ""


def _same(one: Tree, other: Tree) -> bool:
    # True == 1 in Python; in a signed text they are two things.
    return one == other and repr(one) == repr(other)


def _listed(said: Statement, signed: Signed, ring: Ring) -> tuple[ListedPerson, ListedKey] | Declined:
    """A6 and the first half of A5: person and key, found by key material."""
    handle = said.signer.person
    if any(engine.key.blob == signed.key.blob for engine in ring.engines):
        return Declined("A6", "this is the key of an engine; only people decide", "let a listed person sign")
    person = ring.person(handle)
    owner = ring.owner_of(signed.key)
    if person is None:
        return Declined("A6", f"{handle} is not a listed person", _WHO.format(_handles(ring)))
    for listed in person.keys:
        if listed.key.blob == signed.key.blob:
            return person, listed
    whose = f"the key of {owner.handle}" if owner else "no listed key"
    return Declined(
        "A5",
        f"signed with {signed.key.fingerprint}, which is {whose}, in the name of {handle}",
        f"{handle} signs with a key listed for {handle}; new keys are added to the approvers file",
    )


_WHO: Final = "one of these may sign: {}"


def _handles(ring: Ring) -> str:
    return ", ".join(sorted(person.handle for person in ring.people)) or "nobody is listed yet"


def _check_role(case: _Case) -> Declined | None:
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


def _check_key(case: _Case) -> Declined | None:
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


def _may_sign(case: _Case) -> str:
    able = {f"{person.handle} ({role})" for role in sorted(case.rule.roles) for person in case.ring.holding(role)}
    return _WHO.format(", ".join(sorted(able)) or "nobody has a role that decides this; see the approvers file")


def _check_level(case: _Case) -> Declined | None:
    """A7: presence and verification, as far as this environment asks for them."""
    if case.request.kind in UNRANKED:
        return None
    needed = case.rule.asks_for(case.request.scope.environment)
    found = level_of(case.listed, case.signed, case.ring)
    if found >= needed:
        return None
    reason = f"the signature proves {found.name}, and {case.request.scope.environment} asks for {needed.name}"
    return Declined("A7", reason, "sign with a listed security key or passkey, touching it (H2: with its PIN)")


def _check_origin(case: _Case) -> Declined | None:
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


def _check_counter(case: _Case) -> Declined | None:
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


def _check_evidence(case: _Case) -> Declined | None:
    """A11: the list is the one that was signed, whole, and not overtaken."""
    if case.request.subject(EVIDENCE_SUMS) != digest_of(case.evidence_list):
        return Declined("A11", "the evidence list is not the one that the statement names", _ASK_AGAIN)
    # Nothing sealed yet gives an empty list; the loop below then refuses as soon as the log says otherwise.
    lines = read_sums(case.evidence_list, name=EVIDENCE_SUMS) if case.evidence_list else ()
    listed = {digest for digest, _ in lines}
    requested = _issued(case)
    if requested is None:
        return None
    current: dict[str, str] = {}
    for entry in case.occasion.log:
        name, digest = entry.data.get("name"), entry.data.get("sha256")
        if entry.type != "evidence.sealed" or entry.data.get("status") == "claimed":
            continue
        if not isinstance(name, str) or not isinstance(digest, str):
            return Declined("A11", f"entry {entry.seq} of the log seals no file", _LOOK)
        before = current.get(name)
        if entry.seq > requested.seq and before in listed and before != digest:
            return Declined("A11", f"{name} was measured again after the request", _ASK_AGAIN)
        if entry.seq < requested.seq:
            current[name] = digest
    kept = sorted(name for name, digest in current.items() if digest not in listed)
    return Declined("A11", f"{kept[0]} was sealed before the request and not shown", _ASK_AGAIN) if kept else None


_ASK_AGAIN: Final = "ask for a new round on the evidence as it is now"
_LOOK: Final = "verify the log with: gonogo verify"


def _issued(case: _Case) -> Entry | None:
    asking = [
        entry
        for entry in case.occasion.log
        if entry.type == "approval.requested" and entry.data.get("challenge") == case.request.challenge
    ]
    return asking[0] if len(asking) == 1 else None


def _check_round(case: _Case) -> Declined | None:
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


def _check_time(case: _Case) -> Declined | None:
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
            f"signed at {case.statement.signed_at:%H:%M:%S} UTC by the signer's clock, received at "
            f"{case.occasion.recorded_at:%H:%M:%S} UTC",
            "set the clock right, sign again and hand it in within ten minutes",
        )
    return None


def _check_age(case: _Case) -> Declined | None:
    """A14: some requests have to lie for a while."""
    requested = _issued(case)
    if requested is None or case.occasion.moment - requested.ts >= case.rule.min_age:
        return None
    return Declined(
        "A14", "the request is too young to be answered", f"sign from {requested.ts + case.rule.min_age} on"
    )


def _check_checkpoint(case: _Case) -> Declined | None:
    """A15: what the signer witnesses is part of this log."""
    seen, log, scope = case.request.checkpoint, case.occasion.log, case.request.scope
    if seen.origin != f"{scope.site}/{scope.run_id}":
        return Declined("A15", f"the checkpoint is of another log, {seen.origin}", "fetch the request again")
    requested = _issued(case)
    most = requested.seq if requested is not None else 0
    if not 0 < seen.size <= most or log[seen.size - 1].digest != seen.head:
        return Declined("A15", "the log that was signed is not the beginning of this log", _LOOK)
    root = prefix_roots((leaf_digest(entry.line) for entry in log[: seen.size]), (seen.size,))[seen.size]
    if base64.b64encode(root).decode() != seen.root:
        return Declined("A15", "the log that was signed is not the beginning of this log", _LOOK)
    return None


def _check_independence(case: _Case) -> Declined | None:
    """A16: nobody passes their own change or their own request."""
    if case.request.kind in UNRANKED:
        return None
    person, rule, request = case.person.handle, case.rule, case.request
    if rule.not_author and person in request.change_authors:
        return Declined("A16", f"{person} made changes in this release", _other(case))
    unmapped = [author for author in request.change_authors if author.startswith("unmapped:")]
    if rule.not_author and rule.unmapped_authors_block and unmapped:
        reason = f"{len(unmapped)} commit author(s) belong to no listed person, so nobody is known to be independent"
        return Declined("A16", reason, "list their commit addresses under `identities`, or set unmapped_authors: allow")
    if rule.not_requester and person in {request.requested_by, *_openers(case.occasion.log)}:
        return Declined("A16", f"{person} asked for this and cannot also approve it", _other(case))
    if not rule.allow_owner and person == request.requester_owner:
        return Declined("A16", f"{person} owns the agent that asked for this", _other(case))
    return None


def _openers(log: Sequence[Entry]) -> frozenset[str]:
    asked = (entry.data.get("requested_by") for entry in log[:1] if entry.type == "run.opened")
    return frozenset(who for who in asked if isinstance(who, str))


def _other(case: _Case) -> str:
    excluded = {case.person.handle, case.request.requested_by, *case.request.change_authors}
    able = {
        f"{person.handle} ({role})"
        for role in case.rule.roles
        for person in case.ring.holding(role)
        if person.handle not in excluded
    }
    return _WHO.format(", ".join(sorted(able)) or "nobody who is independent; list another person")


_Check: TypeAlias = Callable[[_Case], Declined | None]
_CHECKS: Final[tuple[_Check, ...]] = (
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


def signature_digest(accepted: Accepted) -> Digest:
    """SHA-256 of the armoured signature, as it stands in the record."""
    return digest_of(accepted.signature)
