"""What a person does to a run while somebody else writes to its ledger in the same moment: done anew, never refused for that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gonogo.control.door import Door
from gonogo.engine.stating import OwnWord
from gonogo.evidence.signers import Kind
from gonogo.ports import Journal, Transaction
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
