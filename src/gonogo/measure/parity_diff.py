"""The comparison itself: two flat mappings, by type and content, in linear time (components section 9).

1, true and "1" differ; 1.10 and 1.1 differ, since versions are written so. Secrets are fingerprints and never values.
"""

from __future__ import annotations

import enum
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from itertools import compress, repeat
from operator import and_, eq, is_, methodcaller, not_
from typing import TypeAlias

from gonogo.measure.figures import total
from gonogo.measure.glob_rules import AcceptedDrift, ParityRules, first_match
from gonogo.terms import Severity
from gonogo.values import dataclass

MOST_SHOWN = 200
"""Characters of a value that a report shows."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Keyed digest of a secret. None: only its presence and age are known, so it can be compared by neither side."""

    digest: str | None
    rotated_at: str | None = None


@dataclass(frozen=True, slots=True)
class Encrypted:
    """Text of a value that encrypts differently each time; only equal text says anything (PA-03)."""

    text: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that the source names and does not tell, with the reason; it can be compared by nobody (PAR-09)."""

    reason: str


class Empty(enum.Enum):
    """A setting that has parts and has none of them."""

    MAPPING = "{}"
    LIST = "[]"


class Absent(enum.Enum):
    """What a side has at a path where it has nothing."""

    ABSENT = "(absent)"


ABSENT = Absent.ABSENT

Leaf: TypeAlias = bool | int | Decimal | str | Fingerprint | Encrypted | Unknown | Empty | None
SeenLeaf: TypeAlias = Leaf | Absent


class DiffersIn(enum.Enum):
    """In what two sides differ. NOTHING: they are equal and must not be."""

    PRESENCE = "presence"
    TYPE = "type"
    VALUE = "value"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Difference:
    """One path whose two sides are not as they should be, with its rating."""

    path: str
    staging: SeenLeaf
    production: SeenLeaf
    differs_in: DiffersIn
    severity: Severity
    weight: Decimal
    accepted: AcceptedDrift | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything two sides have to say. `weights` is by the first part of the path; differences are sorted by path."""

    compared: int
    compared_weight: Decimal
    weights: Mapping[str, Decimal]
    differences: tuple[Difference, ...]
    not_comparable: tuple[tuple[str, str], ...]

    def weight_below(self, prefix: str) -> Decimal:
        """Weight of all compared items whose path begins with `prefix`, e.g. `/configuration/`."""
        return self.weights.get(prefix.strip("/"), Decimal(0))


def difference_between(staging: Mapping[str, Leaf], production: Mapping[str, Leaf], rules: ParityRules) -> Comparison:
    """Compare two sides, both read whole; every path of either side is either compared or listed as not comparable."""
    duties = any(expectation.must_differ for expectation in rules.expected)
    equal, others = _sorted_out(staging, production, duties=duties)
    severity_at = first_match([rule.path for rule in rules.severities])
    look = _looker(rules)
    accepted_at = first_match([drift.path for drift in rules.accepted])
    differing: list[Difference] = []
    unclear: list[tuple[str, str]] = []
    compared = equal
    for path in others:
        left, right = staging.get(path, ABSENT), production.get(path, ABSENT)
        answer = look(path, left, right)
        if isinstance(answer, str):
            unclear.append((path, answer))
            continue
        compared.append(path)
        if answer is not None:
            severity, weight = _rating(rules, severity_at(path))
            accepted = accepted_at(path)
            acceptance = None if accepted is None else rules.accepted[accepted]
            differing.append(Difference(path, left, right, answer, severity, weight, acceptance))
    weights = _weights(_counted(compared, rules, severity_at))
    return Comparison(
        compared=len(compared),
        compared_weight=total(weights.values()),
        weights=weights,
        differences=tuple(sorted(differing, key=lambda difference: difference.path)),
        not_comparable=tuple(sorted(unclear)),
    )


_SIMPLE = frozenset({str, int, bool, type(None)})
"""Types whose equal values are the same setting; a decimal is not, since 1.10 and 1.1 are two versions."""


def _sorted_out(
    staging: Mapping[str, Leaf], production: Mapping[str, Leaf], *, duties: bool
) -> tuple[list[str], list[str]]:
    """The paths at which both sides simply have the same, and all others; with duties even those need a look."""
    if duties:
        return [], list(dict.fromkeys((*staging, *production)))
    left, right = staging.values(), list(map(production.get, staging, repeat(ABSENT)))
    kinds, other_kinds = list(map(type, left)), list(map(type, right))
    whole = len(staging) == len(production) and Absent not in set(other_kinds)
    others = [] if whole else [path for path in production if path not in staging]
    known = list(map(is_, kinds, other_kinds))
    if not _SIMPLE.issuperset(kinds):
        known = list(map(and_, known, map(_SIMPLE.__contains__, kinds)))
    same = list(map(and_, known, map(eq, left, right)))
    return list(compress(staging, same)), [*others, *compress(staging, map(not_, same))]


