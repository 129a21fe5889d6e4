"""The plan that a run is bound to, as it was kept when the run was opened, whatever would be compiled now (DOC-27).

A run of a version that kept no plan is compiled again from its stored inputs, and has to come to the same digest.
"""

from __future__ import annotations

import importlib

from gonogo.engine.bench import World
from gonogo.errors import BadInput, Refused, Tampered
from gonogo.plan.model import Plan
from gonogo.plan.sources import Source, Sources
from gonogo.plan.stored import MOST_BYTES, ForeignPlan, stored_plan
from gonogo.run.events import PlanBound
from gonogo.terms import Digest, RunId

OPTIONAL_INPUTS = ("gate_limits", "policy", "openslo")
INPUTS = ("document", "sidecar", "project", "manifest", "approvers")


def stored_sources(world: World, bound: PlanBound) -> Sources:
    """The inputs of a plan as they were stored when the run was opened."""
    stored = {
        name: Source(bound.names[name], world.vault.read(bound.inputs[name]))
        for name in (*INPUTS, *OPTIONAL_INPUTS)
        if name in INPUTS or name in bound.inputs
    }
    return Sources(
        document=stored["document"],
        sidecar=stored["sidecar"],
        project=stored["project"],
        manifest=stored["manifest"],
        approvers=stored["approvers"],
        scripts=bound.scripts,
        gate_limits=stored.get("gate_limits"),
        policy=stored.get("policy"),
        openslo=stored.get("openslo"),
    )


def bound_plan(world: World, run: RunId, bound: PlanBound) -> Plan:
    """The plan of a run. Tampered where the kept bytes are other ones, Refused where this version cannot follow it."""
    return _kept(world, run, bound) if bound.stored_sha256 else _compiled(world, run, bound)


def _kept(world: World, run: RunId, bound: PlanBound) -> Plan:
    try:
        plan = stored_plan(world.vault.read(Digest(bound.stored_sha256), limit=MOST_BYTES))
    except ForeignPlan as error:
        raise _cannot(run, bound, error.what) from error
    except BadInput as error:
        raise Tampered(
            f"the plan of {run} cannot be read: {error.what}",
            where=error.where,
            next_step="restore the folder .gonogo/vault from a backup, or abort the run and open a new one",
        ) from error
    if plan.digest != bound.plan_sha256:
        raise Tampered(f"the kept plan of {run} is another one", next_step="do not go on with this run")
    return plan


def _compiled(world: World, run: RunId, bound: PlanBound) -> Plan:
    # Every run of today kept its plan; the compiler is a fifth of what an engine costs to load.
    compiler = importlib.import_module("gonogo.plan.compiling")
    plan: Plan | None = compiler.compile_plan(stored_sources(world, bound)).plan
    if plan is None or plan.digest != bound.plan_sha256:
        raise _cannot(run, bound, "the version that opened it kept no plan, and this one compiles another one")
    return plan


def _cannot(run: RunId, bound: PlanBound, why: str) -> Refused:
    version = f"gonogo {bound.engine}" if bound.engine else "the gonogo that opened it"
    return Refused(
        f"{run} is bound to plan {bound.plan_sha256[:12]}…, which this version cannot follow: {why}",
        next_step=f"go on with {version}, nothing is lost; or end it there (gonogo abort {run}) and open a new run",
    )
