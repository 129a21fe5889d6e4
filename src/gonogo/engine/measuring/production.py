"""Measurements of a production deployment before the rollout (requirement sections 17 to 22)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from gonogo.engine.bench import Bench, Looked, digest_field
from gonogo.engine.decisions_seen import round_at, signed_file
from gonogo.engine.handover import Handover, handover
from gonogo.engine.measuring.readiness import locked
from gonogo.engine.measuring.world import fingerprint, reach, serving
from gonogo.engine.runs_seen import command_run, left_behind, text, when
from gonogo.errors import BadInput
from gonogo.evidence.canonical import read_object
from gonogo.evidence.sayings import AttestationSaying
from gonogo.evidence.statements import read_statement
from gonogo.measure.confirmations import (
    ConfirmationsSeen,
    ServiceInScope,
    StakeholderSeen,
    confirmations_body,
    confirmations_markdown,
)
from gonogo.measure.freeze import (
    Acknowledgement,
    BranchLock,
    FreezeSeen,
    QueuedChange,
    freeze_body,
    freeze_markdown,
    waiting_for,
)
from gonogo.measure.header import RawFile
from gonogo.measure.open_lists import read_queued
from gonogo.measure.rollback import NamedCheck
from gonogo.measure.staging_check import LogReview, StagingCheckSeen, rerun_reason, staging_check_body
from gonogo.plan.windows import next_opening, said
from gonogo.terms import Severity, digest_of

STAGING_AGE = timedelta(hours=24)
QUEUED_FILE = "queued-changes.json"


def confirmations(bench: Bench) -> Looked:
    """Who confirmed the scope, by signature (SCO-01..SCO-03)."""
    asked = round_at(bench, "scope_confirmation")
    release = bench.plan.release
    impact = release.security_impact
    services = tuple(
        ServiceInScope(
            item.name,
            item.version,
            item.digest,
            item.owner,
            item.rollback or "rollback-plan.md",
            "yes" if impact == "yes" else "no" if impact == "no" else "not_stated",
        )
        for item in release.services
    )
    people = []
    for answer in asked.answers if asked else ():
        saying = read_statement(bench.world.vault.read(answer.statement)).saying
        confirmed = isinstance(saying, AttestationSaying) and saying.answer == "yes"
        signature = bench.world.vault.read(answer.signature).decode("ascii", "replace")
        people.append(StakeholderSeen(answer.person, answer.role, answer.at if confirmed else None, signature))
    body = confirmations_body(ConfirmationsSeen(services, tuple(people)))
    found = body["confirmation"]
    ok = isinstance(found, Mapping) and found.get("complete") is True
    files = (
        signed_file(bench, "release-manifest.confirmations.json", body),
        bench.text("release-manifest.md", confirmations_markdown(body)),
    )
    return Looked(
        ok=ok, files=files, detail="" if ok else "the scope is not confirmed, or a service lacks owner or rollback"
    )


def window(bench: Bench) -> Looked:
    """When production may be touched, where people talk, and who is on call (WIN-01); the wait is the machine's."""
    project = bench.plan.project
    planned = project.windows
    lines = ["# Deployment window", ""]
    lines += said(planned, bench.now) if planned else ["No window is planned; production may begin at any time."]
    channels = ([planned.channel] if planned and planned.channel else []) or list(project.notify)
    lines.append(f"- Communication channels: {', '.join(channels) or 'none'}")
    for duty in project.operations.on_call:
        lines.append(f"- On call for {duty.function}: {duty.primary or 'nobody'}, then {duty.backup or 'nobody'}")
    ok = planned is None or next_opening(planned, bench.now) is not None
    files = (bench.text("deployment-window.md", "\n".join(lines) + "\n"),)
    return Looked(ok=ok, files=files, detail="" if ok else "no deployment window opens within 400 days")


def staging_check(bench: Bench) -> Looked:
    """Is staging still what was rehearsed (RCF-01..RCF-03)?"""
    handed = handover(bench)
    if handed is None:
        return Looked(ok=False, detail=locked(bench))
    report = handed.file("rehearsal-report.json")
    verified = next((known for name, known in handed.state.tasks.items() if name.endswith("#verify-again")), None)
    judged = digest_field(text(verified, "fingerprint")) if verified else digest_of(b"")
    now = fingerprint(bench, "staging", serving(bench, "staging"))
    moment = when(verified, "verified_at") or bench.now
    reason = rerun_reason(moment, STAGING_AGE, bench.now, same_fingerprint=now == judged, requested=False)
    checks = tuple(
        NamedCheck(f"staging {name}", "pass" if ok else "fail", bench.now, detail)
        for name, ok, detail in reach(bench, "staging")
    )
    severity = _drift_now(bench, handed)
    log = handed.file("staging-deployment-run.log")
    seen = StagingCheckSeen(
        reason=reason,
        reviewed_logs=(LogReview(RawFile(log.name, log.digest), bench.plan.role),) if log else (),
        checks=checks,
        fingerprint=now,
        fingerprint_judged=judged,
        drift=severity,
        new_differences=() if now == judged else ("/serves",),
    )
    body = staging_check_body(seen)
    found = body["staging_validation"]
    ok = isinstance(found, Mapping) and found.get("status") == "pass" and report is not None
    detail = "" if ok else f"staging is not what was rehearsed: {reason}"
    return Looked(ok=ok, files=(bench.json("staging-validation-results.json", body),), detail=detail)


