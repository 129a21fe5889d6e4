"""Smooth weighted round robin: which upstream takes the next request, exactly in proportion and evenly spread."""

from __future__ import annotations

from collections.abc import Collection, Mapping

WHOLE = 100


class Turns:
    """Whose turn it is. Over every 100 requests each upstream gets exactly its percentage; weight 0 gets nothing."""

    def __init__(self, weights: Mapping[str, int]) -> None:
        self._weights: dict[str, int] = {}
        self._credit: dict[str, int] = {}
        self.change(weights)

    @property
    def weights(self) -> Mapping[str, int]:
        """Percent by upstream, as they are now."""
        return dict(self._weights)

    def change(self, weights: Mapping[str, int]) -> None:
        """Use other weights from the next request on; ValueError where they are no distribution."""
        if sum(weights.values()) != WHOLE or min(weights.values()) < 0:
            raise ValueError(f"weights must be 0 or more and add up to {WHOLE}, not {dict(weights)}")
        self._weights = dict(weights)
        self._credit = dict.fromkeys(weights, 0)

    def next(self, without: Collection[str] = ()) -> str | None:
        """The upstream of the next request; None where every one with a weight is in `without`.

        An upstream of weight 0 is never a fall-back: it may hold a release that nobody let out.
        """
        able = {name: weight for name, weight in self._weights.items() if weight and name not in without}
        if not able:
            return None
        for name, weight in able.items():
            self._credit[name] += weight
        chosen = max(able, key=lambda name: self._credit[name])
        self._credit[chosen] -= sum(able.values())
        return chosen
