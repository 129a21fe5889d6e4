"""Small pieces of canonical Markdown: fields, quotes, fences. Foreign text is data and stays inside them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_LEAD = re.compile(r"^(\s*)(#{1,6}\s|[-*+]\s|\d{1,9}[.)]\s|>|```|~~~|\||<!--|---|===)")


def one_line(text: str) -> str:
    """`text` with its line ends and runs of blanks turned into single blanks."""
    return " ".join(text.split())


def harmless(text: str) -> str:
    """One line that cannot begin a block of its own: a leading mark of Markdown is escaped."""
    line = one_line(text)
    return f"\\{line}" if _LEAD.match(line) else line


def field(indent: int, label: str, value: str) -> str:
    """`* **Label:** value` at `indent`."""
    return f"{' ' * indent}* **{label}:** {value}".rstrip()


def ticked(names: Iterable[str]) -> str:
    """Names in ticks, separated by commas."""
    return ", ".join(f"`{name}`" for name in names)


def quoted(indent: int, text: str) -> list[str]:
    """`text` as a block quote, line by line; a blank line inside stays a quoted one."""
    pad = " " * indent
    return [f"{pad}> {line.strip()}".rstrip() for line in text.split("\n")]


def fenced(indent: int, lines: Sequence[str], language: str = "") -> list[str]:
    """Lines in a fence that is longer than any run of ticks inside."""
    longest = max((len(run) for line in lines for run in re.findall(r"`{3,}", line)), default=2)
    mark, pad = "`" * (longest + 1), " " * indent
    return [f"{pad}{mark}{language}", *(f"{pad}{line}".rstrip() for line in lines), f"{pad}{mark}"]


def block(indent: int, label: str, text: str) -> list[str]:
    """A field whose value may have several lines; the later ones stand under it, two columns further in."""
    first, *later = text.split("\n")
    if not later and not _LEAD.match(first):
        return [field(indent, label, first.strip())]
    pad = " " * (indent + 2)
    if _LEAD.match(first):
        first, later = "", [first, *later]
    return [field(indent, label, first.strip()), *(f"{pad}{line.strip()}".rstrip() for line in later)]


def said(indent: int, text: str) -> list[str]:
    """A message template: one quoted line where that is enough, else a fence, which keeps every character."""
    if "\n" in text or '"' in text or _LEAD.match(text):
        return fenced(indent, text.split("\n"))
    return quoted(indent, f'"{text}"')
