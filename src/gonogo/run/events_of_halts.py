"""What is recorded about a halt and about a deployment that failed, besides that they happened: without effect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from gonogo.terms import Digest
from gonogo.values import dataclass

REPEATED_ON_RESUME: Final = frozenset(
    {"task_failed", "gate_failed", "evidence_missing", "no_go", "judge_hold", "approval_void", "rollback_failed"}
    | {"exit_check"}
)
"""Causes of a halt after which the work from the stage of return on is done again, as a new attempt."""


@dataclass(frozen=True, slots=True)
class RepairProposed:
    """A diagnosis of the halt at entry `halt_seq`, with repairs; it has no effect. `environment` does not answer."""

    stage: str
    halt_seq: int
    kind: str
    environment: str
    proposal: Digest


@dataclass(frozen=True, slots=True)
class RootCauseOpened:
    """After a failed deployment was taken back: why it failed is still to be found (ERR-02, RSN-04)."""

    trigger: str
    cause: str
    detail: Digest | None


@dataclass(frozen=True, slots=True)
class RetrospectiveOpened:
    """After a halt or an end: a retrospective is due between two moments, and who is invited to it (LRN-01)."""

    outcome: str
    due_from: str
    due_to: str
    invited: Sequence[str]


OfHalts: TypeAlias = RepairProposed | RootCauseOpened | RetrospectiveOpened
EVENTS_OF_HALTS: Final[Mapping[str, type[OfHalts]]] = {
    "repair.proposed": RepairProposed,
    "cause.opened": RootCauseOpened,
    "retrospective.opened": RetrospectiveOpened,
}
