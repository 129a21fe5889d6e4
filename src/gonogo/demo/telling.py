"""What a person sees of the demonstration: each line with its second, its mark and its reason; nothing by colour alone.

On a terminal one moving line tells what is going on now. Elsewhere, and where NO_COLOR is set, the same story comes as
plain lines. A claim that does not hold ends the story.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.status import Status
from rich.text import Text

from gonogo.errors import GonogoError

TITLE = "gonogo demo"
WIDTH = 118
_FONTS = re.compile(r"\s*@font-face \{[^}]*\}")
_MARKS = {"held": ("✓", "green"), "told": ("·", "default"), "failed": ("✗", "bold red"), "asked": ("$", "bold cyan")}


class NotHeld(GonogoError):
    """Something that the demonstration claims is not so; exit 1."""


class Telling:
    """Tells the story on a console; `clock` gives seconds."""

    def __init__(self, console: Console, clock: Callable[[], float]) -> None:
        self._console = console
        self._clock = clock
        self._begun = clock()
        self._status: Status | None = None
        self._kept: list[Text] | None = None
        self.held = 0

    @property
    def seconds(self) -> float:
        """Seconds since the story began."""
        return self._clock() - self._begun

    def aside(self) -> Telling:
        """A telling of something that goes on at the same time: its lines are kept until it comes forward."""
        other = Telling(self._console, self._clock)
        other._begun = self._begun
        other._kept = []
        return other

    def comes_forward(self) -> None:
        """Print what this aside kept, with the seconds at which it happened; from now on it is told as it happens."""
        kept, self._kept = self._kept or [], None
        for line in kept:
            self._put(line)

    def act(self, number: int, title: str, why: str) -> None:
        """Begin an act."""
        self._put(Text())
        self._put(Text(f"{number}  {title}", style="bold"))
        self._print(Text("   "), why, style="italic")

    def says(self, text: str) -> None:
        """A fact on the way."""
        self._line("told", text)

    def asks(self, arguments: Sequence[str]) -> None:
        """The command line that is typed now."""
        self._line("asked", "gonogo " + " ".join(_shown(one) for one in arguments))

    def claims(self, holds: bool, text: str, otherwise: str = "") -> None:  # noqa: FBT001 - read as a sentence
        """Say `text` where it holds; NotHeld, with what was seen `otherwise`, where it does not."""
        if holds:
            self.held += 1
            self._line("held", text)
            return
        self._line("failed", f"not so: {text}")
        raise NotHeld(f"the demonstration claims: {text}; seen: {otherwise or 'the opposite'}")

    def hears(self, text: str) -> None:
        """A line of the engine's own progress, with the mark that the engine gave it."""
        mark, _, words = text.partition(" ")
        style = {"✓": "green", "✗": "bold red", "→": "cyan"}.get(mark, "default")
        self._print(Text.assemble((f"{self.seconds:5.1f} s ", "dim"), "  ", (mark, style), " "), words)

    def quotes(self, message: str) -> None:
        """A message exactly as the user gets it."""
        for line in message.rstrip("\n").splitlines():
            indent = " " * (len(line) - len(line.lstrip()))
            self._print(Text.assemble((" " * 10 + "│ ", "dim"), indent), line.strip())

    @contextmanager
    def doing(self, text: str) -> Iterator[None]:
        """Show on a terminal that something is going on."""
        if self._kept is not None or not self._console.is_terminal or self._console.no_color:
            yield
            return
        with self._console.status(Text(text), spinner="line") as status:
            self._status = status
            try:
                yield
            finally:
                self._status = None

    def now(self, text: str) -> None:
        """Change the moving line; nothing elsewhere."""
        if self._status is not None:
            self._status.update(Text(f"{self.seconds:5.1f} s  {text}"))

    def table(self, title: str, rows: Sequence[tuple[str, str]]) -> None:
        """Pairs of what and how much."""
        self._put(Text())
        self._put(Text(title, style="bold"))
        space = max(len(what) for what, _ in rows)
        for what, much in rows:
            self._print(Text.assemble("   ", f"{what:>{space}}", "  "), much)
        self._put(Text())

    def from_here(self) -> None:
        """A picture begins here, where one is taken."""
        if self._console.record:
            self._console.export_text(clear=True)

    def picture(self, file: Path) -> None:
        """Write what was printed since `from_here` as SVG."""
        drawn = self._console.export_svg(title=TITLE)
        # Some programs that draw SVG drop blanks at both ends of a text, hard ones included, unless they are told so.
        # The picture is whole by itself: no font is fetched from elsewhere.
        alone = _FONTS.sub("", drawn.replace("<svg ", '<svg xml:space="preserve" ', 1))
        file.write_text(alone, encoding="utf-8")

    def _line(self, kind: str, text: str) -> None:
        mark, style = _MARKS[kind]
        margin = Text.assemble((f"{self.seconds:5.1f} s ", "dim"), (mark, style), " ")
        self._print(margin, text, style="bold" if kind == "failed" else "")

    def _print(self, margin: Text, text: str, style: str = "") -> None:
        """Print `text` behind `margin`, broken at words, each further line below the first."""
        space = max(self._console.width - margin.cell_len - 1, 20)
        for line in textwrap.wrap(text, space, break_on_hyphens=False) or [""]:
            self._put(margin + Text(line, style=style))
            margin = Text(" " * margin.cell_len)

    def _put(self, line: Text) -> None:
        if self._kept is None:
            self._console.print(line, soft_wrap=True)
        else:
            self._kept.append(line)


def _shown(argument: str) -> str:
    return f"'{argument}'" if " " in argument or not argument else argument
