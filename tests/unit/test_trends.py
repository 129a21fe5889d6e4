"""Figures by quarter, and alerts that need more than one bad run."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from gonogo.reports.trends import HALTS, PASS_RATE, SATISFACTION, WORK, Observed, quarter_of, trend_row, trends


def seen(figure: str, **quarters: list[str]) -> list[Observed]:
    months = {"q1": 2, "q2": 5, "q3": 8, "q4": 11}
    return [
        Observed("pre-deployment", figure, datetime(2026, months[name], 3, tzinfo=UTC), Decimal(value))
        for name, values in quarters.items()
        for value in values
    ]


@pytest.mark.req("LRN-04", "LRN-05")
def test_every_figure_stands_by_quarter_with_its_mean_and_how_many_values_it_has() -> None:
    found = trends([*seen(PASS_RATE, q1=["1", "0"], q3=["1"]), *seen(WORK, q1=["30"])])
    assert [trend_row(item) for item in found] == [
        {"protocol": "pre-deployment", "figure": PASS_RATE, "alert": None,
         "quarters": [{"quarter": "2026-Q1", "mean": "0.5", "values": 2}, {"quarter": "2026-Q3", "mean": "1", "values": 1}]},
        {"protocol": "pre-deployment", "figure": WORK, "alert": None,
         "quarters": [{"quarter": "2026-Q1", "mean": "30", "values": 1}]},
    ]  # fmt: skip
    assert [quarter_of(datetime(2026, month, 1, tzinfo=UTC)) for month in (1, 3, 4, 12)] == ["2026-Q1", "2026-Q1", "2026-Q2", "2026-Q4"]


@pytest.mark.req("LRN-15", "LRN-17")
@pytest.mark.parametrize(
    ("figure", "before", "now", "alert"),
    [
        (PASS_RATE, ["1", "1", "1"], ["1", "0", "1"], True),
        (PASS_RATE, ["1", "0", "1"], ["1", "1", "1"], False),
        (PASS_RATE, ["1"] * 20, ["1"] * 19 + ["0"], False),
        (SATISFACTION, ["5", "5", "4"], ["2", "3", "2"], True),
        (WORK, ["30", "31", "32"], ["45", "50", "40"], True),
        (WORK, ["45", "50", "40"], ["30", "31", "32"], False),
        (HALTS, ["0", "0", "0"], ["1", "0", "0"], True),
        (PASS_RATE, ["1", "1", "1"], ["0", "0"], False),
    ],
)
def test_an_alert_says_what_became_worse_and_neither_noise_nor_a_single_run_does(figure: str, before: list[str], now: list[str], alert: bool) -> None:
    (found,) = trends(seen(figure, q2=before, q3=now))
    assert bool(found.alert) is alert
    if alert:
        assert found.alert.startswith(f"pre-deployment: {figure} went from ")
        assert "2026-Q2" in found.alert
        assert found.alert.endswith("in 2026-Q3")
