"""Versions of a protocol: used by which runs, changed why, taken back without touching runs that are open."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest
from command_line import gonogo

from tests.one_step import look, one_check
from tests.projects import Project, small_project
from tests.worlds_http import Place

DOCUMENT = "protocols/one-check.md"


@pytest.fixture
def project(tmp_path: Path, places: tuple[Place, Place]) -> Project:
    return one_check(small_project(tmp_path / "project", *places), "tests")


def digest(project: Project) -> str:
    return sha256((project.root / DOCUMENT).read_bytes()).hexdigest()


def history(project: Project, *arguments: str) -> dict[str, object]:
    said = gonogo("history", "one-check", *arguments, "-C", project.root, "--json")
    assert said.code == 0, said.err
    found = said.json()
    assert isinstance(found, dict)
    return found


@pytest.mark.req("LRN-07")
def test_a_protocol_has_its_present_version_and_the_earlier_ones_with_dates_runs_and_deprecations(project: Project) -> None:
    first = digest(project)
    run = look(project).run
    project.edit(DOCUMENT, "Do the check.", "Do the check twice.")
    assert not history(project)["explained"]
    history(project, "--record", "--reason", "once was too little", "--impact", "fewer surprises", "--deprecates", "one look")
    later = look(project).run
    found = history(project)["history"]
    assert [(row["document"], row["runs"]) for row in found["versions"]] == [(first, [run]), (digest(project), [later])]
    assert all(row["first"].startswith("20") for row in found["versions"])
    assert found["present"][0] == digest(project)
    (change,) = found["changes"]
    assert change["body"] == {"reason": "once was too little", "impact": "fewer surprises", "deprecates": "one look"}
    assert "deprecates: one look" in gonogo("history", "one-check", "-C", project.root).out


@pytest.mark.req("LRN-20")
@pytest.mark.parametrize(("words", "lacks"), [((), "reason"), (("--reason", " "), "reason"), (("--reason", "so"), "impact")])
def test_a_change_without_reason_or_impact_is_refused(project: Project, words: tuple[str, ...], lacks: str) -> None:
    project.edit(DOCUMENT, "Do the check.", "Do the check twice.")
    said = gonogo("history", "one-check", "--record", *words, "-C", project.root)
    assert said.code == 2
    assert f"needs its {lacks}" in said.err
    assert history(project)["history"]["changes"] == []


@pytest.mark.req("LRN-20")
def test_the_same_version_is_put_on_record_once(project: Project) -> None:
    words = ("--record", "--reason", "first", "--impact", "a beginning")
    assert history(project, *words)["explained"]
    again = gonogo("history", "one-check", *words, "-C", project.root)
    assert again.code == 2
    assert "on record already" in again.err


@pytest.mark.req("LRN-09")
def test_going_back_restores_the_bytes_tells_people_and_leaves_open_runs_with_their_version(project: Project) -> None:
    first = digest(project)
    look(project)
    good = (project.root / "scripts/tests.sh").read_text()
    project.edit(DOCUMENT, "Do the check.", "Do the check twice.")
    second = digest(project)
    project.write("scripts/tests.sh", 'if [ "$GONOGO_ATTEMPT" = 1 ]; then exit 1; fi\n' + good)
    held = look(project).run
    assert project.state(held).halted is not None
    short = gonogo("history", "one-check", "--back-to", first[:4], "--reason", "r", "--impact", "i", "-C", project.root)
    assert short.code == 2
    found = history(project, "--back-to", first[:12], "--reason", "the second look found nothing", "--impact", "half the time")
    assert digest(project) == first
    assert [row["kind"] for row in found["history"]["changes"]] == ["back"]
    said = [json.loads(line) for line in (project.root / ".gonogo/announcements.jsonl").read_text().splitlines()]
    assert "one-check went back to" in next(row["text"] for row in said if row["prefix"] == "[PROTOCOL VERSION]")
    project.lift(held)
    project.go_on(held)
    assert project.state(held).outcome == "ready"
    bound = next(entry for entry in project.door().load(held).entries if entry.type == "plan.bound")
    assert bound.data["inputs"]["document"] == second, "the open run went on with the version that it began with"
    assert project.begin("one-check") != held


@pytest.mark.req("LRN-06", "LRN-08")
def test_two_versions_are_compared_over_their_runs_and_a_change_gets_its_measured_outcome(project: Project) -> None:
    good = (project.root / "scripts/tests.sh").read_text()
    project.write("scripts/tests.sh", 'if [ "$GONOGO_ATTEMPT" = 1 ]; then exit 1; fi\n' + good)
    first = look(project).run
    project.lift(first)
    project.go_on(first)
    early = gonogo("history", "one-check", "--held", "yes", "-C", project.root)
    assert early.code == 2
    assert "no two versions that runs used" in early.err
    before = digest(project)
    project.edit(DOCUMENT, "Do the check.", "Do the check on a quiet machine.")
    project.write("scripts/tests.sh", good)
    history(project, "--record", "--reason", "suites are flaky under load", "--evidence", "a halt", "--impact", "no halts")
    assert look(project).passed
    figures = history(project)["figures"]
    assert figures[before]["halts per run"] == "1"
    assert figures[digest(project)]["halts per run"] == "0"
    found = history(project, "--held", "yes", "--evidence", "one run of each")["history"]["changes"]
    assert [row["kind"] for row in found] == ["change", "outcome"]
    assert found[0]["body"] == {"reason": "suites are flaky under load", "evidence": "a halt", "impact": "no halts"}
    outcome = found[1]["body"]
    assert (outcome["held"], outcome["before"]["halts per run"], outcome["after"]["halts per run"]) == ("yes", "1.00", "0.00")
