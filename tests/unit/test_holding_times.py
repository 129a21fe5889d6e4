"""When an environment is expected back: as long as earlier runs of the same protocol held it, and nothing where none did."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from command_line import gonogo

from gonogo.control.door import Door
from gonogo.ports import Draft
from gonogo.run.standing import Standing
from gonogo.terms import Engine, RunId
from tests.projects import small_project
from tests.worlds_http import place

ENGINE = Engine("local")
PROTOCOL = "deployment-automation"


def held(door: Door, name: str, since: datetime, length: timedelta | None) -> None:
    """A run that held production for a while, or (None) holds it still."""
    run, journal = RunId(name), door.world.journal
    opened = [Draft("run.opened", {"protocol": PROTOCOL}), Draft("task.intended", {"task": "a/b#c", "environment": "production"})]
    journal.open_run(run, opened, actor=ENGINE, now=since)
    if length is None:
        with journal.write(run, 1, actor=ENGINE, now=since) as transaction:
            transaction.take_lease("production", "deploy")
        return
    with journal.write(run, 1, actor=ENGINE, now=since + length) as transaction:
        transaction.append(Draft("run.closed", {"outcome": "released"}))
    journal.keep_standing(Standing(run, 2, PROTOCOL, "v1", "production", "released", "", since))


@pytest.mark.req("EXE-01", "EXE-05")
def test_a_held_environment_says_when_it_is_expected_back_by_the_slowest_of_earlier_runs_and_when_that_is_over(tmp_path: Path) -> None:
    with place(tmp_path / "world" / "staging") as staging, place(tmp_path / "world" / "production") as production:
        project = small_project(tmp_path / "project", staging, production)
    door, now = project.door(), datetime.now(UTC).replace(microsecond=0)
    first = now - timedelta(hours=9)
    held(door, "now-1", first, None)
    here = ("--project", project.root)
    assert "expected end not known" in gonogo("lock", *here).out
    held(door, "quick-1", first, timedelta(minutes=5))
    held(door, "slow-1", first + timedelta(minutes=10), timedelta(minutes=30))
    row = next(row for row in gonogo("lock", "--json", *here).json()["environments"] if row["environment"] == "production")
    assert row["expected_end"] == f"{first + timedelta(minutes=30):%Y-%m-%dT%H:%M:%S}.000Z"
    assert row["overdue"]
    assert "OVERDUE: expected end" in gonogo("lock", *here).out
    held(door, "slowest-1", now - timedelta(hours=8), timedelta(hours=9, minutes=30))
    row = next(row for row in gonogo("lock", "--json", *here).json()["environments"] if row["environment"] == "production")
    assert not row["overdue"]
