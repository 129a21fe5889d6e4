"""Which required decisions are filled by whom: every slot by another person (REV-05, FP-06, C35).

A slot is a set of roles of which any one suffices. One person never fills two slots, with whatever roles and keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class Vote:
    """A valid approval: who, in which role."""

    person: str
    role: str


def filled_slots(slots: Sequence[frozenset[str]], votes: Sequence[Vote]) -> Mapping[int, Vote]:
    """The greatest possible assignment of votes to slots, one person to one slot (augmenting paths)."""
    suitable = [[vote for vote in votes if vote.role in roles] for roles in slots]
    holder: dict[str, int] = {}
    chosen: dict[int, Vote] = {}
    for slot in range(len(slots)):
        _place(slot, suitable, holder, chosen, set())
    return chosen


def _place(
    slot: int,
    suitable: Sequence[Sequence[Vote]],
    holder: dict[str, int],
    chosen: dict[int, Vote],
    tried: set[str],
) -> bool:
    """Find a person for `slot`, moving earlier ones to other slots where that helps."""
    for vote in suitable[slot]:
        if vote.person in tried:
            continue
        tried.add(vote.person)
        before = holder.get(vote.person)
        if before is None or _place(before, suitable, holder, chosen, tried):
            holder[vote.person] = slot
            chosen[slot] = vote
            return True
    return False