def _drift_now(bench: Bench, handed: Handover) -> Severity | None:
    report = handed.file("staging-parity-report.json")
    if report is None:
        return None
    body = read_object(bench.world.vault.read(report.digest), name=report.name, limit=16 << 20)
    about = body.get("staging_parity")
    word = about.get("drift_severity") if isinstance(about, Mapping) else None
    return Severity[word.upper()] if isinstance(word, str) and word.upper() in Severity.__members__ else None


def freeze_begin(bench: Bench) -> Looked:
    """The freeze holds from here on (FRZ-01)."""
    freeze = bench.plan.project.freeze
    return Looked(ok=True, facts={"branch": freeze.branch}, detail=f"change freeze of `{freeze.branch}` begins")


def freeze(bench: Bench) -> Looked:
    """Who acknowledged the freeze, by signature; the branch lock where one is bound (FRZ-02..FRZ-05)."""
    asked = round_at(bench, "freeze")
    begun = bench.done("begin")
    started = begun.ended if begun and begun.ended else bench.now
    acknowledged = tuple(
        Acknowledgement(
            answer.person,
            answer.role,
            answer.at,
            answer.fingerprint,
            bench.world.vault.read(answer.signature).decode("ascii", "replace"),
        )
        for answer in (asked.answers if asked else ())
    )
    bound = bench.plan.project.freeze
    seen = FreezeSeen(
        announced_at=started,
        started_at=started,
        ends_at=started + timedelta(seconds=float(bound.length)),
        stakeholders=bench.plan.ring.freeze_stakeholders,
        acknowledgements=acknowledged,
        branch_lock=_branch_lock(bench),
        queued_changes=_queued(bench),
    )
    body = freeze_body(seen)
    missing = waiting_for(body)
    conflicts = [change.id for change in seen.queued_changes if change.conflicts]
    files = (
        signed_file(bench, "change-freeze-confirmation.json", body),
        bench.text("change-freeze-confirmation.md", freeze_markdown(body)),
    )
    detail = f"the freeze is not acknowledged by {', '.join(missing)}" if missing else ""
    if conflicts:
        detail = (
            f"queued changes conflict with this release: {', '.join(conflicts)}"
            "\n  next: take them out of the queue or let them in first, then lift the halt"
        )
    return Looked(ok=not missing and not conflicts, files=files, detail=detail)


def _queued(bench: Bench) -> tuple[QueuedChange, ...]:
    """What the bound command says is queued; BadInput where it left nothing that can be read (FRZ-03)."""
    command = bench.plan.project.freeze.queue
    if command is None:
        return ()
    left = left_behind(bench, command, QUEUED_FILE)
    if left is None:
        raise BadInput(
            f"the command `{command}` left no {QUEUED_FILE}",
            where=str(bench.plan.project.commands[command].origin),
            next_step=f"let it write {QUEUED_FILE} into GONOGO_OUT; an empty list says that nothing is queued",
        )
    return read_queued(left.data, QUEUED_FILE)


def _branch_lock(bench: Bench) -> BranchLock | None:
    """What the bound probe proved; None where none is bound, and the freeze rests on the acknowledgements alone."""
    bound, probe = bench.plan.project.freeze, bench.done("probe")
    if bound.probe is None:
        return None
    locked = probe is not None and probe.outcome == "ok"
    return BranchLock(bound.branch, locked, when(probe, "ended_at") or bench.now)


def dry_run(bench: Bench) -> Looked:
    """The dry run of the deploy script, where its contract knows one (DRY-01, DRY-02)."""
    runs = bench.commands_run("dry_run")
    lines = ["# Dry run", ""]
    if not runs:
        lines.append(
            "The deploy script declares no dry run, so none was tried: a script that ignores the flag would deploy."
        )
    for task, known in runs:
        run = command_run(bench, task, known)
        lines.append(f"- `{' '.join(run.argv)}` ended with exit status {run.exit_code}")
    return Looked(ok=True, files=(bench.text("dry-run.md", "\n".join(lines) + "\n"),))
