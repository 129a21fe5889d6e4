"""Gate scripts: a gate judged now from stored evidence, by the code that the run itself uses (CMD-01 to CMD-04).

All clauses of the gate are judged whatever flags are given. A judgement here is noted and stored; it never moves a run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from gonogo.control.opening import Opened
from gonogo.control.scripted.workplace import (
    Asked,
    Ended,
    after_success,
    bench_of,
    file_away,
    needed_run,
    require_sealed,
    with_fresh,
)
from gonogo.engine.bench import Bench, Produced
from gonogo.engine.gating import gate_text, judged
from gonogo.engine.measuring.measurements import MEASUREMENTS
from gonogo.errors import BadInput
from gonogo.evidence.canonical import read_object, write_json
from gonogo.plan.documented_scripts import Script
from gonogo.plan.gate_limits import asked_for
from gonogo.plan.model import GateRule, Plan
from gonogo.plan.script_flags import wishes
from gonogo.ports import Draft
from gonogo.run.gate import GateJudgement, judgement_body
from gonogo.terms import Json, Verdict
from gonogo.values import dataclass

CHECKED: Final = "gate.checked"
"""The entry of the site's log that says how a gate was judged outside of its run."""

FRESH: Final[Mapping[str, str]] = {"1": "intake", "2": "tests", "3": "security", "4": "package-index"}
"""What `--output` of a gate script measures anew (C29)."""

NAMED: Final[Mapping[str, str]] = {
    "report": "rehearsal-report.json",
    "checklist": "deployment-readiness-checklist.json",
}
"""Flags that name evidence, and the evidence that has to be meant."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A gate as it was judged now, and what became of the limits that were asked for."""

    judgement: GateJudgement
    said: tuple[str, ...]

    @property
    def code(self) -> int:
        """0 where it passed, 2 where something needed is not there, 1 where it failed."""
        return {Verdict.PASS: 0, Verdict.INCONCLUSIVE: 2}.get(self.judgement.verdict, 1)


def numbered(plan: Plan, number: str) -> GateRule:
    """The n-th gate of a protocol, counted from 1 as the documents do."""
    rules = tuple(plan.gates.values())
    if not 1 <= int(number) <= len(rules):
        raise BadInput(f"{plan.title} has no gate {number}", next_step="gonogo check")
    return rules[int(number) - 1]


def gate(asked: Asked) -> Ended:
    """Judge one gate of the newest run; with `--output`, by freshly measured evidence."""
    opened = needed_run(asked)
    after_success(asked, opened.run, "validate_prerequisites")
    _same_files(asked, opened)
    bench, files = bench_of(asked, opened), list[str]()
    if "output" in asked.given:
        bench, files = _measured_anew(asked, opened)
    checked = check(bench, numbered(opened.plan, asked.script.subject), asked)
    note(asked, opened, (checked,))
    return Ended(checked.code, outcome(checked), _lines(checked), tuple(files), judgement_body(checked.judgement))


def _same_files(asked: Asked, opened: Opened) -> None:
    for flag, name in NAMED.items():
        if flag in asked.given:
            require_sealed(asked, opened, asked.given[flag], name)
    people = asked.given.get("stakeholders")
    if people is not None and people.removeprefix("./") != asked.door.workspace.project.approvers:
        raise BadInput(
            f"`{people}` is not the approvers file of this project",
            where="gonogo.yaml",
            next_step=f"--stakeholders {asked.door.workspace.project.approvers}",
        )


def _measured_anew(asked: Asked, opened: Opened) -> tuple[Bench, list[str]]:
    what = FRESH[asked.script.subject]
    bench = bench_of(asked, opened, what)
    name = asked.script.writes[0]
    if name not in opened.state.evidence:
        raise BadInput(
            f"{opened.run} holds no raw evidence for {name}",
            where=asked.script.path,
            next_step=f"gonogo resume {opened.run} runs the step that gathers it; nothing was written",
        )
    # What was filed after this file was no part of what it is about: the package is not the evidence of today.
    filed = opened.state.evidence[name].seq
    evidence = {key: item for key, item in bench.state.evidence.items() if item.seq < filed}
    past = replace(bench, state=replace(bench.state, evidence=evidence))
    found = next((file for file in MEASUREMENTS[what](past).files if file.name == name), None)
    if found is None:
        raise BadInput(f"{name} cannot be measured from what {opened.run} holds", next_step="nothing was written")
    anew = _as_further_attempt(found, bench.attempt)
    return with_fresh(bench, (anew,)), [file_away(asked, anew.data, asked.given["output"])]


def _as_further_attempt(found: Produced, attempt: int) -> Produced:
    """The file with the number of the attempt after the run's own: it supersedes, and never is, what was sealed."""
    body = dict(read_object(found.data, name=found.name, limit=1 << 26)) | {"attempt": attempt + 1}
    return replace(found, data=write_json(body))


def check(bench: Bench, rule: GateRule, asked: Asked) -> Checked:
    """Judge a gate by its own limits and the stricter ones that a command line asked for (CFG-03)."""
    found = asked_for(rule, wishes(asked.script, asked.given))
    said = tuple(_by_flag(asked.script, text) for text in found.said)
    return Checked(judged(bench, found.rule), said)


def _by_flag(script: Script, text: str) -> str:
    for flag in script.flags:
        if flag.bounds and text.startswith(f"--{flag.bounds} "):
            return text.replace(f"--{flag.bounds} ", f"--{flag.name} ", 1)
    return text


def outcome(checked: Checked) -> str:
    """The result as one line: what passed, or what did not."""
    rule = checked.judgement.rule
    if checked.judgement.verdict is Verdict.PASS:
        return f"{rule.name} PASS"
    return f"{rule.name} {checked.judgement.verdict.word.upper()}"


def _lines(checked: Checked) -> tuple[str, ...]:
    if checked.judgement.verdict is Verdict.PASS:
        held = f"{len(checked.judgement.clauses)} clauses hold"
        return (*checked.said, held)
    return (*checked.said, *gate_text(checked.judgement).splitlines())


def note(asked: Asked, opened: Opened, found: tuple[Checked, ...]) -> None:
    """Store judgements and note them in the site's log: the log of the run belongs to its own engine."""
    world = asked.door.world
    drafts = []
    for each in found:
        judgement = each.judgement
        data: dict[str, Json] = {
            "run": opened.run,
            "gate": judgement.rule.id,
            "verdict": judgement.verdict.word,
            "judgement_sha256": world.vault.put(write_json(judgement_body(judgement))),
            "script": asked.script.name,
        }
        drafts.append(Draft(CHECKED, data))
    if drafts:
        world.journal.note(drafts, actor=asked.actor, now=world.clock.now())


def every_gate(asked: Asked, opened: Opened) -> tuple[Checked, ...]:
    """Every gate of a run, judged now in the order of its document; all of them, whatever a hook names (C39)."""
    bench = bench_of(asked, opened)
    return tuple(check(bench, rule, asked) for rule in opened.plan.gates.values())


def report_file(asked: Asked, opened: Opened, body: Mapping[str, Json]) -> Produced:
    """`validation-report.json` with the header of the run; its `mode` is that of the judging (C22)."""
    named = {name: value for name, value in body.items() if name != "mode"}
    made = bench_of(asked, opened).json("validation-report.json", named)
    whole = dict(read_object(made.data, name=made.name, limit=1 << 24)) | {"mode": body["mode"]}
    return Produced(made.name, write_json(whole))
