"""A run that stays while people sign: the engine in one process, each signature in one of its own, as in real life."""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import field

from gonogo.demo.story_command import Answer, Pending
from gonogo.demo.story_people import SIGNERS
from gonogo.demo.story_stage import Stage
from gonogo.demo.telling import NotHeld, Telling
from gonogo.values import dataclass

VERBS = {"scope_confirmation": "attest", "freeze": "acknowledge"}
"""Everything else is approved."""

_ASKED = re.compile(r"waiting for signatures \(([a-z_]+)-\d+\)")
_RUN = re.compile(r"\brun ([a-z0-9-]+)$")
_TOLD = ("✓", "✗", "→", "judge:", "ROLLING", "rolled back", "found out", "HALTED", "sealed")
_TOLD_IN_SHORT = ("✗", "→", "judge:", "ROLLING", "rolled back", "found out", "HALTED")

Hook = Callable[[str], None]


def signing_line(stage: Stage, run: str, point: str, handle: str) -> tuple[str, ...]:
    """The command line by which a person answers at a decision point."""
    verb = VERBS.get(point, "approve")
    where = (run,) if verb == "acknowledge" else (run, point)
    return (verb, *where, "--key", stage.key(handle), "--yes")


@dataclass(slots=True)
class Scene:
    """One engine at work: what it says is told (all or in short, with or without `moves`), and whoever is asked signs.

    `before` is called with a decision point before its people sign, and nobody signs at those in `unsigned`; `hears` is
    called with each line and the engine's process id.
    """

    stage: Stage
    telling: Telling
    short: bool = False
    moves: bool = True
    before: Hook | None = None
    hears: Callable[[int, str], None] | None = None
    run: str = ""
    unsigned: frozenset[str] = frozenset()
    signatures: int = 0
    _engine: int = 0
    _verdict: str = ""
    _signing: list[tuple[Sequence[str], Pending, threading.Thread]] = field(default_factory=list)

    def play(self, *arguments: str) -> Answer:
        """Drive a run to where it ends, halts, or is killed; every signature on the way must have been taken."""
        self.telling.asks(arguments)
        with self.telling.doing("starting the engine"):
            answer = self.stage.gonogo.watch(*arguments, heard=self._heard)
        self._engine = 0
        self.collect()
        return answer

    def sign(self, run: str, points: Sequence[str]) -> None:
        """Let everybody who is needed at some points sign, all at the same time."""
        self.run = run
        for point in points:
            self._start(point)
        with self.telling.doing("people sign"):
            self.collect()

    def collect(self) -> None:
        """Wait for the signatures that are being made; NotHeld where one was not taken."""
        for line, pending, watcher in self._signing:
            watcher.join()
            answer = pending.wait()
            if answer.code != 0:
                raise NotHeld(f"`gonogo {' '.join(line)}` was expected to be taken; seen: {answer.words[-1500:]}")
            self.signatures += 1
        self._signing.clear()

    def _start(self, point: str) -> None:
        for handle in SIGNERS[point]:
            line = signing_line(self.stage, self.run, point, handle)
            if not self.short:
                self.telling.asks(line)
            pending = self.stage.gonogo.begin(*line)
            watcher = threading.Thread(target=self._watch, args=(pending,), daemon=True)
            watcher.start()
            self._signing.append((line, pending, watcher))

    def _watch(self, pending: Pending) -> None:
        """End the engine where a signature was not taken: nobody else would, and it would wait for ever."""
        if pending.wait().code != 0 and self._engine:
            with suppress(ProcessLookupError):
                os.kill(self._engine, signal.SIGTERM)

    def _heard(self, pid: int, line: str) -> None:
        self._engine = pid
        text = line.strip()
        named = _RUN.search(text)
        if named and not self.run:
            self.run = named[1]
        asked = _ASKED.search(text)
        if asked:
            self._asked(asked[1])
        elif text:
            self._tell(text)
        if self.hears:
            self.hears(pid, text)

    def _asked(self, point: str) -> None:
        if self.before:
            self.before(point)
        if point not in self.unsigned:
            self._start(point)

    def _tell(self, text: str) -> None:
        words = text[2:]
        if words.startswith("gate "):
            # The line of the judgement itself comes next and gets this verdict: one line says both.
            self._verdict = words.removeprefix("gate ")
        elif words.startswith("judge ") and self._verdict:
            self.telling.hears(f"{text[:2]}{words.removeprefix('judge ')}: {self._verdict}")
            self._verdict = ""
        elif text.startswith("→") and not self.moves:
            self.telling.now(text)
        elif text.startswith(_TOLD_IN_SHORT if self.short else _TOLD):
            self.telling.hears(text if text[1:2] == " " else f"· {text}")
        else:
            self.telling.now(text)
