"""Measurements of a production deployment before and during the rollout (requirement sections 16 to 26)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from gonogo.engine.bench import Bench, Looked, Produced, digest_field
from gonogo.engine.decisions_seen import round_at
from gonogo.engine.handover import Handover, handover
from gonogo.engine.measuring_staging import ALIASES
from gonogo.engine.measuring_world import fingerprint, reach, serving
from gonogo.engine.runs_seen import command_run, text, when
from gonogo.errors import GonogoError
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
from gonogo.measure.deployment import ActionSeen, AnalysisSeen, DeploymentSeen, RollbackTaken, deployment_body
from gonogo.measure.figures import read_duration
from gonogo.measure.freeze import Acknowledgement, BranchLock, FreezeSeen, freeze_body, freeze_markdown, waiting_for
from gonogo.measure.header import RawFile
from gonogo.measure.readiness import ApprovalRecord, ReadinessItem, ReadinessSeen, readiness_body
from gonogo.measure.rollback import NamedCheck
from gonogo.measure.rollback_plan import (
    PlanSeen,
    RollbackExecuted,
    RollbackTrigger,
    rollback_plan_body,
    rollback_plan_markdown,
)
from gonogo.measure.snapshot import SnapshotContent, SnapshotSeen, snapshot_body
from gonogo.measure.staging_check import LogReview, StagingCheckSeen, rerun_reason, staging_check_body
from gonogo.plan.model import Execute, Roll, Route
from gonogo.plan.reading import duration_of
from gonogo.run.asking import standing
from gonogo.run.gate import SealedFile, Subject, judge
from gonogo.run.judging import JudgeKind
from gonogo.run.rolling import Rolling
from gonogo.terms import Json, Severity, Verdict, digest_of, worst

PROOF = "rollback-verification-report.json"
PROOF_AGE = timedelta(days=7)
STAGING_AGE = timedelta(hours=24)
TRIGGERS = (
    RollbackTrigger("the judge finds the new version worse than the old one", Severity.CRITICAL),
    RollbackTrigger("the launch gate does not pass", Severity.CRITICAL),
    RollbackTrigger("a deployment command or a traffic move fails", Severity.CRITICAL),
    RollbackTrigger("a person aborts the run", Severity.CRITICAL),
)


def readiness(bench: Bench) -> Looked:
    """The readiness package again: digests, age, gates judged anew, rollback proof for exactly these bytes (RDY-01)."""
    handed = handover(bench)
    if handed is None:
        return Looked(ok=False, detail=_locked(bench))
    package = handed.file("PRE-DEPLOYMENT-PACKAGE.zip")
    issues = _proof_issues(bench, handed)
    verdicts = _rejudged(bench, handed)
    names = dict.fromkeys((*_handed_names(bench), *verdicts))
    items = [_with_verdict(_item(bench, handed, name), verdicts.get(name)) for name in names]
    plan_file = _rollback_plan(bench, handed)
    seen = ReadinessSeen(tuple(items), _authorisations(bench), _raw(plan_file), tuple(issues))
    body = readiness_body(seen)
    found = body["readiness"]
    completion = found.get("completion") if isinstance(found, Mapping) else None
    ok = completion == 1 and not issues
    lacking = [f"{item.name}: {item.issue}" for item in items if item.issue]
    detail = "" if ok else "production stays locked:\n" + "\n".join(f"  - {line}" for line in (*issues, *lacking))
    facts: dict[str, Json] = {"package_sha256": package.digest if package else None, "handed_run": handed.run}
    files = (bench.json("deployment-readiness-checklist.json", body), *plan_file)
    return Looked(ok=ok, files=files, facts=facts, detail=detail)


def _locked(bench: Bench) -> str:
    release = bench.plan.release
    return (
        f"production stays locked: no finished pre-deployment run deployed and rolled back exactly these bytes in staging\n"
        f"  release {release.version}, manifest sha256 {release.digest[:12]}…\n"
        f"  next: gonogo run pre-deployment --release {release.version}"
    )


def _handed_names(bench: Bench) -> list[str]:
    wanted = [name for name, _, optional in bench.plan.artifacts if not optional and "*" not in name]
    return [*wanted, PROOF, "rehearsal-report.json"]


def _item(bench: Bench, handed: Handover, name: str) -> ReadinessItem:
    found = handed.file(name.rpartition("/")[2])
    if found is not None:
        try:
            bench.world.vault.read(found.digest, limit=1 << 30)
        except GonogoError as error:
            return ReadinessItem(name, handed.plan.name, True, found.digest, True, False, None, error.what)
        current = bench.now - found.at <= timedelta(days=30)
        issue = None if current else "it is older than 30 days"
        return ReadinessItem(name, handed.plan.name, True, found.digest, current, True, None, issue)
    binding = bench.plan.project.artifacts.get(name)
    paths = [binding.path] if binding else [name, *ALIASES.get(name, ())]
    if name.endswith("release-manifest.json"):
        paths = [bench.plan.project.manifest.replace("{release}", bench.plan.release.version)]
    for path in paths:
        seen = bench.world.files.see(path)
        if seen.digest is not None and seen.modified is not None:
            age = timedelta(seconds=float(binding.max_age)) if binding else timedelta(days=30)
            current = bench.now - seen.modified <= age
            return ReadinessItem(
                name, "upstream", True, seen.digest, current, True, None, None if current else "expired"
            )
    return ReadinessItem(name, "upstream", True, None, False, False, None, "it is missing")


def _rejudged(bench: Bench, handed: Handover) -> dict[str, Verdict]:
    """Every evidence file of the pre-deployment gates with the worst verdict of the gates that look at it, judged now."""
    found: dict[str, Verdict] = {}
    for rule in handed.plan.gates.values():
        names = dict.fromkeys((*rule.evidence, *(clause.file for clause in rule.clauses)))
        files = {
            name: SealedFile(name, item.digest, bench.world.vault.read(item.digest), item.stage, item.status)
            for name in names
            if (item := handed.state.evidence.get(name))
        }
        verdict = judge(rule, files, Subject(handed.run, bench.plan.release.digest), bench.now).verdict
        found |= {name: worst((verdict, found.get(name, Verdict.PASS))) for name in names}
    return found


def _with_verdict(item: ReadinessItem, verdict: Verdict | None) -> ReadinessItem:
    if verdict is None or verdict is Verdict.PASS:
        return replace(item, rejudged=verdict)
    return replace(item, rejudged=verdict, issue=item.issue or f"its gate, judged again, is {verdict.word}")


def _proof_issues(bench: Bench, handed: Handover) -> list[str]:
    found = handed.file(PROOF)
    if found is None:
        return ["there is no rollback proof"]
    body = read_object(bench.world.vault.read(found.digest), name=PROOF)
    proof = body.get("rollback_verification")
    issues = []
    if not (isinstance(proof, Mapping) and proof.get("status") == "pass"):
        issues.append("the rollback rehearsal did not pass")
    if bench.now - found.at > PROOF_AGE:
        issues.append(f"the rollback proof is older than {PROOF_AGE.days} days")
    for name in ("deploy", "rollback"):
        for argument in bench.plan.project.commands[name].run:
            rehearsed, pinned = handed.plan.scripts.get(argument), bench.plan.scripts.get(argument)
            if rehearsed != pinned:
                issues.append(f"{argument} is not the script that was rehearsed")
        if handed.plan.project.commands[name].run != bench.plan.project.commands[name].run:
            issues.append(f"the command `{name}` is not the one that was rehearsed")
    return issues


def _authorisations(bench: Bench) -> tuple[ApprovalRecord, ...]:
    found = []
    for item in bench.state.rounds.values():
        if item.kind != "approval" or item.status not in {"open", "used"} or item.point == "production":
            continue
        complete = standing(bench.plan, item).met
        for answer in item.answers:
            found.append(ApprovalRecord(answer.role, answer.person, "ok" if complete else "missing"))
    return tuple(found)


def _rollback_plan(bench: Bench, handed: Handover) -> tuple[Produced, ...]:
    proof = handed.file(PROOF)
    before = replace(bench, plan=handed.plan, state=handed.state)
    runs = [command_run(before, task, known) for task, known in before.commands_run("rollback")]
    rto = duration_of(bench.plan.project.limits.get("rto", ""))
    if proof is None or not runs or rto is None:
        return ()
    body = read_object(bench.world.vault.read(proof.digest), name=PROOF)
    about = body.get("rollback_verification")
    took = about.get("recovery_time") if isinstance(about, Mapping) else None
    if not isinstance(took, str):
        return ()
    seen = PlanSeen(
        TRIGGERS, tuple(runs), proof.digest, read_duration(took), timedelta(seconds=float(rto)), _executed(bench)
    )
    plan = rollback_plan_body(seen)
    return (bench.json("rollback-plan.json", plan), bench.text("rollback-plan.md", rollback_plan_markdown(plan)))


def _executed(bench: Bench) -> RollbackExecuted | None:
    taken = bench.state.rollback
    if taken is None or taken.finished is None:
        return None
    return RollbackExecuted(taken.began, timedelta(milliseconds=taken.recovery_ms), taken.verified)


def _raw(files: tuple[Produced, ...]) -> RawFile | None:
    return next((RawFile(file.name, digest_of(file.data)) for file in files if file.name.endswith(".md")), None)


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
        bench.json("release-manifest.confirmations.json", body),
        bench.text("release-manifest.md", confirmations_markdown(body)),
    )
    return Looked(
        ok=ok, files=files, detail="" if ok else "the scope is not confirmed, or a service lacks owner or rollback"
    )


def window(bench: Bench) -> Looked:
    """The deployment window: production begins only inside it (WIN-01, WIN-02)."""
    planned = bench.plan.project.window
    lines = ["# Deployment window", ""]
    if planned is None:
        lines.append("No window is planned; production may begin at any time.")
        return Looked(ok=True, files=(bench.text("deployment-window.md", "\n".join(lines) + "\n"),))
    lines += [f"- window: {planned.start} to {planned.end}", f"- channel: {planned.channel or 'none'}"]
    start, end = datetime.fromisoformat(planned.start), datetime.fromisoformat(planned.end)
    ok = start <= bench.now < end
    detail = (
        "" if ok else f"the deployment window is {planned.start} to {planned.end}; it is {bench.now.isoformat()} now"
    )
    return Looked(ok=ok, files=(bench.text("deployment-window.md", "\n".join(lines) + "\n"),), detail=detail)


def staging_check(bench: Bench) -> Looked:
    """Is staging still what was rehearsed (RCF-01..RCF-03)?"""
    handed = handover(bench)
    if handed is None:
        return Looked(ok=False, detail=_locked(bench))
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
    probe = bench.done("probe")
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
        branch_lock=BranchLock(bound.branch, bool(probe) or bound.probe is None, bench.now),
    )
    body = freeze_body(seen)
    missing = waiting_for(body)
    files = (
        bench.json("change-freeze-confirmation.json", body),
        bench.text("change-freeze-confirmation.md", freeze_markdown(body)),
    )
    detail = f"the freeze is not acknowledged by {', '.join(missing)}" if missing else ""
    return Looked(ok=not missing, files=files, detail=detail)


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


def snapshot(bench: Bench) -> Looked:
    """What production serves now and how it is brought back; the rollout does not begin without it (SNP-01, SNP-02)."""
    seen = bench.seen("production")
    version = str(seen.get("stable_version") or "")
    digest = digest_field(seen.get("stable_digest")) if seen.get("stable_digest") else digest_of(version.encode())
    contents = tuple(SnapshotContent(item.name, version, digest) for item in bench.plan.release.services)
    state = digest_of(repr(sorted((item.service, item.version, item.digest) for item in contents)).encode())
    readable = serving(bench, "production").front.version == version
    body = snapshot_body(
        SnapshotSeen(
            id=f"snapshot-{bench.run}",
            taken_at=bench.now,
            environment=bench.environment("production").name,
            digest=state,
            readable=readable,
            restore_command=bench.plan.project.commands["rollback"].run,
            contents=contents,
        )
    )
    file = bench.json("rollback-snapshot.json", body)
    detail = "" if readable else "the snapshot could not be read back"
    return Looked(ok=readable, files=(file,), facts={"snapshot_sha256": digest_of(file.data)}, detail=detail)


def _actions(bench: Bench) -> tuple[ActionSeen, ...]:
    found = []
    for stage in (*bench.plan.stages, *((bench.plan.rollback,) if bench.plan.rollback else ())):
        for task in stage.tasks:
            known = bench.state.tasks.get(task.id)
            if known is None:
                continue
            match task.act:
                case Execute(effect=effect, purpose=purpose) if effect.value == "production":
                    run = command_run(bench, task, known)
                    found.append(
                        ActionSeen(purpose, task.act.environment, run.argv, run.started_at, run.ended_at, run.exit_code)
                    )
                case Route(environment, percent, _) if environment == bench.environment("production").name:
                    code = 0 if known.outcome == "ok" else 1
                    found.append(
                        ActionSeen("traffic", environment, (), known.began, known.ended, code, Decimal(percent))
                    )
                case Roll(environment):
                    found += _moves(environment, bench.state.rollings.get(task.id))
    return tuple(found)


def _moves(environment: str, rolling: Rolling | None) -> list[ActionSeen]:
    moves = rolling.moves if rolling else ()
    return [ActionSeen("traffic", environment, (), at, at, 0, Decimal(percent)) for at, percent in moves]


def rolling_of(bench: Bench) -> Rolling | None:
    """The rollout of this run, if any has begun."""
    for stage in bench.plan.stages:
        for task in stage.tasks:
            if isinstance(task.act, Roll):
                return bench.state.rollings.get(task.id)
    return None


def _analyses(rolling: Rolling | None) -> tuple[AnalysisSeen, ...]:
    if rolling is None or not rolling.ticks:
        return ()
    totals = [[0, 0], [0, 0]]
    for _, _, stable, candidate in rolling.ticks:
        for arm, counts in zip(totals, (stable, candidate), strict=True):
            if counts is not None:
                arm[0] += counts.requests
                arm[1] += counts.errors
    rates = [Decimal(bad) / Decimal(count) if count else None for count, bad in totals]
    kind = rolling.answer.kind if rolling.answer else JudgeKind.INCONCLUSIVE
    return (AnalysisSeen("error_rate", rates[0], rates[1], kind.verdict),)


def deployment(bench: Bench) -> Looked:
    """`production-deployment-report.json`: every act with its times, the judge's figures, what answers now (ROL-03)."""
    actions = _actions(bench)
    rolling = rolling_of(bench)
    asked = round_at(bench, "production")
    front = serving(bench, "production").front
    shot = bench.state.evidence.get("rollback-snapshot.json")
    taken = bench.state.rollback
    failed = sum(counts.errors for _, _, *arms in (rolling.ticks if rolling else ()) for counts in arms if counts)
    strategy = bench.plan.project.rollout.strategy
    seen = DeploymentSeen(
        strategy="blue_green" if strategy == "blue_green" else "canary" if strategy == "canary" else "rolling",
        started_at=min((item.started_at for item in actions), default=bench.now),
        ended_at=bench.now,
        actions=actions,
        analyses=_analyses(rolling),
        to_version=bench.plan.release.version,
        version_after=front.version,
        approval_sha256=asked.request if asked else bench.plan.digest,
        snapshot_sha256=shot.digest if shot else digest_of(b""),
        downtime=_downtime(bench, rolling),
        failed_requests=failed,
        rollback=_taken(bench) if taken else None,
    )
    body = deployment_body(seen)
    found = body["deployment"]
    status = found.get("status") if isinstance(found, Mapping) else None
    ok = status == "success" or taken is not None
    name = "production-deployment-report.json"
    return Looked(ok=ok, files=(bench.json(name, body),), detail="" if ok else f"the deployment ended as {status}")


def _taken(bench: Bench) -> RollbackTaken | None:
    taken = bench.state.rollback
    if taken is None:
        return None
    took = timedelta(milliseconds=taken.recovery_ms) if taken.finished else None
    return RollbackTaken(f"{taken.trigger}: {taken.cause}", took, taken.verified)


def _downtime(bench: Bench, rolling: Rolling | None) -> timedelta | None:
    """Ticks in which nothing was served without error; None where no requests were counted at all."""
    if rolling is None or not rolling.ticks:
        return None
    tick = float(bench.plan.project.rollout.tick)
    dark = 0
    for _, _, *arms in rolling.ticks:
        served = [counts for counts in arms if counts]
        if served and all(counts.requests == counts.errors for counts in served):
            dark += 1
    return timedelta(seconds=dark * tick)
