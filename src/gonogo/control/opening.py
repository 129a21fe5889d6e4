"""Opening a run: inputs are stored, the plan is bound, and the ledger begins (PRE-01, DOC-27)."""

from __future__ import annotations

import importlib
import platform
import secrets
from collections.abc import Callable, MutableMapping
from importlib import metadata
from typing import Final, TypeAlias

from gonogo.adapters.commands import SupervisedCommands
from gonogo.control.policy_files import FOLDER, InForce, admitted
from gonogo.control.soundness import require_sound
from gonogo.control.sources import manifest_path, openslo_source, protocol_sources
from gonogo.control.workspaces import Workspace
from gonogo.engine.bench import World
from gonogo.engine.bound_plans import bound_plan
from gonogo.engine.handover import PRE_DEPLOYMENT
from gonogo.errors import BadInput, Busy, Refused, Tampered
from gonogo.evidence.ledger import Entry
from gonogo.evidence.trusting import POLICY
from gonogo.plan.model import Plan
from gonogo.plan.sources import Source
from gonogo.plan.stored import stored_form
from gonogo.ports import Draft
from gonogo.run.events import Event, PlanBound, RunClosed, RunOpened, TrustPinned, data_of, recorded, type_of
from gonogo.run.site import CLOSED, LIMITS_CHANGED, OPENED, is_received, opening_note
from gonogo.run.state import RunState, fold
from gonogo.terms import Actor, Digest, RunId, digest_of
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class Opened:
    """A run with its plan and its state as folded now."""

    run: RunId
    plan: Plan
    state: RunState
    entries: tuple[Entry, ...]


COMPILER: Final = "gonogo.control.compiled"
"""Only whoever opens a run compiles: all others follow the plan that was kept, and do not pay for the compiler."""

Told: TypeAlias = Callable[[RunId, Plan], tuple[Draft, ...]]
"""What a surface has to say about a new run in the log of the site, in the transaction that opens it."""


def untold(_run: RunId, _plan: Plan) -> tuple[Draft, ...]:
    """Nothing."""
    return ()


def open_run(
    workspace: Workspace, world: World, protocol: str, release: str, actor: Actor, told: Told = untold
) -> Opened:
    """Begin a run; BadInput where the plan does not compile, Busy where an open run is about the same."""
    compiled = importlib.import_module(COMPILER).compile_for(workspace, protocol, release)
    require_sound(compiled.findings)
    plan: Plan | None = compiled.plan
    if plan is None or compiled.ring is None:
        raise BadInput(f"`{protocol}` cannot be compiled", next_step="`gonogo check` says why")
    people = admitted(workspace, world, actor)
    _refuse_second(world, plan)
    _require_receipt(world, plan)
    run = RunId(f"{plan.name}-{plan.release.version}-{secrets.token_hex(3)}".lower().replace("+", "-"))
    inputs, names = _store(workspace, world, protocol, release, people)
    opened = RunOpened(
        plan.name,
        plan.release.id,
        plan.release.version,
        plan.release.digest,
        plan.environment,
        str(actor),
        platform.node(),
    )
    kept = stored_form(plan)
    stored = world.vault.put(kept) if kept is not None else ""
    bound = PlanBound(plan.digest, inputs, names, dict(plan.scripts), stored, metadata.version("gonogo"))
    policy = digest_of(people.policy) if people.policy else ""
    pinned = TrustPinned(compiled.ring.digest, people.version, policy, list(people.signed_by))
    events: tuple[Event, ...] = (opened, pinned, bound)
    if isinstance(world.commands, SupervisedCommands):
        world.commands.prepare(run)
    drafts = [Draft(type_of(event), data_of(event)) for event in events]
    notes = [Draft(*opening_note(run, opened, plan.digest)), *_limits_note(world, plan, bound), *told(run, plan)]
    entries = world.journal.open_run(run, drafts, actor=actor, now=world.clock.now(), notes=notes)
    return Opened(run, plan, fold(plan, (recorded(entry) for entry in entries)), entries)


