"""Rehearsal and rollback rehearsal (REH, RBK)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gonogo.engine.bench import Bench, Looked, digest_field
from gonogo.engine.runs_seen import command_run, log_of, output, text, when
from gonogo.measure.command_runs import CommandRun
from gonogo.measure.header import RawFile
from gonogo.measure.log_errors import printed_errors
from gonogo.measure.rehearsal import RehearsalSeen, StateAfter, rehearsal_body
from gonogo.measure.rollback import PROOF_AGE, NamedCheck, Redeployed, RollbackSeen, rollback_body, shortcomings
from gonogo.plan.limits import recovery_limit
from gonogo.plan.model import Execute, Plan, Task
from gonogo.run.state import TaskState
from gonogo.terms import Digest, digest_of


def rehearsal(bench: Bench) -> Looked:
    """The rehearsal report and its log: judged by what the target answers, not by an exit status (REH-01..REH-05)."""
    runs = tuple(item for item in bench.commands_run("deploy") if item[0].id.startswith(f"{bench.stage.id}#"))
    log, commands = log_of(bench, runs)
    log_file = bench.text("staging-deployment-run.log", log)
    verified = bench.done("verify")
    after = None
    if verified and text(verified, "fingerprint"):
        after = StateAfter(text(verified, "version"), digest_field(text(verified, "fingerprint")))
    first = commands[0].started_at if commands else bench.now
    seen = RehearsalSeen(
        planned=sum(1 for task in bench.stage.tasks if _deploys(task)),
        commands=commands,
        errors=(),
        log=RawFile(log_file.name, digest_of(log_file.data)),
        log_whole=not any(known.facts.get("output_cut") for _, known in runs),
        started_at=first,
        ended_at=when(verified, "verified_at") or bench.now,
        expected_version=bench.plan.release.version,
        state_after=after,
        warnings=sum(_tolerated(bench, task, known) for task, known in runs),
    )
    body = rehearsal_body(seen)
    ok = body["deployment_status"] == "success"
    detail = "" if ok else f"the rehearsal ended as {body['deployment_status']}"
    return Looked(ok=ok, files=(log_file, bench.json("rehearsal-report.json", body)), detail=detail)


def _deploys(task: Task) -> bool:
    return isinstance(task.act, Execute) and task.act.purpose == "deploy"


def _tolerated(bench: Bench, task: Task, known: TaskState) -> int:
    """How many lines of a command look like errors and are listed as harmless; any other one has stopped the run."""
    assert isinstance(task.act, Execute)
    printed = output(bench, known, "stderr").decode("utf-8", "replace")
    return len(printed_errors(printed, bench.plan.project.commands[task.act.command].tolerates).tolerated)


def rollback_proof(bench: Bench) -> Looked:
    """Deploy, roll back, verify, deploy again: each way against the RTO, old state back (RBK-01..RBK-05)."""
    before = bench.seen("staging")
    after, again = bench.done("restored"), bench.done("verify-again")
    switch = bench.done("switch-back")
    seen = RollbackSeen(
        method="blue_green_switchback" if switch else "automation",
        steps=_steps_back(bench),
        checks_after=(
            NamedCheck(
                "old version answers", "pass" if text(after, "version") == before.get("stable_version") else "fail"
            ),
            NamedCheck("new version is gone", "pass" if after and after.facts.get("candidate_gone") else "fail"),
            NamedCheck("deployed again afterwards", "pass" if again else "fail"),
            *_same_as_rehearsed(bench, again),
        ),
        verified_at=when(after, "verified_at"),
        rto=recovery_limit(bench.plan.project),
        from_version=bench.plan.release.version,
        to_version=str(before.get("stable_version") or ""),
        version_after=text(after, "version") or None,
        fingerprint_before=digest_field(before.get("fingerprint")),
        fingerprint_after=digest_field(text(after, "fingerprint")) if text(after, "fingerprint") else None,
        again=_again(bench, again),
        scripts=proven_scripts(bench.plan),
        expires_at=bench.now + PROOF_AGE,
    )
    body = rollback_body(seen)
    found = body["rollback_verification"]
    ok = isinstance(found, Mapping) and found.get("status") == "pass"
    detail = "" if ok else f"{bench.task.title}: {'; '.join(shortcomings(body))}"
    return Looked(ok=ok, files=(bench.json("rollback-verification-report.json", body),), detail=detail)


def _steps_back(bench: Bench) -> tuple[CommandRun, ...]:
    runs = [item for name in ("rollback", "restore") for item in bench.commands_run(name)]
    steps = [command_run(bench, task, known) for task, known in runs if task.id.startswith(f"{bench.stage.id}#")]
    switch = bench.done("switch-back")
    if switch is not None and steps and switch.began < steps[0].started_at:
        # The clock of a recovery starts with the first act of it, which is the traffic going back.
        steps[0] = replace(steps[0], started_at=switch.began)
    return tuple(steps)


def _same_as_rehearsed(bench: Bench, again: TaskState | None) -> tuple[NamedCheck, ...]:
    """What was deployed again has to be what the tests and the baseline are about: the rehearsed fingerprint."""
    known = [
        text(state, "fingerprint")
        for name, state in bench.state.tasks.items()
        if name.endswith("#verify") and text(state, "fingerprint")
    ]
    if not known or again is None:
        return ()
    same = text(again, "fingerprint") == known[-1]
    return (NamedCheck("the environment is as it was rehearsed", "pass" if same else "fail"),)


def _again(bench: Bench, verified: TaskState | None) -> Redeployed | None:
    own = {task.id for task in bench.stage.tasks}
    install = next((known for task, known in bench.commands_run("redeploy") if task.id in own), None)
    moment = when(verified, "verified_at")
    return Redeployed(install.began, moment) if install is not None and moment is not None else None


def proven_scripts(plan: Plan) -> Mapping[str, Digest]:
    """The scripts of a plan that change an environment, with their pinned digests: what a rollback proof is about."""
    saved = plan.project.snapshot
    names = ["deploy", "rollback", *((saved.take, saved.restore) if saved else ())]
    arguments = dict.fromkeys(part for name in names for part in plan.project.commands[name].run)
    return {part: plan.scripts[part] for part in arguments if part in plan.scripts}
