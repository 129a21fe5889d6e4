"""Which hosts have to be out of the traffic, and what is needless on the way back (ROL-04, ARB-01, ARB-07)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from gonogo.plan.hosts import batches
from gonogo.plan.model import Execute, Measure, Plan, Roll, Route, Shift, Stage, Task, Way, all_stages
from gonogo.run.state import RunState, observed

WHOLE = 100


def touched_hosts(plan: Plan, state: RunState, environment: str) -> frozenset[str]:
    """Hosts on which an installation was begun in this run, whatever became of it."""
    return frozenset(act.host for act in _installations(plan, state, environment))


def touched_services(plan: Plan, state: RunState, environment: str) -> frozenset[str]:
    """Services whose installation was begun in this run, whatever became of it."""
    return frozenset(act.service for act in _installations(plan, state, environment))


def _installations(plan: Plan, state: RunState, environment: str) -> Iterator[Execute]:
    """Acts that bring a release to a place of an environment, as far as they were begun."""
    begun = (task.act for stage in plan.stages for task in stage.tasks if task.id in state.tasks)
    for act in begun:
        if isinstance(act, Execute) and act.purpose in {"deploy", "redeploy"} and act.environment == environment:
            yield act


def last_moved(plan: Plan, state: RunState, environment: str) -> datetime | None:
    """When traffic of an environment was moved last in this run; None where it was not."""
    found: list[datetime] = []
    for stage in all_stages(plan):
        for task in stage.tasks:
            known = state.tasks.get(task.id)
            if isinstance(task.act, Route | Shift) and task.act.environment == environment:
                found += [known.ended] if known and known.ended and known.outcome == "ok" else []
            elif isinstance(task.act, Roll) and task.act.environment == environment and task.id in state.rollings:
                found += [at for at, _ in state.rollings[task.id].moves[-1:]]
    return max(found, default=None)


def shares(base: Mapping[str, int], out: Iterable[str]) -> dict[str, int]:
    """`base` without the hosts `out`, in the same proportions and whole percent; `base` where nobody would be left."""
    left = {host: weight for host, weight in base.items() if host not in set(out)}
    if not any(left.values()):
        left = dict.fromkeys(left, 1) if left else dict(base)
    total = sum(left.values())
    found = {host: weight * WHOLE // total for host, weight in left.items()}
    by_rest = sorted(left, key=lambda host: (-(left[host] * WHOLE % total), list(left).index(host)))
    for host in by_rest[: WHOLE - sum(found.values())]:
        found[host] += 1
    return {host: found.get(host, 0) for host in base}


def silent_hosts(plan: Plan, state: RunState, environment: str) -> frozenset[str]:
    """Hosts that did not answer when the rollout looked at them last."""
    rolls = (
        task.id
        for stage in plan.stages
        for task in stage.tasks
        if isinstance(task.act, Roll) and task.act.environment == environment
    )
    return frozenset(host for task in rolls if task in state.rollings for host in state.rollings[task].lost)


def shifted(
    plan: Plan, state: RunState, stage: Stage, act: Shift, away: frozenset[str] = frozenset()
) -> dict[str, int]:
    """The weights that a shift asks for; empty where nobody knows how traffic was shared before.

    `away` are hosts that get no requests on the way back because they do not answer, whoever ended them.
    """
    known = observed(plan, state, act.environment).get("weights")
    base = (
        {host: weight for host, weight in known.items() if isinstance(weight, int)} if isinstance(known, dict) else {}
    )
    if not base:
        return {}
    kind = plan.project.environments[act.environment].kind
    batch = batches(plan.project, kind)[act.batch]
    match act.way:
        case Way.OUT:
            return shares(base, batch)
        case Way.IN:
            return shares(base, ())
        case Way.BACK_OUT:
            back = _brought_back(state, stage)
            new, away = touched_hosts(plan, state, act.environment) - back, away - back
            if set(base) - new - away:
                return shares(base, new | away)
            return shares(base, new if set(base) - new else batch)
        case Way.BACK_IN:
            return shares(base, lost_on_the_way_back(state, stage) | away)


def _brought_back(state: RunState, stage: Stage) -> frozenset[str]:
    return _hosts_where(state, stage, "host-back", "version")


def lost_on_the_way_back(state: RunState, stage: Stage) -> frozenset[str]:
    """Hosts that did not answer when they were to be taken back."""
    return _hosts_where(state, stage, "host-now", "lost")


def _hosts_where(state: RunState, stage: Stage, what: str, fact: str) -> frozenset[str]:
    found = set()
    for task in stage.tasks:
        known = state.tasks.get(task.id)
        if known is not None and known.outcome == "ok" and _measures(task, what) and known.facts.get(fact):
            found.add(_host_of(task))
    return frozenset(found)


def _measures(task: Task, what: str) -> bool:
    return isinstance(task.act, Measure) and task.act.what.partition(":")[0] == what


def _host_of(task: Task) -> str:
    if isinstance(task.act, Execute):
        return task.act.host
    if isinstance(task.act, Measure) and task.act.what.partition(":")[0] in {"host-now", "host-back"}:
        return task.act.what.rpartition(":")[2]
    return ""


def of_one_host(stage: Stage, task: Task) -> bool:
    """Whether this act of the way back is about one host: that it fails keeps no other host from being taken back."""
    return stage.kind == "rollback" and bool(_host_of(task))


def needless(plan: Plan, state: RunState, stage: Stage, task: Task) -> str:
    """Why an act of the way back is not needed; empty where it is. Only what was touched is taken back (ARB-07)."""
    if stage.kind != "rollback":
        return ""
    environment = next(each.name for each in plan.project.environments.values() if each.kind == "production")
    if isinstance(task.act, Execute) and task.act.service and not task.act.host:
        begun = task.act.service in touched_services(plan, state, environment)
        return "" if begun else f"{task.act.service} was never touched"
    if isinstance(task.act, Shift):
        batch = batches(plan.project)[task.act.batch]
        reached = task.act.way is Way.BACK_IN or set(batch) & touched_hosts(plan, state, environment)
        return "" if reached else "no host of this batch was touched"
    host = _host_of(task)
    if not host:
        return ""
    if host not in touched_hosts(plan, state, environment):
        return f"{host} was never touched"
    if isinstance(task.act, Measure) and task.act.what.startswith("host-now"):
        return ""
    if host in lost_on_the_way_back(state, stage):
        return f"{host} does not answer"
    already = isinstance(task.act, Execute) and host in _hosts_where(state, stage, "host-now", "before")
    return f"{host} runs the old version already" if already else ""
