"""The tools of an agent that only look: protocols, runs, ledgers, explanations, evidence. None writes anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

from gonogo.control.agents.asking import Call, Declined, Room
from gonogo.control.agents.blocking import gate_of, hindered, next_steps, plain, unmet, waiting, way_to_go
from gonogo.control.agents.logs import searched
from gonogo.control.awareness import awareness
from gonogo.control.compiled import compile_for
from gonogo.control.door import Door
from gonogo.control.judging_now import judge_now
from gonogo.control.numbering import installed
from gonogo.control.opening import Opened
from gonogo.control.sources import manifest_path, protocol_sources, releases_of
from gonogo.control.viewing import view
from gonogo.control.workspaces import Workspace
from gonogo.document.reading import read_document
from gonogo.errors import BadInput
from gonogo.evidence.ledger import time_text
from gonogo.plan.linting import document_findings
from gonogo.plan.model import GateRule, Plan, Stage, all_stages
from gonogo.plan.sidecar import read_sidecar
from gonogo.plan.sources import Source
from gonogo.reports.agent_answers import MOST_ROWS, Answer, Step, fitting, size_of
from gonogo.reports.planned import PlannedStage, planned
from gonogo.reports.root_causes import triple_of
from gonogo.reports.untrusted import cleaned
from gonogo.run.due import Standing, due
from gonogo.run.gate import ClauseResult
from gonogo.run.state import RunState
from gonogo.terms import Json, digest_of
from gonogo.values import dataclass


def _itself(row: Mapping[str, Json]) -> Json:
    return row


def fresh(call: Call) -> Workspace:
    """The project as its files stand now; a server that runs for days must not open runs of last week's rules."""
    door = call.site.door
    return Door.at(door.workspace.root, door.world.environ, door.report).workspace


