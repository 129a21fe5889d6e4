"""What pre-deployment handed over: its run for this very release, with every stored file (PRE-13..PRE-17, RDY-01)."""

from __future__ import annotations

from gonogo.engine.bench import Bench
from gonogo.engine.bound_plans import bound_plan
from gonogo.errors import GonogoError
from gonogo.plan.model import Plan
from gonogo.run.events import PlanBound, RunOpened, recorded
from gonogo.run.state import Evidence, RunState, fold
from gonogo.terms import RunId
from gonogo.values import dataclass

PRE_DEPLOYMENT = "pre-deployment"


@dataclass(frozen=True, slots=True)
class Handover:
    """A finished pre-deployment run for the same release digest."""

    run: RunId
    plan: Plan
    state: RunState

    def file(self, name: str) -> Evidence | None:
        """A file of that run by name: evidence, or a sealed package."""
        found = self.state.evidence.get(name)
        if found is not None:
            return found
        for sealed in self.state.packages.values():
            if sealed.name == name and self.state.closed_at:
                return Evidence(name, sealed.sha256, sealed.size, "package", 1, "sealed", 0, self.state.closed_at)
        return None


def handover(bench: Bench) -> Handover | None:
    """The newest pre-deployment run that ended `ready` for exactly this release manifest; None where there is none."""
    for run in reversed(bench.world.journal.runs()):
        found = _ready(bench, run)
        if found is not None:
            return found
    return None


def _ready(bench: Bench, run: RunId) -> Handover | None:
    entries = [recorded(entry) for entry in bench.world.journal.entries(run)]
    opened = entries[0].event
    if not isinstance(opened, RunOpened) or opened.protocol != PRE_DEPLOYMENT:
        return None
    if opened.release_digest != bench.plan.release.digest:
        return None
    bound = next((entry.event for entry in entries if isinstance(entry.event, PlanBound)), None)
    if bound is None:
        return None
    try:
        plan = bound_plan(bench.world, run, bound)
    except GonogoError:
        return None
    state = fold(plan, entries)
    return Handover(run, plan, state) if state.outcome == "ready" else None
