"""How the runs of a project go: what is late or unusual, gates that passed, evidence there (RSN-11 to RSN-13)."""

from __future__ import annotations

from collections.abc import Iterable

from gonogo.control.door import Door
from gonogo.control.opening import Opened
from gonogo.errors import GonogoError
from gonogo.measure.figures import share
from gonogo.reports.anomalies import Anomaly, Usual, anomalies, clock_anomalies
from gonogo.run.events import EvidenceSealed, recorded
from gonogo.terms import Json, RunId
from gonogo.values import dataclass

MOST_EARLIER = 10
"""So many earlier runs of the same protocol say what is usual."""


@dataclass(frozen=True, slots=True)
class Vitals:
    """One run: what is late or unusual, gates that passed of those judged, evidence that is there."""

    run: RunId
    protocol: str
    outcome: str
    anomalies: tuple[Anomaly, ...]
    passed: int
    judged: int
    present: int
    required: int

    def as_json(self) -> dict[str, Json]:
        """For `--json`."""
        complete = share(self.present, self.required)
        return {
            "run": self.run,
            "protocol": self.protocol,
            "outcome": self.outcome or None,
            "anomalies": [{"kind": each.kind, "where": each.where, "words": each.words} for each in self.anomalies],
            "gates_passed": self.passed,
            "gates_judged": self.judged,
            "artifact_completeness": None if complete is None else str(complete),
        }


def vitals(door: Door, runs: Iterable[RunId]) -> tuple[Vitals, ...]:
    """The vitals of `runs`, each held against the runs of its protocol before it. Unreadable runs are left out."""
    loaded = {run: opened for run in door.runs() if (opened := _loaded(door, run)) is not None}
    return tuple(_vitals(door, opened, tuple(loaded.values())) for run, opened in loaded.items() if run in set(runs))


def _loaded(door: Door, run: RunId) -> Opened | None:
    try:
        return door.load(run)
    except GonogoError:
        # `gonogo status` names what cannot be read; it says nothing about the pace of the others.
        return None


def _vitals(door: Door, opened: Opened, every: tuple[Opened, ...]) -> Vitals:
    plan, state, now = opened.plan, opened.state, door.world.clock.now()
    entries = [recorded(entry) for entry in opened.entries]
    before = [each for each in every[: every.index(opened)] if each.plan.name == plan.name]
    required = {name for stage in plan.stages if stage.tasks for name in stage.evidence}
    unusual = (*anomalies(plan, entries, usual_of(before[-MOST_EARLIER:]), now), *clock_anomalies(opened.entries))
    return Vitals(
        opened.run,
        plan.name,
        state.outcome,
        unusual,
        sum(judged.verdict in {"pass", "waived"} for judged in state.judgements.values()),
        len(state.judgements),
        len(required & set(state.evidence)),
        len(required),
    )


def usual_of(before: Iterable[Opened]) -> Usual:
    """What earlier runs took by task, and wrote by file."""
    seconds: dict[str, list[float]] = {}
    sizes: dict[str, list[int]] = {}
    for opened in before:
        for name, known in opened.state.tasks.items():
            if known.outcome == "ok" and known.ended is not None and known.start:
                seconds.setdefault(name, []).append((known.ended - known.began).total_seconds())
        for entry in opened.entries:
            event = recorded(entry).event
            if isinstance(event, EvidenceSealed):
                sizes.setdefault(event.name, []).append(event.size)
    return Usual(seconds, sizes)
