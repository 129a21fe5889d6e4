"""Judging a package again from its raw evidence (GAT-01, GAT-02, EVS-16): nothing that it says of itself is believed.

The plan is compiled anew from the document, sidecar, project file, release manifest and people in the package; it has
to be the one that the log bound the run to. The log is folded entry by entry; at each recorded judgement the gate is
judged from the files that were current then, with the time of that judgement, and has to come to the same answer. The
text that people were shown is written again, too, and has to be the one that they signed. So is every answer of the
rollout judge, from the samples in the log.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import BinaryIO, Final

from gonogo.errors import GonogoError, Tampered
from gonogo.evidence.canonical import Tree, read_object, write_json
from gonogo.evidence.filing import filed, judgement_paths, round_files, text_in
from gonogo.evidence.ledger import Entry, read_log, time_of
from gonogo.evidence.package_reading import Package, open_package
from gonogo.evidence.packing import LOG, RELEASE_MANIFEST, input_paths
from gonogo.evidence.policy import read_policy
from gonogo.evidence.signers import Ring
from gonogo.evidence.statements import read_request
from gonogo.evidence.verifying import MOST_LOG, POLICY, Check
from gonogo.findings import Level
from gonogo.plan.compiling import compile_plan
from gonogo.plan.digest import plan_bytes
from gonogo.plan.model import GateRule, Plan
from gonogo.plan.sources import Source, Sources
from gonogo.reports.showing import Asking, shown_text
from gonogo.run.events import DecisionRequested, GateJudged, PlanBound, RolloutJudged, RunOpened, recorded
from gonogo.run.gate import GateJudgement, SealedFile, Subject, judge, judgement_body
from gonogo.run.rejudging import Compared, alike, compared, differences
from gonogo.run.state import RunState, advance
from gonogo.terms import Digest, RunId, digest_of
from gonogo.values import dataclass

SKEW: Final = timedelta(seconds=10)
"""How far the time of a judgement may lie from that of its entry: acts take time, and clocks are set."""

OPTIONAL: Final = frozenset({"gate_limits", "openslo"})
MOST_FILE: Final = 64 << 20
_LOOK: Final = "ask for the package again, made by a gonogo that files what a plan is compiled from"
_COMPARED: Final = ("text", "file", "pointer", "measured", "operator", "limit", "result", "sha256")


@dataclass(frozen=True, slots=True)
class _Inside:
    """What a package says about its run."""

    package: Package
    entries: tuple[Entry, ...]
    run: RunId
    bound: PlanBound


def recompute(file: BinaryIO | bytes) -> tuple[Check, ...]:
    """`plan`, `gates again`, `shown again` and `judge again` of a package; what cannot be done is a failed check."""
    try:
        inside = _open(open_package(file))
        plan = _compiled(inside)
    except GonogoError as error:
        return (Check("plan", ok=False, detail=f"{error.where}: {error.what}" if error.where else error.what),)
    told = f"compiles again to sha256 {inside.bound.plan_sha256}"
    same = digest_of(plan_bytes(plan)) == inside.bound.plan_sha256
    found = Check("plan", ok=same, detail=told if same else f"compiles to another one, sha256 {plan.digest}")
    try:
        return (found, *_again(plan, inside))
    except GonogoError as error:
        return (found, Check("course", ok=False, detail=f"the log cannot be what happened: {error.what}"))


def _again(plan: Plan, inside: _Inside) -> tuple[Check, ...]:
    """Every judgement, text and answer of the log, from the state before it."""
    gates: list[str] = []
    shown: list[str] = []
    counted = [0, 0]
    answers: list[Compared] = []
    for entry, state in _steps(plan, inside):
        said = recorded(entry)
        try:
            match said.event:
                case GateJudged() as event:
                    counted[0] += 1
                    gates += _judged_otherwise(plan, inside, entry, event, state)
                case DecisionRequested():
                    counted[1] += 1
                    shown += _shown_otherwise(plan, inside, entry, state)
                case RolloutJudged() as event:
                    answers.append(compared(state.rollings.get(event.task), said, event))
                case _:
                    pass
        except GonogoError as error:
            (gates if isinstance(said.event, GateJudged) else shown).append(f"entry {entry.seq}: {error.what}")
    return (
        _check("gates again", gates, f"{counted[0]} judgements, each comes to the same answer"),
        _check("shown again", shown, f"{counted[1]} rounds, each showed what follows from the log"),
        _check("judge again", list(differences(answers)), alike(answers)),
    )


def _check(name: str, problems: list[str], detail: str) -> Check:
    return Check(name, ok=not problems, detail="; ".join(problems[:3]) or detail)


def _open(package: Package) -> _Inside:
    entries = read_log(package.read(LOG, limit=MOST_LOG))
    events = [recorded(entry).event for entry in entries]
    bound = [event for event in events if isinstance(event, PlanBound)]
    if not entries or not isinstance(events[0], RunOpened) or len(bound) != 1:
        raise Tampered("the log does not bind one plan to the run", where=LOG, next_step=_LOOK)
    seal = read_object(package.read("seal.json"), name="seal.json").get("predicate")
    run = seal.get("run_id") if isinstance(seal, Mapping) else None
    return _Inside(package, entries, RunId(str(run)), bound[0])


def _compiled(inside: _Inside) -> Plan:
    """The plan, compiled from the package alone. Raises Tampered where an input is not the one that the log bound."""
    slug = _slug(inside.package)
    paths = {
        "document": f"protocol/{slug}.md",
        "manifest": RELEASE_MANIFEST,
        **{name: f"protocol/{path}" for name, path in input_paths(slug).items()},
    }
    sources = {}
    for name, path in paths.items():
        if name in OPTIONAL and name not in inside.bound.inputs:
            continue
        data = inside.package.read(path)
        if digest_of(data) != inside.bound.inputs.get(name):
            raise Tampered("is not the one that the run was bound to", where=path, next_step=_LOOK)
        sources[name] = Source(inside.bound.names[name], data)
    ring = _ring(inside, f"protocol/{slug}.gonogo.lock.json")
    found = compile_plan(
        Sources(
            document=sources["document"],
            sidecar=sources["sidecar"],
            project=sources["project"],
            manifest=sources["manifest"],
            approvers=ring,
            scripts=inside.bound.scripts,
            gate_limits=sources.get("gate_limits"),
            openslo=sources.get("openslo"),
        )
    )
    if found.plan is None:
        why = next((item.message for item in found.findings if item.level is Level.ERROR), "no plan")
        raise Tampered(f"the inputs do not compile: {why}", where=paths["document"], next_step=_LOOK)
    return found.plan


def _slug(package: Package) -> str:
    locks = [path for path in package.members if path.startswith("protocol/") and path.endswith(".gonogo.lock.json")]
    if len(locks) != 1:
        raise Tampered("the package holds no lock, or more than one", where="protocol/", next_step=_LOOK)
    return locks[0].removeprefix("protocol/").removesuffix(".gonogo.lock.json")


def _ring(inside: _Inside, lock: str) -> Ring:
    """The people as the plan pinned them: the policy may list this site's own engine besides."""
    ring = read_policy(inside.package.read(POLICY), name=POLICY)
    pinned = read_object(inside.package.read(lock), name=lock, limit=MOST_FILE).get("ring")
    names = {engine.get("name") for engine in _rows(pinned, "engines")}
    return replace(ring, engines=tuple(engine for engine in ring.engines if engine.name in names))


