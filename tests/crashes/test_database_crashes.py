"""Engines that die by SIGKILL at every named point while the truth is in PostgreSQL: the bounded form for each change."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

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
from tests.crashes.crash_harness import SMALL, Straight, agrees, die_once_at_each, straight
from tests.crashes.database_stage import DatabaseStage, database_stage_at

ON_ONE_MACHINE = {"CP-15", "CP-19 backup written, tables not changed", "CP-22 tables changed, not committed"}
OF_WORKERS = {"CP-15 in the database", COPIED, TAKEN_OVER, FOUND_BY_SWEEP}
"""Shown with whole workers, and with `gonogo migrate`: tests/scenarios/test_distributed_faults.py, test_migrating.py."""
OF_PEOPLE = {STATEMENT_VERIFIED, STATEMENT_RECORDED}
"""Handing a statement in is the same code on both databases: test_release_crashes.py."""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DatabaseStage, Straight]]:
    with database_stage_at(tmp_path_factory.mktemp("shared")) as stage:
        assert not stage.play("open", SMALL, "v2")
        yield stage, straight(stage, stage.project.door().runs()[0], "small")


@pytest.mark.req("ROL-06", "WFS-10")
def test_a_pipeline_on_postgresql_that_dies_once_at_every_point_is_the_same_pipeline(
    small: tuple[DatabaseStage, Straight],
) -> None:
    stage, known = small
    assert known.ending.outcome == "released"
    elsewhere = ON_ONE_MACHINE | OF_WORKERS | OF_PEOPLE | {PROBED}
    assert set(known.in_order()) == {point.name for point in POINTS} - elsewhere
    stage.restore(known.scenes[0])
    die_once_at_each(stage, known.run, known.in_order())
    agrees(stage, known)


@pytest.mark.req("ROL-06", "WFS-10")
def test_a_move_on_postgresql_whose_probe_died_is_probed_again_and_not_repeated(small: tuple[DatabaseStage, Straight]) -> None:
    stage, known = small
    stage.restore(known.scenes[0])
    for point in (MOVED, PROBED):
        while not stage.drive(known.run, point):
            assert stage.sign_all(known.run)
    stage.go_on(known.run)
    agrees(stage, known)
