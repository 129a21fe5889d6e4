"""What is recorded about a halt and about a deployment that failed, besides that they happened: without effect."""

from __future__ import annotations

from collections.abc import Sequence

from gonogo.terms import Digest
from gonogo.values import dataclass


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
