"""Judging a gate of a run again from its sealed evidence, without writing anything (GAT-02)."""

from __future__ import annotations

from gonogo.control.opening import Opened
from gonogo.engine.bench import World
from gonogo.engine.gating import files_for
from gonogo.plan.model import GateRule
from gonogo.run.gate import GateJudgement, Subject, judge


def judge_now(world: World, opened: Opened, rule: GateRule) -> GateJudgement:
    """The judgement that the gate would get now; the run, its evidence and its ledger stay as they are."""
    subject = Subject(opened.run, opened.plan.release.digest)
    return judge(rule, files_for(world, opened.state, rule), subject, world.clock.now())
