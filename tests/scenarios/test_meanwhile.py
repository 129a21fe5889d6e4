"""What happens beside a person: somebody else writes to the ledger in the same moment, or the database restarts meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gonogo.control.door import Door
from gonogo.control.following import Wanted, follow
from gonogo.engine.driver import Stopped
from gonogo.engine.stating import OwnWord
from gonogo.errors import Broken
from gonogo.evidence.ledger import Entry
from gonogo.evidence.signers import Kind
from gonogo.ports import Journal, Transaction
from gonogo.run.machine import Over
from gonogo.terms import Actor, Person, RunId
from tests.projects import Project, small_project
from tests.worlds_http import place

SMALL = "deployment-automation"
RM = Person("rm1")


@dataclass
class Beside:
    """A journal into which somebody else writes between what an act reads and what it writes, once each time it is `armed`."""

    journal: Journal
    other: Door
    armed: bool = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.journal, name)

    @contextmanager
    def write(self, run: RunId, after: int, *, actor: Actor, now: datetime) -> Iterator[Transaction]:
        if self.armed:
            self.armed = False
            self.other.ask_own(run, OwnWord(Kind.DISSENT, "release"), Person("po1"))
        with self.journal.write(run, after, actor=actor, now=now) as transaction:
            yield transaction


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with place(tmp_path / "staging") as staging, place(tmp_path / "production") as production:
        yield small_project(tmp_path / "shop", staging, production)


@pytest.mark.req("ERR-10", "WFS-10")
def test_whoever_halts_asks_signs_lifts_or_aborts_while_somebody_else_writes_does_it_once_and_is_not_refused(project: Project) -> None:
    run = project.begin(SMALL)
    door = project.door()
    beside = Beside(door.world.journal, project.door())
    door.world = replace(door.world, journal=beside)  # type: ignore[arg-type]

    def crowded() -> Door:
        assert not beside.armed, "nobody wrote in between"
        beside.armed = True
        return door

    crowded().halt(run, "a look", RM)
    name = crowded().ask_resume(run, "", RM)
    asked, _, _ = door.request(run, name)
    says = {"reason": "looked", "mitigation": "nothing was wrong"}
    statement, signature = project.signed(run, asked, "rm1", says, datetime.now(UTC))
    crowded().record(run, name, statement, signature, RM)
    crowded().lift(run, name, RM)
    assert project.state(run).halted is None
    crowded().abort(run, "not wanted", RM)
    assert not beside.armed
    types = [entry.type for entry in project.door().load(run).entries]
    once = ("run.halted", "approval.recorded", "approval.consumed", "run.resumed", "abort.requested")
    assert {kind: types.count(kind) for kind in once} == dict.fromkeys(once, 1), types
    assert project.chain_problems(run) == ()


@dataclass
class Restarting:
    """A journal that cannot be reached the first few times that a run is read."""

    journal: Journal
    times: int

    def __getattr__(self, name: str) -> Any:
        return getattr(self.journal, name)

    def entries(self, run: RunId, after: int = -1) -> tuple[Entry, ...]:
        self.times -= 1
        if self.times >= 0:
            raise Broken("the database cannot be reached", next_step="look whether it runs and answers; nothing is lost")
        return self.journal.entries(run, after)


class NoWorker:
    """A shared database on which nobody works."""

    def nudge(self, run: RunId) -> None:
        """Nobody is told."""

    def alive(self) -> Sequence[str]:
        return ()

    def is_driven(self, run: RunId) -> bool:
        return False

    def adopt(self) -> str:
        return ""


@pytest.mark.req("WFS-10")
def test_whoever_watches_a_run_waits_for_a_database_that_restarts_and_is_told_when_it_does_not_come_back(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = project.begin(SMALL)
    project.door().abort(run, "not wanted", RM)
    project.go_on(run)
    door = project.door()
    opened = door.load(run)

    def watched(times: int) -> Stopped:
        world = replace(door.world, journal=Restarting(door.world.journal, times))  # type: ignore[arg-type]
        return follow(world, opened, NoWorker(), Wanted(patient=True), listener=lambda state, event: None)

    assert watched(2) == Over("aborted")
    monkeypatch.setattr("gonogo.control.following.LOST", 0.0)
    with pytest.raises(Broken, match="cannot be reached"):
        watched(1000)
