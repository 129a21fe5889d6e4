"""Whatever is done to the journal in memory and to the one on disk, both answer the same."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from gonogo.adapters.journals.sqlite import SqliteJournal
from gonogo.errors import GonogoError
from gonogo.ports import Draft, Journal
from gonogo.terms import Engine, RunId
from worlds import MORNING, MemoryJournal

RUNS = st.sampled_from([RunId("r1"), RunId("r2"), RunId("r3")])
PLACES = st.sampled_from(["staging", "production"])
DEEDS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 9).map(str)),
        st.tuples(st.just("note"), st.integers(0, 9).map(str)),
        st.tuples(st.just("take"), PLACES),
        st.tuples(st.just("free"), PLACES),
        st.tuples(st.just("fail"), st.just("")),
    ),
    max_size=4,
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("open"), RUNS, st.just(0), DEEDS),
        st.tuples(st.just("write"), RUNS, st.integers(-1, 6), DEEDS),
        st.tuples(st.just("at head"), RUNS, st.just(0), DEEDS),
        st.tuples(st.just("read"), RUNS, st.integers(-2, 6), st.just([])),
    ),
    max_size=14,
)
Deeds = list[tuple[str, str]]
Step = tuple[str, RunId, int, Deeds]


def write(journal: Journal, run: RunId, after: int, deeds: Deeds, second: int) -> list[object]:
    answers: list[object] = []
    now = MORNING + timedelta(seconds=second)
    with journal.write(run, after, actor=Engine("e"), now=now) as transaction:
        for deed, value in deeds:
            match deed:
                case "append":
                    answers.append(transaction.append(Draft("task.intended", {"n": value})).digest)
                case "note":
                    answers.append(transaction.note(Draft("run.closed", {"n": value})).digest)
                case "take":
                    answers.append(transaction.take_lease(value))
                case "free":
                    transaction.free_lease(value)
                case _:
                    raise GonogoError("the driver failed")
    return answers


def take(journal: Journal, step: Step, second: int) -> object:
    """What the journal answers: values, or the kind of its complaint."""
    kind, run, number, deeds = step
    acts: dict[str, Callable[[], object]] = {
        "open": lambda: [
            entry.digest
            for entry in journal.open_run(
                run,
                [Draft("run.opened", {"n": len(deeds)})],
                actor=Engine("e"),
                now=MORNING + timedelta(seconds=second),
            )
        ],
        "write": lambda: write(journal, run, number, deeds, second),
        "at head": lambda: write(journal, run, len(journal.entries(run)) - 1, deeds, second),
        "read": lambda: [entry.line for entry in journal.entries(run, number)],
    }
    try:
        answer = acts[kind]()
    except GonogoError as error:
        answer = type(error).__name__
    return answer, journal.runs(), [entry.line for entry in journal.site()], [journal.lease(place) for place in ("staging", "production")]


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_memory_and_disk_answer_every_sequence_of_acts_alike(steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder, SqliteJournal(Path(folder) / "journal.db") as disk:
        memory = MemoryJournal()
        for second, step in enumerate(steps):
            assert take(memory, step, second) == take(disk, step, second), step
