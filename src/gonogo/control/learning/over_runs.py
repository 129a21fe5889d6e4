"""Reading all runs of a project for figures over them; nothing is compiled, judged or changed (GAT-07, INT-10)."""

from __future__ import annotations

from collections.abc import Iterator

from gonogo.control.door import Door
from gonogo.engine.bench import World
from gonogo.errors import GonogoError
from gonogo.evidence.canonical import read_object
from gonogo.measure.intake import gap_rows
from gonogo.reports.over_runs import Gap, Judged
from gonogo.reports.run_times import RunTime
from gonogo.run.events import EvidenceSealed, GateJudged, Recorded, RunOpened, TaskFinished, recorded
from gonogo.run.state import RunState, advance
from gonogo.run.waiving import WAIVED
from gonogo.run.worktime import WorkTime, after
from gonogo.terms import RunId
from gonogo.values import dataclass

INTAKE_FILES = ("prerequisites-validation.json", "intake-validation-report.json")
MOST_BYTES = 1 << 24


@dataclass(frozen=True, slots=True)
class OverRuns:
    """What was found in all runs, and which runs could not be read, with the reason."""

    runs: int
    judgements: tuple[Judged, ...]
    gaps: tuple[Gap, ...]
    unreadable: tuple[tuple[RunId, str], ...]


def over_runs(world: World) -> OverRuns:
    """Every judgement and every gap at intake of every run."""
    judgements: list[Judged] = []
    gaps: list[Gap] = []
    unreadable: list[tuple[RunId, str]] = []
    runs = world.journal.runs()
    for run in runs:
        try:
            entries = tuple(recorded(entry) for entry in world.journal.entries(run))
            found = tuple(_judgements(run, entries)), tuple(_gaps(world, run, entries))
        except GonogoError as error:
            unreadable.append((run, error.what))
            continue
        judgements += found[0]
        gaps += found[1]
    return OverRuns(len(runs), tuple(judgements), tuple(gaps), tuple(unreadable))


def run_times(door: Door) -> tuple[RunTime, ...]:
    """The times of every run that can be read, up to its last entry (EXE-01)."""
    return tuple(found for run in door.runs() if (found := _times(door, run)) is not None)


def _times(door: Door, run: RunId) -> RunTime | None:
    try:
        opened = door.load(run)
    except GonogoError:
        return None
    state, times = RunState(), WorkTime()
    for event in map(recorded, opened.entries):
        state = advance(opened.plan, state, event)
        times = after(opened.plan, times, state, event)
    return RunTime(run, opened.plan.name, times)


def _judgements(run: RunId, entries: tuple[Recorded, ...]) -> Iterator[Judged]:
    protocol = next((entry.event.protocol for entry in entries if isinstance(entry.event, RunOpened)), "")
    last = ""
    for entry in entries:
        match entry.event:
            case GateJudged(gate, attempt, verdict):
                last = gate
                yield Judged(protocol, gate, run, attempt, entry.at, verdict)
            case TaskFinished(attempt=attempt, facts=facts) if WAIVED in facts and last:
                yield Judged(protocol, last, run, attempt, entry.at, WAIVED)


def _gaps(world: World, run: RunId, entries: tuple[Recorded, ...]) -> Iterator[Gap]:
    for entry in entries:
        event = entry.event
        if isinstance(event, EvidenceSealed) and event.name in INTAKE_FILES:
            body = read_object(world.vault.read(event.sha256), name=event.name, limit=MOST_BYTES)
            for row in gap_rows(body):
                # A state that a later step of the same run proves is open and no gap (C48).
                if row.state != "open":
                    yield Gap(run, row.kind, row.source, row.item, row.state, row.cause)
