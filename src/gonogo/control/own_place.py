"""Whether the state that an engine is about to drive is the real one, or a copy of one that lives on elsewhere.

A copied workspace has the same runs, approvals and fences as its original: driven too, it would do every act once more.
So the state folder says where it lies. A moved one is taken as it is; a copy is refused as long as its original drives
the run or has gone on with it. What cannot be known is not guessed: an original that is gone holds nobody up.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from gonogo.adapters.durable import make_folder, read_small, write_file
from gonogo.adapters.journal_sqlite import SqliteJournal
from gonogo.adapters.run_lock import RunLocks
from gonogo.errors import GonogoError, Refused
from gonogo.evidence.ledger import Entry
from gonogo.ports import Clock
from gonogo.terms import RunId

NAME: Final = "place"


def demand_own_place(state: Path, run: RunId, entries: tuple[Entry, ...], clock: Clock) -> None:
    """Refused where `state` is a copy of a folder that still works on `run`; a new or moved one says where it lies."""
    here = state.resolve()
    said = (read_small(state / NAME) or b"").decode("utf-8", "replace")
    if said == str(here):
        return
    original = Path(said)
    if said and original.is_absolute() and (original / "journal.db").is_file():
        _demand_at_rest(original, run, entries, clock)
        return
    settle_here(state)


def settle_here(state: Path) -> None:
    """From now on this folder is the real one."""
    make_folder(state)
    write_file(state / NAME, str(state.resolve()).encode())


def _demand_at_rest(original: Path, run: RunId, entries: tuple[Entry, ...], clock: Clock) -> None:
    what = ""
    if RunLocks(original / "runs", clock).is_driven(run):
        what = "there an engine drives this run now"
    else:
        known = {entry.digest for entry in entries}
        with SqliteJournal(original / "journal.db") as journal:
            try:
                last = journal.entries(run)[-1]
            except GonogoError:
                # Another project lies there now; it knows nothing of this run.
                return
        if last.digest not in known:
            what = f"there this run has gone on, up to event {last.seq}"
    if what:
        raise Refused(
            f"this workspace is a copy of {original.parent}: {what}",
            where=str(original),
            next_step="work there; when nobody will do so any more, say that this is the real one: gonogo lock adopt",
        )
