"""The rollout in production: the snapshot before it, and what it did (SNP-01, SNP-02, ROL-02..ROL-04)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

from gonogo.engine.bench import Bench, Looked, digest_field
from gonogo.engine.decisions_seen import round_at
from gonogo.engine.measuring.world import serving
from gonogo.engine.runs_seen import command_run
from gonogo.engine.saved_states import saved_state
from gonogo.measure.deployment import ActionSeen, AnalysisSeen, DeploymentSeen, RollbackTaken, deployment_body
from gonogo.measure.snapshot import SnapshotContent, SnapshotSeen, snapshot_body
from gonogo.plan.model import Execute, Roll, Route
from gonogo.run.judging import JudgeKind
from gonogo.run.rolling import Rolling
from gonogo.terms import digest_of


def snapshot(bench: Bench) -> Looked:
    """What production serves now and how it is brought back; the rollout does not begin without it (SNP-01, SNP-02)."""
    seen = bench.seen("production")
    version = str(seen.get("stable_version") or "")
    digest = digest_field(seen.get("stable_digest")) if seen.get("stable_digest") else digest_of(version.encode())
    contents = tuple(SnapshotContent(item.name, version, digest) for item in bench.plan.release.services)
    state = digest_of(repr(sorted((item.service, item.version, item.digest) for item in contents)).encode())
    readable = serving(bench, "production").front.version == version
    hooked = bench.plan.project.snapshot
    name = saved_state(bench, bench.environment("production").name) if hooked else f"snapshot-{bench.run}"
    restore = bench.plan.project.commands[hooked.restore if hooked else "rollback"].run
    body = snapshot_body(
        SnapshotSeen(
            id=name,
            taken_at=bench.now,
            environment=bench.environment("production").name,
            digest=state,
            readable=readable,
            restore_command=restore,
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
