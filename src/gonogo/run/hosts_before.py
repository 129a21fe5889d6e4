"""Hosts as they were when their environment was observed, before anything was changed (ROL-01, ROL-06)."""

from __future__ import annotations

from collections.abc import Mapping

from gonogo.plan.hosts import groups
from gonogo.plan.model import Plan
from gonogo.run.arms import Arms
from gonogo.terms import Json


def version_on(seen: Mapping[str, Json], host: str) -> str:
    """What a host answered then; where it was not asked, what the front answered."""
    known = seen.get("hosts")
    found = known.get(host) if isinstance(known, Mapping) else None
    return str(found).partition(" ")[0] if found else str(seen.get("stable_version") or "")


def arms_of_hosts(plan: Plan, seen: Mapping[str, Json], *, watched: bool) -> Arms | None:
    """The hosts of production in their batches, with what each ran before; None where it has slots."""
    shipped = groups(plan.project)
    steps = tuple(names for each in shipped for names in each)
    before = {host: version_on(seen, host) for names in steps for host in names}
    sizes = tuple(len(each) for each in shipped)
    return Arms(batches=steps, watched=watched, before=before, groups=sizes) if steps else None
