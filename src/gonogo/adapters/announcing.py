"""Telling people: on a stream, in a log of messages, through a bound command. A message never decides anything.

Whatever fails here is recorded beside the message and shown, and goes no further (COM-01, COM-24).
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, TextIO

from gonogo.adapters.command_checks import INHERITED
from gonogo.adapters.durable import clean_line, make_folder, reason_of, write_all
from gonogo.errors import GonogoError
from gonogo.evidence.ledger import time_text
from gonogo.ports import Announcer, Clock

TRIES: Final = 3
PAUSE: Final = 2.0
LIMIT: Final = 20.0
MOST_TEXT: Final = 8000

Report = Callable[[str], None]
"""Takes one line on what could not be delivered."""


def cleaned(text: str) -> str:
    """`text` for terminals and logs: line ends stay, every other control or invisible character becomes `?`."""
    shown = "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in text.replace("\r\n", "\n"))
    return shown if len(shown) <= MOST_TEXT else shown[: MOST_TEXT - 1] + "…"


class StreamAnnouncer:
    """Prints each message on a stream."""

    def __init__(self, stream: TextIO, report: Report) -> None:
        self._stream = stream
        self._report = report

    def say(self, prefix: str, text: str) -> None:
        """Print `prefix - text`; a stream that is closed is reported."""
        line = message(prefix, text) + "\n"
        try:
            self._stream.write(line.encode(self._stream.encoding or "utf-8", "replace").decode("utf-8", "replace"))
            self._stream.flush()
        except (OSError, ValueError) as error:
            self._report(f"a message could not be printed: {error}")


class LogAnnouncer:
    """Appends each message as one JSON line with time, run, channel, prefix and text (COM-01)."""

    def __init__(self, path: Path, clock: Clock, about: Mapping[str, str], report: Report) -> None:
        self._path = path
        self._clock = clock
        self._about = dict(about)
        self._report = report

    def say(self, prefix: str, text: str) -> None:
        """Append the message; a log that cannot be written is reported."""
        line = log_line(self._clock.now(), self._about | {"prefix": cleaned(prefix), "text": cleaned(text)})
        try:
            make_folder(self._path.parent)
            descriptor = os.open(
                self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644
            )
            try:
                write_all(descriptor, line)
            finally:
                os.close(descriptor)
        except (OSError, GonogoError) as error:
            self._report(f"a message could not be logged in {self._path}: {reason_of(error)}")


class CommandAnnouncer:
    """Hands each message to a bound command: arguments as a list, the text on standard input."""

    def __init__(self, argv: Sequence[str], inherited: Mapping[str, str], clock: Clock, report: Report) -> None:
        self._argv = tuple(argv)
        self._env = {name: inherited[name] for name in ("PATH", *INHERITED) if inherited.get(name)} | {"TERM": "dumb"}
        self._clock = clock
        self._report = report

    def say(self, prefix: str, text: str) -> None:
        """Run the command up to three times; the last failure is reported."""
        reason = ""
        for attempt in range(TRIES):
            if attempt:
                self._clock.sleep(PAUSE)
            reason = self._deliver(message(prefix, text))
            if not reason:
                return
        self._report(f"a message could not be delivered by {self._argv[0] if self._argv else 'no command'}: {reason}")

    def _deliver(self, text: str) -> str:
        """Why it failed; empty where it did not."""
        try:
            ended = subprocess.run(  # noqa: S603 - an argument list that a person bound, without a shell
                self._argv,
                input=text.encode("utf-8", "replace") + b"\n",
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=self._env,
                timeout=LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"it took more than {LIMIT:g} s"
        except (OSError, ValueError, IndexError) as error:
            return clean_line(str(error))
        said = clean_line(ended.stderr.decode(errors="replace"))
        return f"exit code {ended.returncode}: {said}" if ended.returncode else ""


class Announcers:
    """Several announcers as one; what goes wrong in one is reported and does not keep the others from speaking."""

    def __init__(self, announcers: Sequence[Announcer], report: Report) -> None:
        self._announcers = tuple(announcers)
        self._report = report

    def say(self, prefix: str, text: str) -> None:
        """Hand the message to each."""
        for announcer in self._announcers:
            try:
                announcer.say(prefix, text)
            except (GonogoError, OSError, ValueError) as error:
                self._report(f"a message could not be delivered: {clean_line(str(error))}")


def message(prefix: str, text: str) -> str:
    """Prefix and text as they are sent; the dash stands only between two parts."""
    return cleaned(" - ".join(part for part in (prefix, text) if part))


def log_line(now: datetime, fields: Mapping[str, str]) -> bytes:
    """One line of the message log: sorted keys, UTF-8, LF."""
    return json.dumps({**fields, "time": time_text(now)}, sort_keys=True, ensure_ascii=False).encode() + b"\n"