def _classes(paths: list[str]) -> Iterator[tuple[str, int]]:
    """How many paths there are below each first part, for all paths of one part at a time: there are few such parts."""
    while paths:
        parts = paths[0].split("/", 2)
        alone = len(parts) < 3
        below = [path == paths[0] for path in paths] if alone else _begin(paths, f"/{parts[1]}/")
        yield parts[1], sum(below)
        paths = list(compress(paths, map(not_, below)))


def _begin(paths: list[str], prefix: str) -> list[bool]:
    return list(map(methodcaller("startswith", prefix), paths))


def _counted(
    paths: list[str], rules: ParityRules, severity_at: Callable[[str], int | None]
) -> Mapping[tuple[str, Decimal], int]:
    """How many compared paths there are of each class and weight."""
    if all(rule.weight == 1 for rule in rules.severities):
        return {(group, Decimal(1)): count for group, count in _classes(paths)}
    weights = {index: rule.weight for index, rule in enumerate(rules.severities)}
    rated = Counter((path[1 : path.find("/", 1)], severity_at(path)) for path in paths)
    found: dict[tuple[str, Decimal], int] = {}
    for (group, index), count in rated.items():
        weight = Decimal(1) if index is None else weights[index]
        found[group, weight] = found.get((group, weight), 0) + count
    return found


def _rating(rules: ParityRules, index: int | None) -> tuple[Severity, Decimal]:
    if index is None:
        return Severity.MEDIUM, Decimal(1)
    return rules.severities[index].severity, rules.severities[index].weight


def _weights(counts: Mapping[tuple[str, Decimal], int]) -> Mapping[str, Decimal]:
    sums: dict[str, list[Decimal]] = {}
    for (name, weight), count in counts.items():
        sums.setdefault(name, []).append(weight * count)
    return {name: total(parts) for name, parts in sums.items()}


Answer: TypeAlias = DiffersIn | str | None
"""In what two sides differ, or why nobody can tell, or None where they are as they should be."""


def _looker(rules: ParityRules) -> Callable[[str, SeenLeaf, SeenLeaf], Answer]:
    expected_at = first_match([expectation.path for expectation in rules.expected])
    duties = any(expectation.must_differ for expectation in rules.expected)

    def look(path: str, left: SeenLeaf, right: SeenLeaf) -> Answer:
        answer = _difference(left, right)
        if answer is DiffersIn.PRESENCE or answer is DiffersIn.TYPE or (answer is None and not duties):
            return answer
        index = expected_at(path)
        if index is None:
            return answer
        if rules.expected[index].must_differ:
            return DiffersIn.NOTHING if answer is None else None if answer is DiffersIn.VALUE else answer
        return None

    return look


def _difference(left: SeenLeaf, right: SeenLeaf) -> Answer:
    if left is ABSENT or right is ABSENT:
        return DiffersIn.PRESENCE
    match left, right:
        case Fingerprint(digest=one), Fingerprint(digest=other):
            if one is None or other is None:
                return "the store gives no fingerprint of this secret for both sides"
            return None if one == other else DiffersIn.VALUE
        case Encrypted(text=one_text), Encrypted(text=other_text):
            return None if one_text == other_text else "encrypted anew each time; give fingerprints of the values"
        case (Encrypted(), Fingerprint()) | (Fingerprint(), Encrypted()):
            return "encrypted on one side, a fingerprint on the other"
        case (Unknown(reason=reason), _) | (_, Unknown(reason=reason)):
            return reason
        case _:
            return _plain_difference(left, right)


def _plain_difference(left: SeenLeaf, right: SeenLeaf) -> DiffersIn | None:
    if type(left) is not type(right):
        return DiffersIn.TYPE
    equal = str(left) == str(right) if isinstance(left, Decimal) else left == right
    return None if equal else DiffersIn.VALUE


def shown(leaf: SeenLeaf) -> str:
    """A leaf as a report shows it: JSON spelling, so that types are visible; of secrets only the fingerprint."""
    match leaf:
        case Fingerprint(digest=digest, rotated_at=rotated_at):
            age = f", rotated {rotated_at}" if rotated_at else ""
            return f"fingerprint {digest[:16] if digest else 'unknown'}{age}"
        case Encrypted():
            return "(encrypted)"
        case Unknown():
            return "(unknown)"
        case Absent():
            return leaf.value
        case Empty():
            return leaf.value
        case str():
            return _cut(json.dumps(leaf, ensure_ascii=False))
        case Decimal():
            return _cut(str(leaf))
        case _:
            return _cut(json.dumps(leaf))


def _cut(text: str) -> str:
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}… ({len(text)} characters)"
