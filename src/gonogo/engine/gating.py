"""Judging a gate: read the sealed bytes, judge, and record judgement and outcome together (GAT-03, F30)."""

from __future__ import annotations

from dataclasses import replace

from gonogo.engine.bench import Bench, Produced, World
from gonogo.engine.crash_points import JUDGED
from gonogo.engine.writing import append, blob, sealed, show
from gonogo.plan.model import BoundClause, GateRule, Judge
from gonogo.run.events import GateJudged, TaskFinished
from gonogo.run.gate import GateJudgement, SealedFile, Subject, guilty_steps, judge, judgement_body
from gonogo.run.state import RunState
from gonogo.run.waiving import why_not
from gonogo.terms import Verdict


def files_for(world: World, state: RunState, rule: GateRule) -> dict[str, SealedFile]:
    """The current evidence a gate looks at, read from the vault by digest."""
    found: dict[str, SealedFile] = {}
    for name in rule.files:
        item = state.evidence.get(name)
        if item is not None:
            data = world.vault.read(item.digest)
            found[name] = SealedFile(name, item.digest, data, item.stage, item.status)
    return found


def judged(bench: Bench, rule: GateRule) -> GateJudgement:
    """Judge a gate of this run now; changes nothing (GAT-02)."""
    subject = Subject(bench.run, bench.plan.release.digest)
    return judge(rule, files_for(bench.world, bench.state, rule), subject, bench.now)


def judge_file(bench: Bench, name: str, clauses: tuple[BoundClause, ...]) -> GateJudgement:
    """Judge one sealed file by some clauses of this plan, as a gate would; records nothing."""
    any_rule = next(iter(bench.plan.gates.values()))
    return judged(bench, replace(any_rule, clauses=clauses, evidence=(name,), manual=(), metrics=()))


def judge_gate(bench: Bench) -> None:
    """Judge the gate of this task and record the judgement."""
    assert isinstance(bench.task.act, Judge)
    rule = bench.plan.gates[bench.task.act.gate]
    found = judged(bench, rule)
    report = bench.json(f"gate-{rule.id}.json", judgement_body(found))
    events = sealed(bench, (report,))
    ok = found.verdict is Verdict.PASS
    detail = None if ok else blob(bench, gate_text(found) + "\n" + waiver_advice(bench, rule))
    done = TaskFinished(
        bench.task.id,
        bench.attempt,
        0,
        "ok" if ok else "failed",
        {} if ok else {"cause": "gate_failed", "resume_at": _resume_at(bench, found)},
        detail,
    )
    bench.world.crash(JUDGED)
    append(bench, [*events, GateJudged(rule.id, bench.attempt, found.verdict.word, events[0].sha256), done])
    show(bench, (Produced(report.name, report.data),))


def _resume_at(bench: Bench, found: GateJudgement) -> str:
    """The earliest step whose evidence keeps the gate from passing: that is the one to do again."""
    guilty = {step for _, step in guilty_steps(found)}
    order = [stage.id for stage in bench.plan.stages]
    return next((name for name in order if name in guilty), bench.stage.id)


def waiver_advice(bench: Bench, rule: GateRule) -> str:
    """Whether a waiver can be asked for, and how; where not, why not (C32, WVR-03)."""
    reason = why_not(rule, bench.plan.ring)
    if rule.rolls_back and bench.state.touched:
        reason = "production was touched and is rolled back"
    if reason:
        return f"  no waiver: {reason}"
    return f"  or request a gate waiver with justification: gonogo waive {bench.run} {rule.id} --justification TEXT"


def gate_text(found: GateJudgement) -> str:
    """Why a gate did not pass, clause by clause, for people at 02:00."""
    lines = [f"gate `{found.rule.name}` is {found.verdict.word.upper()}"]
    for result in found.clauses:
        if result.verdict is not Verdict.PASS:
            clause = result.clause
            lines.append(f"  {result.verdict.word.upper():12} {clause.text}   ({clause.origin})")
            lines.append(f"               measured {result.measured}, limit {result.limit}: {result.why}")
    for name, verdict, why in found.lacking:
        lines.append(f"  {verdict.word.upper():12} {name}: {why}")
    if found.rule.on_fail:
        lines.append(f"  next: {found.rule.on_fail}")
    return "\n".join(lines)