def _rows(body: Tree, name: str) -> list[Mapping[str, Tree]]:
    rows = body.get(name) if isinstance(body, Mapping) else None
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list | tuple) else []


def _steps(plan: Plan, inside: _Inside) -> Iterator[tuple[Entry, RunState]]:
    """Each entry with the state before it."""
    state = RunState()
    for entry in inside.entries:
        yield entry, state
        state = advance(plan, state, recorded(entry))


def _judged_otherwise(plan: Plan, inside: _Inside, entry: Entry, event: GateJudged, state: RunState) -> list[str]:
    """What a judgement of now says differently from the recorded one."""
    path = judgement_paths(inside.entries)[entry.seq]
    said = read_object(inside.package.read(path), name=path, limit=MOST_FILE)
    rule = plan.gates.get(event.gate)
    if rule is None:
        return [f"{path}: the plan has no gate {event.gate}"]
    at = time_of(str(said.get("judged_at")))
    before = state.at or entry.ts
    if not before - SKEW <= at <= entry.ts + SKEW:
        return [f"{path}: judged at {said.get('judged_at')}, but recorded at {entry.ts:%Y-%m-%dT%H:%M:%SZ}"]
    found = _judge(rule, inside, plan, state, at)
    return [f"{path}: {what}" for what in _differences(found, said, event)]


def _judge(rule: GateRule, inside: _Inside, plan: Plan, state: RunState, at: datetime) -> GateJudgement:
    paths = {item.entry.seq: item.path for item in filed(inside.entries)}
    files: dict[str, SealedFile] = {}
    for name in rule.files:
        item = state.evidence.get(name)
        if item is not None:
            data = inside.package.read(paths[item.seq], limit=MOST_FILE)
            files[name] = SealedFile(name, item.digest, data, item.stage, item.status)
    return judge(rule, files, Subject(inside.run, plan.release.digest), at)


def _differences(found: GateJudgement, said: Mapping[str, Tree], event: GateJudged) -> list[str]:
    body = read_object(write_json(judgement_body(found)), name="judgement", limit=MOST_FILE)
    if found.verdict.word != event.verdict:
        return [f"recorded is {event.verdict}, but the evidence gives {found.verdict.word}"]
    ours, theirs = _rows(body, "clauses"), _rows(said, "clauses")
    if len(ours) != len(theirs):
        return [f"{len(theirs)} clauses are recorded, the plan has {len(ours)}"]
    for mine, other in zip(ours, theirs, strict=True):
        for name in _COMPARED:
            if mine.get(name) != other.get(name):
                return [f"`{mine.get('text')}`: {name} is recorded as {other.get(name)}, it is {mine.get(name)}"]
    if body.get("lacking") != said.get("lacking"):
        return ["other files are recorded as lacking than do lack"]
    return []


def _shown_otherwise(plan: Plan, inside: _Inside, entry: Entry, state: RunState) -> list[str]:
    paths: Mapping[str, Digest] = round_files(entry)
    request = read_request(inside.package.read(next(path for path in paths if path.endswith("request.json"))))
    asking = Asking(inside.run, request.meaning, request.expires_at, request.change_authors)
    text = shown_text(plan, state, asking)
    if digest_of(text.encode()) == request.shown_sha256:
        return []
    return [f"the round {text_in(entry, 'round')} was shown something else than follows from the log"]
