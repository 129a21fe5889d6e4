"""What is said to people about an event: every message in one place, made from recorded facts only (COM-03..COM-28).

"Success", "complete" and "no errors" are said only where the recorded event says so. Text of others is data inside.
What a document says in a step is said when that step begins; where it claims an end, when the step has ended well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from gonogo.plan.announcing import marks_phase, rest_of
from gonogo.plan.hooking import HOOK, place_of
from gonogo.plan.model import Execute, Plan, Stage, stage_of, task_of
from gonogo.protocol.slots import filled, slots_in
from gonogo.reports.reviewing import gates_passed
from gonogo.reports.trouble import (
    CRITICAL,
    WARNING,
    Message,
    Told,
    first_line,
    gate_failed,
    halted,
    noted,
    untold,
)
from gonogo.run import events as happened
from gonogo.run.choosing import POINT, question, ways_on
from gonogo.run.events import Recorded
from gonogo.run.events_of_halts import RepairProposed
from gonogo.run.events_of_traffic import WindowExtended
from gonogo.run.rollback_asked import POINT as ROLLBACK
from gonogo.run.state import RunState
from gonogo.terms import Occasion

_CLAIM: Final = re.compile(r"\b(?:success\w*|completed?|passed|finished|no errors|done)\b|✓", re.IGNORECASE)
_ASKED: Final = re.compile(r"\[APPROVAL REQUEST\]|\bREQUIRED\]|\bREQUESTED\]|DECISION\]")
_DRAFTS: Final = frozenset({"readiness", "deployment"})
"""Packages that people read before they decide or go on; the one that only adds the end of a run is no draft."""
_GOOD: Final = frozenset({"ready", "released"})


def messages_for(plan: Plan, state: RunState, entry: Recorded, told: Told = untold) -> tuple[Message, ...]:
    """The messages that `entry` gives rise to; `state` is the state after it, `told` reads the texts of events."""
    event = entry.event
    match event:
        case happened.RunOpened():
            text = f"{plan.role}: {plan.title} for {plan.project.name} {event.version}"
            return (Message(plan.voice.course("RUN START"), text, 0, occasion=Occasion.STARTED),)
        case happened.TaskFinished():
            return tuple(_after_task(plan, state, event, told))
        case happened.GateJudged() if event.verdict not in {"pass", "waived"}:
            return (gate_failed(plan, state, event, told),)
        case happened.TrafficMoved() if event.percent == _half(plan):
            return (_halfway(plan, state, event),)
        case happened.PackageSealed() if event.package in _DRAFTS:
            return (_feedback(plan, event),)
        case happened.HostsReplaced() if _passes_half(state, event):
            return (_halfway(plan, state, event),)
        case happened.DecisionRequested() if event.point == ROLLBACK:
            return (_rollback_decision(plan, state, event, told),)
        case happened.DecisionRequested() if event.point != POINT:
            return (_asked(plan, state, event),)
        case _:
            return tuple(_course(plan, state, event, told))


def _course(plan: Plan, state: RunState, event: happened.Event, told: Told) -> Iterator[Message]:
    name = f"{plan.project.name} {plan.release.version}"
    match event:
        case happened.RunHalted():
            yield halted(plan, event, told)
            if ways_on(plan, state):
                yield _decision(plan, state, event)
        case happened.RollbackBegun():
            yield Message(
                "[ROLLBACK]", f"{name} is rolled back ({event.trigger}: {event.cause})", 0, occasion=Occasion.ROLLBACK
            )
        case happened.RollbackFinished() if event.verified:
            text = f"the old version serves again, after {event.recovery_ms / 1000:.1f} s"
            yield Message("[ROLLBACK COMPLETE]", text, 0, occasion=Occasion.ROLLED_BACK)
            yield from _deployment_failed(plan, state, told)
        case RepairProposed() if event.environment:
            text = f"Unable to connect to {event.environment}. Check network/credentials."
            yield Message("[ERROR]", text, 0, severity=CRITICAL, occasion=Occasion.NOTED)
        case WindowExtended():
            text = f"{name}: the health window would have failed and goes on ({event}); look at the metrics meanwhile"
            yield Message(
                "[ESCALATION]", text, stage_of(plan, event.task).phase, severity=CRITICAL, occasion=Occasion.NOTED
            )
        case happened.RunClosed():
            yield _closed(plan, state, event)
        case _:
            return


def _rollback_decision(plan: Plan, state: RunState, event: happened.DecisionRequested, told: Told) -> Message:
    """Asks before a rollback where the policy says so (ARB-04, COM-16)."""
    known = state.tasks.get(event.task)
    error = (first_line(told(known.detail)) if known else "") or task_of(plan, event.task).title
    text = (
        f"Deployment failed: {error.rstrip('.')}. Execute automatic rollback? (yes/no) "
        f"Without an answer it begins at {event.expires_at}; only a signature decides: gonogo approve (--no-go for no)"
    )
    rule = plan.decisions.get(event.point)
    to = tuple(sorted(rule.roles)) if rule else ()
    return Message("[ROLLBACK DECISION]", text, 0, to, CRITICAL, Occasion.ASKED)


def _decision(plan: Plan, state: RunState, event: happened.RunHalted) -> Message:
    """Asks which way the run goes on, with what speaks for and against each (COM-13)."""
    phase = next((stage.phase for stage in plan.stages if stage.id == event.stage), 0)
    rule = plan.decisions.get(POINT) or plan.ring.rule(POINT)
    text = f"{question(plan, state)} Only a signature decides: gonogo decide"
    to = tuple(sorted(rule.roles)) if rule else ()
    return Message(f"[{plan.voice.short} DECISION REQUIRED]", text, phase, to, occasion=Occasion.ASKED)


def _deployment_failed(plan: Plan, state: RunState, told: Told) -> Iterator[Message]:
    """Tells the team what failed, once production is back (ERR-02); an abort by people is no failed deployment."""
    known = state.rollback
    if known is not None and known.trigger != "abort":
        why = first_line(told(known.detail)) or known.cause
        text = f"Deployment to {plan.environment} failed: {why}"
        yield Message("[DEPLOYMENT ERROR]", text, 0, severity=CRITICAL, occasion=Occasion.HALTED)


def _closed(plan: Plan, state: RunState, event: happened.RunClosed) -> Message:
    """PROTOCOL COMPLETE is said only where everything that a handoff needs is on record (COM-06, COM-28, HND-01)."""
    gaps = handoff_gaps(plan, state)
    if event.outcome not in _GOOD or gaps:
        why = f"; lacking: {', '.join(gaps)}" if event.outcome in _GOOD else ""
        text = f"{plan.name} ended: {event.outcome}{why}"
        return Message(plan.voice.course("PROTOCOL ENDED"), text, 0, occasion=Occasion.ENDED)
    text = f"Ready for {plan.next_protocol}" if plan.next_protocol else f"{plan.name} ended: {event.outcome}"
    return Message(plan.voice.course("PROTOCOL COMPLETE"), text, 0, occasion=Occasion.COMPLETED)


def handoff_gaps(plan: Plan, state: RunState) -> tuple[str, ...]:
    """What a handoff lacks: open steps, gates that neither passed nor were waived, outputs that are not on file."""
    done = {name for name, known in state.tasks.items() if known.outcome == "ok"}
    steps = [stage.title for stage in plan.stages if any(task.id not in done for task in stage.tasks)]
    judged = {name: found.verdict for name, found in state.judgements.items()}
    gates = [rule.name for name, rule in plan.gates.items() if judged.get(name) not in {"pass", "waived"}]
    return tuple(dict.fromkeys((*steps, *gates)))


def _after_task(plan: Plan, state: RunState, event: happened.TaskFinished, told: Told) -> Iterator[Message]:
    found = noted(plan, event, told)
    if found is not None:
        yield found
    yield from _hook_done(plan, event, told)
    yield from _renewals(plan, event)
    if "drift_paths" in event.facts:
        yield _drift(plan, event)
    if event.outcome != "ok":
        return
    stage = stage_of(plan, event.task)
    order = [item for item in plan.stages if item.tasks]
    if stage not in order or event.task != stage.tasks[-1].id:
        return
    yield from (Message(*rest_of(text), stage.phase) for text in _own_words(plan, stage) if _CLAIM.search(text))
    following = order[order.index(stage) + 1 :]
    if stage.phase and not (following and following[0].phase == stage.phase):
        yield _phase_done(plan, stage, waived="waived" in event.facts)
    if following:
        yield from _begun(plan, following[0], new_phase=following[0].phase != stage.phase)
    elif plan.next_protocol:
        yield _confirmation(plan, state)


def _hook_done(plan: Plan, event: happened.TaskFinished, told: Told) -> Iterator[Message]:
    """`[AUTOMATION] NAME executed: RESULT` of a hook, with its true result (CMD-57, CMD-59)."""
    act = task_of(plan, event.task).act
    if isinstance(act, Execute) and act.purpose == HOOK:
        stage = stage_of(plan, event.task)
        good = event.outcome == "ok"
        result = f"success, {', '.join(act.owes)} is sealed" if good else first_line(told(event.detail)) or "failure"
        text = f"{act.command} executed: {result} (hook {place_of(stage.id)} the work)"
        yield Message("[AUTOMATION]", text, stage.phase)


def _renewals(plan: Plan, event: happened.TaskFinished) -> Iterator[Message]:
    """Asks the owner of each missing item for it, once (INT-05, PRE-26)."""
    rows = event.facts.get("requests")
    name = f"{plan.project.name} {plan.release.version}"
    for row in rows if isinstance(rows, Sequence) and not isinstance(rows, str) else ():
        if isinstance(row, Mapping):
            text = f"{name} waits for {row.get('item')}; please supply or renew it by {row.get('due')}"
            owner, phase = str(row.get("owner")), stage_of(plan, event.task).phase
            yield Message("[RENEWAL REQUEST]", text, phase, to=(owner,), occasion=Occasion.ASKED)


def _drift(plan: Plan, event: happened.TaskFinished) -> Message:
    """The remediation request, as drift is found: paths with severities, and no value (PAR-07, PAR-11)."""
    paths, count = event.facts.get("drift_paths"), event.facts.get("drift")
    named = [str(path) for path in paths] if isinstance(paths, list | tuple) else []
    more = f" and {count - len(named)} more" if isinstance(count, int) and count > len(named) else ""
    worst = str(event.facts.get("drift_severity") or "not known")
    owner = plan.project.parity_files.owner
    text = (
        f"staging and production differ in {count} settings, worst severity {worst}: {', '.join(named)}{more}. "
        f"{owner}: plan a remedy until {event.facts.get('drift_due')} in {plan.project.parity_files.remediation}."
    )
    stage = stage_of(plan, event.task)
    severity = CRITICAL if worst in {"high", "critical", "not known"} else WARNING
    return Message("[DRIFT] [REMEDIATION REQUEST]", text, stage.phase, (owner,), severity, Occasion.ASKED)


def _begun(plan: Plan, stage: Stage, *, new_phase: bool) -> Iterator[Message]:
    if new_phase:
        text = filled(plan.voice.begins.get(stage.phase, ""), _known(plan)) or stage.title
        yield Message(plan.voice.begin(stage.phase), text, stage.phase)
    yield from (Message(*rest_of(text), stage.phase) for text in _own_words(plan, stage) if not _CLAIM.search(text))


def _own_words(plan: Plan, stage: Stage) -> Iterator[str]:
    """What the document says in this step, but for what begins or ends a phase, asks, or speaks of unknown things."""
    for said in stage.says:
        text = filled(said, _known(plan))
        if rest_of(text)[0] and not (marks_phase(text) or _ASKED.match(text) or slots_in(text)):
            yield text


def _known(plan: Plan) -> dict[str, str]:
    return {
        "environment": plan.environment,
        "release": plan.release.version,
        "version": plan.release.version,
        "project": plan.project.name,
    }


def _phase_done(plan: Plan, stage: Stage, *, waived: bool) -> Message:
    rule = plan.gates.get(stage.id.removeprefix("gate/"))
    names = ", ".join(rule.evidence if rule else stage.evidence) or "none"
    own = "" if waived else filled(plan.voice.ends.get(stage.phase, ""), _known(plan))
    if not own or slots_in(own):
        own = f"{stage.title} {'was waived, it did not pass' if waived else 'passed' if rule else 'is done'}."
    shown = "" if "Evidence:" in own or plan.voice.family == "deployment" else f" Evidence: {names}."
    return Message(plan.voice.end(stage.phase), own + shown, stage.phase)


def _confirmation(plan: Plan, state: RunState) -> Message:
    """Asks whether to go on to the next protocol, with what is really on file (COM-11, REV-07)."""
    sealed = {item.name for item in state.packages.values()}
    names = [name for name, _ in plan.outputs if name in state.evidence or name in sealed]
    listed = ", ".join(dict.fromkeys(names)) or "nothing"
    text = f"on file: {listed}. May {plan.next_protocol} begin with this? Only a signature decides."
    return Message(f"[{plan.voice.short} CONFIRMATION REQUIRED]", text, plan.stages[-1].phase, occasion=Occasion.ASKED)


FEEDBACK: Final = (
    "Is it complete, and is what it says right?",
    "Is it good enough for what you need it for?",
    "What should be changed?",
)
"""What is asked about every draft (COM-14)."""


def _feedback(plan: Plan, event: happened.PackageSealed) -> Message:
    """Asks everybody who gets a sealed package what it is like; answers go to the feedback log and stop nothing."""
    questions = " ".join(f"{number}. {text}" for number, text in enumerate(FEEDBACK, start=1))
    draft = f"draft: {event.name} (sha256 {event.sha256[:16]}…, {event.members} files)."
    text = f"{draft} {questions} Answer: gonogo feedback"
    return Message(f"[{plan.voice.short} FEEDBACK REQUESTED]", text, plan.stages[-1].phase, occasion=Occasion.NOTED)


def _asked(plan: Plan, state: RunState, event: happened.DecisionRequested) -> Message:
    what = f"{task_of(plan, event.task).title}."
    if event.point == "production":
        passed = "All gates so far passed. " if gates_passed(plan, state) else ""
        what = f"{plan.project.name} {plan.release.version}: {passed}Approve production deployment?"
    asked = f"{what} A signature decides; a typed yes or no is only a comment. (yes/no)"
    rule = plan.decisions.get(event.point)
    to = tuple(sorted(rule.roles)) if rule else ()
    return Message("[APPROVAL REQUEST]", asked, stage_of(plan, event.task).phase, to, occasion=Occasion.ASKED)


def _half(plan: Plan) -> int:
    steps = plan.project.rollout.steps
    return next((step for step in steps if step >= 50), 100)


def _passes_half(state: RunState, event: happened.HostsReplaced) -> bool:
    """Whether this batch is the first after which at least half of the hosts are new."""
    known = state.rollings.get(event.task)
    before = [percent for _, percent in known.moves[:-1]] if known else []
    return event.percent >= 50 > max(before, default=0)


def _halfway(plan: Plan, state: RunState, event: happened.TrafficMoved | happened.HostsReplaced) -> Message:
    known = state.rollings.get(event.task)
    errors = sum(counts.errors for _, _, _, counts in known.ticks if counts) if known else 0
    seen = "No errors observed." if not errors else f"{errors} failed requests observed on the new version."
    hold = plan.project.rollout.hold
    text = f"Production deployment {event.percent}% complete. {seen} Next update in {hold} s."
    return Message(f"[{plan.voice.short} ANNOUNCEMENT]", text, stage_of(plan, event.task).phase, occasion=Occasion.HALF)
