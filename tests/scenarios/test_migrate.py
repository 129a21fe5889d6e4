"""Moving a journal to a shared database and back: every digest the same, nothing lost wherever it is killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import gonogo, importing

from gonogo.adapters.journals.schema import create
from gonogo.adapters.journals.sqlite import SqliteJournal
from gonogo.errors import Broken
from gonogo.ports import Draft
from gonogo.terms import Engine, Person
from postgres_server import fresh_database
from tests.projects import Project, small_project
from tests.worlds_http import place

SMALL = "deployment-automation"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with place(tmp_path / "world" / "staging") as staging, place(tmp_path / "world" / "production") as production:
        yield small_project(tmp_path / "project", staging, production)


def lines(project: Project, **environ: str) -> dict[str, list[bytes]]:
    journal = project.door(**environ).world.journal
    found = {run: [entry.line for entry in journal.entries(run)] for run in journal.runs()}
    return {**found, "@site": [entry.line for entry in journal.site()]}


@pytest.mark.req("WFS-10")
def test_a_journal_goes_to_the_database_and_back_with_every_line_and_file(project: Project) -> None:
    run, url = project.begin(SMALL), fresh_database()
    before, here = lines(project), ("-C", str(project.root))
    with project.door().world.journal.write(run, len(before[run]) - 1, actor=Engine("e"), now=project.door().world.clock.now()) as tx:
        tx.take_lease("staging")
        tx.free_lease("staging")
    tried = gonogo("migrate", *here, "--dry-run", "--json", GONOGO_DATABASE=url).json()
    assert (tried["done"], tried["runs"]) == (False, 1)
    assert lines(project) == before
    moved = gonogo("migrate", *here, "--json", GONOGO_DATABASE=url)
    assert moved.code == 0, moved.err
    assert moved.json()["digest"] == tried["digest"]
    assert lines(project, GONOGO_DATABASE=url) == before
    shared = project.door(GONOGO_DATABASE=url)
    assert shared.load(run).plan.name == SMALL
    assert shared.world.journal.lease("staging").fence == 1
    refused = gonogo("status", *here)
    assert refused.code == 2 and "the journal of this project is in postgresql://127.0.0.1" in refused.err
    with pytest.raises(Broken), SqliteJournal(project.root / ".gonogo" / "journal.db.moved") as late:
        late.note([Draft("trust.changed", {})], actor=Person("asha"), now=project.door(GONOGO_DATABASE=url).world.clock.now())
    back = gonogo("migrate", "--back", *here, "--json", GONOGO_DATABASE=url)
    assert back.code == 0, back.err
    assert back.json()["digest"] == tried["digest"]
    assert lines(project) == before
    assert project.door().world.journal.lease("staging").fence == 1
    left = gonogo("status", *here, GONOGO_DATABASE=url)
    assert left.code == 2 and "this project's journal is on this machine (1 run)" in left.err
    (project.root / ".gonogo" / "journal.db").rename(project.root / "journal.db of another host")
    elsewhere = gonogo("status", *here, GONOGO_DATABASE=url)
    assert elsewhere.code == 2 and "this journal was moved to" in elsewhere.err


@pytest.mark.req("EXE-05")
def test_a_run_that_holds_an_environment_keeps_its_journal_where_it_is(project: Project) -> None:
    run = project.begin(SMALL)
    door = project.door()
    with door.world.journal.write(run, door.load(run).state.seq, actor=Engine("e"), now=door.world.clock.now()) as tx:
        tx.take_lease("production")
    said = gonogo("migrate", "-C", str(project.root), GONOGO_DATABASE=fresh_database())
    assert said.code == 2
    assert f"the run {run} holds production" in said.err
    assert project.door().runs() == (run,)


def test_two_journals_are_never_mixed(project: Project) -> None:
    project.begin(SMALL)
    url, here = fresh_database(), ("-C", str(project.root))
    assert gonogo("migrate", *here, GONOGO_DATABASE=url).code == 0
    (project.root / ".gonogo" / "journal.moved").unlink()
    project.begin(SMALL)
    said = gonogo("migrate", *here, GONOGO_DATABASE=url)
    assert said.code == 2 and "the database holds another journal" in said.err


@pytest.mark.req("WFS-10")
def test_a_migration_that_is_killed_after_the_copy_goes_on_when_it_is_given_again(project: Project) -> None:
    project.begin(SMALL)
    before, url = lines(project), fresh_database()
    command = [sys.executable, "-m", "gonogo", "migrate", "-C", str(project.root)]
    environ = {**os.environ, **importing(GONOGO_DATABASE=url, GONOGO_CRASH_AT="CP-19 copied")}
    assert subprocess.run(command, env=environ, capture_output=True, check=False).returncode == -9
    assert lines(project) == before, "nothing has moved yet"
    assert gonogo("migrate", "-C", str(project.root), GONOGO_DATABASE=url).code == 0
    assert lines(project, GONOGO_DATABASE=url) == before


@pytest.mark.req("EXE-05")
def test_beside_a_journal_on_this_machine_nothing_acts_on_a_database_before_it_was_moved_there(project: Project) -> None:
    run, url = project.begin(SMALL), fresh_database()
    here, door = ("-C", str(project.root)), project.door()
    with door.world.journal.write(run, door.load(run).state.seq, actor=Engine("e"), now=door.world.clock.now()) as tx:
        tx.take_lease("staging")
    acts = (
        ("run", "deployment-automation", "--release", "v2"),
        ("resume", run),
        ("worker",),
        ("worker", "list"),
        ("lock", "status"),
        ("status",),
        ("approve", run, "--key", str(project.root / "gonogo.yaml")),
        ("serve", "--port", "0"),
    )
    for act in acts:
        said = gonogo(*act, *here, GONOGO_DATABASE=url)
        assert said.code == 2, f"{act}: {said.out}{said.err}"
        assert "this project's journal is on this machine (1 run)" in said.err, act
        assert (
            ".gonogo/journal.db" in said.err
            and "`gonogo migrate` moves it" in said.err
            and "unset GONOGO_DATABASE" in said.err
        )
    rows = gonogo("doctor", *here, "--json", GONOGO_DATABASE=url).json()["examined"]
    assert isinstance(rows, list)
    found = next(row for row in rows if row["what"] == "journal")
    assert not found["ok"] and "on this machine (1 run)" in found["detail"] and "gonogo migrate" in found["remedy"]
    assert len(rows) > 5, "everything else is looked at all the same"
    with door.world.journal.write(run, door.load(run).state.seq, actor=Engine("e"), now=door.world.clock.now()) as tx:
        tx.free_lease("staging")
    assert gonogo("migrate", *here, "--dry-run", GONOGO_DATABASE=url).code == 0
    assert gonogo("migrate", *here, GONOGO_DATABASE=url).code == 0
    assert gonogo("lock", "status", *here, GONOGO_DATABASE=url).code == 0
    assert project.door(GONOGO_DATABASE=url).world.journal.lease("staging").fence == 1, "fences go on from there"


def test_the_journal_of_another_project_is_refused_in_its_database(project: Project) -> None:
    project.begin(SMALL)
    url, here = fresh_database(), ("-C", str(project.root))
    assert gonogo("migrate", *here, GONOGO_DATABASE=url).code == 0
    name = project.door(GONOGO_DATABASE=url).workspace.project.name
    project.edit("gonogo.yaml", f"project: {name}", "project: mail")
    for act in (("status",), ("lock", "status"), ("run", SMALL, "--release", "v2"), ("worker",)):
        said = gonogo(*act, *here, GONOGO_DATABASE=url)
        assert said.code == 2 and f"the journal of the project `{name}`, and this one is `mail`" in said.err, (act, said.err)
    rows = gonogo("doctor", *here, "--json", GONOGO_DATABASE=url).json()["examined"]
    assert isinstance(rows, list)
    found = next(row for row in rows if row["what"] == "database")
    assert not found["ok"] and f"`{name}`" in found["detail"] and "of this project's own" in found["remedy"]


def test_a_journal_without_an_entry_keeps_nobody_from_a_database(project: Project) -> None:
    create(project.root / ".gonogo" / "journal.db", 5.0, lambda: None)
    assert gonogo("status", "-C", str(project.root), GONOGO_DATABASE=fresh_database()).code == 0


def test_doctor_says_whether_the_database_answers_and_whether_anybody_works_on_it(project: Project) -> None:
    def database(url: str) -> dict[str, object]:
        said = gonogo("doctor", "-C", str(project.root), "--json", GONOGO_DATABASE=url)
        return next(row for row in json.loads(said.out)["examined"] if row["what"] == "database")

    url = fresh_database()
    nobody = database(url)
    assert (nobody["ok"], nobody["detail"]) == (False, "0 runs, 0 workers alive")
    said = gonogo("doctor", "-C", str(project.root), "--json", GONOGO_DATABASE=url)
    rows = {row["what"]: row["ok"] for row in json.loads(said.out)["examined"]}
    assert rows["clock"] and rows["plans"] and rows["anchors"], "the state of the runs is looked at there too"
    gone = database("postgresql://gonogo:hunter2@127.0.0.1:1/shop")
    assert not gone["ok"] and "cannot be reached" in str(gone["detail"]) and "hunter2" not in str(gone)
