"""Releases whose engines die by SIGKILL at every named point, and go on: pre-deployment and the small pipeline."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gonogo.engine import crash_points
from gonogo.engine.crash_points import (
    COPIED,
    FOUND_BY_SWEEP,
    MOVED,
    POINTS,
    PROBED,
    STATEMENT_RECORDED,
    STATEMENT_VERIFIED,
    TAKEN_OVER,
)
from gonogo.terms import Person
from tests.crashes.crash_harness import (
    ACTS,
    AROUND,
    PRE,
    SMALL,
    Stage,
    Straight,
    agrees,
    die_at_every,
    die_elsewhere,
    die_in_every_act,
    die_once_at_each,
    faults,
    specs,
    stage_at,
    straight,
)

SRC = Path(crash_points.__file__).resolve().parents[1]
UPGRADE = ("CP-19 backup written, tables not changed", "CP-22 tables changed, not committed")
SHARED = ("CP-15 in the database", COPIED, TAKEN_OVER, FOUND_BY_SWEEP)
ELSEWHERE = {"CP-15", *UPGRADE, *SHARED, STATEMENT_VERIFIED, STATEMENT_RECORDED, PROBED}
"""Points that no straight drive passes: opening the first run, an upgrade, handing a statement in, settling."""


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, Straight]]:
    with stage_at(tmp_path_factory.mktemp("rehearsed")) as stage:
        stage.save("nothing")
        assert not stage.play("open", PRE, "v2")
        yield stage, straight(stage, stage.project.door().runs()[0], "pre")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, Straight]]:
    with stage_at(tmp_path_factory.mktemp("small")) as stage:
        stage.project.edit("gonogo.yaml", "rollout: {steps: [5, 50, 100], ", "rollout: {strategy: blue_green, ")
        assert not stage.play("open", SMALL, "v2")
        yield stage, straight(stage, stage.project.door().runs()[0], "small")


def called_points() -> dict[str, set[str]]:
    """Every name that the code says to a crash point, with the files that say it."""
    known = {name: value for name, value in vars(crash_points).items() if name.isupper() and isinstance(value, str)}
    found: dict[str, set[str]] = {}
    texts = ((path, path.read_text(encoding="utf-8")) for path in sorted(SRC.rglob("*.py")))
    for path, text in ((path, text) for path, text in texts if "crash(" in text):
        for node in ast.walk(ast.parse(text)):
            called = node.func if isinstance(node, ast.Call) else None
            if (getattr(called, "attr", "") or getattr(called, "id", "")) in {"crash", "_crash"}:
                (said,) = node.args
                name = said.value if isinstance(said, ast.Constant) else known[said.id]
                found.setdefault(name, set()).add(str(path.relative_to(SRC)))
    return found


def test_the_table_of_points_names_exactly_the_points_that_the_code_passes() -> None:
    assert called_points() == {point.name: {point.where} for point in POINTS}
    assert len({point.name for point in POINTS}) == len(POINTS)
    assert all(point.holds for point in POINTS)


def test_the_page_on_the_crash_matrix_tells_of_every_point() -> None:
    page = (SRC.parents[1] / "docs" / "crash-matrix.md").read_text(encoding="utf-8")
    assert [point.name for point in POINTS if f"| {point.name} |" not in page] == []


def test_every_point_is_passed_in_a_straight_run_or_shown_by_a_test_of_its_own(
    rehearsed: tuple[Stage, Straight], small: tuple[Stage, Straight]
) -> None:
    passed = {*rehearsed[1].in_order(), *small[1].in_order()}
    assert rehearsed[1].ending.facts["message.announced", "[MASTER RAY™ | RUN START]", "0"] == 1
    assert {point.name for point in POINTS} == passed | ELSEWHERE


@pytest.mark.req("ROL-06", "WFS-10", "ERR-09", "ERR-11")
def test_a_rehearsal_that_dies_at_every_point_of_every_act_is_the_same_rehearsal(
    rehearsed: tuple[Stage, Straight],
) -> None:
    stage, known = rehearsed
    die_in_every_act(stage, known, 1)
    agrees(stage, known)


@pytest.mark.slow
@pytest.mark.req("ROL-06", "WFS-10", "ERR-09", "ERR-11")
@pytest.mark.parametrize("name", ACTS)
def test_a_rehearsal_whose_engines_die_at_a_point_of_every_act_is_the_same_rehearsal(
    rehearsed: tuple[Stage, Straight], name: str
) -> None:
    stage, known = rehearsed
    stage.restore(known.scenes[1])
    assert die_at_every(stage, known.run, name) == sum(trace.count(name) for trace in known.traces[1:])
    agrees(stage, known)


@pytest.mark.req("ROL-06", "WFS-10")
def test_a_rehearsal_that_dies_once_at_every_other_point_is_the_same_rehearsal(
    rehearsed: tuple[Stage, Straight],
) -> None:
    stage, known = rehearsed
    die_elsewhere(stage, known, 0)
    agrees(stage, known)


@pytest.mark.req("ROL-06", "WFS-10")
def test_a_blue_green_pipeline_that_dies_once_at_every_point_is_the_same_pipeline(small: tuple[Stage, Straight]) -> None:
    stage, known = small
    assert known.ending.outcome == "released"
    assert set(AROUND) < set(known.in_order())
    stage.restore(known.scenes[0])
    die_once_at_each(stage, known.run, known.in_order())
    agrees(stage, known)


@pytest.mark.req("ROL-06")
def test_a_move_that_was_probed_by_an_engine_which_died_is_probed_again_and_not_repeated(
    rehearsed: tuple[Stage, Straight],
) -> None:
    stage, known = rehearsed
    stage.restore(known.scenes[1])
    assert stage.drive(known.run, MOVED)
    assert stage.drive(known.run, PROBED)
    stage.go_on(known.run)
    agrees(stage, known)


@pytest.mark.req("WFS-10")
@pytest.mark.parametrize("point", ["CP-15", "CP-09@2"])
def test_a_first_run_whose_opening_was_killed_can_be_opened(rehearsed: tuple[Stage, Straight], point: str) -> None:
    stage, _ = rehearsed
    stage.restore("nothing")
    assert stage.play("open", PRE, "v2", crash=point)
    assert not stage.play("open", PRE, "v2")
    (run,) = stage.project.door().runs()
    assert faults(stage, run) == []


@pytest.mark.req("APR-02", "WFS-10")
@pytest.mark.parametrize("point", [pytest.param(STATEMENT_VERIFIED, marks=pytest.mark.slow), STATEMENT_RECORDED, pytest.param("CP-09", marks=pytest.mark.slow)])
def test_a_statement_handed_in_again_after_a_death_counts_once(rehearsed: tuple[Stage, Straight], point: str) -> None:
    stage, known = rehearsed
    stage.restore(known.scenes[0])
    assert not stage.drive(known.run)
    asked = next(one for one in stage.project.door().requests(known.run) if one.point == "scope")
    statement, signature = stage.signed(known.run, asked, "po1")
    job = ("record", known.run, asked.name, "po1", str(len(statement)))
    assert stage.play(*job, crash=point, handed=statement + signature)
    assert not stage.play(*job, handed=statement + signature)
    assert [one.person for one in stage.project.state(known.run).rounds[asked.name].answers] == ["po1"]
    stage.go_on(known.run)
    agrees(stage, known)


@pytest.mark.slow
@pytest.mark.req("ROL-06", "WFS-10", "ERR-11")
@pytest.mark.parametrize("which", ["rehearsed", "small"])
def test_an_engine_that_dies_alone_at_any_time_at_any_point_changes_nothing(
    which: str, request: pytest.FixtureRequest
) -> None:
    stage, known = request.getfixturevalue(which)
    for scene, trace in zip(known.scenes, known.traces, strict=True):
        for crash in (one for name in dict.fromkeys(trace) for one in specs(trace, name)):
            stage.restore(scene)
            assert stage.drive(known.run, crash), crash
            stage.go_on(known.run)
            agrees(stage, known)


def test_only_the_engine_of_a_crash_test_dies(rehearsed: tuple[Stage, Straight]) -> None:
    stage, known = rehearsed
    stage.restore(known.scenes[0])
    door = stage.project.door()
    assert "GONOGO_CRASH_AT" not in os.environ
    door.halt(known.run, "a look at it", Person("rm1"))
    assert stage.project.state(known.run).halted is not None
