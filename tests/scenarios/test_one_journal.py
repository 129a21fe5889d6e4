"""A project has one journal: another database, or none, is refused where its folder knows the right one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import gonogo

from gonogo.terms import Person, RunId
from postgres_server import fresh_database, server
from shared_workers import close
from tests.projects import Project, small_project
from tests.worlds_http import place

SMALL = "deployment-automation"
OPEN = ("run", SMALL, "--release", "v2", "--as", "dev1")


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with place(tmp_path / "world" / "staging") as staging, place(tmp_path / "world" / "production") as production:
        yield small_project(tmp_path / "project", staging, production)


def clone(project: Project, name: str) -> Path:
    """The project as a repository has it: without anything that a command wrote."""
    return Path(
        shutil.copytree(project.root, project.root.parent / name, ignore=shutil.ignore_patterns(".gonogo", ".artifacts"))
    )


def begun(project: Project, url: str) -> RunId:
    """A run that is opened in a database, with every connection closed again."""
    door = project.door(GONOGO_DATABASE=url)
    try:
        return door.open(SMALL, "v2", Person("dev1")).run
    finally:
        close(door)


def doctor(root: Path, **environ: str) -> tuple[str, str]:
    """What doctor finds wrong with the place of the journal, and the remedy."""
    rows = gonogo("doctor", "-C", str(root), "--json", **environ).json()["examined"]
    assert isinstance(rows, list)
    found = next(row for row in rows if row["what"] in {"journal", "database"} and not row["ok"])
    return str(found["detail"]), str(found["remedy"])


@pytest.mark.req("WFS-10", "EXE-05")
def test_a_project_that_began_in_a_database_begins_no_second_journal_where_the_variable_is_forgotten(project: Project) -> None:
    url, here = fresh_database(), ("-C", str(project.root))
    run = begun(project, url)
    for act in (("status",), ("lock", "status"), OPEN, ("resume", run), ("doctor",)):
        said = gonogo(*act, *here)
        assert said.code != 0, act
        assert "the journal of this project is in postgresql://127.0.0.1" in said.err + said.out, (act, said.err)
    assert not (project.root / ".gonogo" / "journal.db").exists()
    assert gonogo("status", *here, GONOGO_DATABASE=url).code == 0


@pytest.mark.req("WFS-10", "EXE-05")
@pytest.mark.parametrize(
    "empty",
    [
        pytest.param(True, id="without any table", marks=pytest.mark.slow),
        pytest.param(False, id="with another journal of the same name"),
    ],
)
def test_another_database_is_refused_before_anything_is_written_and_taken_only_by_a_word_of_a_person(
    project: Project, empty: bool
) -> None:
    right, other, here = fresh_database(), server().database() if empty else fresh_database(), ("-C", str(project.root))
    run = begun(project, right)
    if not empty:
        elsewhere = clone(project, "elsewhere")
        assert gonogo("lock", "hold", "staging", "--reason", "a look", "-C", str(elsewhere), GONOGO_DATABASE=other).code == 0
    held = "holds no journal" if empty else "holds another journal"
    for act in (("status",), OPEN, ("worker",), ("worker", "list"), ("lock", "hold", "staging", "--reason", "x"), ("migrate", "--back")):
        said = gonogo(*act, *here, GONOGO_DATABASE=other)
        assert said.code == 2, (act, said.out, said.err)
        assert f"this database {held}, and this project's is in postgresql://127.0.0.1" in said.err, (act, said.err)
        assert "gonogo lock adopt" in said.err and right.rpartition("/")[2] in said.err
    detail, remedy = doctor(project.root, GONOGO_DATABASE=other)
    assert held in detail and "gonogo lock adopt" in remedy
    if empty:
        assert server().sql("select to_regclass('gonogo_schema')", other.rpartition("/")[2]) == "", "nothing was made there"
    assert gonogo("status", run, *here, GONOGO_DATABASE=right).code in {0, 3}
    adopted = gonogo("lock", "adopt", *here, "--json", GONOGO_DATABASE=other)
    assert adopted.code == 0 and adopted.json()["journal"] == f"postgresql://127.0.0.1:{server().port}/{other.rpartition('/')[2]}"
    assert project.door(GONOGO_DATABASE=other).world.journal.site()[-1].type == "workspace.adopted"
    assert gonogo("status", *here, GONOGO_DATABASE=right).code == 2, "the one that was given up is another one now"


@pytest.mark.req("WFS-10")
def test_a_database_under_another_address_a_fresh_clone_and_another_host_need_no_word(project: Project) -> None:
    first = server().database()
    run = begun(project, first)
    # Restored from its dump, or under another name: what it holds is the same journal.
    moved = server().database(first.rpartition("/")[2])
    for root in (project.root, clone(project, "host")):
        assert gonogo("lock", "status", "-C", str(root), GONOGO_DATABASE=moved).code == 0
        assert gonogo("lock", "hold", "staging", "--reason", "a look", "-C", str(root), GONOGO_DATABASE=moved).code == 0
        assert gonogo("status", run, "-C", str(root), GONOGO_DATABASE=moved).code in {0, 3}
        said = gonogo("status", "-C", str(root))
        assert said.code == 2 and moved.rpartition("/")[2] in said.err, "by the name that it has now"


@pytest.mark.slow
@pytest.mark.req("WFS-10")
def test_a_journal_that_was_moved_back_and_away_again_is_the_same_one_for_every_host(project: Project) -> None:
    here, first, second = ("-C", str(project.root)), fresh_database(), fresh_database()
    project.begin(SMALL)
    assert gonogo("migrate", *here, GONOGO_DATABASE=first).code == 0
    host = clone(project, "host")
    assert gonogo("lock", "hold", "staging", "--reason", "a look", "-C", str(host), GONOGO_DATABASE=first).code == 0
    assert gonogo("migrate", "--back", *here, GONOGO_DATABASE=first).code == 0
    assert gonogo("status", *here).code == 0
    assert gonogo("migrate", *here, GONOGO_DATABASE=second).code == 0
    assert gonogo("lock", "lift", "staging", "-C", str(host), GONOGO_DATABASE=second).code == 0
    assert gonogo("lock", "status", "-C", str(host), GONOGO_DATABASE=first).code == 2


@pytest.mark.req("WFS-10")
def test_a_way_back_that_was_killed_before_its_last_step_goes_on_when_it_is_given_again(project: Project) -> None:
    here, url = ("-C", str(project.root)), fresh_database()
    run = project.begin(SMALL)
    assert gonogo("migrate", *here, GONOGO_DATABASE=url).code == 0
    known = (project.root / ".gonogo" / "journal.moved").read_bytes()
    assert gonogo("migrate", "--back", *here, GONOGO_DATABASE=url).code == 0
    # As a kill after the database was closed leaves it: the file has not got its name, the note is the old one.
    journal = project.root / ".gonogo" / "journal.db"
    journal.rename(journal.with_name("journal.db.new"))
    (project.root / ".gonogo" / "journal.moved").write_bytes(known)
    refused = gonogo("status", *here, GONOGO_DATABASE=url)
    assert refused.code == 2 and "was moved to" in refused.err
    again = gonogo("migrate", "--back", *here, GONOGO_DATABASE=url)
    assert again.code == 0, again.err
    assert project.door().runs() == (run,)
    assert project.chain_problems(run) == ()


@pytest.mark.slow
@pytest.mark.req("WFS-10")
def test_a_folder_that_an_earlier_version_left_knows_the_place_alone_and_learns_the_rest(project: Project) -> None:
    here, url = ("-C", str(project.root)), fresh_database()
    project.begin(SMALL)
    assert gonogo("migrate", *here, GONOGO_DATABASE=url).code == 0
    note = project.root / ".gonogo" / "journal.moved"
    whole = note.read_bytes()
    note.write_bytes(whole.split(b"\n")[0])
    server().sql("alter table gonogo_schema drop column journal", url.rpartition("/")[2])
    assert gonogo("lock", "status", *here, GONOGO_DATABASE=fresh_database()).code == 2
    assert gonogo("lock", "hold", "staging", "--reason", "a look", *here, GONOGO_DATABASE=url).code == 0
    first, number, _ = note.read_bytes().split(b"\n")
    assert first == whole.split(b"\n")[0] and len(number) == 32
