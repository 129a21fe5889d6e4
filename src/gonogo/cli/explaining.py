"""`gonogo explain`: a code of a finding, or the last judgement of a gate, clause by clause (GAT-03, GAT-06, INT-11)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

from gonogo.cli.opened import door_at, gate_named, run_named
from gonogo.cli.saying import say, say_json
from gonogo.cli.shared_options import json_option, project_option
from gonogo.cli.taking import taking
from gonogo.control.door import Door
from gonogo.control.judging_now import judge_now
from gonogo.control.learning.order import order_lines, order_reason
from gonogo.control.learning.proposals import proposal_lines, proposal_of
from gonogo.control.opening import Opened
from gonogo.control.viewing import view
from gonogo.errors import WrongUsage
from gonogo.evidence.canonical import read_object, write_json
from gonogo.plan.gate_limits import asked_for
from gonogo.plan.model import GateRule, Judge, Stage, all_stages
from gonogo.protocol.codes_binding import EVERY_CODE, waivable
from gonogo.reports.branches import branches_at
from gonogo.reports.judged_text import judged_lines
from gonogo.reports.model_json import model_json
from gonogo.reports.planned import planned
from gonogo.reports.planned_text import gate_json, gate_lines
from gonogo.reports.root_causes import gates_that_show, reasoning_of, triple_of
from gonogo.run.gate import judgement_body
from gonogo.terms import Json, Verdict
from gonogo.values import dataclass

_CODE = re.compile(r"(?i)gn\d+")
EXITS = {Verdict.PASS: 0, Verdict.FAIL: 2, Verdict.INCONCLUSIVE: 3, Verdict.ERROR: 2}
MOST_JUDGEMENT = 16 << 20
COLOURS = {"pass": "green", "inconclusive": "yellow", "error": "red", "fail": "red"}


@dataclass(frozen=True, slots=True)
class ExplainOptions:
    """What `gonogo explain` takes."""

    subject: str
    gate: str
    limits: tuple[str, ...]
    folder: Path
    as_json: bool


@click.command()
@click.argument("subject", metavar="CODE|RUN")
@click.argument("gate", default="", metavar="[GATE|STEP]")
@click.option(
    "--limit",
    "limits",
    multiple=True,
    metavar="NAME=VALUE",
    help="Judge GATE again with this limit, on what is on file; a weaker one than the gate's own does not count.",
)
@project_option
@json_option
@taking(ExplainOptions)
def explain(options: ExplainOptions) -> int:
    """Explain a finding's CODE, or the last judgement of GATE in RUN (without GATE: each that did not pass).

    With a STEP: why it is done so, what its trouble can come from, what to do, and which gate shows that it is gone.
    """
    if _CODE.fullmatch(options.subject) and not options.gate:
        return _explain_code(options.subject.upper(), as_json=options.as_json)
    door = door_at(options.folder)
    opened = door.load(run_named(door, options.subject))
    if options.limits:
        return _judged_with(door, opened, options)
    stage = next((item for item in all_stages(opened.plan) if options.gate and item.id == options.gate), None)
    if stage is not None and stage.kind != "gate":
        return _explain_step(opened, stage, as_json=options.as_json)
    rules = (gate_named(opened, options.gate.removeprefix("gate/")),) if options.gate else _troubled(opened)
    if options.as_json:
        gates: list[Json] = [_body(door, opened, rule) for rule in rules]
        proposed = proposal_of(door.world, opened)
        order = order_reason(door.world, opened)
        say_json({"run": opened.run, "gates": gates, "order": order, "proposal": _plain(model_json(proposed)) or None})
        return 0
    halt = view(door.world, opened).halt
    if halt and not options.gate:
        say(f"{opened.run} is halted: {halt}", "red")
        ways = (*order_lines(door.world, opened), *proposal_lines(proposal_of(door.world, opened)))
        for line in (*ways, *_trouble_at(opened)):
            say(line)
    for rule in rules:
        for text, verdict in _lines(door, opened, rule):
            say(text, COLOURS.get(verdict, ""))
    if not rules:
        names = ", ".join(opened.plan.gates)
        say(f"every gate of {opened.run} that was judged passed; name one to see it: {names}")
    return 0


def _explain_step(opened: Opened, stage: Stage, *, as_json: bool) -> int:
    """Reasoning and problem solving of a step: help for people and agents, a condition of nothing (RSN-03, RSN-14)."""
    reasoning, triple = reasoning_of(opened.plan, stage), triple_of(stage)
    gates, branches = gates_that_show(opened.plan, stage), branches_at(opened.plan, opened.state, stage)
    if as_json:
        body: dict[str, Json] = {"reasoning": model_json(reasoning), "trouble": model_json(triple)}
        say_json(
            {
                "run": opened.run,
                "step": stage.id,
                "title": stage.title,
                **body,
                "shown_by": list(gates),
                "branches": model_json(branches),
            }
        )
        return 0
    say(f"{stage.title} ({stage.id}, {stage.origin})", bold=True)
    if reasoning is not None:
        say(f"  pattern   {reasoning.pattern}")
        say(f"  example   {reasoning.example}")
        say(f"  because   {reasoning.reason}")
    for line in _trouble(stage):
        say(line)
    for each in branches:
        taken = f"   taken in attempt {each.taken_in}" if each.taken_in else ""
        say(
            f"  {each.keyword:<9} {each.condition} → {each.outcome}{taken}",
            "yellow" if taken and each.turns_back else "",
        )
    if gates:
        say(f"  shown by  {', '.join(gates)}")
    return 0


def _trouble_at(opened: Opened) -> Iterator[str]:
    """The trouble of the step at which a run is halted."""
    halted = opened.state.halted
    for stage in all_stages(opened.plan):
        if halted is not None and stage.id == halted.stage:
            yield from _trouble(stage)


def _trouble(stage: Stage) -> Iterator[str]:
    """What the trouble of a step can come from, what to do, and what shows that it worked."""
    triple = triple_of(stage)
    if triple is None:
        return
    yield from (f"  can be    {kind.value}: {text}" for kind, text in triple.causes)
    yield f"  repair    {triple.solution}"
    yield f"  then      {triple.validation}"


def _judged_with(door: Door, opened: Opened, options: ExplainOptions) -> int:
    """Judge a gate with limits of the command line: a stricter one counts, a weaker one never (CFG-03)."""
    if not options.gate:
        raise WrongUsage("a limit is one of a gate", next_step="gonogo explain RUN GATE --limit NAME=VALUE")
    wishes = dict(_wish(text) for text in options.limits)
    asked = asked_for(gate_named(opened, options.gate), wishes)
    found = judge_now(door.world, opened, asked.rule)
    body = judgement_body(found)
    if options.as_json:
        say_json({"run": opened.run, "limits": list(asked.said), "gates": [model_json(body)]})
    else:
        for text in asked.said:
            say(text, "yellow")
        for text, verdict in judged_lines(read_object(write_json(body), name="judgement", limit=MOST_JUDGEMENT)):
            say(text, COLOURS.get(verdict, ""))
    return EXITS[found.verdict]


def _wish(text: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not found or not name or not value:
        raise WrongUsage(f"`{text}` is no limit", next_step="write for example --limit coverage=0.95")
    return name, value


def _explain_code(code: str, *, as_json: bool) -> int:
    entry = EVERY_CODE.get(code)
    if entry is None:
        near = ", ".join(sorted(EVERY_CODE, key=lambda known: abs(int(known[2:]) - int(code[2:])))[:3])
        raise WrongUsage(f"there is no code {code}", next_step=f"the nearest ones are {near}")
    if as_json:
        say_json({**_plain(model_json(entry)), "waivable": waivable(entry)})
        return 0
    say(f"{entry.code}   {entry.level.name.lower()}   {entry.title}", bold=True)
    say(f"  why:    {entry.why}")
    say(f"  wrong:  {entry.bad}")
    say(f"  right:  {entry.good}")
    waiver = "a signature can waive it" if waivable(entry) else "nothing can waive it"
    say(f"  repair: {entry.fix.value}; {waiver}")
    return 0


def _plain(body: Json) -> dict[str, Json]:
    return {str(key): item for key, item in body.items() if key != "is"} if isinstance(body, dict) else {}


def _troubled(opened: Opened) -> tuple[GateRule, ...]:
    judgements = opened.state.judgements
    gates = opened.plan.gates
    return tuple(gates[name] for name, judged in judgements.items() if judged.verdict != "pass" and name in gates)


def _body(door: Door, opened: Opened, rule: GateRule) -> Json:
    judged = opened.state.judgements.get(rule.id)
    if judged is None:
        return {**gate_json(planned(opened.plan).gates[rule.id]), "verdict": None}
    return model_json(read_object(door.world.vault.read(judged.digest), name=f"gate-{rule.id}.json"))


def _lines(door: Door, opened: Opened, rule: GateRule) -> Iterator[tuple[str, str]]:
    judged = opened.state.judgements.get(rule.id)
    if judged is not None:
        body = read_object(door.world.vault.read(judged.digest), name=f"gate-{rule.id}.json")
        yield from judged_lines(body)
        yield f"  judgement   sha256 {judged.digest}", ""
        return
    stages = [stage.title for stage in opened.plan.stages if any(task.act == Judge(rule.id) for task in stage.tasks)]
    yield f"{rule.name} ({rule.id}) has not been judged in this attempt; it is the step `{', '.join(stages)}`", ""
    for text in gate_lines(planned(opened.plan).gates[rule.id]):
        yield f"  {text.strip()}", ""
