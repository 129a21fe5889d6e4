"""The demonstration's parts without its processes: what is said, who signs, whose folder may be replaced."""

from __future__ import annotations

import io
import os
from hashlib import sha256
from itertools import count
from pathlib import Path

import pytest
from rich.console import Console

from gonogo.demo.hand import main as hand
from gonogo.demo.processes import Live, birth_of, launch, write_pid
from gonogo.demo.story_bad_build import Turn, damage
from gonogo.demo.story_command import CommandLine, environment
from gonogo.demo.story_people import PEOPLE, SIGNERS, approvers_file, make_people
from gonogo.demo.story_stage import OWN_PID, STATE, Pace, Stage, clear_stage, set_stage
from gonogo.demo.tally import Interval, Tally
from gonogo.demo.telling import NotHeld, Telling
from gonogo.demo.world import PROJECT
from gonogo.errors import Refused
from gonogo.evidence.canonical import read_object
from gonogo.evidence.sshkeys import public_key
from gonogo.evidence.sshsig import verify
from gonogo.plan.approvers import read_approvers
from gonogo.plan.bindings import read_project


def plain(width: int = 60) -> tuple[Telling, io.StringIO]:
    out = io.StringIO()
    ticks = count()
    return Telling(Console(file=out, width=width, no_color=True), lambda: float(next(ticks))), out


def test_a_claim_that_holds_is_told_with_its_second_and_a_mark() -> None:
    telling, out = plain()
    telling.claims(True, "v1 answers")
    assert out.getvalue() == "  1.0 s ✓ v1 answers\n"
    assert telling.held == 1


def test_a_claim_that_does_not_hold_ends_the_story_and_says_what_was_seen() -> None:
    telling, out = plain()
    with pytest.raises(NotHeld, match="v1 answers; seen: nobody") as caught:
        telling.claims(False, "v1 answers", "nobody")
    assert caught.value.exit_code == 1
    assert "✗ not so: v1 answers" in out.getvalue()


def test_a_message_is_quoted_line_by_line_and_broken_below_itself() -> None:
    telling, out = plain(width=40)
    telling.quotes("NO-GO: halted\n  why: a rather long reason that does not fit\n")
    lines = out.getvalue().splitlines()
    assert lines[0] == " " * 10 + "│ NO-GO: halted"
    assert lines[1].startswith(" " * 10 + "│   why: a rather")
    assert all(line.startswith(" " * 14) for line in lines[2:])


def test_a_command_is_shown_as_it_has_to_be_typed() -> None:
    telling, out = plain()
    telling.asks(("resume", "--reason", "it is repaired"))
    assert "$ gonogo resume --reason 'it is repaired'" in out.getvalue()


def test_what_went_on_beside_is_told_when_it_comes_forward_with_its_own_seconds() -> None:
    telling, out = plain()
    aside = telling.aside()
    aside.says("early")
    assert out.getvalue() == ""
    telling.says("main")
    aside.comes_forward()
    aside.says("late")
    assert [line.split("· ")[1] for line in out.getvalue().splitlines()] == ["main", "early", "late"]


def test_a_picture_begins_where_it_is_told_to_and_keeps_its_blanks(tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), width=60, record=True)
    telling = Telling(console, lambda: 0.0)
    telling.says("before")
    telling.from_here()
    telling.says("after")
    telling.picture(tmp_path / "end.svg")
    drawn = (tmp_path / "end.svg").read_text("utf-8")
    assert ("after" in drawn, "before" in drawn, 'xml:space="preserve"' in drawn) == (True, False, True)
    assert ("@font-face" in drawn, "cdn" in drawn) == (False, False), "it is whole by itself"


def test_every_decision_has_signers_whose_roles_are_asked_for(tmp_path: Path) -> None:
    people = make_people(tmp_path / "keys")
    read = read_approvers(approvers_file(people, people["sam"].public).encode(), "approvers")
    assert read.findings == ()
    for point, handles in SIGNERS.items():
        if point == "freeze":
            assert handles == read.ring.freeze_stakeholders
            continue
        rule = read.ring.decisions[point]
        assert all(set(PEOPLE[handle][1]) & rule.roles for handle in handles), point
        assert len(handles) >= rule.quorum, point


def test_private_keys_of_the_demonstration_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    for person in make_people(tmp_path / "keys").values():
        assert person.key.stat().st_mode & 0o077 == 0


