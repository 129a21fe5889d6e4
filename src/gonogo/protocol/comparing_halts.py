"""Is a halt sentence weaker than it was? Effects downgraded, conditions narrowed, a way to lift it added (DOC-27)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gonogo.protocol.change import Change, Direction, sense
from gonogo.protocol.model import Halt, HaltEffect

_RANK = {HaltEffect.PAUSE: 1, HaltEffect.HOLD: 2, HaltEffect.STOP: 3}


def compare_halts(where: str, old: Sequence[Halt], new: Sequence[Halt]) -> tuple[Change, ...]:
    """Changes between the halts of one owner; a sentence that says the same in other words is no change."""
    left, right = list(old), list(new)
    pairs: list[tuple[Halt, Halt]] = []
    for alike in (_same_text, _same_condition, _overlapping):
        for before in tuple(left):
            after = next((halt for halt in right if alike(before, halt)), None)
            if after is not None:
                left.remove(before)
                right.remove(after)
                pairs.append((before, after))
    # What is left has nothing in common that could be shown: a replaced halt is a lost one and a new one.
    changes = [Change(Direction.WEAKER, where, "halt", halt.text, "", halt.origin, None) for halt in left]
    changes += [Change(Direction.STRONGER, where, "halt", "", halt.text, None, halt.origin) for halt in right]
    for before, after in pairs:
        direction = _direction(before, after)
        if direction is not None:
            changes.append(Change(direction, where, "halt", before.text, after.text, before.origin, after.origin))
    return tuple(changes)


def _same_text(old: Halt, new: Halt) -> bool:
    return sense(old.text) == sense(new.text)


def _same_condition(old: Halt, new: Halt) -> bool:
    return _alternatives(old) == _alternatives(new)


def _overlapping(old: Halt, new: Halt) -> bool:
    return bool(_alternatives(old) & _alternatives(new))


def _alternatives(halt: Halt) -> frozenset[str]:
    """The parts of `a, b or c`, each of which halts by itself. A halt without condition always halts."""
    parts = re.split(r",?\s+or\s+|,\s*", sense(halt.condition))
    return frozenset(part for part in parts if part) or frozenset({""})


def _direction(old: Halt, new: Halt) -> Direction | None:
    effects = _effect_direction(old, new)
    condition = _condition_direction(old, new)
    lifted = _lift_direction(old, new)
    directions = {effects, condition, lifted} - {None}
    if not directions:
        return None
    return Direction.WEAKER if Direction.WEAKER in directions else Direction.STRONGER


def _effects(halt: Halt) -> frozenset[HaltEffect]:
    """The effects; a sentence with no known verb acts as stop (GN0308)."""
    return halt.effects or frozenset({HaltEffect.STOP})


def _effect_direction(old: Halt, new: Halt) -> Direction | None:
    before, after = _effects(old), _effects(new)
    if before == after:
        return None
    rank_before = max((_RANK.get(effect, 0) for effect in before), default=0)
    rank_after = max((_RANK.get(effect, 0) for effect in after), default=0)
    others_kept = before - set(_RANK) <= after
    return Direction.STRONGER if rank_after >= rank_before and others_kept else Direction.WEAKER


def _condition_direction(old: Halt, new: Halt) -> Direction | None:
    before, after = _alternatives(old), _alternatives(new)
    if before == after:
        return None
    widened = after > before or "" in after
    return Direction.STRONGER if widened and "" not in before else Direction.WEAKER


def _lift_direction(old: Halt, new: Halt) -> Direction | None:
    before, after = sense(old.lifted_by or ""), sense(new.lifted_by or "")
    if before == after:
        return None
    return Direction.STRONGER if before and not after else Direction.WEAKER
