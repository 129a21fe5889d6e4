"""Threshold sentences, Boolean checks and criteria as comparisons (compiler section 6; DOC-13, DOC-14).

What does not parse is handed back as text, never dropped: a part that stands beside a clause still has to be attested
by a person, and a branch that would let a threshold be missed is reported as an escape while both halves hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gonogo.findings import Origin
from gonogo.protocol.clause_grammar import Comparison, comparisons, path_comparison
from gonogo.protocol.threshold import Clause
from gonogo.values import dataclass

MOST_CLAUSES = 64
MOST_TEXT = 4096

_CONNECTOR = re.compile(r",\s+(?:and\s+|with\s+)?|\s+(?:and|with|plus)\s+|\s+&\s+", re.IGNORECASE)
_SEPARATOR = re.compile(r";\s*|\.\s+(?=[A-Z0-9`])|\s+\|\s+")
_BRACKETS = re.compile(r"\s*\(([^()]*)\)")
_ESCAPE = re.compile(r"(?:^|,?\s+)(?:or|unless|except(?: when| if| where)?|otherwise)\s+(?P<text>.+)$", re.IGNORECASE)
_ESCAPE_WORD = re.compile(
    r"\b(waive|exception|exempt|overr|approv|sign|accept|document|justif|mitigat|defer|risk|bypass"
    r"|skip|permission|ticket"
    r"|consent|agree|plan)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a sentence means: `clauses` to compare, `unbound` parts that are no comparison, `escapes` found in it."""

    clauses: tuple[Clause, ...] = ()
    unbound: tuple[str, ...] = ()
    escapes: tuple[str, ...] = ()


def read_threshold(text: str, origin: Origin) -> Reading:
    """Read the value of a `Pass Threshold` field."""
    return _read(text, origin, loose=True, path=False)


def read_boolean(text: str, origin: Origin) -> Reading:
    """Read the value of a `Boolean Check` field; `metric` is the dotted path as written."""
    return _read(text, origin, loose=True, path=True)


def read_criteria(text: str, origin: Origin) -> Reading:
    """Read criteria: only what is a comparison beyond doubt becomes one, the rest is prose."""
    return _read(text, origin, loose=False, path=False)


def _read(text: str, origin: Origin, *, loose: bool, path: bool) -> Reading:
    words = " ".join(text.replace("**", "").replace("`", "").split())[:MOST_TEXT]
    clauses: list[Clause] = []
    unbound: list[str] = []
    escapes: list[str] = []
    for part in _split(words):
        for group in _groups(part, loose=loose, path=path):
            _read_group(group, clauses, unbound, escapes, loose=loose, path=path)
    placed = tuple(_placed(clause, origin) for clause in clauses[:MOST_CLAUSES])
    surplus = tuple(clause.written for clause in clauses[MOST_CLAUSES:])
    return Reading(placed, (*dict.fromkeys(unbound), *surplus), tuple(escapes))


def _placed(clause: Clause, origin: Origin) -> Clause:
    return Clause(clause.metric, clause.op, clause.limit, clause.unit, clause.scope, clause.written, origin)


def _split(words: str) -> Iterator[str]:
    """The parts between semicolons and sentence ends, outside brackets."""
    for part in _outside_brackets(words, _SEPARATOR):
        trimmed = part.strip().rstrip(".;").strip()
        if trimmed:
            yield trimmed


def _outside_brackets(words: str, pattern: re.Pattern[str]) -> Iterator[str]:
    depth, at, start = 0, 0, 0
    cuts = {match.start(): match.end() for match in pattern.finditer(words)}
    while at < len(words):
        char = words[at]
        if char in "([":
            depth += 1
        elif char in ")]":
            depth = max(0, depth - 1)
        elif depth == 0 and at in cuts:
            yield words[start:at]
            at = start = cuts[at]
            continue
        at += 1
    yield words[start:]


def _groups(part: str, *, loose: bool, path: bool) -> Iterator[str]:
    """Cut `part` where the text to the right of a comma, `and` or `with` is a clause by itself."""
    pieces = list(_outside_brackets(part, _CONNECTOR))
    if len(pieces) == 1:
        yield part
        return
    at = 0
    start = 0
    for index, piece in enumerate(pieces):
        if index:
            found = part.index(piece, at)
            if _is_clause(piece, loose=loose, path=path):
                yield part[start:at].strip(" ,")
                start = found
            at = found
        at += len(piece)
    yield part[start:].strip(" ,")


def _is_clause(piece: str, *, loose: bool, path: bool) -> bool:
    bare = _BRACKETS.sub("", piece).strip()
    found = _compare(bare, loose=loose, path=path)
    return found is not None


def _compare(text: str, *, loose: bool, path: bool) -> Comparison | None:
    if path:
        found = path_comparison(text)
        if found is not None:
            return found
    return comparisons(text, loose=loose)


def _read_group(
    group: str, clauses: list[Clause], unbound: list[str], escapes: list[str], *, loose: bool, path: bool
) -> None:
    bracketed = _BRACKETS.findall(group)
    bare = " ".join(_BRACKETS.sub("", group).split())
    escape = _escape_of(bare, loose=loose, path=path)
    if escape is not None:
        bare, branch = escape
        escapes.append(group)
        found = _compare(branch, loose=loose, path=path)
        clauses.extend(found.clauses if found else ())
        unbound.extend(() if found else (branch,))
    found = _compare(bare, loose=loose, path=path)
    if found is None:
        unbound.append(bare if escape else group)
        return
    clauses.extend(found.clauses)
    unbound.extend((found.rest,) if found.rest else ())
    for inner in bracketed:
        _read_brackets(inner, group, clauses, unbound, escapes)


def _read_brackets(inner: str, group: str, clauses: list[Clause], unbound: list[str], escapes: list[str]) -> None:
    """Brackets are a further clause where they parse, an escape where they offer one, else a note."""
    further = comparisons(inner.strip(), loose=False)
    if further is not None and not further.rest:
        clauses.extend(further.clauses)
    elif (branch := re.match(r"(?:or|unless|except)\b\s*(.*)$", inner.strip(), re.IGNORECASE)) is not None:
        escapes.append(group)
        unbound.append(branch[1])


def _escape_of(bare: str, *, loose: bool, path: bool) -> tuple[str, str] | None:
    """The clause and the branch of `clause or text`, where the text is an escape and not part of a name or a scope."""
    match = _ESCAPE.search(bare)
    if match is None:
        return None
    left, branch = bare[: match.start()].strip(" ,"), match["text"].strip()
    if not left:
        return None
    plain_or = re.match(r",?\s+or\s", bare[match.start() :], re.IGNORECASE) is not None
    if not plain_or:
        return left, branch
    if _ESCAPE_WORD.search(branch):
        return left, branch
    whole = _compare(bare, loose=loose, path=path)
    if whole is not None and not whole.rest:
        return None
    if _compare(left, loose=loose, path=path) is None:
        return None
    return left, branch
