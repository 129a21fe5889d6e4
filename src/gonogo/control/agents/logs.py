"""Searching what the commands of a state printed: a line at a time, with a limit in time, hits and bytes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import field
from pathlib import Path
from typing import BinaryIO, Final

from gonogo.control.agents.asking import Call
from gonogo.control.opening import Opened
from gonogo.plan.model import Stage
from gonogo.reports.agent_answers import MOST_ROWS, size_of
from gonogo.reports.untrusted import cleaned
from gonogo.terms import Digest, Json
from gonogo.values import dataclass

MOST_SECONDS: Final = 2.0
MOST_LINE: Final = 1 << 16
SHOWN: Final = 400
STREAMS: Final = ("stdout", "stderr")


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a search goes on: in which output, from which byte, and the number of the line that begins there."""

    output: int = 0
    byte: int = 0
    line: int = 0

    @classmethod
    def of(cls, text: str) -> Cursor:
        """The cursor that `text` is; the beginning where it is empty."""
        return cls(*(int(part) for part in text.split("-"))) if text else cls()

    def __str__(self) -> str:
        return f"{self.output}-{self.byte}-{self.line}"


@dataclass(slots=True)
class Found:
    """Hits with their surroundings. `hits` are those of this answer, and `cursor` says where it goes on."""

    lines: list[Json] = field(default_factory=list)
    sources: list[Json] = field(default_factory=list)
    hits: int = 0
    cursor: Cursor | None = None
    size: int = 0

    def add(self, row: Json, *, is_hit: bool) -> None:
        """One more line."""
        self.lines.append(row)
        self.size += size_of(row) + 1
        self.hits += is_hit


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
    """Search the captured output of a state's commands, newest attempt, from the cursor on.

    It ends with the hits that were wanted, with the room of one answer, or with its time; the cursor then names the
    next line, so that an output of any size is searched to its end by asking again.
    """
    pieces = tuple(piece.lower() for piece in call.text("text").split("*") if piece)
    wanted = Wanted(pieces, call.number("before", 0), call.number("after", 0), call.number("most", 20))
    clock, begin, found = call.site.door.world.clock, Cursor.of(call.text("cursor")), Found()
    until = clock.monotonic() + MOST_SECONDS
    for index, (source, path) in enumerate(_outputs(call, opened, stage)):
        found.sources.append(source)
        if index < begin.output:
            continue
        with path.open("rb") as file:
            start = begin if index == begin.output else Cursor(index)
            file.seek(start.byte)
            lines = _Lines(file, start)
            for number, line, is_hit in lines.read(wanted):
                if is_hit and found.hits >= wanted.most:
                    found.cursor = lines.before
                    return found
                if line is not None:
                    found.add({"in": source, "n": number, "text": cleaned(line, SHOWN), "hit": is_hit}, is_hit=is_hit)
                if found.size >= MOST_ROWS or clock.monotonic() > until:
                    found.cursor = lines.at
                    return found
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


class _Lines:
    """The lines of one output from a place on; `before` and `at` are the places around the line read last."""

    def __init__(self, file: BinaryIO, start: Cursor) -> None:
        self._file = file
        self.before = self.at = start

    def read(self, wanted: Wanted) -> Iterator[tuple[int, str | None, bool]]:
        """Hits and their surroundings, in order and each once; a line of any length is read in bounded pieces.

        Without a text: so many bytes were read in which nothing was found, for whoever watches the time.
        """
        waiting: deque[tuple[int, str]] = deque(maxlen=wanted.before)
        owed = unheard = 0
        while piece := self._file.readline(MOST_LINE):
            number = self.at.line + 1
            self.before, self.at = self.at, Cursor(self.at.output, self.at.byte + len(piece), number)
            line = piece.decode("utf-8", "replace").rstrip("\n")
            if wanted.is_in(line.lower()):
                yield from ((*earlier, False) for earlier in waiting)
                waiting.clear()
                yield number, line, True
                owed, unheard = wanted.after, 0
            elif owed:
                owed -= 1
                yield number, line, False
            else:
                waiting.append((number, line))
                unheard += len(piece)
                if unheard > MOST_LINE:
                    unheard = 0
                    yield number, None, False
