"""When production may be touched: recurrence, zones, what denies, and what cannot be read (WIN-01, WIN-02)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gonogo.plan.reading import Findings, Section
from gonogo.plan.window_binding import read_windows
from gonogo.plan.windows import Period, Windows, closing, denied_by, next_opening, said
from gonogo.document.yaml_nodes import read_yaml

WEEKLY = """
zone: Europe/Berlin
allow:
  - {name: weekly, start: 2026-03-24T02:30, recurs: "FREQ=WEEKLY;BYDAY=TU,SU", length: 2h}
deny:
  - {name: fair, start: 2026-03-31, end: 2026-04-01}
at_end: roll_back
"""


def windows(text: str) -> tuple[Windows | None, list[str]]:
    notes = Findings()
    found = read_windows(Section(read_yaml(text.encode(), "gonogo.yaml"), "window", notes))
    return found, [finding.message for finding in notes.found]


def good(text: str) -> Windows:
    found, problems = windows(text)
    assert problems == []
    assert found is not None
    return found


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.req("WIN-01", "WIN-02")
@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2026-03-24T01:29:59Z", False),
        ("2026-03-24T01:30:00Z", True),  # 02:30 in winter time
        ("2026-03-24T03:29:59Z", True),
        ("2026-03-24T03:30:00Z", False),
        ("2026-03-29T00:59:00Z", False),
        ("2026-03-29T01:30:00Z", True),  # 02:30 does not exist on this Sunday: it is half past three then
        ("2026-04-05T00:29:59Z", False),
        ("2026-04-05T00:30:00Z", True),  # 02:30 in summer time
        ("2026-03-31T00:45:00Z", False),  # a Tuesday, but the fair denies
    ],
)
def test_a_window_holds_in_the_wall_time_of_its_zone_and_what_denies_wins(moment: str, *, inside: bool) -> None:
    assert (denied_by(good(WEEKLY), at(moment)) == "") is inside


@pytest.mark.req("WIN-02")
def test_the_next_opening_skips_what_is_denied_and_the_closing_is_the_end_or_the_denial() -> None:
    found = good(WEEKLY)
    assert next_opening(found, at("2026-03-30T12:00:00Z")) == at("2026-04-05T00:30:00Z"), "the Tuesday between is denied"
    inside = at("2026-03-24T02:00:00Z")
    assert next_opening(found, inside) == inside
    assert closing(found, inside) == at("2026-03-24T03:30:00Z")
    assert closing(good("deny: [{name: x, start: 2026-01-02, end: 2026-01-03}]"), at("2026-01-01T00:00:00Z")) == at("2026-01-02T00:00:00Z")


@pytest.mark.req("WIN-02")
def test_a_window_that_is_over_never_opens_again() -> None:
    found = good("{start: 2026-01-01T00:00:00Z, end: 2026-01-01T02:00:00Z}")
    assert next_opening(found, at("2026-01-01T02:00:00Z")) is None
    assert "does not open within 400 days" in said(found, at("2026-01-01T02:00:00Z"))[-1]


@pytest.mark.req("WIN-01")
def test_windows_are_told_as_the_documents_write_them() -> None:
    lines = said(good("{start: 2024-06-01T02:00:00Z, end: 2024-06-01T04:00:00Z}"), at("2024-06-01T03:00:00Z"))
    assert lines == (
        "- Deployment window: the window: 2024-06-01 02:00-04:00 UTC",
        "- A rollout that the end of a window catches is finished.",
        "- Now: open until 2024-06-01 04:00:00 UTC.",
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{}", "names no window"),
        ("{start: soon, end: 2026-01-01}", "`window.start` is `soon`; it must be a time"),
        ("{start: 2026-01-02, end: 2026-01-01}", "`window.end` is not after its start"),
        ("{start: 2026-01-01}", "`window.end` is missing"),
        ("{start: 2026-01-01, recurs: FREQ=DAILY}", "`window.length` is missing"),
        ("{start: 2026-01-01, recurs: FREQ=SECONDLY, length: 1s}", "at the finest FREQ=HOURLY"),
        ("{start: 2026-01-01, recurs: every day, length: 1h}", "must be a rule of RFC 5545"),
        ("{start: 2026-01-01, recurs: FREQ=WEEKLY;BYDAY=XX, length: 1h}", "is no rule of RFC 5545"),
        ("{zone: Atlantis/Deep, start: 2026-01-01, end: 2026-01-02}", "no time zone `Atlantis/Deep` is known"),
        ("{start: 2026-01-01, end: 2026-01-02, at_end: shrug}", "must be one of finish, roll_back"),
        ("{start: 2026-01-01, end: 2026-01-02, lenght: 1h}", "unknown key `window.lenght`"),
    ],
)
def test_what_cannot_be_read_is_a_finding(text: str, words: str) -> None:
    assert any(words in message for message in windows(text)[1])


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)),  # noqa: DTZ001 - wall time
    st.integers(1, 2000),
    st.integers(0, 600_000),
)
def test_an_opening_is_never_in_the_past_and_always_open(start: datetime, minutes: int, later: int) -> None:
    period = Period("p", start.replace(microsecond=0), timedelta(minutes=minutes), "Europe/Berlin", "FREQ=WEEKLY")
    found = Windows((period,), (Period("d", start, timedelta(minutes=30)),))
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=later)
    opening = next_opening(found, now)
    if opening is None:
        assert minutes <= 30 + 60 * 2, "a longer window than what is denied opens in some week"
        return
    assert opening >= now
    assert denied_by(found, opening) == ""
    assert opening == now or denied_by(found, now) != ""
