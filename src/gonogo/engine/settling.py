"""After a crash: find out what became of an open intent, and never repeat on a guess (engine section 8; ROL-06)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from gonogo.engine.asking_together import version_before
from gonogo.engine.bench import Bench
from gonogo.engine.commanding import outcome_of
from gonogo.engine.crash_points import PROBED
from gonogo.engine.performing import (
    Part,
    append_latest,
    finish,
    first_ended,
    moved,
    record,
    wanted_weights,
)
from gonogo.engine.writing import append, blob
from gonogo.errors import GonogoError, Waiting
from gonogo.plan.model import Execute, Roll, Route, Shift
from gonogo.ports import EffectKey, Ended, Lost, NeverStarted, Running
from gonogo.run.events import Event, RunHalted, TaskFinished, TaskSettled
from gonogo.run.hosts_before import version_on
from gonogo.run.machine import Settle
from gonogo.run.rolling import step_percent
from gonogo.run.shifting import shifted
from gonogo.run.state import TaskState
from gonogo.terms import Json

MOST_TRIES = 3
LATEST_END = timedelta(seconds=60)
"""So long after its time limit a command has certainly been ended by its supervisor, with grace and a slow machine."""
ASK_AGAIN = timedelta(seconds=10)
"""How often the world is asked about a command that may still run on another host."""
NEVER_STARTED = "it was never started"
OUTCOME_UNKNOWN = "outcome_unknown"


class Later(Waiting):
    """Nothing can be said before `moment`; somebody has to look again then."""

    def __init__(self, moment: datetime, what: str) -> None:
        super().__init__(what, next_step="wait, or start a worker there again: it takes the result")
        self.moment = moment


def settle(bench: Bench, act: Settle) -> None:
    """Close an open intent: by its recorded result, by a probe, or by asking a person.

    Of several that are open together one is closed, the first to end.
    """
    if act.beside:
        act = _first(bench, act)
        bench = replace(bench, task=act.task, attempt=act.known.attempt)
    match bench.task.act:
        case Execute() as command:
            _settle_command(bench, act, command)
        case Route() as route:
            _settle_move(bench, act, route.environment, route.percent)
        case Shift() as shift:
            weights = shifted(bench.plan, bench.state, bench.stage, shift)
            _settle_weights(bench, act, shift.environment, -1, weights)
        case Roll() as roll:
            _settle_move(bench, act, roll.environment, step_percent(bench.plan, act.known.step))


def _first(bench: Bench, act: Settle) -> Settle:
    """Which of the acts that are open together is settled now: the first that is not at work any more.

    What was started elsewhere cannot be seen from here, and is settled when nothing is open here.
    """
    here = [
        (Part(replace(bench, task=task, attempt=known.attempt), known.start), Settle(task, known, act.beside))
        for task, known in act.beside
        if isinstance(task.act, Execute) and not _is_elsewhere(bench, known)
    ]
    if not here:
        return act
    ended = first_ended([part for part, _ in here])
    return next(settled for part, settled in here if part is ended)


def _settle_command(bench: Bench, act: Settle, command: Execute) -> None:
    start = act.known.start
    key = EffectKey(bench.run, bench.task.id, act.known.attempt, start)
    if _is_elsewhere(bench, act.known):
        _settle_elsewhere(bench, act, command)
        return
    match bench.world.commands.look(key):
        case Running():
            finish(Part(bench, start))
        case Ended() if act.beside:
            finish(Part(bench, start))  # Its plain end: the engine that began it went on with what is beside it.
        case Ended() as ended:
            settled = TaskSettled(bench.task.id, act.known.attempt, start, "applied", "result", None)
            record(bench, start, outcome_of(bench, key, ended), (settled,))
        case NeverStarted():
            # Whoever intended it may only have been stopped for a while: from now on that start cannot begin any more.
            if bench.world.commands.bar(key):
                _not_applied(bench, act, "engine", NEVER_STARTED)
        case Lost(reason) if command.repeatable:
            _not_applied(bench, act, "engine", f"{reason}; it is repeatable")
        case Lost(reason):
            _probe(bench, act, command, reason)


def _is_elsewhere(bench: Bench, known: TaskState) -> bool:
    """Whether the command was started by another host, or in another folder: nothing of it can be seen from here."""
    return bool(bench.world.place) and known.host not in {"", bench.world.place}


def _settle_elsewhere(bench: Bench, act: Settle, command: Execute) -> None:
    """A process cannot be seen from another host, so that silence is no answer (engine section 8, another machine).

    What took effect is believed. That it did not is believed by nobody before its time limit is over by a minute,
    and then only a person says so: a target that was late would get it a second time.
    """
    reason = f"it was started on {act.known.host}, where no worker is alive"
    if command.repeatable:
        _not_applied(bench, act, "engine", f"{reason}; it is repeatable")
        return
    answer, why = _asked(bench, command)
    if answer != "applied":
        now, ends = bench.world.clock.now(), _ends_at_last(bench, act, command)
        if now < ends:
            told = f"{bench.task.title}: {reason}, and may still run there until {ends:%Y-%m-%d %H:%M:%S} UTC"
            raise Later(min(ends, now + ASK_AGAIN), told)
        answer = "unknown"
    _conclude(bench, act, answer, f"{bench.task.title}: {reason}; probe: {why}")


def _ends_at_last(bench: Bench, act: Settle, command: Execute) -> datetime:
    """When the supervisor over there has certainly ended the command."""
    binding = bench.plan.project.commands.get(command.command)
    limit = timedelta(seconds=float(binding.timeout)) if binding else timedelta(0)
    return act.known.began + limit + LATEST_END


def _probe(bench: Bench, act: Settle, command: Execute, reason: str) -> None:
    answer, why = _asked(bench, command)
    _conclude(bench, act, answer, f"{bench.task.title}: {reason}; probe: {why}")


def _conclude(bench: Bench, act: Settle, answer: str, text: str) -> None:
    settled = TaskSettled(bench.task.id, act.known.attempt, act.known.start, answer, "probe", blob(bench, text))
    bench.world.crash(PROBED)
    if answer == "applied":
        done = TaskFinished(bench.task.id, act.known.attempt, act.known.start, "ok", {"settled": "probe"}, None)
        append_latest(bench, (settled, done))
    elif answer == "not_applied":
        append_latest(bench, (settled, *(_given_up(bench, act, text) or _enough(bench, act, text))))
    else:
        _ask_people(bench, settled, text)


def _given_up(bench: Bench, act: Settle, text: str) -> tuple[TaskFinished, ...]:
    """A host of production whose installation left no result and that runs the old version is not replaced again.

    Where nothing could be recorded any more, an engine took the touched hosts back off the record (`rescuing`), and
    that cannot be told from an installation that never took effect. So the rollout is taken back as a whole.
    """
    command = bench.task.act
    if not isinstance(command, Execute) or not command.host or command.purpose != "deploy":
        return ()
    if bench.plan.project.environments[command.environment].kind != "production":
        return ()
    detail = blob(bench, f"{text}\nIt was begun and left no result: it is not begun again, the rollout is taken back.")
    facts: dict[str, Json] = {"cause": "task_failed"}
    return (TaskFinished(bench.task.id, act.known.attempt, act.known.start, "failed", facts, detail),)


def _ask_people(bench: Bench, settled: TaskSettled, text: str) -> None:
    """Nobody can tell: a person says what happened. An abort does not wait for that, since it takes everything back."""
    events: list[Event] = [settled]
    # Where the run halted because of an act beside this one, people are asked about this one when they lift that halt.
    if bench.state.halted is None and not (bench.state.aborting and bench.state.rollback is None):
        detail = (
            f"{text}\nNobody can tell whether it took effect; gonogo does not repeat it on a guess.\n"
            f"  next: look, then say what happened: gonogo resume {bench.run} --key YOUR-KEY --reason TEXT "
            f"--outcome applied (or not-applied); or end the run, which takes production back: gonogo abort {bench.run}"
        )
        events.append(RunHalted(OUTCOME_UNKNOWN, "stop", bench.stage.id, bench.stage.id, blob(bench, detail)))
    append(bench, events)


def _asked(bench: Bench, command: Execute) -> tuple[str, str]:
    kind = bench.plan.project.environments[command.environment].kind
    seen = bench.seen(kind)
    candidate = command.host or str(seen.get("candidate") or "")
    several = command.service and not command.host
    asked = f"{command.environment}/{command.service}" if several else command.environment
    prober = bench.world.probers.get(asked)
    if prober is None or command.purpose not in {"deploy", "redeploy", "rollback"}:
        return "unknown", "nothing can be asked about this command"
    answer = prober.ask(candidate) if candidate else prober.front()
    wanted = bench.plan.release.service(command.service).version if command.service else bench.plan.release.version
    shown = answer.version or "nothing"
    if command.purpose == "rollback":
        gone = answer.version != wanted
        return ("applied", f"{shown} answers") if gone else ("not_applied", f"{wanted} still answers")
    if answer.version == wanted and answer.healthy:
        return "applied", f"{wanted} answers and is healthy"
    slot = bool(candidate) and not command.host
    before = seen.get("candidate_version") if slot else version_on(seen, command.host)
    if several:
        before = version_before(seen, command.service)
    if answer.version is not None and answer.version == before:
        return "not_applied", f"{shown} answers, as before"
    return "unknown", f"{shown} answers, {wanted} was expected, {before or 'nothing'} was there before"


def _not_applied(bench: Bench, act: Settle, by: str, why: str) -> None:
    text = f"{bench.task.title}: {why}"
    event = TaskSettled(bench.task.id, act.known.attempt, act.known.start, "not_applied", by, blob(bench, text))
    # What never began says nothing against the command: only an engine that dies each time could go on like this.
    lost = () if why == NEVER_STARTED else _enough(bench, act, text)
    append_latest(bench, (event, *lost))


def _enough(bench: Bench, act: Settle, text: str) -> tuple[TaskFinished, ...]:
    """A command that is lost again and again has failed: a driver that repeats it for ever helps nobody."""
    if act.known.step >= 0 or act.known.tries < MOST_TRIES:
        return ()
    detail = blob(bench, f"{text}\nThis was try {act.known.tries}; it is not tried again.")
    facts: dict[str, Json] = {"cause": "task_failed"}
    return (TaskFinished(bench.task.id, act.known.attempt, act.known.start, "failed", facts, detail),)


def _settle_move(bench: Bench, act: Settle, environment: str, percent: int) -> None:
    _settle_weights(bench, act, environment, percent, wanted_weights(bench, percent))


def _settle_weights(bench: Bench, act: Settle, environment: str, percent: int, weights: Mapping[str, int]) -> None:
    try:
        seen = bench.world.targets[environment].traffic()
    except GonogoError as error:
        _not_applied(
            bench, act, "probe", f"the proxy did not answer ({error.what}); a move is absolute and is asked for again"
        )
        return
    bench.world.crash(PROBED)
    if seen.readable and dict(seen.weights) == weights:
        moved(bench, act.known.start, act.known.step, percent, weights)
        return
    _not_applied(bench, act, "probe", f"the proxy says {dict(seen.weights)}")
