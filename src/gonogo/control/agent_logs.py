"""Searching what the commands of a state printed: a line at a time, with a limit in time, hits and bytes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import field
from pathlib import Path
from typing import BinaryIO, Final

from gonogo.control.agent_asking import Call
from gonogo.control.opening import Opened
from gonogo.plan.model import Stage
from gonogo.reports.untrusted import cleaned
from gonogo.terms import Digest, Json
from gonogo.values import dataclass

MOST_SECONDS: Final = 2.0
MOST_LINE: Final = 1 << 16
SHOWN: Final = 400
STREAMS: Final = ("stdout", "stderr")


@dataclass(slots=True)
class Found:
    """Hits with their surroundings. `cut` says that there is more, `cursor` where it goes on."""

    lines: list[Json] = field(default_factory=list)
    sources: list[Json] = field(default_factory=list)
    total: int = 0
    cut: bool = False
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for: pieces that follow each other inside one line."""

    pieces: tuple[str, ...]
    before: int
    after: int
    most: int

    def is_in(self, line: str) -> bool:
        """Whether the pieces stand in the line in this order."""
        at = 0
        for piece in self.pieces:
            place = line.find(piece, at)
            if place < 0:
                return False
            at = place + len(piece)
        return True


def searched(call: Call, opened: Opened, stage: Stage) -> Found:
    """Search the captured output of a state's commands, newest attempt, from the cursor (a number of hits) on."""
    pieces = tuple(piece.lower() for piece in call.text("text").split("*") if piece)
    wanted = Wanted(pieces, call.number("before", 0), call.number("after", 0), call.number("most", 20))
    clock = call.site.door.world.clock
    until, skip, found = clock.monotonic() + MOST_SECONDS, int(call.text("cursor", "0")), Found()
    for source, path in _outputs(call, opened, stage):
        found.sources.append(source)
        with path.open("rb") as file:
            for number, line, is_hit in _lines(file, wanted):
                found.total += is_hit
                if found.total > skip + wanted.most or clock.monotonic() > until:
                    found.cut, found.cursor = True, str(found.total - 1)
                    return found
                if found.total > skip:
                    found.lines.append({"in": source, "n": number, "text": cleaned(line, SHOWN), "hit": is_hit})
    return found


def _outputs(call: Call, opened: Opened, stage: Stage) -> Iterator[tuple[str, Path]]:
    vault = call.site.door.world.vault
    for task in stage.tasks:
        known = opened.state.tasks.get(task.id)
        for name in STREAMS if known else ():
            digest = known.facts.get(name) if known else None
            path = vault.path(Digest(digest)) if isinstance(digest, str) and digest else None
            if path is not None and path.is_file() and path.stat().st_size:
                yield f"{task.id} {name}", path


def _lines(file: BinaryIO, wanted: Wanted) -> Iterator[tuple[int, str, bool]]:
    """Hits and their surroundings, in order and each once; a line of any length is read in bounded pieces."""
    waiting: deque[tuple[int, str]] = deque(maxlen=wanted.before or None) if wanted.before else deque(maxlen=0)
    number, owed = 0, 0
    while piece := file.readline(MOST_LINE):
        number += 1
        line = piece.decode("utf-8", "replace").rstrip("\n")
        if wanted.is_in(line.lower()):
            for earlier in waiting:
                yield (*earlier, False)
            waiting.clear()
            yield number, line, True
            owed = wanted.after
        elif owed:
            owed -= 1
            yield number, line, False
        else:
            waiting.append((number, line))