def protocol_list(call: Call) -> Answer:
    """Protocols that can be run here, and registered releases, with the digests that `run_start` wants."""
    workspace = fresh(call)
    rows = [row for name in installed(workspace) if (row := _protocol(call, workspace, name))]
    releases: list[Json] = [
        {"release": name, "sha256": digest_of(workspace.files.read(manifest_path(workspace.project, name)))}
        for name in releases_of(workspace)[:50]
    ]
    shown, cursor = call.page(rows, _itself, Room(size=MOST_ROWS - size_of(releases)))
    steps = (Step("protocol_show", {"part": "outline"}),)
    return Answer(data={"protocols": shown, "releases": releases}, next_actions=steps, cursor=cursor)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is listed of a protocol; `errors` and `warnings` are numbers of findings."""

    title: str | None
    number: str | None
    environment: str
    errors: int
    warnings: int


def _protocol(call: Call, workspace: Workspace, name: str) -> dict[str, Json] | None:
    try:
        document, sidecar = protocol_sources(workspace, name)
        known = _known(document, sidecar)
    except BadInput:
        return None
    if not call.token.reaches(name, known.environment):
        return None
    return {
        "slug": name,
        "title": known.title,
        "number": known.number,
        "environment": known.environment,
        "document_sha256": digest_of(document.data),
        "errors": known.errors,
        "warnings": known.warnings,
    }


@lru_cache(maxsize=64)
def _known(document: Source, sidecar: Source) -> _Known:
    """Reading a document costs tens of milliseconds: the same bytes are read once, however often agents ask."""
    bound = read_sidecar(sidecar.data, sidecar.name).sidecar
    read = read_document(document.data, document.name)
    found = document_findings(read, bound)
    return _Known(
        cleaned(read.protocol.title, 120) if read.protocol else None,
        read.protocol.number if read.protocol else None,
        bound.environment,
        sum(item.level.value == 2 for item in found),
        sum(item.level.value == 1 for item in found),
    )


def release_named(workspace: Workspace, name: str) -> str:
    """A registered release; Declined for every other word, before any path is built from it."""
    if name not in releases_of(workspace):
        raise Declined(Answer("NOT_FOUND"))
    return name


def protocol_show(call: Call) -> Answer:
    """A protocol compiled for a release: its outline, one state, or one gate."""
    workspace = fresh(call)
    slug = call.text("slug")
    if slug not in installed(workspace):
        raise Declined(Answer("NOT_FOUND"))
    plan = compile_for(workspace, slug, release_named(workspace, call.text("release"))).plan
    if plan is None:
        return Answer("NOT_READY")
    if not call.token.reaches(slug, plan.environment):
        raise Declined(Answer("NOT_FOUND"))
    match call.text("part"):
        case "outline":
            rows = [_outlined(stage) for stage in all_stages(plan)]
            shown, cursor = call.page(rows, _itself)
            data: dict[str, Json] = {"slug": slug, "environment": plan.environment, "states": shown}
            return Answer(data={**data, "gates": list(plan.gates), "plan_sha256": plan.digest}, cursor=cursor)
        case "state":
            stage = _stage(plan, call.text("id"))
            return Answer(state=stage.id, data=_shown(plan, stage))
        case _:
            rule = plan.gates.get(call.text("id").removeprefix("gate/"))
            if rule is None:
                raise Declined(Answer("NOT_FOUND"))
            return Answer(state=f"gate/{rule.id}", data=_ruled(rule))


def _stage(plan: Plan, name: str) -> Stage:
    found = next((stage for stage in all_stages(plan) if stage.id == name), None)
    if found is None:
        raise Declined(Answer("NOT_FOUND"))
    return found


def _outlined(stage: Stage) -> dict[str, Json]:
    return {
        "id": stage.id,
        "title": cleaned(stage.title, 120),
        "kind": stage.kind,
        "phase": stage.phase,
        "obligation": stage.obligation.value,
        "origin": str(stage.origin),
    }


def _shown(plan: Plan, stage: Stage) -> dict[str, Json]:
    shown = planned(plan)
    rows = (*shown.stages, *((shown.rollback,) if shown.rollback else ()), shown.closing)
    found = next(row for row in rows if row.id == stage.id)
    return {**_outlined(stage), **_contract(plan, found), "halts": sorted(halt.value for halt in stage.halts)}


def _contract(plan: Plan, stage: PlannedStage) -> dict[str, Json]:
    """What has to be there when the state is done, and what it does; argument lists are for people, and stay out."""
    acts: list[Json] = [
        {
            "id": act.id,
            "kind": act.kind,
            "effect": act.effect.value,
            "gate": act.gate or None,
            "point": act.point or None,
        }
        for act in stage.acts
    ]
    points = {act.point for act in stage.acts if act.point}
    people: list[Json] = [
        {"point": name, "needs": list(item.needs), "quorum": item.quorum, "conditions": list(item.conditions)}
        for name, item in planned(plan).decisions.items()
        if name in points
    ]
    return {"acts": acts, "evidence": list(stage.evidence), "people": people}


def _ruled(rule: GateRule) -> dict[str, Json]:
    return {
        "gate": rule.id,
        "origin": str(rule.origin),
        "clauses": [
            {
                "metric": clause.metric,
                "text": cleaned(clause.text, 200),
                "limit": f"{clause.op.value} {clause.limit.value}",
                "unit": clause.unit,
                "set_by": clause.limit_from,
                "measured_in": f"{clause.file}{clause.pointer}",
                "origin": str(clause.origin),
            }
            for clause in rule.clauses
        ],
        "attested_by_people": [cleaned(text, 200) for text in rule.manual],
        "evidence": list(rule.files),
    }


def protocol_check(call: Call) -> Answer:
    """What is wrong in a draft. It is read, and forgotten."""
    reading = read_document(call.text("source_text").encode("utf-8", "replace"), "draft.md")
    found = document_findings(reading)
    rows: list[Json] = [
        {"code": item.code, "level": item.level.name.lower(), "line": item.primary.line} for item in found[:50]
    ]
    words: list[Json] = [cleaned(item.message, 300) for item in found[:50]]
    data: dict[str, Json] = {"findings": rows, "untrusted_messages": words, "source": "the draft", "stored": False}
    return Answer(data={**data, "count": len(found)}, truncated=len(found) > 50)


def run_list(call: Call) -> Answer:
    """Runs that the token reaches, newest first."""
    wanted, rows = call.text("status"), []
    for name in reversed(call.site.door.runs()):
        opened = call.site.run(name)
        closed = "closed" if opened.state.outcome else "open"
        if call.token.reaches(opened.plan.name, opened.plan.environment) and wanted in {"", closed}:
            rows.append(opened)
    shown, cursor = call.page(rows, lambda opened: _listed(call, opened))
    return Answer(data={"runs": shown}, cursor=cursor)


def _listed(call: Call, opened: Opened) -> Json:
    found = due(opened.plan, opened.state, call.site.door.world.clock.now())
    since = opened.state.at
    return {
        "run_id": opened.run,
        "protocol": opened.plan.name,
        "release": opened.plan.release.version,
        "environment": opened.plan.environment,
        "standing": opened.state.outcome or found.standing.value,
        "state": found.stage or None,
        "since": time_text(since) if since else None,
    }


def run_status(call: Call) -> Answer:
    """Where a run is, what blocks it, and what can be done next."""
    opened = call.run()
    door = call.site.door
    found = hindered(door.world, opened)
    driven = door.is_driven(opened.run)
    seen = view(door.world, opened, driven=driven)
    working = [name for name, act in call.site.acts().operations.items() if act.run == opened.run][-1:]
    data: dict[str, Json] = {
        "protocol": opened.plan.name,
        "release": opened.plan.release.version,
        "environment": opened.plan.environment,
        "separation": call.site.apart(),
        "standing": opened.state.outcome or ("working" if driven else found.due.standing.value),
        "due": found.due.stage or None,
        "states": [{"id": stage.id, "state": stage.state, "attempt": stage.attempt} for stage in seen.stages],
        "gates": {gate.id: gate.verdict for gate in seen.gates},
        "traffic_percent": seen.traffic,
        "waiting_for": [
            {
                "point": item.point,
                "missing": list(item.missing),
                "signed": list(item.signed),
                "expires": item.expires_at,
            }
            for item in seen.waiting
        ],
        "operation_id": working[0] if working else None,
        "edited_by_hand": len(seen.edited),
        "statement": _statement(call, opened),
    }
    if opened.state.halted is not None:
        data |= {"untrusted_halt": cleaned(seen.halt, 600), "source": "the ledger"}
    return Answer(
        run=opened.run,
        revision=opened.state.seq,
        state=found.due.stage,
        data=data,
        blocked_by=found.reasons,
        next_actions=next_steps(opened, found) if not driven else (Step("operation_get", {"wait_ms": 20_000}),),
    )


def _statement(call: Call, opened: Opened) -> Json:
    """What the run knows of itself, without what stands beside it in the answer (RSN-08)."""
    body = awareness(call.site.door.world, opened).as_json()
    return {name: body[name] for name in ("phase", "artifacts", "confidence", "limits", "assumptions", "inputs_needed")}


def run_events(call: Call) -> Answer:
    """Entries of the ledger, without the texts of others that they name."""
    opened = call.run()
    after, limit = call.number("after", -1), call.number("limit", 50)
    rows = [entry for entry in opened.entries if entry.seq > after]
    listed: list[Json] = [
        {
            "seq": entry.seq,
            "type": entry.type,
            "actor": str(entry.actor),
            "at": time_text(entry.ts),
            "sha256": entry.digest,
            "task": str(entry.data.get("task", "")) or None,
        }
        for entry in rows[:limit]
    ]
    shown = listed[: fitting(listed)]
    cursor = str(rows[len(shown) - 1].seq) if len(rows) > len(shown) else None
    data: dict[str, Json] = {"entries": shown}
    return Answer(
        run=opened.run, revision=opened.state.seq, data=data, truncated=len(shown) < len(listed), cursor=cursor
    )


def state_explain(call: Call) -> Answer:
    """Each check of a state with its line, value, limit and who can act, and the smallest set of actions to GO."""
    opened = call.run()
    world, plan, state = call.site.door.world, opened.plan, opened.state
    stage = _stage(plan, call.text("state_id"))
    rule = gate_of(plan, stage)
    found = hindered(world, opened)
    rounds = [item for item in state.rounds.values() if item.status == "open" and _task_in(stage, item.task)]
    reasons = tuple(waiting(world, plan, item) for item in rounds)
    data: dict[str, Json] = {
        "title": cleaned(stage.title, 120),
        "kind": stage.kind,
        "phase": stage.phase,
        "separation": call.site.apart(),
        "origin": str(stage.origin),
        "is_due": found.due.stage == stage.id and found.due.standing is not Standing.OVER,
        "acts": [_act_state(state, task.id) for task in stage.tasks],
        "to_go": list(way_to_go(world, opened)),
        "trouble": _trouble(stage),
    }
    if rule is not None:
        judged = judge_now(world, opened, rule)
        data |= {
            "verdict_now": judged.verdict.word,
            "recorded": state.judgements[rule.id].verdict if rule.id in state.judgements else None,
            "checks": [_check(result) for result in judged.clauses],
            "untrusted_measured": [_words(result.measured) for result in judged.clauses],
            "untrusted_why": [cleaned(result.why, 200) for result in judged.clauses],
            "source": "measured evidence",
        }
        reasons = (*unmet(judged), *reasons)
    steps = next_steps(opened, found)
    return Answer(run=opened.run, revision=state.seq, state=stage.id, data=data, blocked_by=reasons, next_actions=steps)


def _trouble(stage: Stage) -> Json:
    """What the trouble of a step can come from, what to do, and what shows that it worked (RSN-03)."""
    triple = triple_of(stage)
    if triple is None:
        return None
    causes: list[Json] = [{"class": kind.value, "cause": text} for kind, text in triple.causes]
    return {"can_be": causes, "repair": triple.solution, "validation": triple.validation}


def _task_in(stage: Stage, task: str) -> bool:
    return any(item.id == task for item in stage.tasks)


def _act_state(state: RunState, task: str) -> Json:
    known = state.tasks.get(task)
    return {"id": task, "outcome": (known.outcome or "begun") if known else "not begun"}


def _check(result: ClauseResult) -> Json:
    clause = result.clause
    return {
        "metric": clause.metric,
        "clause": cleaned(clause.text, 200),
        "origin": str(clause.origin),
        "measured": plain(result.measured),
        "limit": f"{clause.op.value} {clause.limit.value}",
        "unit": clause.unit,
        "set_by": clause.limit_from,
        "verdict": result.verdict.word,
        "file": clause.file,
        "sha256": result.digest,
        "who_can_act": result.who or None,
    }


def _words(measured: str) -> Json:
    """A measured value that is no number, flag or word: somebody else's text, which `checks` only calls a text."""
    return None if plain(measured) == measured else cleaned(measured, 200)


