"""`gonogo gate`: a gate of a run, judged now from what is sealed; evidence and ledger stay (GAT-02, PG1-01)."""

from __future__ import annotations

from pathlib import Path

import click

from gonogo.cli.opened import door_at, gate_named, run_named
from gonogo.cli.saying import say, say_json
from gonogo.cli.shared_options import json_option, needed_run_argument, project_option
from gonogo.cli.taking import taking
from gonogo.control.judging_now import judge_now
from gonogo.control.opening import Opened
from gonogo.evidence.canonical import read_object, write_json
from gonogo.plan.model import GateRule
from gonogo.reports.judged_text import judged_lines
from gonogo.run.gate import judgement_body
from gonogo.terms import Json, Verdict
from gonogo.values import dataclass

COLOURS = {"pass": "green", "inconclusive": "yellow", "error": "red", "fail": "red"}
CODES = {Verdict.PASS: 0, Verdict.FAIL: 2, Verdict.INCONCLUSIVE: 3, Verdict.ERROR: 1}


@dataclass(frozen=True, slots=True)
class GateOptions:
    """What `gonogo gate` takes."""

    run: str
    name: str
    folder: Path
    as_json: bool


@click.command()
@needed_run_argument
@click.argument("name")
@project_option
@json_option
@taking(GateOptions)
def gate(options: GateOptions) -> int:
    """Judge the gate NAME of RUN now, from sealed evidence alone, beside the verdict on record; change nothing."""
    door = door_at(options.folder)
    opened = door.load(run_named(door, options.run))
    rule = gate_named(opened, options.name)
    found = judge_now(door.world, opened, rule)
    body = judgement_body(found)
    recorded = _recorded(opened, rule)
    if options.as_json:
        say_json({"run": opened.run, "recorded": recorded, **body})
    else:
        for text, verdict in judged_lines(read_object(write_json(body), name="judgement")):
            say(text, COLOURS.get(verdict, ""))
        say(f"  on record: {recorded or 'not judged in this attempt'}; this judgement records nothing")
    return CODES[found.verdict]


def _recorded(opened: Opened, rule: GateRule) -> Json:
    judged = opened.state.judgements.get(rule.id)
    return judged.verdict if judged else None
