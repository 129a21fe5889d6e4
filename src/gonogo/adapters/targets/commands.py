"""Moves traffic with the project's own commands: `observe` prints the weights, `traffic` sets them.

Both print `{"weights": {"blue": 95, "green": 5}}`. `traffic` gets the wish in three ways, take one: the placeholders
`{weights}` (JSON), `{fence}` and `{<slot>}` in its arguments, and GONOGO_WEIGHTS and GONOGO_FENCE in its environment.
`observe` may also print `"open": {"blue": 7, "green": 0}`, the requests under way: a slot that was taken out of the
traffic is then waited for until it has none.
What `traffic` prints is quoted but never believed: only `observe` says where traffic goes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace

from gonogo.adapters.json_command import JsonCommand
from gonogo.adapters.shares import WHOLE, check_weights, confirm
from gonogo.errors import BadInput, Broken
from gonogo.evidence.canonical import Tree
from gonogo.ports import TrafficSeen
from gonogo.values import dataclass

_PLACEHOLDER = re.compile(r"\{([a-z0-9-]+)\}")


@dataclass(frozen=True, slots=True)
class CommandsTarget:
    """`slots` maps names to addresses, of which only the names are used here."""

    observe: JsonCommand
    traffic_command: JsonCommand
    slots: Mapping[str, str]

    def __post_init__(self) -> None:
        known = {"weights", "fence", *self.slots}
        for argument in self.traffic_command.argv:
            for name in _PLACEHOLDER.findall(argument):
                if name not in known:
                    raise BadInput(
                        f"the traffic command uses the unknown placeholder {{{name}}}",
                        where=self.traffic_command.name,
                        next_step=f"known: {', '.join(sorted(known))}",
                    )

    def traffic(self) -> TrafficSeen:
        """What `observe` says; Broken where it fails."""
        found = self.observe.ask().get("weights")
        weights = {slot: _percent(found.get(slot)) for slot in self.slots} if isinstance(found, Mapping) else {}
        known = {slot: weight for slot, weight in weights.items() if weight is not None}
        if not isinstance(found, Mapping) or set(found) != set(self.slots) or sum(known.values()) != WHOLE:
            return TrafficSeen(
                known,
                f"`{self.observe.name}` printed no percentages of {', '.join(sorted(self.slots))}",
                readable=False,
            )
        return TrafficSeen(known, f"printed by `{self.observe.name}`", readable=True)

    def open_requests(self) -> Mapping[str, int] | None:
        """What `observe` prints as `open`; None where it prints no count for each slot."""
        found = self.observe.ask().get("open")
        known = {slot: _count(found.get(slot)) for slot in self.slots} if isinstance(found, Mapping) else {}
        counts = {slot: count for slot, count in known.items() if count is not None}
        return counts if found is not None and set(counts) == set(self.slots) else None

    def move(self, weights: Mapping[str, int], fence: int) -> TrafficSeen:
        """Run `traffic`, whose exit status must be 0, and read back with `observe`."""
        check_weights(weights, self.slots)
        wish = json.dumps(dict(sorted(weights.items())))
        values = {"weights": wish, "fence": str(fence), **{slot: str(weight) for slot, weight in weights.items()}}
        argv = tuple(_PLACEHOLDER.sub(lambda found: values[found[1]], part) for part in self.traffic_command.argv)
        command = replace(self.traffic_command, argv=argv)
        try:
            command.ask(GONOGO_WEIGHTS=wish, GONOGO_FENCE=str(fence))
        except Broken as error:
            raise Broken(
                f"the traffic command failed: {error.what}; {self._after()}",
                where=error.where,
                next_step=error.next_step,
            ) from error
        return confirm(self.traffic(), weights, self.traffic_command.name)

    def _after(self) -> str:
        try:
            seen = self.traffic()
        except Broken as error:
            return f"where traffic goes now is unknown ({error.what})"
        return f"the target now does {dict(seen.weights)}" if seen.readable else f"unknown afterwards: {seen.detail}"


def _percent(value: Tree) -> int | None:
    count = _count(value)
    return count if count is not None and count <= WHOLE else None


def _count(value: Tree) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
