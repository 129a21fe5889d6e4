"""Applies the fixes of findings (compiler section 15): by applicability, all or nothing each, never losing meaning.

A machine fix may not change the model at all; a reviewed fix may not make it weaker. What would is left out and named.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gonogo.document.reading import read_document
from gonogo.findings import Applicability, Edit, Finding, Fix
from gonogo.protocol.change import any_weaker
from gonogo.protocol.comparing import compare
from gonogo.protocol.model import Protocol
from gonogo.protocol.sameness import without_places
from gonogo.values import dataclass

_MOST_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class Fixed:
    """The text after fixing, what was applied, and what was not because it would have changed what the text means."""

    text: str
    applied: tuple[str, ...]
    refused: tuple[str, ...]


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """`text` with `edits` made; they must not overlap."""
    for edit in sorted(edits, key=lambda edit: edit.span.start, reverse=True):
        text = text[: edit.span.start] + edit.text + text[edit.span.end :]
    return text


def fix_document(data: bytes, file: str, *, review: bool = False) -> Fixed:
    """Fix, read again, and fix again until nothing is left to do; with `review`, also the fixes that people looked at.

    The text that comes back has repaired characters; writing it in place of damaged bytes is a separate decision.
    """
    reading = read_document(data, file)
    text, protocol = reading.text, reading.protocol
    applied: list[str] = []
    refused: dict[str, None] = {}
    for _ in range(_MOST_ROUNDS):
        fixes = [fix for fix in _wanted(reading.findings, review=review) if _named(fix) not in refused]
        chosen = _apart(fixes)
        if not chosen:
            break
        for fix in chosen:
            # One at a time from the end, so that the spans of those before it stay true.
            changed = apply_edits(text, fix.edits)
            after = read_document(changed.encode(), file).protocol
            if _allowed(fix, protocol, after):
                text, protocol = changed, after
                applied.append(fix.title)
            else:
                refused[_named(fix)] = None
        reading = read_document(text.encode(), file)
    return Fixed(text, tuple(applied), tuple(name.split("\0")[0] for name in refused))


def _wanted(findings: Iterable[Finding], *, review: bool) -> list[Fix]:
    fixes = [fix for finding in findings for fix in finding.fixes if fix.edits]
    return [fix for fix in fixes if review or fix.applicability is Applicability.MACHINE]


def _named(fix: Fix) -> str:
    return "\0".join((fix.title, *(f"{edit.span.start}:{edit.text}" for edit in fix.edits)))


def _apart(fixes: Sequence[Fix]) -> list[Fix]:
    """Fixes that do not touch the same place, from the end of the text; the others wait for the next round."""
    chosen: list[Fix] = []
    taken: list[tuple[int, int]] = []
    for fix in sorted(fixes, key=lambda fix: max(edit.span.end for edit in fix.edits), reverse=True):
        low = min(edit.span.start for edit in fix.edits)
        high = max(edit.span.end for edit in fix.edits)
        if all(high <= start for start, _ in taken):
            taken.append((low, high))
            chosen.append(fix)
    return chosen


def _allowed(fix: Fix, before: Protocol | None, after: Protocol | None) -> bool:
    if before is None or after is None:
        # Nothing is known to be lost where nothing was modelled; a model may never vanish.
        return before is None
    if without_places(before) == without_places(after):
        return True
    return fix.applicability is Applicability.REVIEW and not any_weaker(compare(before, after))
