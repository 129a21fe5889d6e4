"""Single lines as tokens: indent, marker, box, heading level, label, mark (compiler sections 2 and 4).

Each line is looked at by itself, whatever Markdown makes of it, because authors indent badly; columns are those of the
line. Patterns are anchored and have no nested quantifiers, so that a line costs time linear in its length.
"""

from __future__ import annotations

import enum
import re

from gonogo.document.vocabulary import LABELS, MARKS, Field
from gonogo.values import dataclass

_LEAD = re.compile(
    r"(?P<quote>>)"
    r"|(?P<hashes>#{1,6})(?=\s)"
    r"|(?P<bullet>[-*+])(?=\s)"
    r"|(?P<number>\d{1,4}(?:\.\d{1,4}){0,3})[.)](?=\s|\*|`)"
    r"|(?P<dotted>\d{1,4}(?:\.\d{1,4}){1,3})(?=\s)"
)
_BOX = re.compile(r"\[(?P<tick>[ xX]?)\](?=\s)")
_RULE = re.compile(r"(?:-[ \t]*){3,}$|(?:\*[ \t]*){3,}$|(?:_[ \t]*){3,}$|(?:=[ \t]*){3,}$")
_MARK = re.compile(rf"[^\w\[]*`?\[(?P<mark>{'|'.join(MARKS)})\]`?(?P<rest>.*)$")
_LABEL = re.compile(
    r"[*_]{0,3}\s*(?P<name>[^*`:|\[\]_][^*`:|\[\]]{0,60})(?P<close>[*_]{0,3}\s*:[*_]{0,3}|\*\*)(?P<rest>.*)$"
)
_SYMBOLS = re.compile(r"^[^\w\s*_`\[\]|>\"'(){}<#:.-]+\s*")
_COMMENT = re.compile(r"<!--.*?-->")
_LINK = re.compile(r"!?\[(?P<text>[^\[\]]*)\]\([^()]*\)")
_BRACKETS = re.compile(r"\s*\([^()]*\)$")


class Layer(enum.Enum):
    """What a line is before its words are looked at."""

    TEXT = "text"
    FENCE = "fence"
    COMMENT = "comment"


@dataclass(frozen=True, slots=True)
class Line:
    """One non-blank line. `body` is what stands after indent, marker and box, from column `col`.

    `fence` is the index of the line that opened the fence around this one (or this line's own for the fence marks),
    -1 outside; `gap` says that a blank line stands before it.
    """

    index: int
    text: str
    indent: int
    layer: Layer
    fence: int = -1
    level: int = 0
    quote: bool = False
    bullet: str = ""
    number: str = ""
    box: str = ""
    body: str = ""
    col: int = 0
    gap: bool = False
    rule: bool = False

    @property
    def row(self) -> bool:
        """Whether the line looks like a row of a table."""
        return self.body.startswith("|")

    @property
    def item(self) -> bool:
        """Whether the line starts a list item."""
        return bool(self.bullet or self.number)


@dataclass(frozen=True, slots=True)
class Label:
    """A label at the start of a line's body. `field` is None for an unknown one; `bold` tells `**X:**` from `X:`."""

    name: str
    field: Field | None
    bold: bool
    value: str
    col: int


def line_of(index: int, text: str, *, gap: bool = False) -> Line:
    """The token of a line outside fences and comments."""
    if "<!--" in text:
        text = _COMMENT.sub(_blanked, text)
    if "](" in text:
        text = _LINK.sub(_link_text, text)
    stripped = text.lstrip(" \t")
    col = len(text) - len(stripped)
    indent = col if "\t" not in text[:col] else _columns(text[:col])
    lead = _LEAD.match(stripped)
    if (lead is None or lead["bullet"]) and _is_rule(stripped):
        return Line(index, text, indent, Layer.TEXT, body=stripped.rstrip(), col=col, gap=gap, rule=True)
    rest, start, box = stripped, col, _BOX.match(stripped)
    if lead is not None:
        rest = stripped[lead.end() :].lstrip()
        start = len(text) - len(rest)
        box = _BOX.match(rest) if lead["bullet"] or lead["number"] else None
    if box is not None:
        rest = rest[box.end() :].lstrip()
        start = len(text) - len(rest)
    tick = "" if box is None else "ticked" if box["tick"].strip() else "open"
    if lead is None:
        return Line(index, text, indent, Layer.TEXT, box=tick, body=rest.rstrip(), col=start, gap=gap)
    return Line(
        index,
        text,
        indent,
        Layer.TEXT,
        level=len(lead["hashes"] or ""),
        quote=bool(lead["quote"]),
        bullet=lead["bullet"] or "",
        number=lead["number"] or lead["dotted"] or "",
        box=tick,
        body=rest.rstrip(),
        col=start,
        gap=gap,
    )


def _blanked(match: re.Match[str]) -> str:
    """Spaces in place of what nobody sees, so that columns stay."""
    return " " * len(match.group())


def _link_text(match: re.Match[str]) -> str:
    """The text of a link without its target and title; an image shows no text at all (law 5)."""
    if match.group().startswith("!"):
        return _blanked(match)
    return f" {match['text']} ".ljust(len(match.group()))


def _is_rule(stripped: str) -> bool:
    return stripped[:1] in "-*_=" and _RULE.match(stripped.rstrip()) is not None


def _columns(blank: str) -> int:
    width = 0
    for char in blank:
        width = width + 4 - width % 4 if char == "\t" else width + 1
    return width


def label_of(line: Line) -> Label | None:
    """The label that the line's body starts with, if any (`**X:**`, `**X**:`, `X:`, with damaged stars)."""
    if ":" not in line.body and "**" not in line.body:
        return None
    body = _SYMBOLS.sub("", line.body)
    match = _LABEL.match(body)
    if match is None:
        return None
    close = match["close"]
    bold = body.startswith(("*", "_")) or "*" in close
    if not bold and match["rest"][:1].strip():
        return None
    written = match["name"].strip()
    name = " ".join(written.split()).lower()
    field = LABELS.get(name)
    if field is None:
        name = _plain_name(name)
        field = LABELS.get(name)
    if ":" not in close and (field is None or _runs_on(match["rest"])):
        return None
    rest = match["rest"].lstrip()
    return Label(name, field, bold, _unstarred(rest), line.col + len(line.body) - len(rest))


def _plain_name(name: str) -> str:
    while name and not (name[0].isalnum()):
        name = name[1:]
    return _BRACKETS.sub("", name).strip()


def _runs_on(rest: str) -> bool:
    """Whether `**Word** text` is a sentence that starts in bold, not a label whose colon was lost."""
    return bool(rest.strip()) and rest.strip()[0] not in "-–—:"


def _unstarred(value: str) -> str:
    value = value.strip()
    if value.startswith("**") and value.count("**") % 2:
        value = value[2:].lstrip()
    if value.endswith("**") and value.count("**") % 2:
        value = value[:-2].rstrip()
    return value


def mark_of(body: str) -> tuple[str, str]:
    """The mark that `body` starts with (`[STRICT] T`, in ticks, in stars) and the text after it; ("", body) without."""
    if "[" not in body[:16]:
        return "", body
    match = _MARK.match(body)
    if match is None:
        return "", body
    return match["mark"], match["rest"]


def plain(text: str) -> str:
    """`text` without the stars of emphasis and with single spaces."""
    return " ".join(text.replace("**", "").split())
