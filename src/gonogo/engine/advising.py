"""No failure without a next step: what people read at 02:00 says what, where, and what to do now (CFG-11)."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping

from gonogo.engine.bench import Bench
from gonogo.engine.writing import blob
from gonogo.run.hosts_before import version_on
from gonogo.run.shifting import touched_hosts
from gonogo.terms import Digest

_NEXT = "\n  next:"
_PLACEHOLDER = re.compile(r"\{([a-z]+)\}")


def _at_the_proxy(bench: Bench) -> Iterator[str]:
    """Where a target stands before the hosts: no request may reach the new version while they are taken back."""
    environment = bench.environment("production")
    new = touched_hosts(bench.plan, bench.state, environment.name)
    if environment.target.kind != "none" and new and set(environment.hosts) - new:
        listed = ", ".join(host for host in environment.hosts if host in new)
        yield f"\n    take {listed} out of the traffic at the proxy ({environment.target.kind})"


def _on_hosts(bench: Bench) -> Iterator[str]:
    """What to run by hand on each host that was touched, the last one first, as the rollback itself would run it."""
    environment = bench.environment("production")
    touched = touched_hosts(bench.plan, bench.state, environment.name)
    values = {"environment": environment.name, "release": bench.plan.release.version}
    argv = bench.plan.project.commands["rollback"].run
    for host in reversed(environment.hosts):
        if host in touched:
            before = version_on(bench.seen("production"), host) or "the old version"
            about = {"host": host, "service": environment.service_on(host), "previous": before}
            filled = [_with_values(part, {**values, **about}) for part in argv]
            yield f"\n    {shlex.join(filled)}, until {environment.slots[host]} answers with {before}"


def _with_values(part: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), part)


def fault(bench: Bench, text: str) -> Digest | None:
    """Store why an act failed; a text that says no next step gets the one that always helps."""
    return blob(bench, text if not text or _NEXT in text else f"{text}{_NEXT} {_next_step(bench)}")


def _next_step(bench: Bench) -> str:
    if bench.stage.kind != "rollback":
        return f"repair what is named, then lift the halt: gonogo resume {bench.run}"
    before = bench.seen("production")
    if bench.environment("production").hosts:
        steps = "".join((*_at_the_proxy(bench), *_on_hosts(bench)))
        return f"production is not restored; by hand:{steps}\n  then: gonogo resume {bench.run}"
    hands = f"send all traffic to `{before.get('stable')}` and stop `{before.get('candidate')}`"
    return f"production is not restored; by hand: {hands}, then gonogo resume {bench.run}"
