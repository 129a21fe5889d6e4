"""Emergency stops as the log of the site has them, read on from where this process had read it to.

Each act on an environment asks for them, and the log grows with every run: read whole each time, the 10,000th run would
pay for all before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gonogo.adapters.journals.leases import Rows
from gonogo.evidence.ledger import Entry, read_entry
from gonogo.ports import SITE_LOG
from gonogo.run.site import stops_on_record
from gonogo.values import dataclass

_MARK: Final = b'"environment.'
"""What the line of every entry about an emergency stop holds: few others do."""
_HEAD: Final = "select seq from gonogo_head where run = ?"
_LINE: Final = "select line from gonogo_event where run = ? and seq = ?"
_AFTER: Final = "select line from gonogo_event where run = ? and seq > ? and "


@dataclass(frozen=True, slots=True)
class _Read:
    upto: int
    line: bytes
    stops: Mapping[str, Entry]


_NOTHING: Final = _Read(-1, b"", {})


class StopsRead:
    """What was read of one journal; usable from several threads."""

    def __init__(self) -> None:
        self._read = _NOTHING

    def now(self, rows: Rows, holds: str, own: int) -> Mapping[str, Entry]:
        """The stops that the log tells in this transaction, which itself added `own` entries that may be taken back.

        `holds` says for which lines the database is asked that hold some bytes.
        """
        head = rows.execute(_HEAD, (SITE_LOG,)).fetchone()
        known = self._read if self._still_stands(rows) else _NOTHING
        lines = rows.execute(_AFTER + holds, (SITE_LOG, known.upto, _MARK)).fetchall()
        found = [read_entry(bytes(row[0])) for row in lines]
        kept = -1 if head is None else int(head[0]) - own
        last = rows.execute(_LINE, (SITE_LOG, kept)).fetchone() if kept > known.upto else None
        if last is not None:
            lasting = stops_on_record((entry for entry in found if entry.seq <= kept), known.stops)
            self._read = _Read(kept, bytes(last[0]), lasting)
        return stops_on_record(found, known.stops)

    def _still_stands(self, rows: Rows) -> bool:
        """Whether the log still has the entry to which it was read: it may have been put back from a copy."""
        read = self._read
        if read.upto < 0:
            return False
        row = rows.execute(_LINE, (SITE_LOG, read.upto)).fetchone()
        return row is not None and bytes(row[0]) == read.line
