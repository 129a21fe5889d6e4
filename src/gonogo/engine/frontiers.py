"""Merkle frontiers of the logs that this process writes: a checkpoint costs what is new, not the whole log (EVS-16).

Nothing here is trusted: what was remembered of a log has to end in the line that stands there now, or it is read anew.
"""

from __future__ import annotations

from threading import Lock

from gonogo.evidence.merkle import Frontier
from gonogo.ports import Journal
from gonogo.terms import Digest, RunId
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class _Known:
    """The frontier of the beginning of a log, and the digest of the last line of that."""

    frontier: Frontier
    last: Digest


class Frontiers:
    """Frontiers by run; usable from several threads."""

    def __init__(self) -> None:
        self._known: dict[RunId, _Known] = {}
        self._guard = Lock()

    def upto(self, journal: Journal, run: RunId, seq: int) -> Frontier:
        """The frontier of a log up to entry number `seq`, which stands in the journal."""
        with self._guard:
            known = self._known.get(run)
        start = 0
        if known is not None and 0 < known.frontier.size <= seq + 1:
            start = known.frontier.size - 1
        entries = journal.entries(run, start - 1)
        if known is None or start == 0 or entries[0].digest != known.last:
            entries = entries if start == 0 else journal.entries(run)
            grown, last = Frontier().grown(entry.line for entry in entries[: seq + 1]), entries[seq].digest
        else:
            grown = known.frontier.grown(entry.line for entry in entries[1 : seq + 1 - start])
            last = entries[seq - start].digest
        with self._guard:
            self._known[run] = _Known(grown, last)
        return grown
