"""By hand where automation is not there: asked, answered, signed, shown as manual, and never a measurement."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from gonogo.engine.by_hand import form_of
from gonogo.errors import BadInput
from gonogo.evidence.signers import EngineKey
from gonogo.evidence.sshkeys import public_key
from gonogo.evidence.verifying import TrustFiles, verify_package
from gonogo.measure.manual_log import numbered, read_war_room, unnumbered
from gonogo.run.gate import SealedFile, Subject, judge
from gonogo.run.machine import Over
from gonogo.terms import Person, RunId, Verdict, digest_of
from tests.command_line import Said, gonogo
from tests.packages import files_of
from tests.prepared import copy_of
from tests.projects import Project, public_line, small_project
from tests.worlds import MORNING
from tests.worlds_http import place

PRE = "pre-deployment"
PARITY = "intake-validation-and-staging-alignment/validate-staging-parity"
REHEARSAL = "deployment-rehearsal-and-verification/rehearse-the-deployment"
TESTS = "deployment-rehearsal-and-verification/run-smoke-and-acceptance-tests"


@pytest.fixture(scope="module")
def halted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, RunId]]:
    """A run that stands at gate 2, because its tests left nothing to read."""
    root = tmp_path_factory.mktemp("manual")
    with place(root / "world/staging") as staging, place(root / "world/production") as production:
        project = small_project(root / "project", staging, production)
        project.edit("scripts/tests.sh", "cat > ", "cat > /dev/null #")
        run = project.release(PRE)
        assert "tests" in project.view(run).halt, project.view(run).halt
        for handle, key in project.keys.items():
            form = serialization.PrivateFormat.OpenSSH
            (root / handle).write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
            (root / handle).chmod(0o600)
            (root / f"{handle}.pub").write_text(f"{public_line(key)}\n")
        yield project, run


@pytest.fixture
def project(halted: tuple[Project, RunId], tmp_path: Path) -> Project:
    return copy_of(halted[0], tmp_path / "project")


@pytest.fixture
def run(halted: tuple[Project, RunId]) -> RunId:
    return halted[1]


def key_of(halted_root: Path, handle: str) -> Path:
    return halted_root.parent / handle


def by_hand(project: Project, run: RunId, step: str, home: Path, *more: str | Path, count: int = 0) -> Said:
    form = gonogo("manual", run, step, "-C", project.root, "--json").json()
    questions = form["questions"]
    assert isinstance(questions, list)
    answers = [part for number in range(count or len(questions)) for part in ("--answer", f"seen {number}, fine")]
    return gonogo("manual", run, step, "-C", project.root, "--key", home / "rm1", "--yes", "--as", "rm1", *answers, *more)


@pytest.mark.req("MAN-01", "MAN-02", "MAN-03")
def test_each_step_has_a_form_with_a_question_for_each_command_of_it(project: Project, run: RunId) -> None:
    said = gonogo("manual", run, "parity", "-C", project.root)
    assert said.code == 0, said.err
    assert "1. Which dashboards of staging and of production did you compare, and when?" in said.out
    rehearsal = gonogo("manual", run, REHEARSAL, "-C", project.root).out
    assert "When did you run `bash scripts/deploy_shop.sh {environment} {release}`, and how did it end?" in rehearsal
    assert "Which runbook did you follow" in rehearsal
    assert "approvals did you see" in gonogo("manual", run, "readiness review", "-C", project.root).out
    plan = project.door().load(run).plan
    assert all(form_of(plan, stage) for stage in plan.stages if stage.tasks)


@pytest.mark.req("MAN-01", "MAN-05", "MAN-06")
def test_a_signed_record_is_filed_as_manual_in_every_place_and_names_person_and_reason(
    project: Project, run: RunId, halted: tuple[Project, RunId]
) -> None:
    home = halted[0].root.parent
    said = by_hand(project, run, PARITY, home, "--why", "the exporter is down")
    assert said.code == 0, said.err
    assert "it is no measurement" in said.out
    log = project.evidence(run, "manual-validation-log.json")
    assert log["mode"] == "manual"
    first = log["entries"][0]  # type: ignore[index, call-overload]
    assert (first["step"], first["person"], first["reason_no_automation"]) == (PARITY, "rm1", "the exporter is down")  # type: ignore[index, call-overload]
    assert first["answer"] == "seen 0, fine"  # type: ignore[index, call-overload]
    assert "BEGIN SSH SIGNATURE" in first["signature"]  # type: ignore[index, call-overload, operator]
    views = [project.root / ".artifacts" / folder / "manual-validation-log.md" for folder in ("protocol-21", "pre-deployment")]
    assert views[0].read_bytes() == views[1].read_bytes()
    assert "nothing here was measured" in views[0].read_text()
    status = gonogo("status", run, "-v", "-C", project.root).out
    assert f"manual record: {PARITY} by rm1; signed, not measured" in status
    assert "manual-validation-log.json" in status
    assert project.state(run).evidence["manual-validation-log.json"].status == "manual"
    assert gonogo("status", run, "-C", project.root, "--json").json()["manual"] == [f"{PARITY} by rm1"]


@pytest.mark.req("MAN-06", "GAT-01")
def test_coverage_fine_by_hand_does_not_pass_gate_2_and_lifts_no_halt(
    project: Project, run: RunId, halted: tuple[Project, RunId]
) -> None:
    home = halted[0].root.parent
    assert by_hand(project, run, TESTS, home, "--why", "the runner is down").code == 0
    said = gonogo("gate", run, "rehearsal", "-C", project.root)
    assert said.code in {1, 2, 3}
    assert project.view(run).halt
    rule = project.door().load(run).plan.gates["deployment-rehearsal-gate"]
    perfect = json.dumps({"test_execution": {"status": "pass", "coverage": 1}, "mode": "manual"}).encode()
    for status, data in (("manual", b'{"test_execution": {"status": "pass", "coverage": 1}}'), ("external", perfect)):
        name = "staging-test-results.json"
        files = {name: SealedFile(name, digest_of(data), data, TESTS, status)}
        found = judge(rule, files, Subject(run, project.door().load(run).plan.release.digest), MORNING)
        assert found.verdict is not Verdict.PASS
        whys = [why for lacking, _, why in found.lacking if lacking == name]
        assert whys == [f"{name} is a manual record; a measured clause needs a measurement"]


@pytest.mark.req("MAN-06")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--answer", "one", "--why", "x"), "questions, 1 answers"),
        (("--answer", "a", "--answer", "b", "--answer", "c"), "why automation was not there"),
        (("--answer", "a", "--answer", " ", "--answer", "c", "--why", "x"), "answers"),
    ],
)
def test_a_record_without_a_reason_or_with_an_open_question_is_not_taken(
    project: Project, run: RunId, halted: tuple[Project, RunId], arguments: tuple[str, ...], words: str
) -> None:
    said = gonogo("manual", run, PARITY, "-C", project.root, "--key", halted[0].root.parent / "rm1", "--yes", *arguments)
    assert said.code == 64
    assert words in said.err
    assert "manual-validation-log.json" not in project.state(run).evidence


@pytest.mark.req("MAN-06", "REV-08")
def test_only_a_listed_person_with_the_role_can_sign_a_record(project: Project, run: RunId, halted: tuple[Project, RunId]) -> None:
    home = halted[0].root.parent
    answers = ("--answer", "a", "--answer", "b", "--answer", "c", "--why", "x")
    said = gonogo("manual", run, PARITY, "-C", project.root, "--key", home / "po1", "--yes", "--as", "dev1", *answers)
    assert said.code == 2
    assert "manual-validation-log.json" not in project.state(run).evidence
    assert gonogo("manual", run, PARITY, "-C", project.root, "--json").code == 0


@pytest.mark.req("MAN-04")
def test_a_war_room_log_from_a_spreadsheet_is_attached_and_read_line_by_line(
    project: Project, run: RunId, halted: tuple[Project, RunId], tmp_path: Path
) -> None:
    home = halted[0].root.parent
    sheet = tmp_path / "war-room.csv"
    sheet.write_text('at,person,command,result\n2026-11-21T10:00:00Z,sam,deploy.sh v2,"ok, 12 s"\n2026-11-21T10:05:00+01:00,ravi,switch,done\n')
    said = by_hand(project, run, REHEARSAL, home, "--why", "no runner", "--attach", sheet)
    assert said.code == 0, said.err
    entries = project.evidence(run, "manual-validation-log.json")["entries"]
    seen = [(row["observer"], row["answer"]) for row in entries if "observer" in row]  # type: ignore[union-attr, index, call-overload, operator]
    assert seen == [("sam", "`deploy.sh v2`: ok, 12 s"), ("ravi", "`switch`: done")]
    assert "manual-war-room.csv" in project.state(run).evidence
    sheet.write_text("at,person,command,result\nyesterday,sam,deploy,ok\n")
    bad = by_hand(project, run, REHEARSAL, home, "--why", "no runner", "--attach", sheet)
    assert bad.code == 2
    assert "war-room.csv:2: `yesterday` is no moment with a zone" in bad.err


@pytest.mark.parametrize("data", [b"", b"at,person\n", b"\xff\xfe", b"at,person,command,result\n", b"at,person,command,result\n2026-11-21T10:00:00Z,,x,y\n"])
def test_a_sheet_that_cannot_be_used_is_refused_with_its_line(data: bytes) -> None:
    with pytest.raises(BadInput, match=r"log\.csv"):
        read_war_room(data, "log.csv")


def test_numbered_lines_come_back_as_they_were_and_others_are_refused() -> None:
    assert unnumbered(numbered(["a\nb", "c // 2. d"])) == ("a b", "c / / 2. d")
    with pytest.raises(BadInput):
        unnumbered("2. a")


@pytest.mark.req("MAN-05", "MAN-06", "EVS-12")
def test_a_package_with_a_manual_record_verifies_and_holds_it(project: Project, run: RunId, halted: tuple[Project, RunId]) -> None:
    home = halted[0].root.parent
    assert by_hand(project, run, PARITY, home, "--why", "the exporter is down").code == 0
    project.door().abort(run, "shown", Person("rm1"))
    assert project.go_on(run) == Over("aborted")
    door = project.door()
    data = door.world.vault.read(door.load(run).state.packages["handoff"].sha256, limit=1 << 30)
    engine = EngineKey("local", public_key(door.world.key.public_line()))
    found = verify_package(data, TrustFiles(replace(door.world.ring(), engines=(engine,))), datetime.now(UTC), anchor_needed=False)
    assert found.exit_code == 0, str(found)
    assert [path for path in files_of(data) if path.endswith("manual-validation-log.json")]
    text = (project.root / ".artifacts/pre-deployment/RUN-REPORT.md").read_text()
    assert f"| {PARITY} | rm1 | release" in text.partition("## Manual records")[2]
