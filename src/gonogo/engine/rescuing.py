"""When nothing can be recorded any more: production goes back to the old version all the same.

A rollout that cannot be recorded cannot be judged either. So before the engine gives up, it asks the target once for
all traffic on the old version, with the fence that this run holds: whoever took over since has a newer one. Users have
the old version then. Hosts that were replaced are taken back after that by the very commands of the rollback, over a
pipe, batch by batch, once the requests under way there are answered or `drain` is over; each is believed by its own
answer. Nothing else is begun. The next engine finds that the world is not what is on record, and takes the rollout
back.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from gonogo.engine.asking_hosts import AT_ONCE, awaited
from gonogo.engine.bench import Bench
from gonogo.engine.commanding import command_spec
from gonogo.engine.draining import cut_at
from gonogo.errors import GonogoError, NotStored
from gonogo.plan.model import Execute, Plan, Roll, Task, all_stages
from gonogo.ports import EffectKey, Running
from gonogo.run.events import recorded
from gonogo.run.hosts_before import version_on
from gonogo.run.shifting import shares, silent_hosts, touched_hosts
from gonogo.run.state import RunState, advance, observed, slots_of

POLL = 0.05
MOST_PRINTED = 1 << 20


def rescued(bench: Bench, fault: NotStored) -> NotStored:
    """`fault`, with what became of a rollout that is under way. `bench` holds what this engine knew last."""
    try:
        said = _take_back(bench)
    except GonogoError as error:
        said = f"; production could not be given back to the old version ({error.what}): do it by hand"
    return NotStored(fault.what + said, where=fault.where, next_step=fault.next_step)


def _take_back(bench: Bench) -> str:
    state = _newest(bench)
    for stage in all_stages(bench.plan):
        for task in stage.tasks:
            if not isinstance(task.act, Roll) or not _is_under_way(state, task):
                continue
            fence = _fence(bench, state, task, task.act.environment)
            if fence is not None:
                now = bench.world.clock.now()
                found = Bench(bench.world, bench.plan, state, bench.run, bench.actor, task, 1, now)
                return _given_back(found, task.act, fence)
    return ""


def _newest(bench: Bench) -> RunState:
    """What is on record, or what this engine knew last: a journal without room may not even be read any more."""
    state = RunState()
    try:
        for entry in bench.world.journal.entries(bench.run, -1):
            state = advance(bench.plan, state, recorded(entry))
    except NotStored:
        return bench.state
    return state


def _fence(bench: Bench, state: RunState, task: Task, environment: str) -> int | None:
    """The fence that this run holds; None where another run took the environment since.

    Where the journal cannot be read, it could not be written by another run either: the last intent's fence holds.
    """
    try:
        lease = bench.world.journal.lease(environment)
    except NotStored:
        known = state.tasks.get(task.id)
        return known.fence if known is not None else None
    return lease.fence if lease.run == bench.run else None


def _is_under_way(state: RunState, task: Task) -> bool:
    """Whether a rollout was begun and is neither done nor taken back."""
    known = state.tasks.get(task.id)
    if task.id not in state.rollings and known is None:
        return False
    return (known is None or known.outcome != "ok") and (state.rollback is None or state.rollback.finished is None)


def _given_back(bench: Bench, roll: Roll, fence: int) -> str:
    if bench.plan.project.environments[roll.environment].hosts:
        return _hosts_back(bench, roll, fence)
    stable, candidate = slots_of(bench.plan, bench.state, bench.task)
    if not stable or not candidate:
        return ""
    bench.world.targets[roll.environment].move({stable: 100, candidate: 0}, fence)
    return f"; all traffic of {roll.environment} was given back to {stable}, which is not on record yet"


def _hosts_back(bench: Bench, roll: Roll, fence: int) -> str:
    touched = touched_hosts(bench.plan, bench.state, roll.environment)
    known = observed(bench.plan, bench.state, roll.environment).get("weights")
    faults: list[str] = []
    cut: list[str] = []
    moved: datetime | None = None
    if roll.environment in bench.world.targets and isinstance(known, dict):
        weights = {host: weight for host, weight in known.items() if isinstance(weight, int)}
        try:
            out = touched | silent_hosts(bench.plan, bench.state, roll.environment)
            bench.world.targets[roll.environment].move(shares(weights, out if set(weights) - out else touched), fence)
            moved = bench.world.clock.now()
        except GonogoError as error:
            faults.append(f"the traffic: {error.what}")
    for batch in _batches_back(bench.plan, touched):
        with ThreadPoolExecutor(AT_ONCE) as crew:
            cut += filter(None, crew.map(lambda task: _drained(bench, task, moved), batch))
            faults += filter(None, crew.map(lambda task: _host_back(bench, task, fence), batch))
    ended = "".join(f"; {text}" for text in cut)
    if faults:
        return f"; not all of {roll.environment} could be taken back, do it by hand: {'; '.join(faults)}{ended}"
    if not touched:
        return f"; no host of {roll.environment} was touched"
    names = ", ".join(sorted(touched))
    return f"; {names} of {roll.environment} were taken back to the old version, which is not on record yet{ended}"


def _drained(bench: Bench, task: Task, moved: datetime | None) -> str:
    """What is cut at a host that got no more requests since `moved`; empty where nothing is, or nothing was moved."""
    if moved is None or not isinstance(task.act, Execute):
        return ""
    found = cut_at(replace(bench, task=task), task.act.environment, task.act.host, moved)
    return str(found) if found else ""


def _batches_back(plan: Plan, touched: frozenset[str]) -> list[list[Task]]:
    """The rollback commands of touched hosts, those of one batch together, in the order of the rollback."""
    found: list[list[Task]] = [[]]
    for task in plan.rollback.tasks if plan.rollback else ():
        if isinstance(task.act, Execute) and task.act.host in touched:
            found[-1].append(task)
        elif not isinstance(task.act, Execute) and found[-1]:
            found.append([])
    return found


def _host_back(bench: Bench, task: Task, fence: int) -> str:
    """Take one host back; why it does not run the old version, empty where it does."""
    assert isinstance(task.act, Execute)
    command, host = task.act, task.act.host
    kind = bench.plan.project.environments[command.environment].kind
    before = version_on(bench.seen(kind), host)
    _await_installation(bench, host)
    try:
        if bench.world.probers[command.environment].ask(host).version == before:
            return ""
        key = EffectKey(bench.run, task.id, bench.attempt, 0)
        spec = command_spec(replace(bench, task=task), command, key, fence)
        with suppress(GonogoError):  # What it prints and how it ends is no answer: the host is asked itself.
            bench.world.asker.ask(replace(spec, fence=fence), MOST_PRINTED)
        seen = awaited(bench, kind, host, before)
    except GonogoError as error:
        return f"{host}: {error.what}"
    return "" if seen.version == before and seen.healthy else f"{host}: {seen.detail}"


def _await_installation(bench: Bench, host: str) -> None:
    """Wait until no installation is at work on a host; each ends by its own time limit."""
    for name, known in bench.state.tasks.items():
        task = next((part for part in bench.stage.tasks if part.id == name), None)
        if not known.open or task is None or not isinstance(task.act, Execute) or task.act.host != host:
            continue
        key = EffectKey(bench.run, name, known.attempt, known.start)
        while isinstance(bench.world.commands.look(key), Running):
            bench.world.clock.sleep(POLL)
