"""How a halted run can go on: options with what speaks for and against each, and what people chose (COM-13).

The options are computed from the plan and the recorded state, so that nobody is offered what is not permitted. A choice
is a signed statement; it is on record with its author and moves nothing by itself, the command beside the option does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gonogo.plan.model import Plan
from gonogo.run.state import Answer, Round, RunState
from gonogo.run.waiving import FailedGate, failed_gate, why_not
from gonogo.values import dataclass

POINT: Final = "resume_way"
"""The decision point; without an entry under `decisions` a release manager chooses."""

LETTERS: Final = "ABCDE"


@dataclass(frozen=True, slots=True)
class Way:
    """One way on: what it is, what speaks for it and against it, and the command that takes it (`RUN` is the run)."""

    letter: str
    text: str
    pros: str
    cons: str
    command: str

    def __str__(self) -> str:
        """The option on one line."""
        return f"{self.letter}: {self.text} (for: {self.pros}; against: {self.cons})"


def ways_on(plan: Plan, state: RunState) -> tuple[Way, ...]:
    """What a halted run can do now, lettered; nothing where it is not halted."""
    if state.halted is None:
        return ()
    found = _ways(plan, state, failed_gate(plan, state))
    return tuple(Way(letter, *parts) for letter, parts in zip(LETTERS, found, strict=False))


def _ways(plan: Plan, state: RunState, failed: FailedGate | None) -> Iterator[tuple[str, str, str, str]]:
    yield (
        "repair the cause and repeat the step",
        "what has passed stays passed, and the gate judges new evidence",
        "it takes the time of the repair; a changed script or release needs a new run",
        "gonogo resume RUN --key KEY --reason TEXT",
    )
    if failed is not None and not why_not(failed.rule, plan.ring):
        yield (
            f"ask for a waiver of {failed.rule.name}",
            "the run goes on with this release as it is",
            "the gate stays failed and is called waived everywhere, and people answer for the risk",
            f"gonogo waive RUN {failed.rule.id} --justification TEXT",
        )
    yield (
        "end the run",
        "production is brought back where it was touched" if state.touched else "the environment is free for others",
        "everything is measured and signed anew for the next try",
        "gonogo abort RUN --reason TEXT",
    )
    yield (
        "leave it halted",
        "nothing changes while the cause is looked for",
        "the environment stays held, and evidence and approvals grow old",
        "gonogo status RUN",
    )


def question(plan: Plan, state: RunState) -> str:
    """The decision that is asked for, with all its options, in one sentence."""
    halted = state.halted
    step = next((stage.title for stage in plan.stages if halted and stage.id == halted.stage), "the run as a whole")
    return f"How does it go on at {step}? {'. '.join(str(way) for way in ways_on(plan, state))}."


def choices(state: RunState) -> tuple[tuple[Round, Answer], ...]:
    """Every recorded choice of a run, oldest first."""
    return tuple((asked, said) for asked in state.rounds.values() if asked.point == POINT for said in asked.answers)
