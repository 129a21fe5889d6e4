"""What a halt is diagnosed as, and the repairs that are proposed for it (ERR-10, ERR-12; C73).

Proposals are words. Nothing reads one to decide: a person accepts one by carrying it out and signing that the halt is
lifted, and the run then measures and judges again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gonogo.values import dataclass

UNREACHABLE: Final = "environment_unreachable"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The class of a condition, what people should look at, and the repairs in the order in which to try them."""

    kind: str
    finding: str
    repairs: tuple[str, ...]


BY_CAUSE: Final[Mapping[str, Diagnosis]] = {
    "task_failed": Diagnosis(
        "act_failed",
        "an act of the step ended in a failure",
        (
            "read the last lines of its output",
            "repair the script, the binding or the environment",
            "try the step again",
        ),
    ),
    "gate_failed": Diagnosis(
        "gate_not_passed",
        "a gate did not pass by what was measured",
        ("repair what the failed clauses name", "return to the step that owes the measurement", "judge the gate again"),
    ),
    "evidence_missing": Diagnosis(
        "output_missing",
        "a step ended without the evidence that it owes",
        ("let its command write the file into GONOGO_OUT", "run the step again"),
    ),
    "no_go": Diagnosis(
        "people_refused",
        "somebody with a say said no",
        ("read the reason", "resolve what it names", "ask the people again"),
    ),
    "judge_hold": Diagnosis(
        "no_verdict",
        "the metrics did not settle whether the new version is as good",
        ("see that all metrics arrive and that there is traffic", "try the rollout again"),
    ),
    "approval_void": Diagnosis(
        "approval_void",
        "an approval no longer covers what would be done",
        ("see what changed since it was given", "ask for it anew"),
    ),
    "rollback_failed": Diagnosis(
        "rollback_failed",
        "production could not be brought back",
        ("bring the old version back by hand", "repair the rollback script", "let the rollback be verified again"),
    ),
    "time_limit": Diagnosis(
        "too_long",
        "the run was at work longer than a protocol may be",
        ("see which part took the time: gonogo metrics time", "go on, or end the run and begin another one"),
    ),
    "outcome_unknown": Diagnosis(
        "outcome_unknown",
        "nobody knows whether an act took effect",
        ("look at the environment", "say what you saw, with your signature"),
    ),
}
UNEXPECTED: Final = Diagnosis(
    "unexpected",
    "the run stands still for a reason of its own",
    ("read the reason and the last entries of the log", "repair what is named", "lift the halt"),
)


def diagnosis_of(cause: str, unreachable: str = "") -> Diagnosis:
    """The diagnosis of a halt by its cause; `unreachable` names an environment that does not answer."""
    if not unreachable:
        return BY_CAUSE.get(cause, UNEXPECTED)
    repairs = ("repair the connection or the credentials", "retry the connection, or abort the run")
    return Diagnosis(UNREACHABLE, f"{unreachable} cannot be reached", repairs)
