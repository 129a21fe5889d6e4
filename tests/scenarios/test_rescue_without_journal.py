"""Where not even the journal can be opened any more: who knew the rollout takes it back, who knows nothing touches nothing."""

from __future__ import annotations

import gc
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gonogo.errors import NotStored
from gonogo.run.events import Recorded, TrafficMoved
from gonogo.run.state import RunState
from tests.projects import Project, small_project
from tests.worlds_http import place

pytestmark = pytest.mark.slow

SMALL = "deployment-automation"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with place(tmp_path / "staging") as staging, place(tmp_path / "production") as production:
        found = small_project(tmp_path / "shop", staging, production)
        found.edit("gonogo.yaml", "hold: 600ms", "hold: 5s")
        yield found


@contextmanager
def no_room() -> Iterator[None]:
    """Files may not grow beyond a page: SQLite cannot make the shared memory that it opens a journal with."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def without_room(project: Project) -> None:
    """From now on no file grows, and nobody has the journal open."""
    gc.collect()  # connections of doors that were let go
    assert not (project.root / ".gonogo" / "journal.db-shm").exists(), "somebody still has the journal open"
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))


@pytest.mark.req("ARB-01", "FI-03")
def test_an_engine_whose_journal_cannot_be_opened_any_more_gives_traffic_back_by_what_it_knew_last(
    project: Project,
) -> None:
    run = project.begin(SMALL)
    project.go_until(run, "production")
    project.sign_all(run)
    door = project.door()

    def shut(_: RunState, entry: Recorded) -> None:
        if isinstance(entry.event, TrafficMoved) and entry.event.percent > 0:
            assert project.production.weights() == {"blue": 95, "green": 5}
            door.world.journal.close()
            without_room(project)

    with no_room(), pytest.raises(NotStored, match="all traffic of production was given back to blue, which is not on record"):
        door.drive(run, patient=False, listener=shut)
    assert project.production.weights() == {"blue": 100, "green": 0}
    project.go_on(run)
    state = project.state(run)
    assert state.outcome == "rolled_back", project.view(run).halt
    assert any(known.progress.abort.startswith("the target was changed behind our back") for known in state.rollings.values())


class Killed(Exception):
    """An engine that is gone in the middle."""


@pytest.mark.req("FI-03", "ROL-06")
def test_an_engine_that_cannot_open_the_journal_says_so_and_touches_nothing(project: Project) -> None:
    run = project.begin(SMALL)
    project.go_until(run, "production")
    project.sign_all(run)
    door = project.door()

    def end(_: RunState, entry: Recorded) -> None:
        if isinstance(entry.event, TrafficMoved) and entry.event.percent > 0:
            raise Killed

    with pytest.raises(Killed):
        door.drive(run, patient=False, listener=end)
    door.world.journal.close()
    with no_room():
        without_room(project)
        with pytest.raises(NotStored, match="the journal needs room") as caught:
            project.door().drive(run, patient=False, listener=lambda state, entry: None)
    assert caught.value.next_step.startswith("free space")
    assert project.production.weights() == {"blue": 95, "green": 5}
    project.go_on(run)
    assert project.state(run).outcome == "released", project.view(run).halt
