"""Checkpoints that cost what is new: the same roots as over the whole log, and nothing remembered is trusted."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gonogo.engine.frontiers import Frontiers
from gonogo.evidence.ledger import Entry
from gonogo.evidence.merkle import Frontier, root_over
from gonogo.ports import Draft
from gonogo.terms import Engine, RunId
from worlds import MORNING, MemoryJournal

RUN = RunId("pre-deployment-v2-1f3a")
ENGINE = Engine("eu1")


class CountingJournal(MemoryJournal):
    """A journal that knows how many entries were read from it."""

    read = 0

    def entries(self, run: RunId, after: int = -1) -> tuple[Entry, ...]:
        found = super().entries(run, after)
        self.read += len(found)
        return found


def journal_with(events: int, word: str = "") -> CountingJournal:
    made = CountingJournal()
    made.open_run(RUN, [Draft("run.opened", {"n": number, "word": word}) for number in range(events)], actor=ENGINE, now=MORNING)
    return made


@pytest.mark.req("EVS-16")
@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 9), max_size=8))
def test_a_frontier_that_grows_in_any_pieces_has_the_root_of_the_whole_log(pieces: list[int]) -> None:
    frontier, lines = Frontier(), []
    for piece in pieces:
        fresh = [b"line %d\n" % (len(lines) + number) for number in range(piece)]
        lines += fresh
        frontier = frontier.grown(fresh)
        assert (frontier.size, frontier.root) == (len(lines), root_over(lines))


@pytest.mark.req("EVS-16")
def test_a_checkpoint_reads_what_is_new_and_no_more() -> None:
    journal, frontiers = journal_with(500), Frontiers()
    assert frontiers.upto(journal, RUN, 499).root == root_over(entry.line for entry in journal.entries(RUN))
    before = journal.read
    for seq in range(500, 520):
        with journal.write(RUN, seq - 1, actor=ENGINE, now=MORNING) as change:
            change.append(Draft("task.intended", {"n": seq}))
        frontier = frontiers.upto(journal, RUN, seq)
    assert journal.read - before == 40, "the last known line and the new one, each time"
    assert frontier.root == root_over(entry.line for entry in journal.entries(RUN))


def test_a_state_behind_the_log_gets_the_frontier_of_its_own_place() -> None:
    journal, frontiers = journal_with(9), Frontiers()
    whole = [entry.line for entry in journal.entries(RUN)]
    for seq in (8, 3, 3, 5, 0, 8):
        assert frontiers.upto(journal, RUN, seq).root == root_over(whole[: seq + 1])


def test_what_was_remembered_of_another_log_is_not_used() -> None:
    frontiers = Frontiers()
    frontiers.upto(journal_with(6, "before the backup"), RUN, 5)
    restored = journal_with(8, "another history")
    assert frontiers.upto(restored, RUN, 7).root == root_over(entry.line for entry in restored.entries(RUN))
