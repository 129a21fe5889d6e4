"""What can happen in a run: the only thing that is stored.

Each event is a frozen value whose fields are ids, numbers, digests and times as text: free text is a blob in the vault
and stands here by digest only (trust section 11). `EVENTS` maps the dotted type of a ledger line to its class.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import TypeAlias

from gonogo.errors import Tampered
from gonogo.evidence.ledger import Entry
from gonogo.run.events_of_branches import EVENTS_OF_BRANCHES, OfBranches
from gonogo.run.events_of_halts import EVENTS_OF_HALTS, OfHalts
from gonogo.run.events_of_traffic import EVENTS_OF_TRAFFIC, OfTraffic
from gonogo.terms import Actor, Digest, Json
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class RunOpened:
    """A run began its existence."""

    protocol: str
    release: str
    version: str
    release_digest: Digest
    environment: str
    requested_by: str
    host: str


@dataclass(frozen=True, slots=True)
class TrustPinned:
    """The people and rules that this run was opened with, and which admins signed them.

    `policy_sha256` is empty where no trust files were built: then only the approvers file itself is pinned.
    """

    approvers_sha256: Digest
    version: int = 1
    policy_sha256: str = ""
    signed_by: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class PlanBound:
    """The plan that this run follows to its end; `inputs` name the stored bytes it is compiled from.

    `stored_sha256` names the plan itself as it was kept, so that a later version of gonogo, whose compiler may say
    something else, goes on with this very plan; empty in runs of versions that kept none. `engine` is the version.
    """

    plan_sha256: Digest
    inputs: Mapping[str, Digest]
    names: Mapping[str, str]
    scripts: Mapping[str, Digest]
    stored_sha256: str = ""
    engine: str = ""


@dataclass(frozen=True, slots=True)
class TaskIntended:
    """An act that changes something outside is about to be done; written and committed before it is done."""

    task: str
    attempt: int
    start: int
    environment: str
    fence: int
    host: str
    argv_sha256: Digest
    step: int = -1
    effect: str = ""


@dataclass(frozen=True, slots=True)
class TaskFinished:
    """A task ended. `facts` are what later tasks need to know; `detail` is the digest of the text for people."""

    task: str
    attempt: int
    start: int
    outcome: str
    facts: Mapping[str, Json]
    detail: Digest | None


@dataclass(frozen=True, slots=True)
class TaskSettled:
    """It was found out what became of an intent, mostly after a crash: `applied`, `not_applied` or `unknown`."""

    task: str
    attempt: int
    start: int
    outcome: str
    by: str
    detail: Digest | None


@dataclass(frozen=True, slots=True)
class EvidenceSealed:
    """A file entered the vault. `status` is measured, signed or external; a claim is another event."""

    name: str
    sha256: Digest
    size: int
    stage: str
    attempt: int
    status: str


@dataclass(frozen=True, slots=True)
class GateJudged:
    """A gate was judged; `judgement_sha256` is the whole judgement with every clause."""

    gate: str
    attempt: int
    verdict: str
    judgement_sha256: Digest


@dataclass(frozen=True, slots=True)
class DecisionRequested:
    """People were asked: a round with a challenge that is used once."""

    round: str
    task: str
    attempt: int
    point: str
    kind: str
    request_sha256: Digest
    shown_sha256: Digest
    evidence_sha256: Digest
    challenge: str
    expires_at: str


@dataclass(frozen=True, slots=True)
class DecisionRecorded:
    """A verified statement of a person."""

    kind: str
    round: str
    statement_sha256: Digest
    signature_sha256: Digest
    person: str
    role: str
    fingerprint: str
    decision: str
    level: str
    flags: int
    counter: int
    in_browser: bool = False


@dataclass(frozen=True, slots=True)
class DecisionRefused:
    """A statement that was not accepted, and the rule it failed."""

    kind: str
    round: str
    rule: str
    person: str
    statement_sha256: Digest


@dataclass(frozen=True, slots=True)
class DecisionVoided:
    """A round that counts no more, because what it was about changed."""

    round: str
    reason: str
    name: str


@dataclass(frozen=True, slots=True)
class DecisionExpired:
    """A round whose time ran out."""

    round: str


@dataclass(frozen=True, slots=True)
class DecisionConsumed:
    """An approval was used, in the transaction that recorded the intent it allows."""

    round: str
    task: str
    attempt: int


@dataclass(frozen=True, slots=True)
class TrafficMoved:
    """What the proxy said after a move was asked for."""

    task: str
    attempt: int
    step: int
    percent: int
    weights: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class HostsReplaced:
    """Every host of a batch was replaced and answered with the new version; `percent` of all hosts are new now."""

    task: str
    attempt: int
    step: int
    percent: int
    hosts: Sequence[str]


@dataclass(frozen=True, slots=True)
class HostsSeen:
    """What the hosts of a rollout answer now: a version by host; those of which none came are `lost`."""

    task: str
    attempt: int
    versions: Mapping[str, str]
    lost: Sequence[str]


@dataclass(frozen=True, slots=True)
class MetricsSampled:
    """One reading: per slot requests, errors and cumulative buckets; who was missing; `position` of the next one."""

    task: str
    attempt: int
    index: int
    step: int
    slots: Mapping[str, Sequence[int]]
    bounds: Sequence[str]
    missing: Sequence[str]
    position: str = ""


@dataclass(frozen=True, slots=True)
class RolloutJudged:
    """The judge's answer changed: the exact ln E, by which version of the judge, and the digest of all that it saw."""

    task: str
    attempt: int
    index: int
    answer: str
    metric: str
    evidence: str
    detail: Digest | None
    judge: str = ""
    samples_sha256: str = ""


