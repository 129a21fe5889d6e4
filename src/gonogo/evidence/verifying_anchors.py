"""The part of verifying that looks outside: does the log agree with what others keep (EVS-16)?

A listed witness counts by its cosignature, a branch by its signed commits, a time stamp by its authority; those two
were verified by whoever read them, because they need other programs. Where no witness is listed, a checkpoint that
the reader kept counts as one anchor. The same party never counts twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from gonogo.errors import Tampered
from gonogo.evidence.anchor_rules import AnchorRules
from gonogo.evidence.closed import moment_text
from gonogo.evidence.merkle import leaf_digest, prefix_roots
from gonogo.evidence.note import Checkpoint, read_note
from gonogo.evidence.verifying_case import Case
from gonogo.evidence.witnessing import witnessed_at
from gonogo.values import dataclass

SKEW: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Outside:
    """A checkpoint on a branch or under a time stamp, verified by whoever read it; `at` is None without a time."""

    note: bytes
    who: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Anchors:
    """What the anchors say: what is wrong, how many different ones agree, and the words for how far they reach."""

    problems: tuple[str, ...]
    agreeing: int
    words: str


@dataclass(frozen=True, slots=True)
class _Voice:
    """Somebody who kept a checkpoint of this log."""

    checkpoint: Checkpoint
    who: str
    at: datetime | None


def weighed(case: Case, rules: AnchorRules, notes: Sequence[bytes], outside: Sequence[Outside]) -> Anchors:
    """Compare the log with everything that was kept of it elsewhere."""
    origin = case.said("/log/origin")
    leaves = [leaf_digest(entry.line) for entry in case.entries]
    given = [checkpoint for data in (*notes, *(item.note for item in outside)) if (checkpoint := _of(data, origin))]
    problems = _disagreeing(leaves, given)
    voices = [voice for voice in _voices(rules, notes, outside, origin) if voice.checkpoint.size <= len(leaves)]
    problems += [
        f"{voice.who} saw entry {voice.checkpoint.size - 1} before it was written"
        for voice in voices
        if voice.at is not None and voice.at < case.entries[voice.checkpoint.size - 1].ts - SKEW
    ]
    best: dict[str, _Voice] = {}
    for voice in voices:
        if voice.who not in best or best[voice.who].checkpoint.size < voice.checkpoint.size:
            best[voice.who] = voice
    reach = sorted(best.values(), key=lambda voice: (-voice.checkpoint.size, voice.who))
    if problems or len(reach) < rules.needed:
        return Anchors(tuple(problems), len(reach), "")
    last = reach[rules.needed - 1].checkpoint.size
    by = ", ".join(_words(voice) for voice in reach if voice.checkpoint.size >= last)
    return Anchors((), len(reach), f"intact, anchored up to entry {last - 1} of {len(leaves) - 1} by {by}")


def _of(data: bytes, origin: str) -> Checkpoint | None:
    checkpoint = read_note(data).checkpoint
    return checkpoint if checkpoint.origin == origin and checkpoint.size else None


def _disagreeing(leaves: Sequence[bytes], given: Iterable[Checkpoint]) -> list[str]:
    problems: list[str] = []
    found = list(given)
    # A run goes on after a package is sealed: later checkpoints are no cut where this very point was kept, too.
    sealed_here = any(checkpoint.size == len(leaves) for checkpoint in found)
    roots = prefix_roots(leaves, {checkpoint.size for checkpoint in found})
    for checkpoint in dict.fromkeys(found):
        if checkpoint.size > len(leaves):
            if not sealed_here:
                what = f"the log has {len(leaves)} entries, but {checkpoint.size} were anchored: its end was cut"
                problems.append(what)
        elif roots.get(checkpoint.size) != checkpoint.root:
            problems.append(f"the log differs from what was anchored at entry {checkpoint.size}")
    return problems


def _voices(rules: AnchorRules, notes: Sequence[bytes], outside: Sequence[Outside], origin: str) -> Iterator[_Voice]:
    for data in notes:
        checkpoint = _of(data, origin)
        if checkpoint is not None:
            yield from _witnesses(rules, data, checkpoint) if rules.witnesses else (_Voice(checkpoint, YOURS, None),)
    for item in outside:
        checkpoint = _of(item.note, origin)
        if checkpoint is not None:
            yield _Voice(checkpoint, item.who, item.at)


YOURS: Final = "a copy that you keep"


def _witnesses(rules: AnchorRules, data: bytes, checkpoint: Checkpoint) -> tuple[_Voice, ...]:
    found = []
    for key in rules.witnesses:
        try:
            seen = datetime.fromtimestamp(witnessed_at(data, key), UTC)
        except Tampered:
            continue
        found.append(_Voice(checkpoint, f"witness {key.name}", seen))
    return tuple(found) if len(found) >= max(1, rules.witness_quorum) else ()


def _words(voice: _Voice) -> str:
    return f"{voice.who} ({moment_text(voice.at)})" if voice.at is not None else voice.who
