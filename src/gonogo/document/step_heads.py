"""Heads of steps and sub-steps: titles, marks, dotted numbers, whether a phase has steps at all (DOC-05, DOC-07)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from gonogo.document.headings import phase_of
from gonogo.document.lines import Layer, Line, label_of, mark_of
from gonogo.document.vocabulary import LABELS, NOTE_TITLES, STEP_FIELDS, STEP_MARKS

_DOTTED = re.compile(r"^(?P<stars>\*{0,2})\s*(?P<number>\d{1,3}(?:\.\d{1,3}){1,3})[.:)]?\s+(?P<rest>\S.*)$")
_CONDITIONAL = re.compile(r"\(\s*(conditional|if needed|optional)\s*\)|\bconditional\b", re.IGNORECASE)
_AUTOMATION = re.compile(r"^automation\s*[–—:-]\s*", re.IGNORECASE)


def split_title(text: str) -> tuple[str, str]:
    """Title and the text after it: `**T:** text`, `**T**: text`, `T:** text`, `** T` (a mark alone in bold)."""
    text = text.strip()
    inner = text.removeprefix("**").strip()
    cut = inner.find("**")
    if cut < 0:
        return _clean(inner), ""
    head, tail = inner[:cut], inner[cut + 2 :]
    if not head.strip(" :"):
        return _clean(tail), ""
    return _clean(head), tail.lstrip(" :").strip()


def marked_title(rest: str) -> tuple[str, str]:
    """Title and following text after a mark. Where only the mark is in bold, the whole line is title and action."""
    rest = rest.strip(" `")
    closes_mark = rest.startswith("**") and not rest[2:3].strip(" :")
    if not closes_mark:
        return split_title(rest)
    remainder = rest[2:].lstrip(" :")
    if remainder.startswith("**"):
        return split_title(remainder)
    title = _clean(remainder)
    return title, "" if remainder.rstrip().endswith(":") else title


def _clean(text: str) -> str:
    text = text.replace("**", "").replace("`", "").strip()
    return text.rstrip(":").strip().strip("*").strip()


def is_step_title(title: str) -> bool:
    """Whether an ordered item of this title can be a step; words of notes and fields cannot."""
    lowered = title.lower().rstrip(":").strip()
    if not lowered:
        return False
    first = lowered.split(":")[0].strip()
    return lowered not in NOTE_TITLES and first not in NOTE_TITLES and first not in LABELS


def is_conditional(title: str) -> bool:
    """Whether a title says that the item runs only under a condition (GN0310)."""
    return _CONDITIONAL.search(title) is not None


def bare_title(title: str) -> str:
    """A title without the word `Automation –` before it and the remark in brackets after it."""
    return _AUTOMATION.sub("", _CONDITIONAL.sub("", title)).strip(" –—:-()") or title


def substep_of(line: Line) -> tuple[str, str, str, str] | None:
    """Number, mark, title and following text of `* **2.1. T:**`, or None."""
    match = _DOTTED.match(line.body)
    if match is None:
        return None
    rest = match["rest"]
    bold = bool(match["stars"]) or "**" in rest
    if not bold and not rest.rstrip().endswith(":"):
        return None
    mark, after_mark = mark_of(rest)
    title, after = marked_title(after_mark) if mark else split_title(rest)
    if not title or not is_step_title(title):
        return None
    return match["number"], mark if mark in STEP_MARKS else "", title, after


def phase_shape(lines: Sequence[Line]) -> Mapping[int, bool]:
    """For each phase heading (by line; -1 before the first): whether marked, bold or dotted steps stand under it."""
    shapes = {-1: False}
    current = -1
    texts = [line for line in lines if line.layer is Layer.TEXT]
    for position, line in enumerate(texts):
        head = phase_of(line.body) if line.level else None
        if head is not None and not head.dotted:
            current = line.index
            shapes.setdefault(current, False)
        elif head is not None or (
            line.number and _structured(line, texts[position + 1] if position + 1 < len(texts) else None)
        ):
            shapes[current] = True
    return shapes


def _structured(line: Line, following: Line | None) -> bool:
    if mark_of(line.body)[0] in STEP_MARKS:
        return True
    title, _ = split_title(line.body)
    if line.indent or not is_step_title(title):
        return False
    if line.body.startswith("**"):
        return True
    label = label_of(following) if following is not None and following.bullet else None
    return label is not None and label.field in STEP_FIELDS
