"""A second, independent reader: raw lines, no structure, only the question what looks like an obligation (law 2).

It shares the words of the vocabulary with the first reader and nothing else; its independence is its worth. Every line
that looks like a halt, a threshold, a gate, a phase, a marked step, evidence or a waiver has to have been claimed as
such by the first reader. If not, GN0202 names the line and the likely cause.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping

from gonogo.document.claims import Claims, LineClass
from gonogo.document.text import Source, odd_space
from gonogo.findings import Finding
from gonogo.protocol.codes import finding

_NOISE = (
    " \t\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009"
    "\u200a\u200b\u200c\u200d\u202f\u205f\u3000\ufeff-*+`•·"
)
_LEADING = re.compile(r"^[^\w\[#]+")
_SPACES = re.compile(r"[\s\u200b-\u200d\u2060\ufeff]+")
_TAIL = r"\s*(?:\([^()]*\))?\s*\**\s*:"

_LOOKS: tuple[tuple[str, re.Pattern[str], frozenset[str]], ...] = (
    (
        "a halt",
        re.compile(rf"(?:halt conditions?|halts?|halt if|stop conditions?){_TAIL}", re.IGNORECASE),
        frozenset({"halt"}),
    ),
    (
        "evidence",
        re.compile(rf"evidence(?: links?| collection| files?)?{_TAIL}", re.IGNORECASE),
        frozenset({"evidence", "evidence collection"}),
    ),
    (
        "a threshold",
        re.compile(rf"(?:pass )?thresholds?{_TAIL}|boolean checks?{_TAIL}", re.IGNORECASE),
        frozenset({"threshold", "boolean check"}),
    ),
    ("a criterion", re.compile(rf"(?:pass )?criteria{_TAIL}", re.IGNORECASE), frozenset({"criteria"})),
    ("a waiver rule", re.compile(rf"waivers?{_TAIL}", re.IGNORECASE), frozenset({"waiver"})),
    (
        "a gate",
        re.compile(r"(?:#+\s*)?(?:[\d.]+\s+)?(?:quality gate|gate \d+)\**\s*[:–—-]\s*\S", re.IGNORECASE),
        frozenset({"gate", "gate row"}),
    ),
    (
        "a phase",
        re.compile(r"#{2,4}\s*(?:[\d.]+\s+)?(?:step|phase) \d+[\d.]*[a-z]?\s*(?:[:.–—-]|$)", re.IGNORECASE),
        frozenset({"phase", "step"}),
    ),
    (
        "a marked step",
        re.compile(r"\d+(?:\.\d+)*[.)]\s*\W*\[(?:MUST|GUIDELINE|STRICT|CRITICAL)\]"),
        frozenset({"step", "gate"}),
    ),
)
_SHORTEST = 5
_FALLBACK = frozenset({"homeless", "noted", "heading"})
_HINTS = ("halt", "evidence", "threshold", "boolean", "criteri", "waiver", "gate", "step", "phase", "[", "stop cond")


def disagreements(
    source: Source, claims: Claims, fence_of: Mapping[int, int], excused: Callable[[int, str], bool]
) -> tuple[Finding, ...]:
    """GN0202 for every line that looks like an obligation and was read as something else.

    `fence_of` maps lines inside closed fences to the fence's first line; `excused` says whether a line may look like
    `what` and still be a note (a section that only explains).
    """
    found: list[Finding] = []
    for index, raw in enumerate(source.raw):
        if index in fence_of or len(raw) < _SHORTEST:
            continue
        lowered = raw.lower()
        if not any(hint in lowered for hint in _HINTS):
            continue
        what = _looks_like(raw)
        if what is None:
            continue
        name, accepted = what
        claim = claims.of(index)
        if claim is not None and (claim[1] in accepted or claim[1] in _FALLBACK or claim[0] is LineClass.COMMENT):
            continue
        if claim == (LineClass.OBLIGATION, "content") and "bound" in accepted:
            continue
        if not excused(index, name):
            found.append(_finding(source, index, name, claim))
    return tuple(found)


def _looks_like(raw: str) -> tuple[str, frozenset[str]] | None:
    seen = html.unescape(raw) if "&" in raw else raw
    text = _SPACES.sub(" ", seen.replace("\\", "").replace("**", "").replace("`", ""))
    bare = _LEADING.sub("", text.strip(_NOISE))
    for name, pattern, accepted in _LOOKS:
        if pattern.match(bare):
            return name, accepted
    return ("a halt", frozenset({"halt", "bound"})) if "[HALT]" in bare else None


def _finding(source: Source, index: int, name: str, claim: tuple[LineClass, str] | None) -> Finding:
    raw = source.raw[index]
    cause = "nothing read this line"
    if odd_space(raw, len(raw)) is not None:
        cause = "a look-alike space stands in it"
    elif raw.count("**") % 2:
        cause = "a pair of stars is broken"
    elif claim is not None:
        cause = f"it was read as {claim[0].value}"
    message = f"line looks like {name} but was not read as one: {cause}"
    return finding("GN0202", message, source.origin(index), notes=("write it as a field of the step or gate it binds",))
