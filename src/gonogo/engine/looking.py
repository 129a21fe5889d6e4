"""Measurements: gonogo looks, computes, seals what it found, and records the outcome in one transaction."""

from __future__ import annotations

from collections.abc import Mapping

from gonogo.engine.advising import fault
from gonogo.engine.bench import Bench, Looked, Measurement
from gonogo.engine.crash_points import MEASURED
from gonogo.engine.measuring.measurements import MEASUREMENTS
from gonogo.engine.writing import append, blob, sealed, show
from gonogo.errors import BadInput, Broken, GonogoError, Refused
from gonogo.plan.model import Measure, Plan, all_stages
from gonogo.run.events import TaskFinished
from gonogo.terms import Json


def measurement_named(what: str) -> tuple[Measurement, str]:
    """The measurement and its argument, for names like `observe:staging`."""
    name, _, argument = what.partition(":")
    found = MEASUREMENTS.get(name)
    if found is None:
        raise BadInput(f"`{what}` is no measurement", next_step=f"known are {', '.join(sorted(MEASUREMENTS))}")
    return found, argument


def refuse_unknown(plan: Plan) -> None:
    """Refused where a plan, which an older version may have compiled, measures what this version does not know."""
    acts = (task.act for stage in all_stages(plan) for task in stage.tasks)
    unknown = [act.what for act in acts if isinstance(act, Measure) and act.what.partition(":")[0] not in MEASUREMENTS]
    if unknown:
        raise Refused(
            f"the plan of this run measures `{unknown[0]}`, which this version does not know",
            next_step="go on with the version that opened the run; nothing is lost",
        )


def look(bench: Bench) -> None:
    """Measure, seal and record. A measurement that breaks is a failed task with a reason, never a pass."""
    assert isinstance(bench.task.act, Measure)
    measure, _ = measurement_named(bench.task.act.what)
    try:
        found = measure(bench)
    except Broken as error:
        found = Looked(ok=False, detail=f"{bench.task.title}: {error}")
    except GonogoError as error:
        found = Looked(ok=False, detail=f"{bench.task.title}: {error}")
    bench.world.crash(MEASURED)
    conclude(bench, found)


def conclude(bench: Bench, found: Looked) -> None:
    """Seal what a measurement wrote and record its outcome."""
    facts: dict[str, Json] = dict(found.facts or {})
    if not found.ok:
        facts.setdefault("cause", "task_failed")
    if found.warnings:
        facts["warnings"] = len(found.warnings)
    said = "\n".join((found.detail, *found.warnings)).strip("\n") if found.ok else found.detail
    detail = blob(bench, said) if found.ok else fault(bench, said)
    done = TaskFinished(bench.task.id, bench.attempt, 0, "ok" if found.ok else "failed", _plain(facts), detail)
    append(bench, [*sealed(bench, found.files), done])
    show(bench, found.files)


def _plain(facts: Mapping[str, Json]) -> Mapping[str, Json]:
    return {name: value for name, value in facts.items() if value is not None}
