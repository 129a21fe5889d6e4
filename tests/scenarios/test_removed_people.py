"""People who were removed while a run waits for a signature: no text names them among those who can still give it."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import gonogo

from gonogo.control.agent_blocking import way_to_go
from tests.projects import approvers_file, small_project
from tests.worlds_http import place


@pytest.mark.req("APR-03")
def test_who_was_removed_since_is_not_named_among_those_who_can_sign(tmp_path: Path) -> None:
    with place(tmp_path / "world" / "staging") as staging, place(tmp_path / "world" / "production") as production:
        project = small_project(tmp_path / "project", staging, production)
        run = project.begin("deployment-automation")
        project.door().drive(run, patient=False, listener=lambda state, entry: None)
        (asked,) = project.view(run).waiting
        handle = asked.missing[0].partition("(")[2].rstrip(")")
        assert handle in project.keys
        left = {name: key for name, key in project.keys.items() if name != handle}
        project.write("config/release-approvers.yaml", approvers_file(left))
        (asked,) = project.view(run).waiting
        assert asked.missing == (f"{asked.missing[0].partition(' (')[0]} (nobody else has this role)",)
        said = gonogo("resume", run, "--project", project.root, RECORD=str(project.record))
        door = project.door()
        told = str(way_to_go(door.world, door.load(run)))
    assert said.code == 3
    assert "nobody else has this role" in said.out
    assert "nobody else has this role" in told
    assert handle not in said.out + said.err + told