def test_the_hand_of_a_machine_without_openssh_makes_a_signature_that_verifies(tmp_path: Path) -> None:
    person = make_people(tmp_path / "keys")["olu"]
    statement = tmp_path / "statement"
    statement.write_bytes(b"go\n")
    assert hand(["-Y", "sign", "-n", "gonogo/approval/v1/staging", "-f", str(person.key), str(statement)]) == 0
    signature = (tmp_path / "statement.sig").read_bytes()
    assert verify(signature, b"go\n", "gonogo/approval/v1/staging") == public_key(person.public)


def test_the_hand_of_a_machine_without_openssh_says_what_it_cannot_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = str(tmp_path / "nothing")
    assert hand(["-Y", "sign", "-n", "n", "-f", missing, missing]) == 1
    assert "cannot sign" in capsys.readouterr().err


@pytest.mark.parametrize("release", ["v2", "v3"])
def test_a_manifest_of_the_demonstration_names_the_artifact_that_lies_beside_it(release: str) -> None:
    manifest = read_object((PROJECT / f"releases/{release}/release-manifest.json").read_bytes(), name="manifest")
    (service,) = manifest["services"]
    artifact = PROJECT / service["artifact"]
    assert service["digest"] == sha256(artifact.read_bytes()).hexdigest()


def test_the_stage_is_a_whole_project_whose_file_reads_without_a_finding(tmp_path: Path) -> None:
    stage = set_stage(tmp_path / "run", "proxy", Pace())
    assert isinstance(stage, Stage)
    read = read_project((stage.root / "gonogo.yaml").read_bytes(), "gonogo.yaml")
    assert read.findings == ()
    assert (stage.root / "tests/test_smoke.py").exists()
    assert (stage.root / "app/web.py").read_bytes() == PROJECT.with_name("web.py").read_bytes()
    assert stage.executions() == ()


def test_a_folder_that_is_not_the_demonstrations_is_never_replaced(tmp_path: Path) -> None:
    kept = tmp_path / "mine"
    kept.mkdir()
    (kept / "letter.txt").write_text("mine")
    with pytest.raises(Refused, match="not a folder of this demonstration"):
        clear_stage(kept)
    assert (kept / "letter.txt").exists()


def test_a_demonstration_that_is_being_told_is_not_replaced_by_another(tmp_path: Path) -> None:
    state = tmp_path / "run" / STATE
    state.mkdir(parents=True)
    write_pid(state / OWN_PID, Live(os.getpid(), birth_of(os.getpid()) or ""))
    with pytest.raises(Refused, match="tells the story"):
        clear_stage(tmp_path / "run")


def test_what_a_killed_demonstration_left_running_is_ended_by_the_next_one(tmp_path: Path) -> None:
    state = tmp_path / "run" / STATE
    state.mkdir(parents=True)
    write_pid(state / OWN_PID, Live(os.getpid(), "another birth"))
    left = launch(("/bin/sleep", "30"), log=state / "log", env={})
    write_pid(state / "load.pid.json", left)
    clear_stage(tmp_path / "run")
    assert (left.lives(), (tmp_path / "run").exists()) == (False, False)


def test_the_damage_is_the_bad_builds_own_share_and_the_time_between_its_failures() -> None:
    quiet = Interval(1.0, 1.1, 3, 0, 0, 0, 4.0, None, None, {"v2": {"ok": 3}})
    broken = Interval(1.1, 1.2, 4, 0, 0, 0, 4.0, 1.15, 1.15, {"v2": {"ok": 2}, "v3": {"ok": 1, "http_500": 1}})
    later = Interval(1.2, 1.3, 1, 0, 0, 0, 4.0, 1.25, 1.25, {"v3": {"http_500": 1}})
    found = damage(Tally((quiet, broken, later)))
    assert (found.requests, found.answered_bad, found.failed_bad) == (8, 3, 2)
    assert found.seconds == pytest.approx(0.1)


def test_a_turn_that_is_called_off_ends_the_wait_and_one_that_came_stays() -> None:
    never, came = Turn(), Turn()
    never.call_off()
    with pytest.raises(NotHeld, match="did not come"):
        never.wait()
    came.come()
    came.call_off()
    came.wait()


def test_every_command_that_was_begun_is_ended_by_its_id(tmp_path: Path) -> None:
    line = CommandLine(tmp_path)
    pending = line.begin("--version")
    line.end_all()
    assert pending.wait().code is not None


def test_who_acts_outside_does_not_act_on_the_screen() -> None:
    outside = {"GONOGO_ACTOR": "agent:x", "GITHUB_ACTIONS": "1", "PYTEST_ADDOPTS": "-x", "HOME": "/h", "PATH": "/bin"}
    found = environment(outside, Path("/own"))
    assert found == {"HOME": "/h", "NO_COLOR": "1", "PATH": f"/own{os.pathsep}/bin"}
