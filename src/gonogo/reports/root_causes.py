"""Trouble with a step, told three ways: what it can come from, what to do, and by which gate it is seen to be gone.

The four classes of causes, the triple of each step, the reasoning that is shown with it, and the record of a cause.
All of it explains; nothing of it is a condition of anything (RSN-03, RSN-04, RSN-05, RSN-14).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final

from gonogo.plan.model import Plan, Stage
from gonogo.values import dataclass


class CauseClass(enum.Enum):
    """Where trouble comes from: what had to be there, what others handed over, what was written, what it runs on."""

    PREREQUISITE = "prerequisite-missing"
    UPSTREAM = "upstream-inadequate"
    INSTRUCTIONS = "instructions-ambiguous"
    ENVIRONMENT = "environment-failed"


@dataclass(frozen=True, slots=True)
class Triple:
    """Possible causes with their classes, the solution, and what shows that it worked."""

    causes: tuple[tuple[CauseClass, str], ...]
    solution: str
    validation: str


@dataclass(frozen=True, slots=True)
class Reasoning:
    """Why a step is done as it is: the name of the pattern, an example, and the reason."""

    pattern: str
    example: str
    reason: str


_C = CauseClass
TRIPLES: Final[Mapping[str, Triple]] = {
    "intake-validation-report.json": Triple(
        (
            (_C.PREREQUISITE, "an artifact was never made"),
            (_C.UPSTREAM, "an approval from another protocol ran out, or that protocol did not finish"),
        ),
        "ask the owner that the report names to renew or complete it, then run the intake again",
        "every artifact is there and every approval is valid",
    ),
    "staging-parity-report.json": Triple(
        (
            (_C.ENVIRONMENT, "infrastructure drifted"),
            (_C.UPSTREAM, "a setting or a secret was changed in one environment only"),
        ),
        "bring staging to what production has, or list the difference as expected, then compare again",
        "the drift is no worse than the gate allows",
    ),
    "rehearsal-report.json": Triple(
        (
            (_C.INSTRUCTIONS, "a script is wrong, or its steps are in the wrong order"),
            (_C.ENVIRONMENT, "staging itself failed"),
        ),
        "repair the script, its order or staging, then rehearse again",
        "the deployment ends well without errors",
    ),
    "staging-test-results.json": Triple(
        (
            (_C.UPSTREAM, "the code has a defect"),
            (_C.ENVIRONMENT, "the deployment or the test environment is not right"),
        ),
        "repair the code, the deployment or the test environment, then run the tests again",
        "all critical tests pass",
    ),
    "rollback-verification-report.json": Triple(
        (
            (_C.INSTRUCTIONS, "the rollback automation is wrong or too slow"),
            (_C.ENVIRONMENT, "infrastructure kept it from finishing"),
        ),
        "repair or speed up the rollback, then rehearse it again",
        "the rollback ends well within the recovery time",
    ),
    "security-compliance-report.json": Triple(
        (
            (_C.UPSTREAM, "a dependency has a vulnerability or a licence that is not allowed"),
            (_C.PREREQUISITE, "a control has no evidence"),
        ),
        "update or replace the dependency, or supply the evidence, then scan again",
        "no blocking finding is open",
    ),
    "pre-deployment-manifest.json": Triple(
        (
            (_C.PREREQUISITE, "evidence is missing"),
            (_C.INSTRUCTIONS, "the manifest or a checksum does not match what is there"),
        ),
        "run the step again that owes the missing file, then assemble the package again",
        "the package is complete and every checksum holds",
    ),
    "readiness-approval.json": Triple(
        (
            (_C.PREREQUISITE, "a risk is open or evidence is incomplete"),
            (_C.INSTRUCTIONS, "people have a concern that the record does not answer"),
        ),
        "resolve the risk, complete the evidence or answer the concern, then ask again",
        "the approvals are recorded",
    ),
}
"""The triple of each step by the evidence that it owes; eight of them."""

PHASES: Final[Mapping[int, Reasoning]] = {
    1: Reasoning(
        "validate before you rehearse",
        "an approval that ran out is renewed before staging is touched",
        "a rehearsal on what is not valid proves nothing, and has to be done again",
    ),
    2: Reasoning(
        "rehearse as production will do it",
        "the same script installs the same bytes in staging, in the same order",
        "what differs from production is what the rehearsal cannot find",
    ),
    3: Reasoning(
        "prove the way back first",
        "the release is rolled back in staging and timed before anybody approves it",
        "a release that cannot be taken back is not ready, however good it is",
    ),
    4: Reasoning(
        "decide on the whole record",
        "people see package, gates and open items at once, and sign exactly that",
        "whoever decides on parts decides on what was left out, too",
    ),
}
"""The reasoning of each phase."""


@dataclass(frozen=True, slots=True)
class Record:
    """What people found out about one blocker: where the run was halted, by which entry, and in which words."""

    stage: str
    halt_seq: int
    cause_class: CauseClass
    blocker: str
    root_cause: str
    resolution: str
    prevention: str

    def markdown(self) -> str:
        """The record with its four fields, as it stands in the log of the run."""
        return (
            f"**Blocker:** {self.blocker}\n**Root Cause:** {self.cause_class.value}: {self.root_cause}\n"
            f"**Resolution:** {self.resolution}\n**Prevention:** {self.prevention}\n"
        )


def triple_of(stage: Stage) -> Triple | None:
    """The triple of a step; None for steps that own none."""
    return next((TRIPLES[name] for name in stage.evidence if name in TRIPLES), None)


def reasoning_of(plan: Plan, stage: Stage) -> Reasoning | None:
    """The reasoning of a step's phase; only protocols that validate before production have one built in."""
    known = any(triple_of(each) is not None for each in plan.stages)
    return PHASES.get(stage.phase) if known else None


def gates_that_show(plan: Plan, stage: Stage) -> tuple[str, ...]:
    """The gates that judge what a step owes: passing them again shows that the trouble is gone (RSN-04)."""
    owed = set(stage.evidence)
    found = [rule.id for rule in plan.gates.values() if owed & set(rule.files)]
    return tuple(found) or ((stage.id.removeprefix("gate/"),) if stage.kind == "gate" else ())
