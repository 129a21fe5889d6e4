"""Who can still sign: no text names people who were removed while a run waits, nor whoever asked for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import gonogo

from gonogo.control.agents.blocking import way_to_go
from gonogo.engine.people import as_now
from gonogo.errors import Refused
from gonogo.run.asking import able_people
from gonogo.terms import Person
from gonogo.web.memory import Row, row_of
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


@pytest.mark.req("REV-08", "APR-02", "RGD-01")
def test_who_asked_is_not_named_among_those_who_can_sign_and_the_refusal_names_the_same_people(tmp_path: Path) -> None:
    with place(tmp_path / "world" / "staging") as staging, place(tmp_path / "world" / "production") as production:
        project = small_project(tmp_path / "project", staging, production)
        project.edit("config/release-approvers.yaml", "roles: [quality_engineer]", "roles: [quality_engineer, product_owner]")
        run = project.door().open("deployment-automation", "v2", Person("po1")).run
        shown = project.go_until(run, "production").round
        door = project.door()
        opened = door.load(run)
        (asked,) = project.view(run).waiting
        assert asked.missing == ("sre_lead (sre1)", "product_owner or sponsor (qe1)")
        assert able_people(*as_now(door.world, opened.plan, shown)) == ("qe1", "sre1")
        row = row_of(door.world, opened, Row(run, "", "", "", "", opened.entries[0].ts, ""))
        assert (row.able, row.waits) == ({"qe1", "sre1"}, ("production: sre_lead (sre1), product_owner or sponsor (qe1)",))
        with pytest.raises(Refused, match="po1 asked for this") as refused:
            project.sign(run, shown, "po1")
        assert refused.value.next_step == "one of these may sign: qe1 (product_owner), sre1 (sre_lead)"
