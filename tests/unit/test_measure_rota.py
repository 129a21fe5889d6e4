"""Who is on call: calendars as other tools write them, holes, doubles, and calendars that are none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gonogo.errors import BadInput
from gonogo.measure.calendar import Shift, read_shifts
from gonogo.measure.operations import (
    DutySeen,
    EscalationSeen,
    OperationsSeen,
    RunbookSeen,
    headings_without_words,
    operations_body,
    operations_gaps,
)
from gonogo.measure.rota import duties, read_rota

START = datetime(2026, 11, 21, 10, tzinfo=UTC)
END = START + timedelta(hours=6)
DAY = timedelta(days=1)


def calendar(*events: str) -> bytes:
    body = "".join(f"BEGIN:VEVENT\r\n{event}\r\nEND:VEVENT\r\n" for event in events)
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//duty//EN\r\n{body}END:VCALENDAR\r\n".encode()


def shifts(*events: str) -> tuple[Shift, ...]:
    return read_shifts(calendar(*events), "on-call.ics", START, END)


@pytest.mark.req("OPS-02")
def test_shifts_are_read_with_zone_folding_length_and_attendee() -> None:
    found = shifts(
        "UID:1\r\nDTSTART:20261121T080000Z\r\nDTEND:20261121T120000Z\r\nSUMMARY:sam",
        "UID:2\r\nDTSTART;TZID=Europe/Berlin:20261121T130000\r\nDURATION:PT4H\r\nSUMMARY:web\r\nATTENDEE;CN=Ra\r\n vi:mailto:ravi@example.org",
        "UID:3\r\nDTSTART:20261120T080000Z\r\nDTEND:20261120T120000Z\r\nSUMMARY:yesterday",
        "UID:4\r\nSTATUS:CANCELLED\r\nDTSTART:20261121T080000Z\r\nDTEND:20261121T180000Z\r\nSUMMARY:nobody",
    )
    assert [(shift.person, shift.begins.hour, shift.ends.hour) for shift in found] == [("sam", 8, 12), ("ravi@example.org", 12, 16)]


@pytest.mark.req("OPS-02")
def test_a_recurring_shift_keeps_its_hour_when_the_clocks_change_and_follows_its_exceptions() -> None:
    weekly = "UID:w\r\nDTSTART;TZID=Europe/Berlin:20261017T090000\r\nDTEND;TZID=Europe/Berlin:20261017T190000\r\nSUMMARY:sam\r\nRRULE:FREQ=WEEKLY"
    (found,) = shifts(weekly)
    assert (found.begins, found.ends) == (datetime(2026, 11, 21, 8, tzinfo=UTC), datetime(2026, 11, 21, 18, tzinfo=UTC))
    assert shifts(f"{weekly}\r\nEXDATE;TZID=Europe/Berlin:20261121T090000") == ()
    moved = "UID:w\r\nRECURRENCE-ID;TZID=Europe/Berlin:20261121T090000\r\nDTSTART:20261121T120000Z\r\nDTEND:20261121T130000Z\r\nSUMMARY:ravi"
    assert [(shift.person, shift.begins.hour) for shift in shifts(weekly, moved)] == [("ravi", 12)]


GOOD = "UID:1\r\nDTSTART:20261121T080000Z\r\nDTEND:20261121T120000Z\r\nSUMMARY:sam"
BAD = {
    "nothing": b"",
    "html of a login page": b"<html>please log in</html>",
    "cut off": calendar(GOOD)[:-20],
    "no zone": calendar("DTSTART:20261121T080000\r\nDTEND:20261121T120000\r\nSUMMARY:sam"),
    "unknown zone": calendar("DTSTART;TZID=Mars/Base:20261121T080000\r\nDURATION:PT1H\r\nSUMMARY:sam"),
    "no begin": calendar("DTEND:20261121T120000Z\r\nSUMMARY:sam"),
    "no length": calendar("DTSTART:20261121T080000Z\r\nDTEND:20261121T080000Z\r\nSUMMARY:sam"),
    "nobody": calendar("DTSTART:20261121T110000Z\r\nDURATION:PT1H\r\nSUMMARY: "),
    "two people": calendar("DTSTART:20261121T110000Z\r\nDURATION:PT1H\r\nATTENDEE:mailto:a@x.org\r\nATTENDEE:mailto:b@x.org"),
    "no rule": calendar(f"{GOOD}\r\nRRULE:FREQ=SOMETIMES"),
    "a rule without end": calendar(f"{GOOD}\r\nRRULE:FREQ=SECONDLY"),
    "no day": calendar("DTSTART:20261399T080000Z\r\nDURATION:PT1H\r\nSUMMARY:sam"),
    "dates that are listed": calendar(f"{GOOD}\r\nRDATE:20261122T080000Z"),
    "other bytes": b"BEGIN:VCALENDAR\r\n\xff\xfe\r\nEND:VCALENDAR\r\n",
    "no content line": b"BEGIN:VCALENDAR\r\nhello\r\nEND:VCALENDAR\r\n",
    "wrongly closed": b"BEGIN:VCALENDAR\r\nEND:VEVENT\r\n",
    "too large": b"BEGIN:VCALENDAR\r\n" + b"X-A:b\r\n" * 700_000,
}


@pytest.mark.req("OPS-02")
@pytest.mark.parametrize("kind", BAD)
def test_a_calendar_that_cannot_be_followed_is_refused_by_name_and_never_read_as_empty(kind: str) -> None:
    with pytest.raises(BadInput) as refused:
        read_shifts(BAD[kind], "on-call.ics", START, END)
    assert "on-call.ics" in refused.value.what
    assert refused.value.next_step


def seen(*found: DutySeen) -> OperationsSeen:
    return OperationsSeen(
        runbooks=(RunbookSeen("a.md", "web", START - DAY),),
        on_call=found,
        escalation=(EscalationSeen(1, "#web", True),),
        changed_at=START - 2 * DAY,
        runbook_max_age=30 * DAY,
        window=(START, END),
    )


def gaps(*found: DutySeen) -> tuple[str, ...]:
    return operations_gaps(operations_body(seen(*found), START))


@pytest.mark.req("OPS-02")
def test_shifts_that_follow_each_other_cover_the_window_and_every_hole_is_a_gap() -> None:
    noon, three = START + timedelta(hours=2), START + timedelta(hours=5)
    primary = [Shift("sam", START - DAY, noon), Shift("ravi", noon, END + DAY)]
    backup = [Shift("maya", START - DAY, END + DAY)]
    whole = duties("web", {"primary": primary, "backup": backup}, START, END)
    assert [(duty.primary, duty.backup) for duty in whole] == [("sam", "maya"), ("ravi", "maya")]
    assert gaps(*whole) == ()
    holed = duties("web", {"primary": [primary[0], Shift("ravi", three, END)], "backup": backup}, START, END)
    assert gaps(*holed) == ("web has no primary on call from 2026-11-21T12:00:00Z to 2026-11-21T15:00:00Z",)
    double = duties("web", {"primary": [*primary, Shift("sam", noon, END)], "backup": backup}, START, END)
    assert "web has no primary on call" in gaps(*double)[0]
    alone = duties("web", {"primary": primary}, START, END)
    assert any("web has no backup on call" in gap for gap in gaps(*alone))


@pytest.mark.req("OPS-02")
def test_a_list_of_duties_leaves_out_no_time_and_a_row_that_cannot_be_read_is_refused() -> None:
    text = '{"on_call": [{"function": "web", "primary": "sam", "backup": "ravi", "from": "2026-11-21T09:00:00Z", "to": "%s"}]}'
    assert gaps(*read_rota((text % "2026-11-21T17:00:00Z").encode(), "rota.json")) == ()
    short = gaps(*read_rota((text % "2026-11-21T11:00:00Z").encode(), "rota.json"))
    assert short == ("web is not on call for the whole window",)
    for data in (b"", b"{}", b'{"on_call": [{"function": "web"}]}', (text % "2026-11-20T11:00:00Z").encode(), b'{"on_call": "none"}'):
        with pytest.raises(BadInput):
            read_rota(data, "rota.json")


RUNBOOK = "# Web\n\nintro\n\n## Start\n\nrun it\n\n## Roll back\n\n### Steps\n\n1. do\n\n## Stop\n\n## Contacts\n"


@pytest.mark.req("OPS-01")
def test_a_runbook_needs_each_section_with_something_below_it() -> None:
    assert headings_without_words(RUNBOOK, ("start", "Roll back", "Steps")) == ()
    assert headings_without_words(RUNBOOK, ("Stop", "Contacts", "Restore")) == ("Stop", "Contacts", "Restore")
    assert headings_without_words("", ("Start",)) == ("Start",)
    duty = DutySeen("web", "sam", "ravi", START, END)
    lacking = OperationsSeen(
        (RunbookSeen("a.md", "web", START - DAY, ("Stop",)),), (duty,), (EscalationSeen(1, "#web", True),), START - 2 * DAY, DAY * 30, (START, END)
    )
    assert operations_gaps(operations_body(lacking, START)) == ("runbook a.md has nothing under `Stop`",)


@pytest.mark.req("OPS-03")
@pytest.mark.parametrize("levels", [(2,), (1, 1), (1, 3)])
def test_escalation_levels_are_numbered_from_one_without_holes(levels: tuple[int, ...]) -> None:
    duty = DutySeen("web", "sam", "ravi", START, END)
    found = OperationsSeen(
        (RunbookSeen("a.md", "web", START - DAY),), (duty,),
        tuple(EscalationSeen(level, "#web", True) for level in levels), START - 2 * DAY, DAY * 30, (START, END),
    )  # fmt: skip
    assert any("escalation levels are" in gap for gap in operations_gaps(operations_body(found, START)))