def _limits_note(world: World, plan: Plan, bound: PlanBound) -> tuple[Draft, ...]:
    """An entry where the governed limits of a protocol are others than those of its run before (CFG-02)."""
    now = str(bound.inputs.get("gate_limits", ""))
    seen = [entry.data for entry in world.journal.site() if entry.type == LIMITS_CHANGED]
    before = next((data.get("sha256") for data in reversed(seen) if data.get("protocol") == plan.name), "")
    if now == before:
        return ()
    path = bound.names.get("gate_limits", "")
    return (Draft(LIMITS_CHANGED, {"protocol": plan.name, "path": path, "sha256": now, "before": str(before)}),)


def _refuse_second(world: World, plan: Plan) -> None:
    """Busy where a run of the same protocol for the same release is open, as the site's log says."""
    closed: set[str] = set()
    same: list[str] = []
    for entry in world.journal.site():
        run = str(entry.data.get("run"))
        if entry.type == OPENED and (entry.data.get("protocol"), entry.data.get("version")) == (
            plan.name,
            plan.release.version,
        ):
            same.append(run)
        elif entry.type == CLOSED:
            closed.add(run)
    still = next((run for run in same if run not in closed), "")
    if still:
        raise Busy(
            f"{still} is still open for {plan.name} of {plan.release.version}",
            next_step=f"go on with `gonogo resume {still}`, or end it with `gonogo abort {still}`",
        )


def _require_receipt(world: World, plan: Plan) -> None:
    """Refused where the project asks for it, and nobody signed the receipt of what was handed over (HND-07)."""
    if not plan.project.receipt_required or plan.name == PRE_DEPLOYMENT:
        return
    for run in reversed(world.journal.runs()):
        entries = [recorded(entry).event for entry in world.journal.entries(run)]
        first = entries[0]
        same = isinstance(first, RunOpened) and first.release_digest == plan.release.digest
        if same and isinstance(first, RunOpened) and first.protocol == PRE_DEPLOYMENT and RunClosed("ready") in entries:
            if not is_received(world.journal.site(), run):
                raise Refused(
                    f"nobody signed the receipt of what {run} handed over",
                    where="receipt in gonogo.yaml",
                    next_step="gonogo receive .artifacts/protocol-14/PROTOCOL-14-EVIDENCE.zip --key KEY",
                )
            return


def _store(
    workspace: Workspace, world: World, protocol: str, release: str, people: InForce
) -> tuple[dict[str, Digest], dict[str, str]]:
    document, sidecar = protocol_sources(workspace, protocol)
    manifest = manifest_path(workspace.project, release)
    approvers = workspace.project.approvers
    sources = {
        "document": document,
        "sidecar": sidecar,
        "project": workspace.project_source,
        "manifest": Source(manifest, workspace.files.read(manifest)),
        "approvers": Source(approvers, workspace.files.read(approvers)),
    }
    limits = importlib.import_module(COMPILER).gate_limits_source(workspace, document, sidecar)
    if limits is not None:
        sources["gate_limits"] = limits
    promised = openslo_source(workspace)
    if promised is not None:
        sources["openslo"] = promised
    if people.signed:
        sources["policy"] = Source(f"{FOLDER}/{POLICY}", people.policy)
    for handle, signature in (people.signatures or {}).items():
        sources[f"policy.{handle}.sig"] = Source(f"{FOLDER}/{POLICY}.{handle}.sig", signature)
    digests = {name: world.vault.put(source.data) for name, source in sources.items()}
    return digests, {name: source.name for name, source in sources.items()}


def load_run(world: World, run: RunId, known: MutableMapping[Digest, Plan]) -> Opened:
    """A run with the plan that it is bound to; Refused where this version cannot follow it, Tampered where it differs.

    `known` holds plans that were already read and compared, by digest; a new one is added to it.
    """
    entries = world.journal.entries(run)
    plan = plan_of(world, run, entries, known)
    return Opened(run, plan, fold(plan, (recorded(entry) for entry in entries)), entries)


def plan_of(world: World, run: RunId, entries: tuple[Entry, ...], known: MutableMapping[Digest, Plan]) -> Plan:
    """The plan that a run with these entries is bound to; raises what `load_run` raises."""
    bound = next((found for entry in entries if isinstance(found := recorded(entry).event, PlanBound)), None)
    if bound is None:
        raise Tampered(f"{run} has no plan in its ledger", next_step="open a new run")
    plan = known.get(bound.plan_sha256)
    if plan is None:
        plan = bound_plan(world, run, bound)
        known[bound.plan_sha256] = plan
    return plan
