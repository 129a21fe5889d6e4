"""Acts of an environment that is rolled out host by host: each host is its own act, with its own intent and read-back.

So a crash, a script that hangs and a host that dies are met as for any other command, and `gonogo plan` shows every
host in the batch it belongs to. What stands side by side there for the hosts of one batch is at work at the same time
(`run.beside`; ROL-01, ROL-02, ROL-06). A batch is never larger than `max_unavailable` (`plan.hosts`) and is begun only
where, with the hosts that do not answer, no more than that would be away (`run.rollout`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gonogo.plan.drafting import Draft, bound, effect_on, hosts_of, named, routed, service_on
from gonogo.plan.hosts import batches
from gonogo.plan.model import Execute, Measure, Shift, Way
from gonogo.plan.project import Project

MOST_AT_ONCE = 32
"""So many commands of one run at a time, however large a batch is: each is a process on this machine."""


def _on(project: Project, kind: str, command: str, purpose: str, host: str) -> Execute:
    return replace(bound(project, command, kind, purpose), host=host, service=service_on(project, kind, host))


def _script(act: Execute) -> str:
    return f"run the {act.command} script{f' of {act.service}' if act.service else ''} on {act.host}"


def hosts_installed(project: Project, kind: str, purpose: str, name: str, asked: str) -> tuple[Draft, ...]:
    """Install on every host, one after the other, and ask each for its version before the next is begun."""
    found: list[Draft] = []
    for host in hosts_of(project, kind):
        act = _on(project, kind, "deploy", purpose, host)
        found.append(Draft(f"{name}-{host}", _script(act), act))
        found.append(Draft(f"{asked}-{host}", f"ask {host} for its version", Measure(f"host:{kind}:{host}")))
    return tuple(found)


def hosts_back(project: Project, kind: str) -> tuple[Draft, ...]:
    """Take every host back in reverse order, one after the other; each is looked at before and after."""
    return tuple(draft for host in reversed(hosts_of(project, kind)) for draft in _batch_back(project, kind, (host,)))


def _batch_back(project: Project, kind: str, names: tuple[str, ...]) -> Iterator[Draft]:
    """Look at every host of a batch, take back at once what needs it, and ask every one of them."""
    for host in names:
        yield Draft(f"look-{host}", f"look what runs on {host}", Measure(f"host-now:{kind}:{host}"))
    for host in names:
        act = _on(project, kind, "rollback", "rollback", host)
        yield Draft(f"roll-back-{host}", _script(act), act, at_once=_together(names))
    for host in names:
        yield Draft(f"back-{host}", f"ask {host} for the old version", Measure(f"host-back:{kind}:{host}"))


def host_rollout(project: Project, kind: str) -> tuple[Draft, ...]:
    """The batches of a rolling rollout. The very first act uses up the approval for production."""
    drafts = [
        draft for number, names in enumerate(batches(project, kind)) for draft in _batch(project, kind, number, names)
    ]
    return (replace(drafts[0], consumes=kind), *drafts[1:]) if drafts else ()


def _batch(project: Project, kind: str, number: int, names: tuple[str, ...]) -> Iterator[Draft]:
    shown = ", ".join(names)
    title = f"batch {number + 1}: "
    if routed(project, kind):
        out = Shift(named(project, kind), number, Way.OUT, effect_on(kind))
        yield Draft(f"drain-{number + 1}", f"{title}take {shown} out of the traffic", out, batch=number)
    for host in names:
        act = _on(project, kind, "deploy", "deploy", host)
        yield Draft(f"install-{host}", f"{title}{_script(act)}", act, batch=number, at_once=_together(names))
    for host in names:
        asked = Measure(f"host:{kind}:{host}")
        yield Draft(f"answers-{host}", f"{title}ask {host} for its version", asked, batch=number)
    if routed(project, kind):
        into = Shift(named(project, kind), number, Way.IN, effect_on(kind))
        yield Draft(f"return-{number + 1}", f"{title}let {shown} into the traffic again", into, batch=number)


def _together(names: tuple[str, ...]) -> int:
    return min(len(names), MOST_AT_ONCE)


def host_rollback(project: Project, kind: str) -> tuple[Draft, ...]:
    """What brings the hosts of production back, the last batch first; what was never touched is left alone."""
    found: list[Draft] = []
    steps = batches(project, kind)
    for number in reversed(range(len(steps))):
        if routed(project, kind):
            act = Shift(named(project, kind), number, Way.BACK_OUT, effect_on(kind))
            found.append(Draft(f"switch-back-{number + 1}", "take hosts with the new version out of the traffic", act))
        found += _batch_back(project, kind, tuple(reversed(steps[number])))
    if routed(project, kind):
        act = Shift(named(project, kind), 0, Way.BACK_IN, effect_on(kind))
        found.append(Draft("switch-in", "let every host that answers into the traffic again", act))
    return tuple(found)
