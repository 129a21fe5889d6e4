"""What is recorded about decision trees: the branch that was taken, and the check at the exit of a phase (RSN-01)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

from gonogo.terms import Json
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class BranchTaken:
    """A branch was taken because of `facts`: how its step ended, its cause, verdict and evidence by digest.

    The condition and the outcome stand in the plan under `branch`. `to` is the stage that follows, empty for none.
    """

    branch: str
    stage: str
    attempt: int
    way: str
    to: str
    facts: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class ExitChecked:
    """What the `THEN` of a phase asks for was looked up. `facts` say for each part what shows it; `held` is all."""

    check: str
    attempt: int
    held: bool
    facts: Mapping[str, Json]


OfBranches: TypeAlias = BranchTaken | ExitChecked
EVENTS_OF_BRANCHES: Final[Mapping[str, type[OfBranches]]] = {"branch.taken": BranchTaken, "exit.checked": ExitChecked}
