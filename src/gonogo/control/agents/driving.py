"""The tools of an agent that change something: open, start, stop, claim, ask, halt. No other exists.

Each is called while no other changing call of this site is under way; its act is written to the log of the site in the
transaction of its effect, or before it. What the graph, a gate or people do not let through is refused here again,
whatever the call says; the engine, which decides from events alone, is the last to be asked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from gonogo.control.agents.asking import Call, Declined
from gonogo.control.agents.blocking import hindered, next_steps, waiting
from gonogo.control.agents.reading import fresh, release_named
from gonogo.control.door import Door
from gonogo.control.numbering import installed
from gonogo.control.opening import Opened
from gonogo.control.sources import manifest_path, protocol_sources
from gonogo.control.viewing import signing_command
from gonogo.engine.people import as_now
from gonogo.errors import BadInput, Busy
from gonogo.evidence.canonical import Tree, read_object, write_json
from gonogo.evidence.signers import PRODUCTION
from gonogo.measure.evidence_schemas import wrong_kinds
from gonogo.plan.model import Decide, Plan, Stage, all_stages
from gonogo.ports import Draft, Moved
from gonogo.reports.agent_answers import Answer, Blocked, Step
from gonogo.reports.agent_tools import nested_too_deep
from gonogo.reports.separation import WORDS
from gonogo.reports.untrusted import cleaned
from gonogo.run.agent_acts import ACTED, Act, act_fields
from gonogo.run.asking import who_is_missing
from gonogo.run.due import Standing
from gonogo.run.state import Round, attempt_of
from gonogo.terms import Digest, Json, RunId, digest_of

POLL_MS = 500


def arguments_digest(given: Mapping[str, Json]) -> Digest:
    """SHA-256 over the arguments of a call, in canonical form."""
    return digest_of(write_json(dict(given)))


def acted(call: Call, run: str, state: str, answer: Mapping[str, Tree]) -> Draft:
    """The entry of this call in the log of the site."""
    digest = arguments_digest(call.given)
    apart = call.site.apart() if call.tool in {"run_start", "step_start"} else ""
    act = Act(-1, str(call.token.agent), call.tool, call.text("key"), digest, run, state, answer, apart)
    return Draft(ACTED, act_fields(act))


def before(call: Call) -> Act | None:
    """The act that this key stands for already; Declined where it was another call."""
    known = call.site.acts().by_key.get((str(call.token.agent), call.text("key")))
    if known is None:
        return None
    if (known.tool, known.arguments) != (call.tool, arguments_digest(call.given)):
        raise Declined(Answer("KEY_REUSED"))
    return known


def run_start(call: Call) -> Answer:
    """Open a run of exactly this document for exactly this release. Nothing is started by it."""
    if (known := before(call)) is not None:
        return _opened(call, known.run)
    workspace, slug = fresh(call), call.text("slug")
    if slug not in installed(workspace):
        raise Declined(Answer("NOT_FOUND"))
    release = release_named(workspace, call.text("release"))
    document, _ = protocol_sources(workspace, slug)
    manifest = workspace.files.read(manifest_path(workspace.project, release))
    if (digest_of(document.data), digest_of(manifest)) != (call.text("document_sha256"), call.text("release_sha256")):
        raise Declined(Answer("LOCK_STALE", next_actions=(Step("protocol_list"),)))

    def told(run: RunId, plan: Plan) -> tuple[Draft, ...]:
        if not call.token.reaches(plan.name, plan.environment):
            raise Declined(Answer("FORBIDDEN"))
        if call.site.door.workers_drive:
            # Workers go on with an open run by themselves: for them, opening it is starting it.
            _demand_separation(call, plan.environment)
        if plan.sources["document"] != digest_of(document.data) or plan.sources["manifest"] != digest_of(manifest):
            raise Declined(Answer("LOCK_STALE", next_actions=(Step("protocol_list"),)))
        return (acted(call, run, "", {"run_id": run}),)

    door = Door(workspace, call.site.door.world, report=call.site.door.report)
    try:
        opened = door.open(slug, release, call.token.agent, told)
    except Busy as error:
        raise Declined(Answer("BUSY", next_actions=(Step("run_list", {"status": "open"}),))) from error
    return _opened(call, opened.run)


def _opened(call: Call, run: str) -> Answer:
    opened = call.named(run)
    found = hindered(call.site.door.world, opened)
    data: dict[str, Json] = {"run_id": run, "due": found.due.stage, "plan_sha256": opened.plan.digest}
    steps = next_steps(opened, found)
    return Answer(run=run, revision=opened.state.seq, state=found.due.stage, data=data, next_actions=steps)


def step_start(call: Call) -> Answer:
    """Start the state that is due; an operation of its own goes on with it, whatever becomes of the caller."""
    if (known := before(call)) is not None:
        return _started(call, known)
    opened, wanted = call.run(), call.text("state_id")
    state, world = opened.state, call.site.door.world
    _state_named(opened.plan, wanted)
    if call.number("revision", -1) != state.seq:
        raise Declined(_about(opened, "REVISION_CONFLICT", next_actions=(Step("run_status", {"run_id": opened.run}),)))
    found = hindered(world, opened)
    if found.code:
        steps = next_steps(opened, found)
        raise Declined(_about(opened, found.code, blocked_by=found.reasons, next_actions=steps, state=found.due.stage))
    if found.due.stage != wanted:
        raise Declined(_about(opened, "NOT_READY", next_actions=next_steps(opened, found), state=found.due.stage))
    _demand_separation(call, opened.plan.environment, opened)
    _demand_idle(call, opened)
    operation = _operation_id(call, opened, wanted)
    note = acted(call, opened.run, wanted, {"operation_id": operation, "revision": state.seq})
    try:
        with world.journal.write(opened.run, state.seq, actor=call.token.agent, now=world.clock.now()) as tx:
            tx.note(note)
    except Moved as error:
        raise Declined(_about(opened, "REVISION_CONFLICT")) from error
    return _started(call, call.site.acts().operations[operation])


def _started(call: Call, act: Act) -> Answer:
    """The answer to a start; the process is begun unless it was: asking again makes good a crash between the two."""
    operation, door = str(act.answer.get("operation_id")), call.site.door
    opened = call.named(act.run)
    if opened.state.seq == act.answer.get("revision"):
        call.site.operations.start(operation, (str(door.workspace.root), act.run, act.state, operation))
    data: dict[str, Json] = {"operation_id": operation, "poll_after_ms": POLL_MS}
    step = Step("operation_get", {"operation_id": operation, "wait_ms": 20_000})
    return Answer(run=act.run, revision=opened.state.seq, state=act.state, data=data, next_actions=(step,))


def _demand_separation(call: Call, environment: str, opened: Opened | None = None) -> None:
    """Declined where production is at stake and the agent could reach more than a person accepted for its token."""
    if environment != PRODUCTION:
        return
    found = call.site.separation()
    if found.level < WORDS[call.token.separation]:
        failing = [item for item in found.statements if not item.holds]
        reasons = tuple(Blocked("SEPARATION", item.number, "", item.says, "a person") for item in failing)
        code = "SEPARATION_REQUIRED"
        raise Declined(_about(opened, code, blocked_by=reasons) if opened else Answer(code, blocked_by=reasons))


def _demand_idle(call: Call, opened: Opened) -> None:
    """Declined while an engine is at work on the run, or a process that was just started is about to be.

    Where workers drive, a step is a word to them: it never stands beside what one of them does now.
    """
    door, acts = call.site.door, call.site.acts().operations
    lives = [name for name, act in acts.items() if act.run == opened.run and call.site.operations.lives(name)]
    if lives or (not door.workers_drive and door.is_driven(opened.run)):
        steps = tuple(Step("operation_get", {"operation_id": name}) for name in lives)
        raise Declined(_about(opened, "BUSY", wait_ms=POLL_MS, next_actions=steps))


def _operation_id(call: Call, opened: Opened, stage: str) -> str:
    """Derived from run, state, attempt and key, so that a lost answer is found again."""
    attempt = next((attempt_of(opened.state, item) for item in all_stages(opened.plan) if item.id == stage), 1)
    seed = f"{opened.run}\n{stage}\n{attempt}\n{call.token.agent}\n{call.text('key')}"
    return f"o_{hashlib.sha256(seed.encode()).hexdigest()[:24]}"


def _state_named(plan: Plan, name: str) -> Stage:
    found = next((stage for stage in all_stages(plan) if stage.id == name), None)
    if found is None:
        raise Declined(Answer("NOT_FOUND"))
    return found


def _about(opened: Opened, code: str, **more: object) -> Answer:
    return Answer(code, run=opened.run, revision=opened.state.seq, **more)  # type: ignore[arg-type]


def operation_cancel(call: Call) -> Answer:
    """Stop an operation at its next safe point. Where production was touched, or workers drive, the run is halted."""
    if (known := before(call)) is not None:
        return Answer(run=known.run, state=known.state, data={"stops": str(known.answer.get("stops"))})
    act = call.site.acts().operations.get(call.text("operation_id"))
    if act is None:
        raise Declined(Answer("NOT_FOUND"))
    opened, door = call.named(act.run), call.site.door
    if (opened.state.touched or door.workers_drive) and not opened.state.outcome:
        note = acted(call, act.run, act.state, {"stops": "the run is halted"})
        door.halt(opened.run, call.text("reason"), call.token.agent, (note,))
        return Answer(run=act.run, state=act.state, data={"stops": "the run is halted"})
    call.site.note([acted(call, act.run, act.state, {"stops": "at the next safe point"})], call.token.agent)
    call.site.operations.ask_to_stop(call.text("operation_id"))
    return Answer(run=act.run, state=act.state, data={"stops": "at the next safe point"})


def halt_raise(call: Call) -> Answer:
    """Halt a run. Needs no revision: stopping always works."""
    opened = call.run()
    if before(call) is not None:
        return _about(opened, "OK", data={"halted": opened.state.halted is not None})
    if opened.state.outcome:
        raise Declined(_about(opened, "NOT_READY"))
    note = acted(call, opened.run, "", {"severity": call.text("severity")})
    call.site.door.halt(opened.run, call.text("reason"), call.token.agent, (note,))
    return _about(call.run(), "OK", data={"halted": True, "who_lifts_it": "a person, by a signed resume"})


def evidence_submit(call: Call) -> Answer:
    """Record a claim: bytes in the vault, a line in the log of the site. Run, evidence and gates stay as they are."""
    opened = call.run()
    if (known := before(call)) is not None:
        return _claimed(opened, str(known.answer.get("sha256")), ())
    name = call.text("contract")
    owed = {item for stage in all_stages(opened.plan) for item in stage.evidence}
    if name not in owed | {item for rule in opened.plan.gates.values() for item in rule.files}:
        raise Declined(Answer("NOT_FOUND", run=opened.run))
    data = call.text("inline_json").encode("utf-8", "replace")
    if len(data) > 32 << 10:
        raise Declined(Answer("TOO_LARGE", run=opened.run))
    try:
        body = read_object(data, name="inline_json")
    except BadInput as error:
        raise Declined(_bad("inline_json", "not a JSON object")) from error
    if nested_too_deep(body):
        raise Declined(_bad("inline_json", "nested too deep"))
    digest = call.site.door.world.vault.put(data)
    call.site.note([acted(call, opened.run, "", {"contract": name, "sha256": digest})], call.token.agent)
    return _claimed(opened, digest, wrong_kinds(name, body))


def _bad(name: str, fault: str) -> Answer:
    return Answer("BAD_ARGUMENTS", data={"arguments": [{"name": name, "fault": fault}]})


def _claimed(opened: Opened, digest: str, faults: tuple[str, ...]) -> Answer:
    data: dict[str, Json] = {
        "status": "claimed",
        "sha256": digest,
        "counts_for_gates": False,
        "untrusted_schema_findings": [cleaned(fault, 200) for fault in faults[:20]],
        "source": "the claim",
    }
    return _about(opened, "OK", data=data)


def approval_request(call: Call) -> Answer:
    """Ask the people who have to sign for a state. The engine wrote the request; the summary is the agent's words."""
    opened = call.run()
    stage = _state_named(opened.plan, call.text("state_id"))
    asked = _asked(opened, stage)
    found = hindered(call.site.door.world, opened)
    if asked is None:
        code = "NOT_READY" if any(isinstance(task.act, Decide) for task in stage.tasks) else "NOT_FOUND"
        raise Declined(_about(opened, code, blocked_by=found.reasons, next_actions=next_steps(opened, found)))
    if before(call) is None:
        summary = call.site.door.world.vault.put(call.text("summary").encode("utf-8", "replace"))
        note = acted(call, opened.run, stage.id, {"approval_id": asked.name, "summary_sha256": summary})
        call.site.note([note], call.token.agent)
    world = call.site.door.world
    missing = who_is_missing(*as_now(world, opened.plan, asked))
    data: dict[str, Json] = {
        "approval_id": asked.name,
        "point": asked.point,
        "kind": asked.kind,
        "missing": list(missing),
        "signed": sorted({answer.person for answer in asked.answers}),
        "expires": asked.expires_at,
        "request_sha256": asked.request,
        "shown_sha256": asked.shown,
        "for_people": signing_command(opened.run, asked.kind, asked.point),
    }
    step = Step("run_status", {"run_id": opened.run})
    return _about(
        opened, "OK", state=stage.id, data=data, blocked_by=(waiting(world, opened.plan, asked),), next_actions=(step,)
    )


