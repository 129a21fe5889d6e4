"""The log is a chain of lines; whatever is changed in it is seen."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from gonogo.errors import BadInput, Tampered
from gonogo.evidence.ledger import (
    NOTHING_BEFORE,
    ClockWentBack,
    Entry,
    actor_of,
    actor_text,
    check_chain,
    next_entry,
    read_entry,
    read_log,
    split_lines,
    time_text,
)
from gonogo.terms import Actor, Agent, Engine, Person, Pipeline

START = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)


def chain(count: int) -> list[Entry]:
    entries: list[Entry] = []
    for number in range(count):
        entries.append(
            next_entry(
                entries[-1] if entries else None,
                ts=START + timedelta(milliseconds=number),
                type="task.intended",
                actor=Engine("eu1"),
                data={"task": f"t{number}", "prev": "x", "n": [number, {"seq": 4}]},
            )
        )
    return entries


def test_the_first_line_has_exactly_the_documented_bytes() -> None:
    entry = next_entry(None, ts=START, type="run.opened", actor=Person("rm1"), data={"b": 1, "a": "ü"})
    assert entry.line == (
        b'{"actor":"rm1","data":{"a":"\\u00fc","b":1},"prev":"' + b"0" * 64 + b'","seq":0,'
        b'"ts":"2026-11-21T10:00:00.000Z","type":"run.opened","v":1}\n'
    )
    assert entry.digest == hashlib.sha256(entry.line).hexdigest()
    assert entry.prev == NOTHING_BEFORE


@pytest.mark.req("EVS-16")
def test_every_line_names_the_digest_of_the_line_before() -> None:
    entries = chain(20)
    assert check_chain(entry.line for entry in entries) == ()
    assert all(later.prev == hashlib.sha256(earlier.line).hexdigest() for earlier, later in zip(entries, entries[1:]))


def test_reading_gives_the_entry_that_was_written() -> None:
    assert [read_entry(entry.line) for entry in chain(5)] == chain(5)
    assert read_log(b"".join(entry.line for entry in chain(5))) == tuple(chain(5))


@pytest.mark.req("EVS-16")
@pytest.mark.parametrize("position", range(0, 400, 7))
def test_one_changed_byte_in_the_log_is_seen(position: int) -> None:
    log = bytearray(b"".join(entry.line for entry in chain(3)))
    log[position] ^= 1
    with pytest.raises(Tampered):
        read_log(bytes(log))
    assert check_chain(bytes(log).splitlines(keepends=True))


@pytest.mark.req("EVS-16")
def test_a_removed_line_a_swapped_line_and_an_empty_log_are_problems() -> None:
    lines = [entry.line for entry in chain(6)]
    assert any("digest differs" in problem for problem in check_chain(lines[:2] + lines[3:]))
    assert check_chain([lines[1], lines[0]])
    assert check_chain([]) == ("the log is empty",)


def test_a_log_that_ends_in_the_middle_of_a_line_is_tampered_with() -> None:
    with pytest.raises(Tampered, match="middle of a line"):
        split_lines(chain(1)[0].line[:-1])


def test_times_never_fall_and_a_clock_set_back_is_refused() -> None:
    first = next_entry(None, ts=START, type="run.opened", actor=Person("rm1"), data={})
    slightly = next_entry(first, ts=START - timedelta(seconds=4), type="run.halted", actor=Person("rm1"), data={})
    assert slightly.ts == START
    with pytest.raises(ClockWentBack, match="clock"):
        next_entry(first, ts=START - timedelta(seconds=6), type="run.halted", actor=Person("rm1"), data={})
    anomaly = next_entry(first, ts=START - timedelta(days=1), type="clock.anomaly", actor=Engine("eu1"), data={})
    assert anomaly.ts == START


def test_a_back_dated_line_is_a_problem_even_when_its_digest_fits() -> None:
    first = next_entry(None, ts=START, type="run.opened", actor=Person("rm1"), data={})
    forged = next_entry(
        Entry(first.seq, START - timedelta(days=2), first.type, first.actor, {}, first.prev, first.line, first.digest),
        ts=START - timedelta(days=1),
        type="run.halted",
        actor=Person("rm1"),
        data={},
    )
    assert check_chain([first.line, forged.line]) == ("entry 1 is dated before the entry before it",)


def test_a_line_of_more_than_64_kib_is_refused() -> None:
    with pytest.raises(BadInput, match="65536"):
        next_entry(None, ts=START, type="run.opened", actor=Person("rm1"), data={"a": "x" * 70_000})


@pytest.mark.parametrize(
    "line",
    [
        b'{"actor": "rm1","data":{},"prev":"'
        + b"0" * 64
        + b'","seq":0,"ts":"2026-11-21T10:00:00.000Z","type":"a.b","v":1}\n',
        b'{"actor":"rm1","data":{"a":1,"a":2},"prev":"'
        + b"0" * 64
        + b'","seq":0,"ts":"2026-11-21T10:00:00.000Z","type":"a.b","v":1}\n',
        b'{"actor":"rm1","data":{"a":1.5},"prev":"'
        + b"0" * 64
        + b'","seq":0,"ts":"2026-11-21T10:00:00.000Z","type":"a.b","v":1}\n',
        b'{"actor":"rm1","data":{},"more":1},"prev":"'
        + b"0" * 64
        + b'","seq":0,"ts":"2026-11-21T10:00:00.000Z","type":"a.b","v":1}\n',
        b'{"actor":"rm1","data":{},"z":{},"prev":"'
        + b"0" * 64
        + b'","seq":0,"ts":"2026-11-21T10:00:00.000Z","type":"a.b","v":1}\n',
        b'{"actor":"rm1","data":{},"prev":"'
        + b"0" * 64
        + b'","seq":0,"ts":"2026-13-21T10:00:00.000Z","type":"a.b","v":1}\n',
        b'{"actor":"rm1","data":{},"prev":"'
        + b"0" * 64
        + b'","seq":0,"ts":"2026-11-21T10:00:00.000Z","type":"a.b","v":2}\n',
        b"",
    ],
)
def test_a_line_in_any_other_form_is_refused(line: bytes) -> None:
    with pytest.raises(Tampered):
        read_entry(line)


@pytest.mark.parametrize("actor", [Person("rm1"), Agent("claude-1"), Pipeline("gitlab/44"), Engine("eu1")])
def test_actors_are_read_as_they_were_written(actor: Actor) -> None:
    assert actor_of(actor_text(actor)) == actor


@pytest.mark.parametrize("name", ["", "a b", 'a"b', "ä", "x" * 65, "a\n"])
def test_a_name_that_could_break_the_line_is_refused(name: str) -> None:
    with pytest.raises(BadInput):
        actor_text(Agent(name))


def test_a_person_cannot_be_named_like_the_engine() -> None:
    with pytest.raises(BadInput):
        actor_text(Person("engine:eu1"))


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(BadInput, match="zone"):
        time_text(datetime(2026, 1, 1))  # noqa: DTZ001 - the point of the test
