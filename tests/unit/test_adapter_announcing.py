"""Messages to people: delivered, recorded, cleaned, and never the reason why anything stops."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gonogo.adapters.posting.announcing import Announcers, LogAnnouncer, StreamAnnouncer, cleaned, message
from gonogo.errors import Broken
from gonogo.ports import Announcer, Notice
from gonogo.terms import RunId
from tests.worlds import MORNING, RememberingAnnouncer, SimulatedClock

PREFIX = "[MASTER RAY™ | PHASE 1 START]"


class Loud:
    """An announcer that always fails."""

    def say(self, notice: Notice) -> None:
        raise Broken(f"no line for {notice.prefix} {notice.text}")


def notice(prefix: str, text: str) -> Notice:
    return Notice(RunId("r1"), 4, MORNING, "engine:local", "shop", "v2", 1, "", ("stakeholders",), prefix, text)


@pytest.mark.req("COM-03")
def test_a_message_is_printed_as_prefix_and_text(tmp_path: Path) -> None:
    stream, reports = io.StringIO(), list[str]()
    StreamAnnouncer(stream, reports.append).say(notice(PREFIX, "checking intake"))
    assert (stream.getvalue(), reports) == (f"{PREFIX} - checking intake\n", [])
    assert not list(tmp_path.iterdir())


@pytest.mark.req("COM-24")
def test_a_closed_stream_is_reported_and_raises_nothing() -> None:
    stream, reports = io.StringIO(), list[str]()
    stream.close()
    StreamAnnouncer(stream, reports.append).say(notice(PREFIX, "text"))
    assert len(reports) == 1


def test_a_terminal_that_cannot_show_a_character_still_gets_the_message() -> None:
    raw, reports = io.BytesIO(), list[str]()
    terminal = io.TextIOWrapper(raw, encoding="ascii")
    StreamAnnouncer(terminal, reports.append).say(notice("[A]", "größer ✓"))
    assert raw.getvalue() == b"[A] - gr??er ?\n"
    assert reports == []


@pytest.mark.req("COM-01")
def test_each_message_is_one_line_of_json_with_time_run_and_channel(tmp_path: Path) -> None:
    clock, path = SimulatedClock(), tmp_path / "logs" / "messages.jsonl"
    log = LogAnnouncer(path, clock, {"channel": "log"}, pytest.fail)
    log.say(notice(PREFIX, "one\ntwo \x1b[31m"))
    clock.sleep(1.5)
    log.say(notice("[B]", ""))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    first = {"run": "r1", "sender": "engine:local", "channel": "log", "prefix": PREFIX, "text": "one\ntwo ?[31m"}
    assert {key: lines[0][key] for key in first} == first
    assert (lines[0]["time"], lines[0]["to"]) == ("2026-11-21T10:00:00.000Z", ["stakeholders"])
    assert lines[1]["time"] == "2026-11-21T10:00:01.500Z"


@pytest.mark.req("COM-24")
def test_a_log_that_cannot_be_written_is_reported_with_its_path(tmp_path: Path) -> None:
    reports: list[str] = []
    (tmp_path / "log").symlink_to("/etc/passwd")
    LogAnnouncer(tmp_path / "log", SimulatedClock(), {}, reports.append).say(notice("[A]", "text"))
    (tmp_path / "file").touch()
    LogAnnouncer(tmp_path / "file" / "log", SimulatedClock(), {}, reports.append).say(notice("[A]", "text"))
    assert [str(tmp_path / name) in report for name, report in zip(("log", "file/log"), reports, strict=True)]


@pytest.mark.req("COM-24")
def test_one_announcer_that_fails_does_not_keep_the_others_from_speaking() -> None:
    heard, reports = RememberingAnnouncer(), list[str]()
    several: list[Announcer] = [Loud(), heard]
    Announcers(several, reports.append).say(notice("[A]", "text"))
    assert heard.said == [notice("[A]", "text")]
    assert len(reports) == 1


@given(st.text(max_size=200))
def test_no_control_character_gets_through_and_line_ends_do(text: str) -> None:
    shown = cleaned(text)
    assert all(letter.isprintable() or letter == "\n" for letter in shown)
    assert shown.count("\n") == text.count("\n")


def test_a_message_without_text_is_its_prefix_and_a_long_one_is_shortened() -> None:
    assert (message("[A]", ""), message("", "b"), message("[A]", "b")) == ("[A]", "b", "[A] - b")
    assert len(cleaned("x" * 100_000)) == 8000
