"""What was drawn a moment ago, kept so that it is not drawn anew for everybody who looks at the same thing."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import field
from typing import Final

from gonogo.values import dataclass
from gonogo.web.at_hand import work

MOST_CHARACTERS: Final = 1 << 25
"""So much text is kept in all; what was used last stays."""
MOST_OF_ONE: Final = 1 << 18


@dataclass(frozen=True, slots=True)
class Body:
    """What a page says, drawn: title and content as HTML."""

    title: str
    main: str


@dataclass(slots=True)
class Drawings:
    """Bodies of pages by what they depend on; usable from several threads. `made` counts what had to be drawn."""

    made: int = 0
    _known: OrderedDict[Hashable, tuple[float, Body]] = field(default_factory=OrderedDict)
    _size: int = 0
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def kept(self, key: Hashable, now: float, lasts: float, draw: Callable[[], Body]) -> Body:
        """The body of `key`, drawn at most `lasts` seconds ago, else now. Whatever can change has to be in `key`."""
        with self._guard:
            found = self._known.get(key)
            if found is not None and now - found[0] <= lasts:
                self._known.move_to_end(key)
                return found[1]
        work()
        body = draw()
        with self._guard:
            self.made += 1
            self._keep(key, now, body)
        return body

    def _keep(self, key: Hashable, now: float, body: Body) -> None:
        before = self._known.pop(key, None)
        self._size -= len(before[1].main) if before is not None else 0
        if len(body.main) > MOST_OF_ONE:
            return
        self._known[key] = (now, body)
        self._size += len(body.main)
        while self._size > MOST_CHARACTERS:
            _, (_, old) = self._known.popitem(last=False)
            self._size -= len(old.main)
