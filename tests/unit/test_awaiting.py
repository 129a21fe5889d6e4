"""How long people were waited for: by request from the asking to the last signature needed, and once where requests overlap."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gonogo.run.awaiting import Awaited, awaited, waited_in_all, words_of
from tests.command_line import gonogo
from tests.projects import Project, small_project
from tests.worlds_http import place

START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def span(begin: float, end: float | None) -> Awaited:
    return Awaited("r", "p", START + begin * HOUR, None if end is None else START + end * HOUR, ())


@pytest.mark.parametrize(
    ("spans", "hours"),
    [
        ([], 0),
        ([span(0, 2)], 2),
        ([span(0, 2), span(1, 3)], 3),
        ([span(0, 4), span(1, 2)], 4),
        ([span(0, 1), span(5, 6)], 2),
        ([span(5, 6), span(0, 1)], 2),
        ([span(0, 1), span(8, None)], 3),
    ],
)
def test_requests_that_are_open_together_are_waited_for_once(spans: list[Awaited], hours: int) -> None:
    assert waited_in_all(spans, START + 10 * HOUR) == hours * HOUR


@pytest.mark.parametrize(
    ("length", "words"),
    [(timedelta(seconds=42), "42 s"), (timedelta(minutes=3), "3 min"), (5 * HOUR + timedelta(minutes=20), "5 h 20 min"), (51 * HOUR, "2 d 3 h")],
)
def test_lengths_are_told_in_words(length: timedelta, words: str) -> None:
    assert words_of(length) == words


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with place(tmp_path / "world/staging") as staging, place(tmp_path / "world/production") as production:
        yield small_project(tmp_path / "project", staging, production)


@pytest.mark.req("REV-05")
def test_waiting_ends_with_the_last_signature_needed_and_is_shown(project: Project) -> None:
    run = project.begin("pre-deployment")
    project.go_until(run, "readiness")
    project.sign_all(run)
    opened = project.door().load(run)
    asked = next(item for item in opened.state.rounds.values() if item.point == "readiness")
    first, last = asked.answers
    slow = replace(asked, answers=(replace(first, at=asked.at + HOUR), replace(last, at=asked.at + 3 * HOUR)))
    state = replace(opened.state, rounds={asked.name: slow})
    assert [item.length(START) for item in awaited(opened.plan, state)] == [3 * HOUR]
    one = replace(state, rounds={asked.name: replace(slow, answers=slow.answers[:1])})
    assert [item.until for item in awaited(opened.plan, one)] == [None], "two have to sign"
    no = replace(slow, answers=(replace(slow.answers[0], decision="no_go"),))
    assert [item.length(START) for item in awaited(opened.plan, replace(state, rounds={asked.name: no}))] == [HOUR]
    said = gonogo("report", run, "-C", project.root).out
    assert "for people in all." in said
    assert "| readiness-1 | rm1, po1 |" in said
    file = project.root.parent / "report.json"
    assert gonogo("report", run, "-C", project.root, "--format", "json", "--output", file).out == f"written    {file}\n"
    assert "| readiness-1 | rm1, po1 |" in json.loads(file.read_text())["report"]["markdown"]
    body = json.loads(gonogo("status", run, "-C", project.root, "--json").out)
    assert body["waited_for_people_s"] >= 0
    assert body["rules"][0].startswith("H0")
