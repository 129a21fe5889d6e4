"""Hosts asked one by one: who runs which version, before a rollout, behind each installation and on the way back.

A host counts only by its own answer. One that does not answer is asked again before it is called lost: a single request
that went astray takes no production back.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from gonogo.engine.bench import Bench, Looked
from gonogo.evidence.ledger import time_text
from gonogo.plan.model import Measure
from gonogo.plan.project import Environment
from gonogo.plan.release import Service
from gonogo.ports import SlotSeen
from gonogo.run.hosts_before import version_on
from gonogo.terms import Json

TRIES = 40
PAUSE = 0.05
LONGEST = 5.0
"""Seconds after which a host that says something else is not asked again: each answer may take a while by itself."""

ASKED_AGAIN = 3
AT_ONCE = 16


def _subject(bench: Bench) -> tuple[str, str]:
    """(kind of environment, host) of a measurement such as `host:production:web1`."""
    assert isinstance(bench.task.act, Measure)
    _, kind, host = bench.task.act.what.split(":")
    return kind, host


def answers_of(bench: Bench, environment: Environment) -> Mapping[str, SlotSeen]:
    """What every host says of itself; who does not answer is asked again, a moment later."""
    prober = bench.world.probers[environment.name]
    found: dict[str, SlotSeen] = {}
    for turn in range(ASKED_AGAIN):
        asked = [host for host in environment.hosts if host not in found or found[host].version is None]
        if not asked:
            break
        if turn:
            bench.world.clock.sleep(PAUSE)
        with ThreadPoolExecutor(AT_ONCE) as crew:
            found |= dict(zip(asked, crew.map(prober.ask, asked), strict=True))
    return {host: found[host] for host in environment.hosts}


def released_on(bench: Bench, kind: str, host: str) -> Service:
    """What the release brings to a host: its service, or the only one."""
    return bench.plan.release.service(bench.environment(kind).service_on(host))


def no_ground(environment: Environment, answers: Mapping[str, SlotSeen]) -> str:
    """Why the hosts are no ground to begin on, service by service; empty where they are."""
    shipped = tuple(environment.hosts_of.values()) or (environment.hosts,)
    faults = (one_version({host: answers[host] for host in names if host in answers}) for names in shipped)
    return "; ".join(fault for fault in faults if fault)


def one_version(answers: Mapping[str, SlotSeen]) -> str:
    """Why hosts of a service are no such ground: not all of them answer, well and with the same version; else empty."""
    silent = [f"{host}: {seen.detail}" for host, seen in answers.items() if seen.version is None or not seen.healthy]
    if silent:
        return f"not every host answers: {'; '.join(silent)}"
    versions = {str(seen.version) for seen in answers.values()}
    if len(versions) > 1:
        shown = ", ".join(f"{host} runs {seen.version}" for host, seen in answers.items())
        return f"the hosts do not run one version ({shown})"
    return ""


def as_facts(answers: Mapping[str, SlotSeen]) -> dict[str, Json]:
    """Version and digest of each host, as they stand in a task's facts."""
    return {host: f"{seen.version or ''} {seen.digest or ''}".strip() for host, seen in answers.items()}


def new_on_host(bench: Bench) -> Looked:
    """The host itself answers with the new version and runs its very bytes (PX-06, CT-04)."""
    kind, host = _subject(bench)
    service = released_on(bench, kind, host)
    wanted = service.version if bench.environment(kind).hosts_of else bench.plan.release.version
    seen = awaited(bench, kind, host, wanted)
    if seen.version != wanted or not seen.healthy:
        return Looked(ok=False, detail=f"{bench.task.title}: {wanted} was installed, but {host} says: {seen.detail}")
    expected = service.digest
    if seen.digest is not None and seen.digest != expected:
        text = f"{host} answers as {wanted}, but runs artifact {seen.digest[:12]}…, not {expected[:12]}…"
        return Looked(ok=False, detail=f"{bench.task.title}: {text}")
    return Looked(ok=True, facts={"version": seen.version, "digest": seen.digest}, detail=seen.detail)


def awaited(bench: Bench, kind: str, host: str, wanted: str) -> SlotSeen:
    """What a host says once it says `wanted`, or what it says last when it has been asked long enough."""
    prober, clock = bench.world.probers[bench.environment(kind).name], bench.world.clock
    until = clock.monotonic() + LONGEST
    seen = prober.ask(host)
    for _ in range(TRIES):
        if (seen.version == wanted and seen.healthy) or clock.monotonic() > until:
            break
        clock.sleep(PAUSE)
        seen = prober.ask(host)
    return seen


def host_now(bench: Bench) -> Looked:
    """What runs on a host before it is taken back; that it does not answer is an answer, and stops nothing."""
    kind, host = _subject(bench)
    prober = bench.world.probers[bench.environment(kind).name]
    seen = prober.ask(host)
    for _ in range(ASKED_AGAIN - 1):
        if seen.version is None:
            bench.world.clock.sleep(PAUSE)
            seen = prober.ask(host)
    facts: dict[str, Json] = {"host": host, "version": seen.version}
    if seen.version is None:
        facts["lost"] = True
    elif seen.version == version_on(bench.seen(kind), host) and seen.healthy:
        facts["before"] = True
    return Looked(ok=True, facts=facts, detail=seen.detail)


def old_on_host(bench: Bench) -> Looked:
    """The host answers with the old version, and with the bytes of before where it says which."""
    kind, host = _subject(bench)
    before = bench.seen(kind)
    wanted = version_on(before, host)
    seen = awaited(bench, kind, host, wanted)
    known = before.get("hosts")
    exact = f"{seen.version or ''} {seen.digest or ''}".strip()
    same = not isinstance(known, Mapping) or known.get(host) == exact
    if seen.version == wanted and seen.healthy and same:
        facts: dict[str, Json] = {"version": wanted, "verified_at": time_text(bench.world.clock.now())}
        return Looked(ok=True, facts=facts, detail=seen.detail)
    fault = seen.detail if seen.version != wanted else f"{host} runs {wanted}, but not the bytes of before"
    return Looked(ok=False, detail=f"{bench.task.title}: {wanted} was expected on {host}; {fault}")
