"""Fixed limits beside the judge: what is forgiven, and that missing data never is a pass (ARB-01)."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gonogo.findings import Origin
from gonogo.plan.bindings import read_project
from gonogo.plan.project import Objective, RolloutBinding
from gonogo.run.fixed_limits import after
from gonogo.run.slo import Measured, Tally
from tests.unit.test_library import stored

HERE = Origin("gonogo.yaml", 1)
LIMIT = Objective("errors", "error_rate", Decimal("0.1"), HERE)
BINDING = RolloutBinding(
    strategy="canary", steps=(5, 100), hold=Decimal(1), tick=Decimal(1), patience=Decimal(1), alpha=Decimal("0.05"),
    error_margin=Decimal("1.1"), latency_margin=Decimal("1.03"), latency=True, promotions=(), early=False,
    limits=(LIMIT,), failures=2, errors_in_row=3, least_requests=10,
)


def told(binding: RolloutBinding, *figures: Measured | None) -> list[str]:
    tallies: dict[str, Tally] = {}
    reasons = []
    for figure in figures:
        tallies, reason = after(binding, tallies, {} if figure is None else {"error_rate": figure})
        reasons.append(reason)
    return reasons


GOOD, BAD, THIN = Measured(Decimal(0), 50), Measured(Decimal("0.2"), 50), Measured(Decimal("0.9"), 9)


@pytest.mark.req("ARB-01")
def test_failures_beyond_those_forgiven_take_the_rollout_back_and_say_which_limit() -> None:
    assert told(BINDING, BAD, GOOD, BAD, GOOD, BAD) == [
        "", "", "", "", "limit broken 3 times, 2 forgiven: error_rate ≤ 0.1: 0.2 from 50 samples, fail",
    ]
    assert told(replace(BINDING, failures=0), GOOD, BAD)[-1].startswith("limit broken 1 times, 0 forgiven")


def test_measurements_without_a_figure_are_counted_in_a_row_and_a_figure_ends_the_row() -> None:
    assert [bool(reason) for reason in told(BINDING, None, THIN, None, GOOD, None, THIN, None, None)] == [False] * 7 + [True]
    assert told(BINDING, None, None, None, None)[-1] == "no figure 4 times in a row: error_rate ≤ 0.1: not measured"


@pytest.mark.req("ARB-01")
def test_as_flagger_counts_a_check_fails_once_with_any_limit_and_a_missing_figure_is_a_failure() -> None:
    slow = replace(LIMIT, name="slow", metric="p95", limit=Decimal("0.4"))
    binding = replace(BINDING, limits=(LIMIT, slow), limits_as="flagger", failures=1)
    quick, late = Measured(Decimal("0.1"), 50), Measured(Decimal("0.9"), 50)

    def ran(*checks: dict[str, Measured]) -> list[str]:
        tallies: dict[str, Tally] = {}
        reasons = []
        for check in checks:
            tallies, reason = after(binding, tallies, check)
            reasons.append(reason)
        return reasons

    both, one, fine = {"error_rate": BAD, "p95": late}, {"error_rate": GOOD, "p95": late}, {"error_rate": GOOD, "p95": quick}
    assert ran(both, fine, fine) == ["", "", ""], "both limits were broken, which is one failed check"
    assert ran(both, fine, one)[-1] == "2 checks failed, 1 forgiven: p95 ≤ 0.4 s: 0.9 s from 50 samples, fail"
    assert ran({"error_rate": GOOD}, fine, {})[-1].startswith("2 checks failed, 1 forgiven: error_rate"), "no figure is no pass"
    apart = replace(binding, limits_as="argo")
    assert after(apart, after(apart, {}, both)[0], one)[1].startswith("limit broken 2 times, 1 forgiven: p95")


@given(st.lists(st.sampled_from([GOOD, BAD, THIN, None]), max_size=40))
def test_no_run_of_measurements_with_more_failures_than_forgiven_goes_on(figures: list[Measured | None]) -> None:
    reasons = told(BINDING, *figures)
    if figures.count(BAD) > BINDING.failures:
        assert any(reasons)
    if BAD not in figures and None not in figures and THIN not in figures:
        assert not any(reasons)


def test_limits_of_a_project_are_read_with_their_tolerance() -> None:
    data = stored("gonogo.example.yaml")
    rollout = read_project(data, "gonogo.yaml").project.rollout  # type: ignore[union-attr]
    assert [(item.metric, item.limit) for item in rollout.limits] == [("error_rate", Decimal("0.1"))]
    assert (rollout.failures, rollout.errors_in_row, rollout.least_requests) == (2, 4, 10)
    assert (rollout.limits_as, rollout.limits_every) == ("argo", 60)


@pytest.mark.parametrize("name", ["rollout", "window"])
def test_the_blocks_of_the_page_can_be_put_into_a_project(name: str) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/rollouts.md").read_text("utf-8")
    blocks = {block.partition(":")[0]: block.split("```")[0] for block in page.split("```yaml\n")[1:]}
    others = yaml.safe_load(stored("gonogo.example.yaml"))
    others.pop(name)
    text = json.dumps(others, default=str)[1:-1]
    found = read_project(f"{{{text}, {json.dumps(yaml.safe_load(blocks[name]), default=str)[1:-1]}}}".encode(), "gonogo.yaml")
    assert found.findings == ()
