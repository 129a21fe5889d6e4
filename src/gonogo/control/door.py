"""The door: every verb that a surface may use on runs. Each takes the actor who asks (architecture: one door)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path

from gonogo.adapters.run_lock import RunLocks
from gonogo.adapters.run_places import RunPlaces
from gonogo.control.assembling import Report, assemble, silent, store_at
from gonogo.control.following import Wanted, follow
from gonogo.control.meanwhile import anew
from gonogo.control.opening import Opened, Told, load_run, open_run, plan_of, untold
from gonogo.control.remembering import remember
from gonogo.control.seen import Seen, seen_said, world_seen
from gonogo.control.soundness import require_sound
from gonogo.control.sources import open_workspace
from gonogo.control.stores.own_place import demand_own_place
from gonogo.control.stores.project_root import STATE_FOLDER
from gonogo.control.stores.storing import Store
from gonogo.control.tracing import Hear, traced
from gonogo.control.turns import Turns, at_once
from gonogo.control.viewing import refuse_edited_views
from gonogo.control.workflow_files import WorkflowFiles
from gonogo.control.workspaces import Workspace
from gonogo.engine.accepting import Signed, open_round, record_statement
from gonogo.engine.bench import World
from gonogo.engine.by_hand import ask_by_hand, file_by_hand
from gonogo.engine.choosing import ask_choice
from gonogo.engine.driver import Allowed, Driver, Listener, Paused, Stopped, everything
from gonogo.engine.people import people_now
from gonogo.engine.permitting import ask_break_glass
from gonogo.engine.resuming import ask_outcome, ask_resume, lift
from gonogo.engine.stating import OwnWord, ask_own
from gonogo.engine.waiving import Wish, ask_waiver
from gonogo.errors import NotStored, Refused
from gonogo.evidence.acceptance import Accepted
from gonogo.evidence.ledger import Entry
from gonogo.plan.model import Plan
from gonogo.ports import Draft
from gonogo.run.events import AbortRequested, Event, Recorded, RunHalted, data_of, type_of
from gonogo.run.state import Round, RunState
from gonogo.run.waiving import complete_waiver
from gonogo.terms import Actor, Agent, Digest, Engine, RunId
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class How:
    """How a run is driven: whether to stay while people or an environment are awaited, and its priority."""

    patient: bool = False
    priority: int = 0


@dataclass(slots=True)
class Door:
    """One project, opened. Reading creates nothing on disk."""

    workspace: Workspace
    world: World
    plans: dict[Digest, Plan] = field(default_factory=dict)
    """Plans that this door compiled and compared with the ledger, by digest."""
    report: Report = silent
    store: Store | None = None
    """Where the truth is kept; the door's own, opened once."""

    @classmethod
    def at(
        cls, root: Path, environ: Mapping[str, str], report: Report | None = None, *, by_worker: bool = False
    ) -> Door:
        """Open the project at `root`; BadInput where its `gonogo.yaml` cannot be used.

        A worker drives what it writes: it tells no other one of its own events.
        """
        workspace = open_workspace(root)
        require_sound(workspace.findings)
        store = store_at(workspace, environ, by_worker=by_worker)
        world = assemble(root, workspace.project, environ, report or silent, store=store)
        seen = seen_said(environ)
        world = world if seen is None else world_seen(world, seen)
        return cls(workspace, world, report=report or silent, store=store)

    def open(self, protocol: str, release: str, actor: Actor, told: Told = untold) -> Opened:
        """Begin a run of a protocol for a release, with what `told` has to say about it in the log of the site."""
        opened = open_run(self.workspace, self.world, protocol, release, actor, told)
        remember(self.world, opened)
        return opened

    def seen(self, run: RunId, seq: int) -> Door:
        """This door for one act on a run whose last entry has to be number `seq`; the act raises MovedOn otherwise."""
        return replace(self, world=world_seen(self.world, Seen(run, seq)))

    def runs(self) -> tuple[RunId, ...]:
        """All runs, oldest first."""
        return self.world.journal.runs()

    def load(self, run: RunId) -> Opened:
        """A run with its plan and state; BadInput names the known runs where there is no such run."""
        return load_run(self.world, run, self.plans)

    def plan_of(self, run: RunId, entries: tuple[Entry, ...]) -> Plan:
        """The plan of a run whose entries were read already, for whoever folds them in a way of their own."""
        return plan_of(self.world, run, entries, self.plans)

    def is_driven(self, run: RunId) -> bool:
        """Whether an engine of this machine, or a worker of the shared database, drives the run now."""
        if self.store is not None and self.store.shared is not None:
            return self.store.shared.is_driven(run)
        return RunLocks(self.workspace.root / STATE_FOLDER / "runs", self.world.clock).is_driven(run)

    @property
    def workers_drive(self) -> bool:
        """Whether the truth is in a database that workers share: they drive each run as far as it goes."""
        return self.store is not None and self.store.shared is not None

    def drive(self, run: RunId, *, patient: bool, listener: Listener, priority: int = 0) -> Stopped:
        """Drive a run until it is over, halted, or waits; Busy where another engine drives it.

        It waits until there is a place for it (EXE-02). Where another run holds the environment it stands in line by
        `priority`, and stays there where it is `patient`. Where a database is shared, workers drive: then this tells
        them, and watches until there is nothing to wait for.
        """
        if self.store is not None and self.store.shared is not None:
            return follow(self.world, self.load(run), self.store.shared, Wanted(patient, priority), listener=listener)
        how = How(patient, priority)
        stopped = self.drive_while(run, everything, how, listener=listener)
        assert not isinstance(stopped, Paused)
        return stopped

    def drive_while(self, run: RunId, allowed: Allowed, how: How, *, listener: Listener) -> Stopped | Paused:
        """Drive a run as `drive` does, and stop before the first act that is not allowed.

        Refused where workers drive: they go on with whatever comes.
        """
        if self.workers_drive:
            raise Refused(
                "workers drive the runs of this project, and none of them stops half way",
                next_step=f"let them drive it on: gonogo resume {run}",
            )
        state = self.workspace.root / STATE_FOLDER
        locks = RunLocks(state / "runs", self.world.clock)
        with locks.driving(run):
            opened = self.load(run)
            demand_own_place(state, run, opened.entries, self.world.clock)
            project, environ = opened.plan.project, self.world.environ
            world = assemble(self.workspace.root, project, environ, self.report, store=self.store)
            places = RunPlaces(state / "places", at_once(environ))
            turns = Turns(world.journal, world.clock, run, locks, places, how.priority, self.report)
            files = WorkflowFiles(world, opened.plan, run)

            def driver(spans: Hear) -> Driver:
                def heard(state: RunState, event: Recorded) -> None:
                    files.follow()
                    spans(event)
                    listener(state, event)

                engine = Engine("local")
                return Driver(world, opened.plan, run, engine, how.patient, heard, turns.before, turns.rest)

            stored = True
            try:
                with traced(opened, state, environ, self.report) as spans:
                    stopped = turns.drive(lambda: driver(spans).drive_while(allowed), patient=how.patient)
            except NotStored:
                # Nothing more can be written: trying it again would hide what became of the traffic.
                stored = False
                raise
            finally:
                places.leave()
                if stored:
                    files.finish()
            remember(self.world, self.load(run))
            return stopped

    def requests(self, run: RunId) -> tuple[Round, ...]:
        """The open rounds of a run."""
        state = self.load(run).state
        return tuple(item for item in state.rounds.values() if item.status == "open")

    def request(self, run: RunId, name: str) -> tuple[Round, bytes, bytes]:
        """An open round with its request and the text that is shown to signers."""
        asked = open_round(self.load(run).state, name)
        return asked, self.world.vault.read(asked.request), self.world.vault.read(asked.shown)

    def record(self, run: RunId, name: str, statement: bytes, signature: bytes, actor: Actor) -> Accepted:
        """Record a signed statement; Refused with rule and remedy where it does not count.

        Where another person's statement, or an event of the engine, came in between, it is judged again.
        """
        opened = self.load(run)
        self.refuse_edited(opened)
        signed, plan, world = Signed(statement, signature), opened.plan, self.world
        accepted = anew(world, lambda: record_statement(world, plan, people_now(world, plan), run, name, signed, actor))
        remember(self.world, self.load(run))
        return accepted

    def refuse_edited(self, opened: Opened) -> None:
        """Tampered where a view of this run's evidence was edited by hand (C2)."""
        refuse_edited_views(self.world, opened)

    def halt(self, run: RunId, reason: str, actor: Actor, told: Sequence[Draft] = ()) -> None:
        """Stop a run before its next act; what runs now ends by itself. `told` is for the log of the site."""
        detail = self.world.vault.put(reason.encode())
        cause = "agent" if isinstance(actor, Agent) else "person"

        def halted(opened: Opened) -> Event:
            stage = _present(opened)
            return RunHalted(cause, "stop", stage, stage, detail)

        self._append(run, actor, halted, told)

    def abort(self, run: RunId, reason: str, actor: Actor) -> None:
        """End a run; production that was touched is rolled back first, when the run is driven on."""
        asked = AbortRequested(self.world.vault.put(reason.encode()))
        self._append(run, actor, lambda _opened: asked)

    def ask_resume(self, run: RunId, stage: str, actor: Actor) -> str:
        """Open the round whose signature lifts the halt of a run; gives its name."""
        return anew(self.world, lambda: ask_resume(self.world, self._open(run).plan, run, stage, actor))

    def ask_outcome(self, run: RunId, outcome: str, actor: Actor) -> str:
        """Open the round in which a person states what became of an act that nobody knows about; gives its name."""
        return anew(self.world, lambda: ask_outcome(self.world, self._open(run).plan, run, outcome, actor))

    def ask_waiver(self, run: RunId, gate: str, wish: Wish, actor: Actor) -> str:
        """Open the round whose signatures waive the gate at which a run stands; gives its name."""
        return anew(self.world, lambda: ask_waiver(self.world, self._open(run).plan, run, gate, wish, actor))

    def is_waived(self, run: RunId) -> bool:
        """Whether a complete waiver carries the gate at which a run stands: then driving it on lifts its halt."""
        opened = self.load(run)
        return complete_waiver(opened.plan, opened.state, self.world.clock.now()) is not None

    def ask_by_hand(self, run: RunId, step: str, actor: Actor) -> str:
        """Open the round of a manual record of a step; gives its name."""
        return anew(self.world, lambda: ask_by_hand(self.world, self._open(run).plan, run, step, actor))

    def file_by_hand(self, run: RunId, name: str, attached: dict[str, bytes], actor: Actor) -> None:
        """Seal the manual log after round `name` was answered."""
        anew(self.world, lambda: file_by_hand(self.world, self._open(run).plan, run, name, attached, actor))

    def ask_choice(self, run: RunId, actor: Actor) -> str:
        """Open the round in which people choose how a halted run goes on; gives its name."""
        return anew(self.world, lambda: ask_choice(self.world, self._open(run).plan, run, actor))

    def ask_own(self, run: RunId, word: OwnWord, actor: Actor) -> str:
        """Open a round for a statement of one's own (an objection, a sign-off, an acceptance); gives its name."""
        return anew(self.world, lambda: ask_own(self.world, self._open(run).plan, run, word, actor))

    def ask_break_glass(self, run: RunId, actor: Actor) -> str:
        """Open the round whose signatures let a run begin in production outside its window; gives its name."""
        return anew(self.world, lambda: ask_break_glass(self.world, self._open(run).plan, run, actor))

    def lift(self, run: RunId, name: str, actor: Actor) -> None:
        """Lift the halt by the recorded statements of round `name`."""
        anew(self.world, lambda: lift(self.world, self._open(run).plan, run, name, actor))
        remember(self.world, self.load(run))

    def _open(self, run: RunId) -> Opened:
        opened = self.load(run)
        if opened.state.outcome:
            raise Refused(f"{run} is over: {opened.state.outcome}", next_step="open a new run: gonogo run")
        return opened

    def _append(self, run: RunId, actor: Actor, made: Callable[[Opened], Event], told: Sequence[Draft] = ()) -> None:
        """Record what a person orders, on the run as it is at that moment: an engine at work does not keep it out."""

        def record() -> None:
            opened = self._open(run)
            event = made(opened)
            with self.world.journal.write(run, opened.state.seq, actor=actor, now=self.world.clock.now()) as tx:
                tx.append(Draft(type_of(event), data_of(event)))
                for note in told:
                    tx.note(note)

        anew(self.world, record)
        remember(self.world, self.load(run))


def _present(opened: Opened) -> str:
    plan, state = opened.plan, opened.state
    for stage in (plan.rollback,) if plan.rollback and state.rollback else plan.stages:
        if any(
            opened.state.tasks.get(task.id) is None or not opened.state.tasks[task.id].outcome for task in stage.tasks
        ):
            return stage.id
    return opened.plan.closing.id
