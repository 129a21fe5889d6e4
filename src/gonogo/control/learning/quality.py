"""Evidence completeness and integration integrity of each run, and the quality of all of them (EVS-05, EVS-17).

Completeness counts the required artifacts of the steps that a run has come to: present, and stored with their digest.
Integrity counts what the protocol takes and gives: each declared input is a file with its digest, each input that an
artifact names is one that was sealed or given, each declared output of a finished run is there.
"""

from __future__ import annotations

from decimal import Decimal

from gonogo.control.door import Door
from gonogo.control.opening import Opened
from gonogo.engine.bench import Bench
from gonogo.engine.lineage import lineage
from gonogo.engine.writing import view_paths
from gonogo.errors import GonogoError
from gonogo.evidence.artifacts import Lineage
from gonogo.plan.model import Plan
from gonogo.reports.quality import Counted, Quality, Summed, quality
from gonogo.run.state import Evidence
from gonogo.terms import Digest, Engine, RunId

WHOLE = Decimal(1)
PASS_TARGETS = (
    ("pre-deployment", 1, Decimal("0.95"), "pre-deployment gate 2 pass rate"),
    ("production-deployment", 2, Decimal("0.98"), "production gate 3 pass rate"),
)
"""Protocol, place of the gate in it (from 0), target, name."""

FINISHED = frozenset({"ready", "released"})
MOST = 1 << 30


def quality_over_runs(door: Door) -> tuple[Quality, ...]:
    """The four metrics over every run that can be read."""
    opened = [found for run in door.runs() if (found := _opened(door, run)) is not None]
    rates = [_pass_rate(opened, *wanted) for wanted in PASS_TARGETS]
    complete = quality("evidence completeness", WHOLE, [completeness(door, item) for item in opened])
    whole = quality("integration integrity", WHOLE, [integrity(door, item) for item in opened])
    return (*rates, complete, whole)


def _opened(door: Door, run: RunId) -> Opened | None:
    try:
        return door.load(run)
    except GonogoError:
        return None


def _pass_rate(opened: list[Opened], protocol: str, place: int, target: Decimal, name: str) -> Quality:
    counts = []
    for item in opened:
        gates = tuple(item.plan.gates)
        if item.plan.name == protocol and place < len(gates):
            verdicts = [
                str(entry.data.get("verdict"))
                for entry in item.entries
                if entry.type == "gate.judged" and entry.data.get("gate") == gates[place]
            ]
            failed = tuple(f"judgement {n}: {word}" for n, word in enumerate(verdicts, start=1) if word != "pass")
            counts.append(Counted(item.run, verdicts.count("pass"), len(verdicts), failed))
    return quality(name, target, counts)


def completeness(door: Door, opened: Opened) -> Counted:
    """Required artifacts of the steps that the run has come to, present and with the bytes that were sealed."""
    required = _lineage(door, opened).required
    lacking = [name for name in required if not _is_stored(door, opened.state.evidence.get(name))]
    return Counted(opened.run, len(required) - len(lacking), len(required), tuple(lacking))


def integrity(door: Door, opened: Opened) -> Counted:
    """Declared inputs and outputs that are matched by digest."""
    made = _lineage(door, opened)
    given = {item.artifact for item in made.upstream if item.sha256 is not None}
    rows = [
        (f"input {name} from {source}", name in given)
        for name, source, optional in opened.plan.artifacts
        if not optional
    ]
    rows += _named(opened, made)
    if opened.state.outcome in FINISHED:
        rows += [(f"output {name} for {protocol}", _has(door, opened, name)) for name, protocol in opened.plan.outputs]
    lacking = tuple(words for words, ok in rows if not ok)
    return Counted(opened.run, len(rows) - len(lacking), len(rows), lacking)


def _named(opened: Opened, made: Lineage) -> list[tuple[str, bool]]:
    """Inputs that the artifacts of this run name, where a file of that name was sealed here: it has to be that one."""
    sealed: dict[str, set[Digest]] = {}
    for entry in opened.entries:
        if entry.type == "evidence.sealed":
            sealed.setdefault(str(entry.data.get("name")), set()).add(Digest(str(entry.data.get("sha256"))))
    return [
        (f"input {name} of {step.step}", digest in sealed[name])
        for step in made.transformations
        for name, digest in step.inputs.items()
        if name in sealed
    ]


def _has(door: Door, opened: Opened, name: str) -> bool:
    packages = {item.name: item.sha256 for item in opened.state.packages.values()}
    if name in packages:
        return _readable(door, packages[name])
    return _is_stored(door, opened.state.evidence.get(name))


def _is_stored(door: Door, item: Evidence | None) -> bool:
    return item is not None and _readable(door, item.digest)


def _readable(door: Door, digest: Digest) -> bool:
    try:
        door.world.vault.read(digest, limit=MOST)
    except GonogoError:
        return False
    return True


def _lineage(door: Door, opened: Opened) -> Lineage:
    return lineage(_bench(door, opened.plan, opened))


def _bench(door: Door, plan: Plan, opened: Opened) -> Bench:
    task = plan.stages[0].tasks[0]
    now = door.world.clock.now()
    return Bench(door.world, plan, opened.state, opened.run, Engine("local"), task, 1, now)


def summed_up(door: Door, opened: Opened) -> tuple[Summed, ...]:
    """Each current artifact: where it lies, what for, for whom, for which gate, what was measured (EVS-01)."""
    notes = _lineage(door, opened).notes
    return tuple(
        Summed(item, view_paths(opened.plan.name, item.name), notes[item.name])
        for item in opened.state.evidence.values()
    )
