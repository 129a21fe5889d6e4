"""Saying messages at once: on a terminal and in a log. A message never decides anything.

Whatever fails here is reported and goes no further (COM-01, COM-24).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, TextIO

from gonogo.adapters.durable import clean_line, make_folder, reason_of, write_all
from gonogo.errors import GonogoError
from gonogo.evidence.ledger import time_text
from gonogo.ports import Announcer, Clock, Notice
from gonogo.terms import Json

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

    def say(self, notice: Notice) -> None:
        """Print prefix and text; a stream that is closed is reported."""
        line = message(notice.prefix, notice.text) + "\n"
        try:
            self._stream.write(line.encode(self._stream.encoding or "utf-8", "replace").decode("utf-8", "replace"))
            self._stream.flush()
        except (OSError, ValueError) as error:
            self._report(f"a message could not be printed: {error}")


class LogAnnouncer:
    """Appends each message as one JSON line with time, run, sender, channel, recipients, prefix and text (COM-01)."""

    def __init__(self, path: Path, clock: Clock, about: Mapping[str, str], report: Report) -> None:
        self._path = path
        self._clock = clock
        self._about = dict(about)
        self._report = report

    def say(self, notice: Notice) -> None:
        """Append the message; a log that cannot be written is reported."""
        fields: dict[str, Json] = {**self._about, **notice_fields(notice), "time": time_text(self._clock.now())}
        line = json_line(fields)
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


class Announcers:
    """Several announcers as one; what goes wrong in one is reported and does not keep the others from speaking."""

    def __init__(self, announcers: Sequence[Announcer], report: Report) -> None:
        self._announcers = tuple(announcers)
        self._report = report

    def say(self, notice: Notice) -> None:
        """Hand the message to each."""
        for announcer in self._announcers:
            try:
                announcer.say(notice)
            except (GonogoError, OSError, ValueError) as error:
                self._report(f"a message could not be delivered: {clean_line(str(error))}")


def message(prefix: str, text: str) -> str:
    """Prefix and text as they are sent; the dash stands only between two parts."""
    return cleaned(" - ".join(part for part in (prefix, text) if part))


def notice_fields(notice: Notice) -> dict[str, Json]:
    """A notice for logs and programs, its text cleaned."""
    return {
        "run": notice.run,
        "sender": notice.sender,
        "project": notice.project,
        "release": notice.release,
        "phase": notice.phase,
        "severity": notice.severity or None,
        "to": list(notice.to),
        "occasion": notice.occasion.value,
        "environment": notice.environment,
        "link": notice.link or None,
        "prefix": cleaned(notice.prefix),
        "text": cleaned(notice.text),
    }


def json_line(fields: Mapping[str, Json]) -> bytes:
    """One line of JSON: sorted keys, UTF-8, LF."""
    return json.dumps(fields, sort_keys=True, ensure_ascii=False).encode() + b"\n"