@dataclass(frozen=True, slots=True)
class RolloutPromoted:
    """People let a rollout leave a step; `round` is where they signed."""

    task: str
    attempt: int
    step: int
    round: str


@dataclass(frozen=True, slots=True)
class FreezeBegun:
    """The change freeze holds from now on."""

    branch: str
    ends_at: str


@dataclass(frozen=True, slots=True)
class FreezeEnded:
    """The change freeze is over."""

    branch: str


@dataclass(frozen=True, slots=True)
class RollbackBegun:
    """Production is brought back; `trigger` is judge, gate, task, window, abort or person."""

    trigger: str
    cause: str
    detail: Digest | None


@dataclass(frozen=True, slots=True)
class RollbackFinished:
    """The rollback's acts are done and the old state was verified."""

    verified: bool
    recovery_ms: int


@dataclass(frozen=True, slots=True)
class RunHalted:
    """The run stopped; `effect` says who may lift it. `resume_at` is the stage to return to."""

    cause: str
    effect: str
    stage: str
    resume_at: str
    detail: Digest | None


@dataclass(frozen=True, slots=True)
class RunResumed:
    """A halt was lifted by a signed statement; work returns to `stage` as a new attempt."""

    stage: str
    halt_seq: int
    statement_sha256: Digest
    person: str


@dataclass(frozen=True, slots=True)
class AbortRequested:
    """Somebody ended the run; production that was touched is rolled back first."""

    reason: Digest | None


@dataclass(frozen=True, slots=True)
class RunClosed:
    """The run is over: `ready`, `released`, `rolled_back`, `aborted`."""

    outcome: str


