"""Errors that a script prints and does not end with: an exit status of 0 does not make them expected (REH-03).

Only the error output is read, because scripts print all kinds of words to the other. A line counts where it is written
as programs, shells and loggers write errors; a project lists the lines that it knows to be harmless, as globs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

from gonogo.values import dataclass

MOST_TEXT = 200

_ERROR = re.compile(
    r"""
      (?:^|[\s\[<(|="':])(?:ERROR|FATAL|CRITICAL|PANIC|SEVERE|EMERG|ALERT)(?:$|[\s\]>)|"':,])  # a logger's level
    | ^(?:\S+:\ )?(?:error|fatal|panic)(?:\[\w+\])?:\  # git, rustc, Go
    | \bTraceback\ \(most\ recent\ call\ last\)
    | ^\S*(?:Error|Exception):\  # the end of a traceback
    | :\ (?:command\ not\ found|No\ such\ file\ or\ directory|Permission\ denied|Connection\ refused)$
    | \b(?:Segmentation\ fault|Killed|core\ dumped)\b
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class PrintedErrors:
    """The lines of an error output that look like errors: number (from 1) and text, expected ones apart."""

    unexpected: tuple[tuple[int, str], ...]
    tolerated: tuple[tuple[int, str], ...]


def printed_errors(text: str, tolerates: Sequence[str] = ()) -> PrintedErrors:
    """What in the error output `text` looks like an error; lines that match a glob of `tolerates` are expected."""
    found = [
        (number, line.strip()[:MOST_TEXT])
        for number, line in enumerate(text.splitlines(), start=1)
        if _ERROR.search(line.strip())
    ]
    known = [one for one in found if any(fnmatchcase(one[1], glob) for glob in tolerates)]
    return PrintedErrors(tuple(one for one in found if one not in known), tuple(known))
