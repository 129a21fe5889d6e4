"""Whole releases over a real HAProxy under real load, judged by its own statistics: three strategies, good and bad builds."""

from __future__ import annotations

import re
import resource
from pathlib import Path

import pytest
from haproxy_shop import SMALL, Shop, shop

from gonogo.demo.tally import OK
from gonogo.errors import NotStored
from gonogo.run.aftermath import WayBack, way_back
from gonogo.run.events import Recorded, TrafficMoved
from gonogo.run.state import RunState
from gonogo.terms import RunId

LONG = {"canary": "30s", "blue_green": "30s", "rolling": "30s"}
"""A bad build is caught while its first step is held: nobody hurries the judge."""


def report_of(found: Shop, run: RunId) -> str:
    """The run's own report for people."""
    door = found.project.door()
    name = next(name for name in door.load(run).state.evidence if name.endswith("REPORT.md"))
    return door.world.vault.read(door.load(run).state.evidence[name].digest).decode()


def back_in(found: Shop, run: RunId) -> WayBack:
    opened = found.project.door().load(run)
    known = way_back(opened.plan, opened.state)
    assert known is not None
    return known


@pytest.mark.slow
@pytest.mark.req("ROL-01", "ROL-02", "ROL-04")
@pytest.mark.parametrize("strategy", ["canary", "blue_green", "rolling"])
def test_a_good_release_goes_through_a_real_haproxy_and_loses_no_request(tmp_path: Path, strategy: str) -> None:
    with shop(tmp_path, strategy) as found:
        run = found.project.release(SMALL)
        state = found.project.state(run)
        assert state.outcome == "released", [known.progress.abort for known in state.rollings.values()] or found.project.view(run).halt
        assert found.answers() == {"v2"}
        seen = found.load.end()
    assert seen.failed == 0, seen.by_version()
    assert min(seen.by_version()[version][OK] for version in ("v1", "v2")) > 20


@pytest.mark.req("ARB-01", "ARB-03", "ROL-01", "ROL-04")
@pytest.mark.parametrize(
    "strategy", ["canary", pytest.param("blue_green", marks=pytest.mark.slow), pytest.param("rolling", marks=pytest.mark.slow)]
)
def test_a_bad_build_is_taken_back_behind_a_real_haproxy_and_only_its_own_requests_failed(
    tmp_path: Path, strategy: str
) -> None:
    with shop(tmp_path, strategy, hold=LONG[strategy]) as found:
        found.spoil(0.5)
        run = found.project.release(SMALL)
        state = found.project.state(run)
        assert (state.outcome, state.rollback.trigger, state.rollback.verified) == ("rolled_back", "judge", True)
        assert found.answers() == {"v1"}
        share = {"rolling": {"web1": 34, "web2": 33, "web3": 33}}.get(strategy, {"blue": 100, "green": 0})
        assert found.target.traffic().weights == share
        (rolling,) = (known for known in state.rollings.values() if known.moves)
        assert max(percent for _, percent in rolling.moves) == {"canary": 25, "blue_green": 100, "rolling": 33}[strategy]
        known, told = back_in(found, run), report_of(found, run)
        seen = found.load.end()
    assert seen.failures_without("v2") == 0, seen.by_version()
    assert set(seen.by_version()["v2"]) == {OK, "http_500"}, "the bad build really failed, and only by its own answers"
    assert known.first_bad is not None
    assert known.restored is not None
    assert known.first_bad <= known.decided < known.restored
    assert re.search(
        r"The first failed request of the new version was in the sample of \S+; \d+\.\d\d s later it was decided to go back; "
        r"\d+\.\d\d s after that its traffic was restored, \d+\.\d\d s in all\.",
        told,
    ), told


@pytest.mark.slow
@pytest.mark.req("ARB-01", "FI-03", "ROL-01")
@pytest.mark.parametrize("strategy", ["canary", "blue_green"])
def test_when_the_disk_is_full_in_mid_rollout_haproxy_sends_everybody_to_the_old_version(tmp_path: Path, strategy: str) -> None:
    """The journal takes no further byte, as on a full disk."""
    with shop(tmp_path, strategy) as found:
        project = found.project
        run = project.begin(SMALL)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        seen: list[set[str]] = []

        def fill(_: RunState, entry: Recorded) -> None:
            if isinstance(entry.event, TrafficMoved) and entry.event.percent > 0 and not seen:
                seen.append(found.answers(60))
                resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))

        project.go_until(run, "production")
        project.sign_all(run)
        try:
            with pytest.raises(NotStored, match="all traffic of production was given back to blue, which is not on record"):
                project.door().drive(run, patient=False, listener=fill)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert "v2" in seen[0], "the new version had customers when the disk was full"
        assert found.target.traffic().weights == {"blue": 100, "green": 0}
        assert found.answers() == {"v1"}
        assert project.state(run).rollback is None
        project.go_on(run)
        state = project.state(run)
        assert state.outcome == "rolled_back", project.view(run).halt
        (rolling,) = (known for known in state.rollings.values() if known.moves)
        assert rolling.progress.abort.startswith("the target was changed behind our back: it does blue 100 %, green 0 %")
        assert found.answers() == {"v1"}
        assert project.chain_problems(run) == ()
