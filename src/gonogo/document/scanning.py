"""All lines of a document as tokens, with fences and comments told apart (compiler stage 2).

Fences are matched in document order whatever their indent, because a fence that Markdown loses through its indent must
neither hide a rule nor show code as rules; where Markdown sees it otherwise, that is GN0104. Comments carry no meaning
(DOC-04), except `<!-- gn:id=NAME -->`, which pins an identifier.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping

from gonogo.document.lines import Layer, Line, line_of
from gonogo.document.text import Source
from gonogo.values import dataclass

_FENCE = re.compile(r"^[ \t]*(?:(?:[-*+]|\d{1,4}[.)]|>)[ \t]*)*(?P<mark>`{3,}|~{3,})(?P<info>[^`]*)$")
_PIN = re.compile(r"<!--\s*gn:id=(?P<name>[a-z0-9][a-z0-9-]{0,63})\s*-->")


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced block: its first line, the line after its last, what its info string says, whether it was closed."""

    first: int
    end: int
    info: str
    closed: bool
    indent: int


@dataclass(frozen=True, slots=True)
class Scan:
    """The non-blank lines of a document, its fences by first line, pinned ids by line, comments left open."""

    lines: tuple[Line, ...]
    fences: Mapping[int, Fence]
    pins: Mapping[int, str]
    open_comments: tuple[int, ...]


class _Scanner:
    """Walks the lines once; it holds what is open."""

    def __init__(self, source: Source) -> None:
        self.texts = source.lines
        self.found: list[Line] = []
        self.fences: dict[int, Fence] = {}
        self.pins: dict[int, str] = {}
        self.open_comments: list[int] = []
        self.closers = [index for index, text in enumerate(self.texts) if "-->" in text]
        self.gap = False

    def run(self) -> Scan:
        """All lines, in order."""
        at = 0
        while at < len(self.texts):
            text = self.texts[at]
            if not text or text.isspace():
                self.gap = True
                at += 1
                continue
            at = self._next(at, text)
            self.gap = False
        return Scan(tuple(self.found), self.fences, self.pins, tuple(self.open_comments))

    def _next(self, at: int, text: str) -> int:
        if "```" in text or "~~~" in text:
            match = _FENCE.match(text)
            if match is not None:
                return self._fence(at, match["mark"], match["info"].strip())
        if "<!--" in text:
            return self._comment(at, text)
        self.found.append(line_of(at, text, gap=self.gap))
        return at + 1

    def _fence(self, first: int, mark: str, info: str) -> int:
        closing = re.compile(rf"^[\s>]*{re.escape(mark[0])}{{{len(mark)},}}\s*$")
        at = first + 1
        while at < len(self.texts) and not closing.match(self.texts[at]):
            at += 1
        closed = at < len(self.texts)
        end = at + 1 if closed else at
        text = self.texts[first]
        self.fences[first] = Fence(first, end, info.lower(), closed, len(text) - len(text.lstrip()))
        for index in range(first, end):
            content = self.texts[index]
            if content.strip():
                self.found.append(Line(index, content, 0, Layer.FENCE, fence=first, body=content.strip()))
        return end

    def _comment(self, at: int, text: str) -> int:
        pin = _PIN.search(text)
        if pin is not None:
            self.pins[at] = pin["name"]
        token = line_of(at, text, gap=self.gap)
        if not token.body and not token.item:
            self.found.append(Line(at, text, 0, Layer.COMMENT))
            return at + 1
        opened = token.text.find("<!--")
        if opened < 0:
            self.found.append(token)
            return at + 1
        return self._long_comment(at, token, opened)

    def _long_comment(self, at: int, token: Line, opened: int) -> int:
        """A comment that is not closed on its line: it reaches to its end, or, in running text, stays text."""
        following = bisect_left(self.closers, at + 1)
        own_line = not token.text[:opened].strip()
        if following == len(self.closers):
            self.open_comments.append(at)
            self.found.append(token)
            return at + 1
        last = self.closers[following]
        if not own_line:
            if any(not text.strip() for text in self.texts[at:last]):
                self.found.append(token)
                return at + 1
            self.found.append(line_of(at, token.text[:opened], gap=self.gap))
            at += 1
        for index in range(at, last + 1):
            if self.texts[index].strip():
                self.found.append(Line(index, self.texts[index], 0, Layer.COMMENT))
        return last + 1


def scan(source: Source) -> Scan:
    """The tokens of `source`, line by line."""
    return _Scanner(source).run()