def _asked(opened: Opened, stage: Stage) -> Round | None:
    tasks = {task.id for task in stage.tasks}
    return next((item for item in opened.state.rounds.values() if item.status == "open" and item.task in tasks), None)


def operation_get(call: Call) -> Answer:
    """How far an operation is, from the ledger of its run; the process itself is only asked whether it lives."""
    act = call.site.acts().operations.get(call.text("operation_id"))
    if act is None:
        raise Declined(Answer("NOT_FOUND"))
    opened = call.named(act.run)
    door = call.site.door
    operations = call.site.operations
    lives = operations.lives(call.text("operation_id"))
    if not lives:
        opened = call.named(act.run)
    found = hindered(door.world, opened)
    status = "working" if lives else _ended(opened, act, found.code, found.due.standing)
    done = [task.id for task in _state_named(opened.plan, act.state).tasks if _is_done(opened, task.id)]
    data: dict[str, Json] = {
        "operation_id": call.text("operation_id"),
        "status": status,
        "done": list(done),
        "of": len(_state_named(opened.plan, act.state).tasks),
        "due": found.due.stage or None,
        "outcome": opened.state.outcome or None,
    }
    if status in {"failed", "stopped"} and (words := operations.printed(call.text("operation_id"), 2000)):
        data |= {"untrusted_words": cleaned(words.decode("utf-8", "replace"), 600), "source": "the operation's process"}
    steps = next_steps(opened, found) if not lives else (Step("operation_get", {"wait_ms": 20_000}),)
    reasons = () if lives else found.reasons
    return _about(opened, "OK", state=act.state, data=data, blocked_by=reasons, next_actions=steps)


def _is_done(opened: Opened, task: str) -> bool:
    known = opened.state.tasks.get(task)
    return known is not None and known.outcome == "ok"


def _ended(opened: Opened, act: Act, code: str, standing: Standing) -> str:
    tasks = _state_named(opened.plan, act.state).tasks
    if all(_is_done(opened, task.id) for task in tasks) or opened.state.outcome in {"ready", "released"}:
        return "done"
    match standing:
        case Standing.WAITING:
            return "needs_human"
        case Standing.OVER | Standing.HALTED:
            return "failed"
        case _:
            return "waiting" if code else "stopped"
