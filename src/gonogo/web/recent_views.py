"""Views as they were seen a moment ago: pages of many runs look at the same few files, which are read once for all.

For pages alone. Whatever decides looks for itself: an edited view is refused by the door at the moment of the act (C2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Final, TypeVar

from gonogo.adapters.views import differing
from gonogo.errors import Refused
from gonogo.evidence.copies import Difference, Look
from gonogo.ports import Clock, Views
from gonogo.terms import Digest
from gonogo.values import dataclass

T = TypeVar("T")
FRESH_S: Final = 2.0
MOST: Final = 2000
"""So many files are kept in mind; then all are looked at again."""
MOST_BYTES: Final = 1 << 18


@dataclass(slots=True)
class RecentViews:
    """The reading half of the `Views` port, at most `FRESH_S` old; it writes nothing."""

    views: Views
    clock: Clock
    _looks: dict[str, tuple[float, Look]] = field(default_factory=dict)
    _read: dict[str, tuple[float, bytes | None]] = field(default_factory=dict)

    def look(self, path: str) -> Look:
        """What is at `path`, or was a moment ago."""
        return self._recent(self._looks, path, self.views.look)

    def read_bytes(self, path: str) -> bytes | None:
        """What a view says, or said a moment ago."""
        found = self._recent(self._read, path, self.views.read_bytes)
        if found is not None and len(found) > MOST_BYTES:
            self._read.pop(path, None)
        return found

    def differences(self, views: Mapping[str, Digest]) -> tuple[Difference, ...]:
        """The views that are not what they should be."""
        return differing(self.look, views)

    def write(self, views: Mapping[str, Digest]) -> tuple[str, ...]:
        """Refused: pages change nothing."""
        raise Refused("pages write no views", where=", ".join(views))

    def write_bytes(self, path: str, data: bytes) -> None:
        """Refused, as `write`."""
        raise Refused(f"pages write no views, and none of {len(data)} bytes", where=path)

    def _recent(self, known: dict[str, tuple[float, T]], path: str, look: Callable[[str], T]) -> T:
        now = self.clock.monotonic()
        found = known.get(path)
        if found is None or now - found[0] > FRESH_S:
            if len(known) >= MOST:
                known.clear()
            found = (now, look(path))
            known[path] = found
        return found[1]
