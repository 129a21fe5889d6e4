"""Whether the state that an engine is about to drive is the real one, or a copy of one that lives on elsewhere.

A copied workspace has the same runs, approvals and fences as its original: driven too, it would do every act once more.
So the state folder says where it lies. A moved one is taken as it is; a copy is refused for every run that its original
knows too, also while both are at rest: whichever of them acted first, the other would act once more. Whoever adopts the
copy writes into the original that it lies elsewhere now, and from then on that one is refused. What cannot be known is
not guessed: an original that is gone holds nobody up.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from gonogo.adapters.durable import make_folder, read_small, write_file
from gonogo.adapters.journals.sqlite import SqliteJournal
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
    original = original_of(state)
    if original is not None:
        _demand_unknown_there(original, run, entries, clock)
        return
    settle_here(state)


def settle_here(state: Path) -> Path | None:
    """From now on this folder is the real one; gives the original, which was told so, or None."""
    here = str(state.resolve()).encode()
    make_folder(state)
    original = original_of(state)
    if original is not None:
        write_file(original / NAME, here)
    write_file(state / NAME, here)
    return original


def original_of(state: Path) -> Path | None:
    """The state folder that this one was copied from; None where it is an original, or that one is out of reach."""
    said = Path((read_small(state / NAME) or b"").decode("utf-8", "replace"))
    copied = said.is_absolute() and said != state.resolve() and (said / "journal.db").is_file()
    return said if copied else None


def _demand_unknown_there(original: Path, run: RunId, entries: tuple[Entry, ...], clock: Clock) -> None:
    with SqliteJournal(original / "journal.db") as journal:
        try:
            last = journal.entries(run)[-1]
        except GonogoError:
            # Another project lies there now, or the run was opened here: it knows nothing of this run.
            return
    if RunLocks(original / "runs", clock).is_driven(run):
        what = "there an engine drives this run now"
    elif last.digest not in {entry.digest for entry in entries}:
        what = f"there this run has gone on, up to event {last.seq}"
    else:
        what = "that one knows this run too, and only one of them may act"
    raise Refused(
        f"this workspace is a copy of {original.parent}: {what}",
        where=str(original),
        next_step="work there; when nobody will do so any more, say that this is the real one: gonogo lock adopt",
    )
