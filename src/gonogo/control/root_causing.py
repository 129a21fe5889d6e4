"""Records of root causes: written about a halt by whoever found out, closed only by a gate that passed afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from gonogo.control.opening import Opened
from gonogo.engine.bench import World
from gonogo.errors import Refused
from gonogo.evidence.canonical import Tree, read_object, write_json
from gonogo.evidence.ledger import Entry, time_text
from gonogo.plan.model import Stage, all_stages
from gonogo.ports import Draft
from gonogo.reports.root_causes import CauseClass, Record, gates_that_show
from gonogo.run.site import ROOT_CAUSE
from gonogo.terms import Actor, Digest, Json, RunId
from gonogo.values import dataclass

MOST_WORDS = 2000


@dataclass(frozen=True, slots=True)
class Recorded:
    """A record with who wrote it, and the gate that passed again since; open as long as there is none."""

    record: Record
    by: str
    at: str
    revalidated_by: str

    @property
    def open(self) -> bool:
        """Whether nothing has shown yet that the trouble is gone."""
        return not self.revalidated_by

    def as_json(self) -> dict[str, Json]:
        """The record as an entry of the execution log (F50)."""
        record = self.record
        return {
            "at": self.at,
            "actor": self.by,
            "state": record.stage,
            "blocker": record.blocker,
            "root_cause": record.root_cause,
            "cause_class": record.cause_class.value,
            "resolution": record.resolution,
            "prevention": record.prevention,
            "revalidated_by": self.revalidated_by or None,
        }


@dataclass(frozen=True, slots=True)
class Words:
    """What somebody writes about a blocker."""

    cause_class: CauseClass
    root_cause: str
    resolution: str
    prevention: str


def write_down(world: World, opened: Opened, words: Words, actor: Actor) -> Recorded:
    """Record what the last halt of a run came from. Refused where it was never halted, or where words are missing."""
    halt = last_halt(opened)
    if halt is None:
        raise Refused(f"{opened.run} was never halted", next_step="there is nothing to find the cause of")
    for name, text in (("cause", words.root_cause), ("resolution", words.resolution), ("prevention", words.prevention)):
        if not text.strip() or len(text) > MOST_WORDS:
            raise Refused(
                f"a record needs its {name} in at most {MOST_WORDS} letters", next_step=f"say it with --{name} TEXT"
            )
    blocker = f"{halt.data.get('cause')} at {halt.data.get('stage')}"
    record = Record(
        str(halt.data.get("stage")),
        halt.seq,
        words.cause_class,
        blocker,
        words.root_cause,
        words.resolution,
        words.prevention,
    )
    body: dict[str, Json] = {**asdict(record), "cause_class": record.cause_class.value}
    digest = world.vault.put(write_json(body))
    fields: dict[str, Json] = {"run": opened.run, "halt_seq": halt.seq, "record_sha256": digest}
    world.journal.note([Draft(ROOT_CAUSE, fields)], actor=actor, now=world.clock.now())
    return records(world, opened)[-1]


def last_halt(opened: Opened) -> Entry | None:
    """The entry of the last halt of a run."""
    return next((entry for entry in reversed(opened.entries) if entry.type == "run.halted"), None)


def records(world: World, opened: Opened) -> tuple[Recorded, ...]:
    """Every record about a run, oldest first, each with the gate that closed it."""
    return tuple(_read(world, opened, entry) for entry in of_run(world, opened.run))


def of_run(world: World, run: RunId) -> tuple[Entry, ...]:
    """The entries of records about a run in the log of the site."""
    return tuple(entry for entry in world.journal.site() if entry.type == ROOT_CAUSE and entry.data.get("run") == run)


def read_record(world: World, entry: Entry) -> Record:
    """The record that an entry names."""
    body = read_object(world.vault.read(Digest(str(entry.data.get("record_sha256")))), name="root cause")
    return _record(body)


def _record(body: Mapping[str, Tree]) -> Record:
    seq = body.get("halt_seq")
    words = {name: str(body.get(name)) for name in ("stage", "blocker", "root_cause", "resolution", "prevention")}
    return Record(
        words["stage"],
        seq if isinstance(seq, int) else -1,
        CauseClass(str(body.get("cause_class"))),
        words["blocker"],
        words["root_cause"],
        words["resolution"],
        words["prevention"],
    )


def _read(world: World, opened: Opened, entry: Entry) -> Recorded:
    record = read_record(world, entry)
    return Recorded(record, str(entry.actor), time_text(entry.ts), _revalidated(opened, record, entry))


def _revalidated(opened: Opened, record: Record, written: Entry) -> str:
    """The gate that passed, after the record was written, on what the step owes; empty where none did (RSN-04)."""
    stage: Stage | None = next((item for item in all_stages(opened.plan) if item.id == record.stage), None)
    wanted = gates_that_show(opened.plan, stage) if stage is not None else ()
    for entry in opened.entries:
        after = entry.ts >= written.ts and entry.seq > record.halt_seq
        if entry.type == "gate.judged" and after and entry.data.get("verdict") == "pass":
            gate = str(entry.data.get("gate"))
            if not wanted or gate in wanted:
                return gate
    return ""
