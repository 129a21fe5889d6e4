"""Weights of slots: what a proxy's numbers mean in percent, and in which order weights are changed (PX-01)."""

from __future__ import annotations

from collections.abc import Mapping

from gonogo.errors import BadInput, Broken, Refused
from gonogo.ports import TrafficSeen

WHOLE = 100


def check_weights(weights: Mapping[str, int], slots: Mapping[str, str]) -> None:
    """BadInput where `weights` are not whole percentages of exactly the known slots that add up to 100."""
    if set(weights) != set(slots):
        raise BadInput(
            f"weights name {', '.join(sorted(weights)) or 'nothing'}, the target has {', '.join(sorted(slots))}"
        )
    if sum(weights.values()) != WHOLE or min(weights.values()) < 0:
        raise BadInput(f"weights {said(weights)} are not percentages that add up to {WHOLE}")


def refuse_older(fence: int, present: int, where: str) -> None:
    """Refused where the writer with `fence` comes after a newer one, whose fence `present` stands at the target."""
    if present > fence:
        raise Refused(
            f"fence {fence} is older than {present}, which last moved this traffic",
            where=where,
            next_step="another engine took over this environment; nothing was moved: read who holds it",
        )


def said(weights: Mapping[str, int]) -> str:
    """`blue 95 %, green 5 %`."""
    return ", ".join(f"{slot} {weight} %" for slot, weight in sorted(weights.items())) or "nothing"


def percentages(raw: Mapping[str, int]) -> Mapping[str, int]:
    """Any weights as whole percentages that add up to 100, by largest remainder; all 0 where the sum is 0."""
    total = sum(raw.values())
    if not total:
        return dict.fromkeys(raw, 0)
    floors = {slot: weight * WHOLE // total for slot, weight in raw.items()}
    by_remainder = sorted(raw, key=lambda slot: (-(raw[slot] * WHOLE % total), slot))
    for slot in by_remainder[: WHOLE - sum(floors.values())]:
        floors[slot] += 1
    return floors


def ordered_changes(before: Mapping[str, int], after: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """The single changes that lead from `before` to `after`: every raise comes before every lowering (PX-01).

    Lowering first would leave an instant in which no server has a weight, and requests fail with 503.
    """
    raised = [(slot, weight) for slot, weight in sorted(after.items()) if weight > before.get(slot, 0)]
    lowered = [(slot, weight) for slot, weight in sorted(after.items()) if weight < before.get(slot, 0)]
    return (*raised, *lowered)


def confirm(seen: TrafficSeen, wanted: Mapping[str, int], where: str, said_by_proxy: str = "") -> TrafficSeen:
    """`seen` where it is what was wanted; Broken with both otherwise: a move is believed only after its read-back."""
    if seen.readable and seen.weights == wanted:
        return seen
    words = f"; it said: {said_by_proxy}" if said_by_proxy else ""
    raise Broken(
        f"asked for {said(wanted)}, the target now does {said(seen.weights)} ({seen.detail}){words}",
        where=where,
        next_step="the move may be half done: read the target again before anything else is moved",
    )
