"""Writing to the ledger: one transaction for what belongs together, blobs for every text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gonogo.engine.bench import Bench, Produced
from gonogo.engine.checkpointing import POINTS, closing_checkpoint, write_marked
from gonogo.engine.crash_points import LEASES_FREED, NOT_SHOWN
from gonogo.evidence.merkle import Frontier
from gonogo.plan.model import Plan
from gonogo.ports import Draft, Transaction
from gonogo.run.events import Event, EvidenceSealed, RunClosed, data_of, type_of
from gonogo.run.site import closing_note, site_note
from gonogo.run.state import RunState
from gonogo.terms import Digest, digest_of


def append(bench: Bench, events: Sequence[Event]) -> None:
    """Append `events` after the state that `bench` saw; raises Moved where somebody else wrote meanwhile."""
    marked = any(isinstance(event, POINTS) for event in events)
    before = so_far(bench) if marked else Frontier()
    with bench.world.journal.write(bench.run, bench.state.seq, actor=bench.actor, now=bench.world.clock.now()) as tx:
        written = write_marked(bench.world, bench.plan.ring.site, bench.run, before, tx, events)
        for event, entry in zip(events, written, strict=True):
            noted = site_note(bench.run, event, entry)
            if noted is not None:
                tx.note(Draft(*noted))


def so_far(bench: Bench) -> Frontier:
    """The log of this run up to the state that `bench` saw."""
    return bench.world.frontiers.upto(bench.world.journal, bench.run, bench.state.seq)


def append_close(bench: Bench, event: RunClosed, first: Sequence[Event] = ()) -> None:
    """Append the end of a run and give back every environment that it holds, in one transaction (engine section 5.4).

    Nothing else gives an environment back: a halted run keeps what it holds. `first` are events that lead to the end.
    """
    before, site = so_far(bench), bench.plan.ring.site
    with bench.world.journal.write(bench.run, bench.state.seq, actor=bench.actor, now=bench.world.clock.now()) as tx:
        written = [tx.append(Draft(type_of(each), data_of(each))) for each in (*first, event)]
        last = written[-1]
        checkpoint = closing_checkpoint(bench.world, site, bench.run, before.grown(each.line for each in written))
        tx.note(Draft(*closing_note(bench.run, event, last, checkpoint)))
        for environment in bench.plan.project.environments:
            tx.free_lease(environment)
        bench.world.crash(LEASES_FREED)


def write(tx: Transaction, events: Sequence[Event]) -> None:
    """Append `events` inside an open transaction."""
    for event in events:
        tx.append(Draft(type_of(event), data_of(event)))


def blob(bench: Bench, text: str) -> Digest | None:
    """Store text for people in the vault and give its digest; no text, no digest."""
    return bench.world.vault.put(text.encode("utf-8", "replace")) if text else None


def sealed(bench: Bench, files: Sequence[Produced]) -> tuple[EvidenceSealed, ...]:
    """Store evidence files in the vault; the events that record them still have to be appended."""
    events = []
    for file in files:
        digest = bench.world.vault.put(file.data)
        events.append(EvidenceSealed(file.name, digest, len(file.data), bench.stage.id, bench.attempt, file.status))
    return tuple(events)


def show(bench: Bench, files: Sequence[Produced]) -> None:
    """Write the readable copies below `.artifacts/`, after the events are committed."""
    show_stored(bench, {file.name: digest_of(file.data) for file in files})


def show_stored(bench: Bench, names: Mapping[str, Digest]) -> None:
    """The same for files that are in the vault already, by name."""
    bench.world.crash(NOT_SHOWN)
    bench.world.views.write(_placed(bench.plan.name, names))


def views_of(plan: Plan, state: RunState) -> dict[str, Digest]:
    """Every view of a run's current evidence and packages, by path."""
    names = {item.name: item.digest for item in state.evidence.values()}
    return _placed(plan.name, names | {item.name: item.sha256 for item in state.packages.values()})


def show_missing(bench: Bench) -> None:
    """Write the views that are not there: an engine that died after recording had no time to show. Edited ones stay."""
    expected = views_of(bench.plan, bench.state)
    gone = [item.path for item in bench.world.views.differences(expected) if item.kind == "missing"]
    if gone:
        bench.world.views.write({path: expected[path] for path in gone})


VIEW_FOLDERS = {
    "pre-deployment": ("pre-deployment", "protocol-14"),
    "production-deployment": ("deployment",),
    "deployment-automation": ("deployment-automation", "deployment/deployment-automation"),
}


SUBFOLDERS: Mapping[str, frozenset[str]] = {
    "staging-logs": frozenset({"staging-deployment-run.log", "rehearsal-report.json"}),
    "security-scans": frozenset({"security-compliance-report.json"}),
    "approvals": frozenset({"readiness-approval.json", "production-approval.json", "reviewer-signoff.json"}),
}
"""Where a document asks for runs, scan reports and sign-offs in folders of their own, beside the others (EVS-07)."""


MANUAL_LOG = "manual-validation-log."
MANUAL_FOLDERS: Mapping[str, tuple[str, ...]] = {
    "pre-deployment": ("protocol-21",),
    "production-deployment": ("protocol-11",),
}
"""Where the documents look for what people did by hand: further views of the same bytes (MAN-05, C2)."""


def view_paths(protocol: str, name: str) -> tuple[str, ...]:
    """Where the views of an evidence file lie below `.artifacts/`: every place that a document names (C2, EVS-06)."""
    places = ("", *(f"{folder}/" for folder, names in SUBFOLDERS.items() if name in names))
    folders = VIEW_FOLDERS.get(protocol, (protocol,))
    if name.startswith(MANUAL_LOG):
        folders = (*folders, *MANUAL_FOLDERS.get(protocol, ()))
    return tuple(f"{folder}/{place}{name}" for folder in folders for place in places)


def _placed(protocol: str, names: Mapping[str, Digest]) -> dict[str, Digest]:
    return {path: digest for name, digest in names.items() for path in view_paths(protocol, name)}
