"""A release whose production was approved, with the straight runs from there; and the people whom a killed one asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from gonogo.engine.crash_points import RECORDED
from gonogo.terms import Person, RunId
from tests.crashes.crash_harness import PRE, PRODUCTION, Stage, Straight, ending, faults, stage_at, straight_to

BAD = 0.5


@dataclass(frozen=True)
class Launch:
    """A stage on which production was approved, and the straight runs from there: good, and rolled back."""

    stage: Stage
    rehearsal: RunId
    good: Straight
    bad: Straight


def production_of(stage: Stage) -> tuple[RunId, RunId]:
    """The rehearsal, saved as `rehearsing` before its last signature and then ended, and production just opened."""
    assert not stage.play("open", PRE, "v2")
    rehearsal = stage.project.door().runs()[0]
    stage.up_to(rehearsal, "audit_recommendation")
    stage.save("rehearsing")
    stage.go_on(rehearsal)
    assert not stage.play("open", PRODUCTION, "v2")
    return rehearsal, stage.project.door().runs()[1]


@contextmanager
def launch_at(root: Path, staged: Callable[[Path], AbstractContextManager[Stage]] = stage_at) -> Iterator[Launch]:
    """A launch below `root`, with the scenes `rehearsing`, `opened`, `good/0`, `spoiled` and `bad/0`."""
    with staged(root) as stage:
        rehearsal, run = production_of(stage)
        stage.save("opened")
        stage.up_to(run, "production")
        good = straight_to(stage, run, "good", "released")
        stage.restore("good/0")
        stage.spoil(BAD)
        stage.save("spoiled")
        while stage.project.state(run).rollback is None:
            assert stage.drive(run, RECORDED)
        yield Launch(stage, rehearsal, good, straight_to(stage, run, "bad", "rolled_back"))


def ends_alike(stage: Stage, known: Straight, words: str) -> None:
    """The scripts, the traffic and the outcome are those of the straight run, however often people were asked."""
    door = stage.project.door()
    found = ending(stage, known.run, door)
    assert faults(stage, known.run, door) == [], words
    assert (found.outcome, found.scripts) == (known.ending.outcome, known.ending.scripts), words
    assert (found.weights, found.versions) == (known.ending.weights, known.ending.versions), words


def answer_halts(stage: Stage, run: RunId) -> int:
    """Be the people that a halted run asks for, until it is over; how often anybody was asked.

    Where an engine died while its supervisor was taking over, nobody knows whether the command began: look, and say so.
    Where engines were dead for longer than the health window allows, it has to be watched again, from its beginning.
    A rollback whose command was lost again and again is tried once more.
    """
    asked = 0
    while (halted := stage.project.state(run).halted) is not None:
        asked, why = asked + 1, stage.project.view(run).halt
        if halted.cause == "outcome_unknown":
            unknown = next(name for name, task in stage.project.state(run).tasks.items() if task.unknown)
            wanted = "" if unknown.endswith("roll-back") else "v2"
            applied = stage.project.production.version("green") == wanted
            state_outcome(stage, run, "applied" if applied else "not_applied")
        else:
            assert "missing samples" in why or (halted.cause == "rollback_failed" and "not tried again" in why), why
            stage.project.lift(run)
        stage.go_on(run)
    return asked


def state_outcome(stage: Stage, run: RunId, outcome: str) -> None:
    """Let the release manager say what became of an act."""
    door = stage.project.door()
    name = door.ask_outcome(run, outcome, Person("rm1"))
    statement, signature = stage.signed(run, door.request(run, name)[0], "rm1")
    door.record(run, name, statement, signature, Person("rm1"))
    door.lift(run, name, Person("rm1"))
