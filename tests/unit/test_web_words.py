"""What pages say in words that people use: lengths of time, roles, states, moments on an axis."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from gonogo.reports.charts import Chart, Line, line_chart, moments
from gonogo.web.showing import ago, badge, moment, spoken, took


@pytest.mark.parametrize(
    ("text", "words"),
    [("PT0.47S", "0.47 s"), ("PT30S", "30 s"), ("PT1H2M3S", "1 h 2 min 3 s"), ("PT5M", "5 min"), ("", ""), (None, ""), ("PT", "PT"), ("P1D", "P1D"), ("<b>", "<b>")],
)
def test_a_length_of_iso_8601_is_said_in_words_and_anything_else_stays(text: str | None, words: str) -> None:
    assert took(text) == words


def test_an_age_is_told_of_a_moment_and_of_nothing_else() -> None:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert ago("2026-11-20T11:00:00Z", now) == ago(datetime(2026, 11, 20, 11, tzinfo=UTC), now) == "2 days ago"
    assert [ago(value, now) for value in (None, "", "yesterday", "2026-11-20T11:00:00")] == [""] * 4


def test_roles_are_words_and_handles_stay() -> None:
    assert spoken("product_owner or quality_engineer (po_1, qe1)") == "product owner or quality engineer (po_1, qe1)"
    assert spoken("release_manager (rm_1), sre_lead (sre1)") == "release manager (rm_1), sre lead (sre1)"


def test_a_state_has_a_sign_and_a_word_and_foreign_text_in_it_does_nothing() -> None:
    assert "✓" in badge("pass")
    assert "to do" in badge("open")
    assert "&lt;script&gt;" in badge("unusable: <script>")


def test_a_moment_is_the_same_in_every_zone_and_names_utc() -> None:
    there = datetime(2026, 11, 21, 12, 30, tzinfo=timezone(timedelta(hours=5)))
    assert moment(there) == moment(there.astimezone(UTC))
    assert 'title="2026-11-21 07:30:00 UTC"' in moment(there)


@pytest.mark.parametrize(("last", "unit"), [(90.0, 1), (600.0, 60), (5 * 3600.0, 3600), (180 * 86400.0, 86400)])
def test_an_axis_of_time_has_whole_units(last: float, unit: int) -> None:
    found = moments(last)
    assert found[-1] >= last
    assert 3 <= len(found) <= 7
    assert all((value / unit * 10) % 5 == 0 for value in found)


def test_a_line_is_named_where_no_key_names_it() -> None:
    def drawn(*, named: bool) -> str:
        return line_chart(Chart("t", "", (Line("lat<ency", "one", ((0.0, 1.0), (9.0, 2.0)), named=named),)))

    assert "lat&lt;ency</text>" in drawn(named=True)
    assert "ency" not in drawn(named=False)
