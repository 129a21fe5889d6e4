"""Manual records: where automation is not there, a person looks, answers the questions of the step, and signs (MAN-06).

A record moves no run and fills no gate. It is sealed as `manual`, which no clause takes for a measurement, and is shown
as manual in status, report and package.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Final

from gonogo.engine.asking import open_round
from gonogo.engine.bench import Bench, Produced, World
from gonogo.engine.writing import append, sealed, show
from gonogo.errors import BadInput, Refused
from gonogo.evidence.sayings import AttestationSaying
from gonogo.evidence.signers import DEFAULT_RULE, Kind
from gonogo.evidence.statements import read_statement
from gonogo.measure.header import RawFile
from gonogo.measure.manual_log import (
    SEPARATOR,
    ManualEntry,
    manual_body,
    manual_markdown,
    numbered,
    questions_about,
    read_war_room,
    unnumbered,
)
from gonogo.plan.model import Execute, Measure, Plan, Stage, all_stages, stage_of
from gonogo.run.events import recorded
from gonogo.run.state import Answer, Round, RunState, attempt_of, fold
from gonogo.terms import Actor, RunId

POINT: Final = "manual"
MANUAL: Final = "manual"
LOG: Final = "manual-validation-log"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_VALID: Final = timedelta(hours=24)


def step_named(plan: Plan, name: str) -> Stage:
    """The step with this id, or whose id or title alone holds these words; BadInput names the steps otherwise."""
    steps = [stage for stage in all_stages(plan) if stage.tasks]
    exact = [stage for stage in steps if stage.id == name]
    wanted = name.casefold()
    found = exact or [stage for stage in steps if wanted in stage.id.casefold() or wanted in stage.title.casefold()]
    if len(found) != 1:
        what = f"`{name}` could be {', '.join(stage.id for stage in found)}" if found else f"there is no step `{name}`"
        raise BadInput(what, next_step=f"steps: {', '.join(stage.id for stage in steps)}")
    return found[0]


def form_of(plan: Plan, stage: Stage) -> tuple[str, ...]:
    """The questions about a step."""
    measured = [task.act.what for task in stage.tasks if isinstance(task.act, Measure)]
    runs = [
        " ".join(plan.project.commands[task.act.command].run) for task in stage.tasks if isinstance(task.act, Execute)
    ]
    return questions_about(stage.title, measured, runs)


def ask_by_hand(world: World, plan: Plan, run: RunId, step: str, actor: Actor) -> str:
    """Open the round of a manual record of a step; gives its name."""
    stage = step_named(plan, step)
    bench = _bench(world, plan, run, stage, actor)
    waiting = [item for item in bench.state.rounds.values() if item.point == POINT and item.status == "open"]
    unanswered = [item for item in waiting if item.task == bench.task.id and not item.answers]
    if unanswered:
        return unanswered[-1].name
    rule = plan.ring.rule(POINT) or DEFAULT_RULE
    name = f"{POINT}-{1 + sum(1 for item in bench.state.rounds.values() if item.point == POINT)}"
    asked = {"about": "manual_step", "text": f"{stage.id}{SEPARATOR}{numbered(form_of(plan, stage))}"}
    valid = min(rule.valid_for, _VALID)
    open_round(bench, world.journal.entries(run), Kind.ATTESTATION, POINT, name, valid, asked)
    return name


def file_by_hand(world: World, plan: Plan, run: RunId, name: str, attached: dict[str, bytes], actor: Actor) -> None:
    """Seal the log anew after round `name` was answered, with the files that the statement names."""
    state = fold(plan, (recorded(entry) for entry in world.journal.entries(run)))
    asked = state.rounds.get(name)
    if asked is None or not asked.answers:
        raise Refused(f"nobody has signed {name}", next_step=f"gonogo manual {run} STEP --key KEY")
    bench = _bench(world, plan, run, stage_of(plan, asked.task), actor)
    files = tuple(Produced(f"{MANUAL}-{file}", data, MANUAL) for file, data in attached.items())
    for file in files:
        world.vault.put(file.data)
    files = (*files, *manual_files(bench))
    append(bench, list(sealed(bench, files)))
    show(bench, files)


def attachment_named(name: str) -> str:
    """A name under which a file can be attached; BadInput where it is none."""
    if not _NAME.fullmatch(name):
        raise BadInput(
            f"`{name[:80]}` is no name for an attachment", next_step="letters, digits, dots and hyphens only"
        )
    return name


def manual_files(bench: Bench) -> tuple[Produced, ...]:
    """Log and twin from every signed manual record of the run; nothing where there is none."""
    entries = tuple(entry for _, answer in records(bench.state) for entry in _entries(bench, answer))
    if not entries:
        return ()
    body = manual_body(entries)
    log = bench.json(f"{LOG}.json", body, mode="manual")
    return replace(log, status=MANUAL), replace(bench.text(f"{LOG}.md", manual_markdown(body)), status=MANUAL)


def records(state: RunState) -> Iterator[tuple[Round, Answer]]:
    """Every signed manual record of a run, in order."""
    for asked in state.rounds.values():
        if asked.point == POINT:
            yield from ((asked, answer) for answer in asked.answers)


def _entries(bench: Bench, answer: Answer) -> Iterator[ManualEntry]:
    saying = read_statement(bench.world.vault.read(answer.statement)).saying
    if not isinstance(saying, AttestationSaying):
        return
    step, _, questions = saying.text.partition(SEPARATOR)
    signature = bench.world.vault.read(answer.signature).decode("ascii", "replace")
    attached = tuple(RawFile(item.name, item.sha256) for item in saying.attachments)
    one = ManualEntry(step, "", "", saying.observed_at, answer.person, saying.reason_no_automation, attached, signature)
    for question, said in zip(unnumbered(questions), unnumbered(saying.answer), strict=False):
        yield replace(one, question=question, answer=said)
    for item in attached:
        for row in read_war_room(bench.world.vault.read(item.sha256), item.name) if item.name.endswith(".csv") else ():
            seen = f"`{row.command}`: {row.result}"
            yield replace(
                one, question="command seen in the war room", answer=seen, observed_at=row.at, observer=row.person
            )


def _bench(world: World, plan: Plan, run: RunId, stage: Stage, actor: Actor) -> Bench:
    state = fold(plan, (recorded(entry) for entry in world.journal.entries(run)))
    return Bench(world, plan, state, run, actor, stage.tasks[0], attempt_of(state, stage), world.clock.now())
