"""Several services of one release, each asked in its own slot: bytes and version by its own answer (PX-06, ROL-01)."""

from __future__ import annotations

from collections.abc import Mapping

from gonogo.engine.bench import Bench, Looked
from gonogo.plan.model import Measure
from gonogo.plan.project import Environment
from gonogo.plan.release import Service
from gonogo.ports import SlotSeen
from gonogo.terms import Json

TRIES = 40
PAUSE = 0.05


def services_in(bench: Bench, environment: Environment, slot: str) -> dict[str, SlotSeen]:
    """What every service answers in a slot, in the declared order; nothing where the project names no services."""
    if environment.hosts:
        return {}  # They are asked host by host.
    probers = bench.world.probers
    return {name: probers[f"{environment.name}/{name}"].ask(slot) for name in bench.plan.project.services}


def as_facts(answers: Mapping[str, SlotSeen]) -> dict[str, Json]:
    """Version and digest of each service."""
    return {name: f"{seen.version or ''} {seen.digest or ''}".strip() for name, seen in answers.items()}


def version_before(seen: Mapping[str, Json], service: str) -> str | None:
    """What a service answered in the idle slot before anything was changed."""
    known = seen.get("services_idle")
    found = known.get(service) if isinstance(known, Mapping) else None
    return str(found).partition(" ")[0] or None if found else None


def silent(answers: Mapping[str, SlotSeen]) -> str:
    """Which services do not answer well, in words; empty where all do."""
    return "; ".join(f"{name}: {seen.detail}" for name, seen in answers.items() if not seen.healthy)


def new_service(bench: Bench) -> Looked:
    """One service answers with its released version, and runs the bytes that were approved for it."""
    assert isinstance(bench.task.act, Measure)
    _, kind, name = bench.task.act.what.split(":")
    service = next(each for each in bench.plan.release.services if each.name == name)
    seen = _awaited(bench, kind, service)
    if seen.version != service.version or not seen.healthy:
        text = f"{name} {service.version} was installed, and says: {seen.detail}"
        return Looked(ok=False, detail=f"{bench.task.title}: {text}")
    if seen.digest is not None and seen.digest != service.digest:
        text = f"{name} runs artifact {seen.digest[:12]}…, not {service.digest[:12]}…"
        return Looked(ok=False, detail=f"{bench.task.title}: {text}")
    return Looked(ok=True, facts={"service": name, "version": seen.version, "digest": seen.digest}, detail=seen.detail)


def _awaited(bench: Bench, kind: str, service: Service) -> SlotSeen:
    slot = str(bench.seen(kind).get("candidate") or "")
    prober = bench.world.probers[f"{bench.environment(kind).name}/{service.name}"]
    seen = prober.ask(slot)
    for _ in range(TRIES):
        if seen.version == service.version and seen.healthy:
            break
        bench.world.clock.sleep(PAUSE)
        seen = prober.ask(slot)
    return seen