def evidence_list(call: Call) -> Answer:
    """Evidence on file, what is owed, and claims, which are told apart."""
    opened = call.run()
    wanted = call.text("state_id")
    if wanted:
        _stage(opened.plan, wanted)
    rows = [row for row in _evidence(call, opened) if wanted in {"", row.get("state")}]
    shown, cursor = call.page(rows, _itself)
    return Answer(run=opened.run, revision=opened.state.seq, data={"evidence": shown}, cursor=cursor)


def _evidence(call: Call, opened: Opened) -> Iterator[Mapping[str, Json]]:
    state = opened.state
    for item in state.evidence.values():
        yield {
            "name": item.name,
            "sha256": item.digest,
            "size": item.size,
            "state": item.stage,
            "attempt": item.attempt,
            "status": item.status,
            "sealed_at": time_text(item.at),
        }
    for stage in all_stages(opened.plan):
        for name in stage.evidence:
            if name not in state.evidence:
                yield {"name": name, "state": stage.id, "status": "missing"}
    for act in call.site.acts().claims.get(opened.run, ()):
        about = str(act.answer.get("contract"))
        yield {"name": about, "sha256": str(act.answer.get("sha256")), "status": "claimed", "by": act.agent}


def log_search(call: Call) -> Answer:
    """Lines of what the commands of a state printed."""
    opened = call.run()
    stage = _stage(opened.plan, call.text("state_id"))
    found = searched(call, opened, stage)
    return Answer(
        run=opened.run,
        revision=opened.state.seq,
        state=stage.id,
        data={"untrusted_lines": list(found.lines), "source": list(found.sources), "hits": found.hits},
        truncated=found.cursor is not None,
        cursor=str(found.cursor) if found.cursor else None,
    )
