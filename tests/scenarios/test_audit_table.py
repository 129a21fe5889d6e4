"""The auditor's table of a project that released well once and was refused once."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gonogo.adapters.journals.sqlite import SqliteJournal
from gonogo.control.audit.auditing import audit
from gonogo.errors import WrongUsage
from gonogo.evidence.note import read_vkey
from gonogo.evidence.tlog_proof import read_proof
from gonogo.reports.auditing import Audited, as_csv, as_html, drawn, period_of, population_gaps, rows_of
from tests.command_line import gonogo
from tests.prepared import Rehearsed
from tests.projects import Project

@pytest.fixture(scope="module")
def project(rehearsal: Rehearsed, tmp_path_factory: pytest.TempPathFactory) -> Project:
    found = rehearsal.copy(tmp_path_factory.mktemp("audit") / "project")
    run = found.release("production-deployment")
    assert found.state(run).outcome == "released", found.view(run).halt
    found.begin("deployment-automation")
    return found


def year(project: Project) -> str:
    """That in which its runs were opened: another one may have begun since."""
    return f"{project.door().world.journal.site()[0].ts:%Y}"


def table(project: Project, sample: int = 25, seed: int = 1) -> Audited:
    return audit(project.door(), year(project), sample, seed)


@pytest.mark.req("P9", "EVS-16")
def test_every_run_of_the_period_is_in_the_population_with_its_number(project: Project) -> None:
    found = table(project)
    assert [change.run for change in found.population] == list(project.door().runs())
    assert found.gaps == ()
    site = project.door().world.journal.site()
    assert [entry.seq for entry in site] == list(range(len(site)))
    assert [entry.type for entry in site] == [
        "run.opened",
        "package.sealed",
        "package.sealed",
        "run.closed",
        "run.opened",
        "package.sealed",
        "run.closed",
        "run.opened",
    ]


def test_a_good_change_has_evidence_for_every_point_and_an_open_one_its_gaps(project: Project) -> None:
    rows = rows_of(table(project))
    runs = project.door().runs()
    good = [row for row in rows if row["run"] == runs[1]]
    assert {row["standard"] for row in good} == {"SOC 2 CC8.1", "ISO 27001 A.8.32"}
    assert [row["point"] for row in good if row["gap"]] == []
    assert all(row["evidence"] for row in good)
    open_one = {row["point"]: row["gap"] for row in rows if row["run"] == runs[2] and row["gap"]}
    assert open_one["completed"] == "the run was never closed"
    assert open_one["approved"].startswith("nobody signed")
    assert "not judged" in open_one["tested"]


def test_the_same_seed_draws_the_same_sample_and_each_change_can_be_drawn(project: Project) -> None:
    population = table(project).population
    assert drawn(population, 2, 7) == drawn(tuple(reversed(population)), 2, 7)
    assert {drawn(population, 1, seed)[0].run for seed in range(40)} == {change.run for change in population}
    assert len(table(project, sample=1).points) == 1


@pytest.mark.req("t09_hidden_run")
def test_a_run_that_was_taken_out_of_the_store_is_missed(project: Project, tmp_path: Path) -> None:
    found = table(project)
    other = tmp_path / "journal.db"
    with sqlite3.connect(project.root / ".gonogo/journal.db") as source, sqlite3.connect(other) as copy:
        source.backup(copy)
        copy.execute("drop trigger gonogo_event_kept")
        hidden = found.population[1].run
        copy.execute("delete from gonogo_event where run = ?", (hidden,))
        copy.execute("delete from gonogo_head where run = ?", (hidden,))
    other.chmod(0o600)
    with SqliteJournal(other) as journal:
        assert population_gaps(journal.site(), journal.runs()) == (
            f"the log of the site names {hidden}, and its own log is gone",
        )


def test_a_run_that_the_site_does_not_name_is_said(project: Project) -> None:
    site = project.door().world.journal.site()
    assert "does not name it" in population_gaps(site, [*project.door().runs(), "hidden-run"])[0]


def test_the_csv_holds_no_formula_and_the_page_no_foreign_markup(project: Project) -> None:
    found = table(project)
    change = found.population[0]
    hostile = replace(found, population=(replace(change, version="=cmd()", requested_by="<script>x</script>"),))
    row = next(csv.DictReader(io.StringIO(as_csv(hostile))))
    assert row["version"] == "'=cmd()"
    assert "<script>" not in as_html(hostile)
    assert "&lt;script&gt;" in as_html(hostile)


def test_the_table_comes_as_csv_page_and_json_from_the_command_line(project: Project, tmp_path: Path) -> None:
    here = ("audit", "--period", year(project), "--seed", "3", "-C", project.root)
    said = gonogo(*here)
    assert said.code == 0, said.err
    assert said.out.startswith("number,run,protocol,")
    assert gonogo(*here, "--format", "html", "--out", tmp_path / "a.html").code == 0
    assert (tmp_path / "a.html").read_text().startswith("<!doctype html>")
    assert json.loads(gonogo(*here, "--json").out)["population"] == 3


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026", "2026-01-01", "2027-01-01"),
        ("2026-Q3", "2026-07-01", "2026-10-01"),
        ("2026-Q4", "2026-10-01", "2027-01-01"),
        ("2026-12", "2026-12-01", "2027-01-01"),
        ("2026-02", "2026-02-01", "2026-03-01"),
    ],
)
def test_a_period_has_a_beginning_and_an_end(text: str, start: str, end: str) -> None:
    found = period_of(text)
    assert (f"{found.start:%Y-%m-%d}", f"{found.end:%Y-%m-%d}") == (start, end)


@pytest.mark.parametrize("text", ["", "26", "2026-Q5", "2026-13", "Q3", "2026-Q3x", "0000"])
def test_what_is_no_period_is_refused(text: str) -> None:
    with pytest.raises(WrongUsage, match="is no period"):
        period_of(text)


@pytest.mark.req("P9", "EVS-16")
def test_the_export_lists_every_run_with_its_packages_verified_and_proofs_of_each_end(
    project: Project, tmp_path: Path
) -> None:
    today = datetime.now(UTC).date()
    days = ("--from", f"{today - timedelta(days=1)}", "--to", f"{today + timedelta(days=2)}")
    said = gonogo("audit", "export", *days, "--proofs", tmp_path / "proofs", "-C", project.root)
    assert said.code == 0, said.err
    rows = list(csv.DictReader(io.StringIO(said.out)))
    assert {row["run"] for row in rows} == set(project.door().runs())
    packages = [row for row in rows if row["package"]]
    assert {row["package"] for row in packages} == {
        "PRE-DEPLOYMENT-PACKAGE.zip",
        "PROTOCOL-14-EVIDENCE.zip",
        "DEPLOYMENT-EVIDENCE.zip",
    }
    assert {row["verdict"] for row in packages} == {"verified"}
    assert [row["verdict"] for row in rows if not row["package"]] == ["no package was sealed"]
    key = read_vkey((tmp_path / "proofs/vkey").read_text())
    names = sorted(path.name for path in (tmp_path / "proofs").glob("*.tlog-proof"))
    assert len(names) == 5
    for name in names:
        proven = read_proof((tmp_path / "proofs" / name).read_bytes(), [key], name=name)
        assert name.startswith(str(proven.entry.data["run"]))
        assert proven.entry.type == ("run.closed" if "-closed." in name else "run.opened")
    assert gonogo("audit", "export", "--from", "2026-99-01", "--to", "2027", "-C", project.root).code == 64
    assert gonogo("audit", "-C", project.root).code == 64
    early = gonogo("audit", "export", "--from", "2001-01-01", "--to", "2001-02-01", "--json", "-C", project.root)
    assert json.loads(early.out)["rows"] == []
