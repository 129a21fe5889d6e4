"""The decision tree at a step as people see it: each branch, and the attempt in which it was taken last (RSN-01)."""

from __future__ import annotations

from gonogo.plan.model import Plan, Stage
from gonogo.protocol.model import BranchWay
from gonogo.run.state import RunState
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class ShownBranch:
    """A branch; `taken_in` is the attempt of its step in which it was last taken, 0 for never in this run."""

    id: str
    keyword: str
    condition: str
    outcome: str
    way: str
    to: str
    taken_in: int

    @property
    def turns_back(self) -> bool:
        """Whether it halts, or has something done again."""
        return self.way != BranchWay.PROCEED.value


def branches_at(plan: Plan, state: RunState, stage: Stage) -> tuple[ShownBranch, ...]:
    """The branches that the end of `stage` decides, and the parts of a `THEN` that is checked there."""
    found = [
        ShownBranch(
            each.id, each.keyword, each.condition, each.outcome, each.way.value, each.to, state.branches.get(each.id, 0)
        )
        for each in plan.transitions
        if each.stage == stage.id
    ]
    for check in plan.exit_checks:
        taken = state.branches.get(check.id, 0)
        named = [part for part in check.parts if part.stage == stage.id]
        found += [
            ShownBranch(check.id, "then", part.text, "the phase may be left", "proceed", "", taken) for part in named
        ]
    return tuple(found)
