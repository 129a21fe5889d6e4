"""What any command may write to a terminal, whatever the terminal can show."""

from __future__ import annotations

import io
import sys


def printable(text: str) -> str:
    """`text` with everything but line feeds that could steer a terminal replaced."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}" for letter in text)


def take_any_letter() -> None:
    """Let stdout and stderr write letters that the locale has not as their escapes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A letter that the locale cannot write must not end a release with a traceback.
            stream.reconfigure(errors="backslashreplace")