@dataclass(frozen=True, slots=True)
class Announced:
    """A message was said and handed out; the text is a blob. `to` are its recipients by role."""

    prefix: str
    text_sha256: Digest
    phase: int
    to: Sequence[str] = ()
    severity: str = ""
    occasion: str = ""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of the message of entry `message` on one channel: `delivered` or `failed`, after `attempts` tries."""

    message: int
    channel: str
    outcome: str
    attempts: int
    detail: Digest | None


@dataclass(frozen=True, slots=True)
class PackageSealed:
    """A package was written, sealed and signed."""

    package: str
    name: str
    sha256: Digest
    size: int
    members: int


@dataclass(frozen=True, slots=True)
class CheckpointMade:
    """A signed checkpoint over the ledger up to here."""

    size: int
    root: str
    note_sha256: Digest


@dataclass(frozen=True, slots=True)
class EditFound:
    """A view of stored evidence, or a state file, was edited by hand (C2, WFS-03)."""

    name: str
    expected: Digest


Event: TypeAlias = (
    RunOpened
    | TrustPinned
    | PlanBound
    | TaskIntended
    | TaskFinished
    | TaskSettled
    | EvidenceSealed
    | GateJudged
    | DecisionRequested
    | DecisionRecorded
    | DecisionRefused
    | DecisionVoided
    | DecisionExpired
    | DecisionConsumed
    | TrafficMoved
    | HostsReplaced
    | HostsSeen
    | OfTraffic
    | MetricsSampled
    | RolloutJudged
    | RolloutPromoted
    | FreezeBegun
    | FreezeEnded
    | RollbackBegun
    | RollbackFinished
    | RunHalted
    | OfBranches
    | OfHalts
    | RunResumed
    | AbortRequested
    | RunClosed
    | Announced
    | Delivered
    | PackageSealed
    | CheckpointMade
    | EditFound
)

EVENTS: Mapping[str, type[Event]] = {
    "run.opened": RunOpened,
    "trust.pinned": TrustPinned,
    "plan.bound": PlanBound,
    "task.intended": TaskIntended,
    "task.finished": TaskFinished,
    "task.settled": TaskSettled,
    "evidence.sealed": EvidenceSealed,
    "gate.judged": GateJudged,
    "approval.requested": DecisionRequested,
    "approval.recorded": DecisionRecorded,
    "approval.refused": DecisionRefused,
    "approval.voided": DecisionVoided,
    "approval.expired": DecisionExpired,
    "approval.consumed": DecisionConsumed,
    "traffic.moved": TrafficMoved,
    "hosts.replaced": HostsReplaced,
    "hosts.seen": HostsSeen,
    **EVENTS_OF_TRAFFIC,
    "metrics.sampled": MetricsSampled,
    "rollout.judged": RolloutJudged,
    "rollout.promoted": RolloutPromoted,
    "freeze.begun": FreezeBegun,
    "freeze.ended": FreezeEnded,
    "rollback.begun": RollbackBegun,
    "rollback.finished": RollbackFinished,
    "run.halted": RunHalted,
    **EVENTS_OF_BRANCHES,
    **EVENTS_OF_HALTS,
    "run.resumed": RunResumed,
    "abort.requested": AbortRequested,
    "run.closed": RunClosed,
    "message.announced": Announced,
    "message.delivered": Delivered,
    "package.sealed": PackageSealed,
    "checkpoint.made": CheckpointMade,
    "edit.found": EditFound,
}
_TYPES: Mapping[type[Event], str] = {kind: name for name, kind in EVENTS.items()}
_names = cache(lambda name: frozenset(field.name for field in dataclasses.fields(EVENTS[name])))


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event with its place in the ledger."""

    seq: int
    at: datetime
    actor: Actor
    event: Event


def type_of(event: Event) -> str:
    """The dotted type under which `event` is stored."""
    return _TYPES[type(event)]


def data_of(event: Event) -> dict[str, Json]:
    """The fields of `event` as they stand in the ledger line."""
    return {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}


def recorded(entry: Entry) -> Recorded:
    """Read a ledger entry; Tampered where its type or fields are not what this version writes."""
    kind = EVENTS.get(entry.type)
    if kind is None:
        raise Tampered(
            f"entry {entry.seq} is of the unknown type `{entry.type}`", next_step="use the version that wrote it"
        )
    if not _names(entry.type).issuperset(entry.data):
        raise Tampered(f"entry {entry.seq} ({entry.type}) has fields that this version does not know")
    try:
        build: Callable[..., Event] = kind
        return Recorded(entry.seq, entry.ts, entry.actor, build(**entry.data))
    except TypeError as error:
        raise Tampered(f"entry {entry.seq} ({entry.type}) lacks fields: {error}") from error
