"""Opening a round: the request that people sign, exactly the bytes, with everything it is about by digest (REV-03)."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta

from gonogo.engine.bench import Bench, Produced
from gonogo.engine.crash_points import REQUEST_WRITTEN
from gonogo.engine.writing import append, show
from gonogo.evidence.authors import change_authors
from gonogo.evidence.canonical import Tree
from gonogo.evidence.closed import moment_text
from gonogo.evidence.envelope import Subject
from gonogo.evidence.filing import evidence_list
from gonogo.evidence.independence import OWN_WISH
from gonogo.evidence.ledger import Entry, time_text
from gonogo.evidence.manifest import EVIDENCE_SUMS
from gonogo.evidence.merkle import root_over
from gonogo.evidence.signers import Kind
from gonogo.evidence.statements import (
    CheckpointRef,
    PolicyRef,
    ProtocolRef,
    ReleaseRef,
    RequestFacts,
    Scope,
    request_bytes,
)
from gonogo.plan.model import Decide
from gonogo.plan.revisions import read_revisions
from gonogo.reports.showing import Asking, shown_text
from gonogo.run.agents import owner_of, tokens_of
from gonogo.run.events import DecisionRequested, PlanBound, RunHalted, TrustPinned, recorded
from gonogo.terms import Digest, digest_of


def ask(bench: Bench) -> None:
    """Open a round for this task: write request and evidence list, record their digests, tell people."""
    assert isinstance(bench.task.act, Decide)
    act = bench.task.act
    entries = bench.world.journal.entries(bench.run)
    rule = bench.plan.decisions[act.point]
    number = 1 + sum(1 for known in bench.state.rounds.values() if known.point == act.point)
    open_round(bench, entries, Kind(act.kind), act.point, f"{act.point}-{number}", rule.valid_for, _asked(bench, act))


def open_round(
    bench: Bench,
    entries: tuple[Entry, ...],
    kind: Kind,
    point: str,
    name: str,
    valid_for: timedelta,
    asked: Mapping[str, Tree],
) -> None:
    """Write the request of a round of any kind and record it."""
    now = bench.world.clock.now()
    sums = evidence_list(entries)
    expires = (now + valid_for).replace(microsecond=0)
    meaning = meaning_of(bench, kind, point, str(asked.get("text", "")))
    authors = _authors(bench)
    requester = str(bench.actor) if kind in OWN_WISH else _requester(bench)
    shown = shown_text(bench.plan, bench.state, Asking(bench.run, meaning, expires, authors)).encode("utf-8")
    challenge = secrets.token_hex(16)
    vault = bench.world.vault
    facts = RequestFacts(
        kind=kind,
        subjects=_subjects(bench, sums, point),
        scope=_scope(bench, name),
        decision_point=point,
        challenge=challenge,
        protocol=ProtocolRef(bench.plan.slug, bench.plan.sources["document"], bench.plan.digest),
        policy=_pinned(entries),
        params_sha256=bench.plan.sources["project"],
        checkpoint=_checkpoint(bench, entries),
        requested_by=requester,
        requester_owner=_owner(bench, requester),
        meaning=meaning,
        shown_sha256=digest_of(shown),
        requested_at=now.replace(microsecond=0),
        expires_at=expires,
        change_authors=authors,
        asked=asked,
    )
    request = request_bytes(facts)
    event = DecisionRequested(
        round=name,
        task=bench.task.id,
        attempt=bench.attempt,
        point=point,
        kind=kind.value,
        request_sha256=vault.put(request),
        shown_sha256=vault.put(shown),
        evidence_sha256=vault.put(sums),
        challenge=challenge,
        expires_at=time_text(expires),
    )
    bench.world.crash(REQUEST_WRITTEN)
    append(bench, [event])
    folder = f"approvals/{name}"
    files = (
        Produced(f"{folder}/request.json", request),
        Produced(f"{folder}/shown.txt", shown),
        Produced(f"{folder}/{EVIDENCE_SUMS}", sums),
    )
    show(bench, files)


def _subjects(bench: Bench, sums: bytes, point: str) -> tuple[Subject, ...]:
    release = bench.plan.release
    found = [Subject("release-manifest.json", release.digest)]
    found += [Subject(service.artifact, service.digest) for service in release.services]
    found.append(Subject(EVIDENCE_SUMS, digest_of(sums)))
    sealed = bench.state.packages.get(point)
    if sealed is not None:
        found.append(Subject(sealed.name, sealed.sha256))
    if point == "production":
        found.append(Subject("deployment-plan.json", bench.plan.digest))
    return tuple({subject.name: subject for subject in found}.values())


def _scope(bench: Bench, name: str) -> Scope:
    release = bench.plan.release
    return Scope(
        site=bench.plan.ring.site,
        release=ReleaseRef(release.id, release.version, release.digest),
        environment=bench.plan.environment,
        run_id=bench.run,
        state=bench.stage.id,
        attempt=bench.attempt,
        round=name,
    )


def _checkpoint(bench: Bench, entries: tuple[Entry, ...]) -> CheckpointRef:
    root = root_over(entry.line for entry in entries)
    origin = f"{bench.plan.ring.site}/{bench.run}"
    return CheckpointRef(origin, len(entries), base64.b64encode(root).decode(), entries[-1].digest)


def _pinned(entries: tuple[Entry, ...]) -> PolicyRef:
    for entry in entries:
        event = recorded(entry).event
        if isinstance(event, TrustPinned):
            return PolicyRef(event.version, event.approvers_sha256)
        if isinstance(event, PlanBound | RunHalted):
            break
    return PolicyRef(1, Digest("0" * 64))


def _authors(bench: Bench) -> tuple[str, ...]:
    """Who made the changes, where the manifest names its revisions; what cannot be found out stops the asking (A16)."""
    revisions = read_revisions(bench.world.vault.read(bench.plan.sources["manifest"]), "release-manifest.json")
    if revisions is None:
        return ()
    found = bench.world.history.authors(revisions.revision, revisions.previous)
    return change_authors(found, bench.plan.ring, bench.plan.release.digest)


def _requester(bench: Bench) -> str:
    return bench.state.opened.requested_by if bench.state.opened else str(bench.actor)


def _owner(bench: Bench, requester: str) -> str | None:
    """The person who answers for the agent that asked: by default they cannot approve what it asks for (A16)."""
    return owner_of(tokens_of(bench.world.journal.site()), requester) if requester.startswith("agent:") else None


def meaning_of(bench: Bench, kind: Kind, point: str, stated: str = "") -> str:
    """One sentence that says what a signature means; `stated` is what an attestation states."""
    release, plan = bench.plan.release, bench.plan
    what = f"{plan.project.name} {release.version}"
    match kind:
        case Kind.FREEZE_ACK:
            return f"I know of the change freeze for the release of {what}."
        case Kind.ATTESTATION:
            return f"I state for {what}: {stated or bench.task.title}."
        case Kind.WAIVER:
            return f"I accept for {what} that the gate {point.removeprefix('waiver_')} did not pass."
        case Kind.DISSENT:
            return f"I object to the release of {what}; this is on record and stops nothing."
        case Kind.RESUME:
            return f"I lift the halt of {bench.run} ({what})."
        case _ if point == "promotion":
            rolling = bench.state.rollings.get(bench.task.id)
            percent = rolling.progress.percent if rolling else 0
            return f"I let the rollout of {what} go beyond {percent} % of the traffic."
        case _ if point == "rollback":
            return f"I decide for {what}: go rolls production back, no-go leaves it as it is."
        case _ if point == "break_glass":
            return f"I let {what} begin in production outside its deployment window."
        case _ if point == "production":
            return f"I approve the deployment of {what} to production."
        case _ if point == "readiness":
            return f"I approve that {what} is ready for production."
        case _:
            return f"I approve for {what}: {bench.task.title}"


def _asked(bench: Bench, act: Decide) -> dict[str, Tree]:
    match Kind(act.kind):
        case Kind.FREEZE_ACK:
            return _freeze(bench)
        case Kind.ATTESTATION:
            return {"about": "scope" if act.point == "scope_confirmation" else "criterion", "text": bench.task.title}
        case _:
            return {}


def _freeze(bench: Bench) -> dict[str, Tree]:
    freeze = bench.plan.project.freeze
    begun: datetime = bench.now
    known = bench.done("begin")
    if known is not None and known.ended is not None:
        begun = known.ended
    ends = begun + timedelta(seconds=float(freeze.length))
    proof = bench.done("probe")
    probe = str(proof.facts.get("stdout", "")) if proof else ""
    return {
        "window": {"from": moment_text(begun.replace(microsecond=0)), "to": moment_text(ends.replace(microsecond=0))},
        "branch_lock": {
            "repository": bench.plan.project.name,
            "branch": freeze.branch,
            "probe_sha256": probe or digest_of(b""),
        },
    }
