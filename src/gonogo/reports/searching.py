"""Searching what runs taught by words: the rarer a word is among all records, the more it says (LRN-12, LRN-13).

The weight of a word is its inverse document frequency (Sparck Jones, 1972); a record that holds more of the words that
were asked for always stands before one that holds fewer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from gonogo.terms import Json
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class Learned:
    """A record: of which kind, about which run, when and by whom, and what it says, field by field."""

    kind: str
    run: str
    at: str
    by: str
    says: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Hit:
    """A record that holds some of the words; `where` are the fields that hold them."""

    found: Learned
    words: int
    score: float
    where: tuple[str, ...]


def search(records: Sequence[Learned], words: Sequence[str]) -> tuple[Hit, ...]:
    """The records that hold one of `words` at least (one with blanks is a phrase), best first, newest among equals."""
    wanted = [word.casefold() for word in dict.fromkeys(words) if word.strip()]
    folded = [{name: text.casefold() for name, text in _fields(record)} for record in records]
    weights = {word: _weight(sum(_holds(fields, word) for fields in folded), len(records)) for word in wanted}
    hits = [hit for record, fields in zip(records, folded, strict=True) if (hit := _hit(record, fields, weights))]
    newest = sorted(hits, key=lambda hit: hit.found.at, reverse=True)
    return tuple(sorted(newest, key=lambda hit: (-hit.words, -hit.score)))


def _fields(record: Learned) -> Iterator[tuple[str, str]]:
    yield from {"run": record.run, "by": record.by, **record.says}.items()


def _holds(fields: Mapping[str, str], word: str) -> bool:
    return any(word in text for text in fields.values())


def _weight(holding: int, records: int) -> float:
    return math.log(1 + records / holding) if holding else 0.0


def _hit(record: Learned, fields: Mapping[str, str], weights: Mapping[str, float]) -> Hit | None:
    held = [word for word in weights if _holds(fields, word)]
    if not held:
        return None
    where = tuple(name for name, text in fields.items() if any(word in text for word in held))
    return Hit(record, len(held), sum(weights[word] for word in held), where)


def hit_lines(hits: Sequence[Hit]) -> Iterator[str]:
    """Hits for people, and for agents."""
    for hit in hits:
        record = hit.found
        yield f"{record.kind}   {record.run or '-'}   {record.at}   by {record.by}"
        yield from (f"    {name}: {text}" for name, text in record.says.items() if text)
    yield f"{len(hits)} found" if hits else "nothing of what is on file holds these words"


def hit_row(hit: Hit) -> dict[str, Json]:
    """A hit for programs."""
    record = hit.found
    return {
        "kind": record.kind,
        "run": record.run or None,
        "at": record.at,
        "by": record.by,
        "says": dict(record.says),
        "words": hit.words,
        "where": [*hit.where],
    }
