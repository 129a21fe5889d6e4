"""Scripts that look and write what they saw: parity, connections, snapshot, smoke tests, approvals, checklist.

Each takes the measurement that the engine takes in a run (CMD-05, CMD-08, CMD-11, CMD-12, CMD-31 to CMD-33, CMD-74).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from gonogo.adapters.commands import SupervisedCommands
from gonogo.control.scripted.workplace import (
    Asked,
    Ended,
    bench_for,
    bench_of,
    beside,
    file_away,
    needed_run,
    require_sealed,
)
from gonogo.engine.bench import Bench, Looked, Produced
from gonogo.engine.commanding import command_spec, outcome_of
from gonogo.engine.measuring.measurements import MEASUREMENTS
from gonogo.engine.measuring.small import confirmation_of
from gonogo.engine.measuring.world import reach
from gonogo.engine.performing import POLL
from gonogo.errors import BadInput, Refused
from gonogo.evidence.canonical import Found as Resolved
from gonogo.evidence.canonical import Tree, read_object, resolve_pointer
from gonogo.plan.model import Effect, Execute, Measure, Stage, Task
from gonogo.ports import EffectKey, Running
from gonogo.ports import Ended as CommandEnded
from gonogo.run.state import TaskState
from gonogo.terms import Json, RunId

FOLDER: Final = ".artifacts/deployment"
LOG: Final = "staging-deployment-run.log"


def _value(files: Sequence[Produced], name: str, pointer: str) -> Tree:
    """A value in one of the files that a measurement produced; None where there is none."""
    for file in files:
        if file.name == name:
            found = resolve_pointer(read_object(file.data, name=name, limit=1 << 24), pointer)
            return found.value if isinstance(found, Resolved) else None
    return None


def _filed(asked: Asked, files: Sequence[Produced], path: str) -> tuple[str, ...]:
    """File everything that was measured: the first file at `path`, the others beside it under their own names."""
    first, *others = files
    return (
        file_away(asked, first.data, path),
        *(file_away(asked, file.data, beside(path, file.name)) for file in others),
    )


def _named(looked: Looked, names: Sequence[str]) -> list[Produced]:
    """The produced files in the order of `names`; BadInput where the first of them was not measured."""
    found = {file.name: file for file in looked.files}
    if names[0] not in found:
        raise BadInput(looked.detail or f"{names[0]} cannot be measured", next_step="nothing was written")
    return [found[name] for name in names if name in found]


def parity(asked: Asked) -> Ended:
    """Compare staging with production; 0 within the limits of the gate, 1 beyond, 2 where a side cannot be read."""
    bench = bench_for(asked, "parity")
    looked = MEASUREMENTS["parity"](bench)
    files = _named(looked, asked.script.writes)
    if _value(files, asked.script.writes[0], "/staging_parity/compared") in {0, None}:
        raise BadInput(looked.detail or "nothing could be compared", next_step="name settings files in gonogo.yaml")
    severity = _value(files, asked.script.writes[0], "/staging_parity/drift_severity")
    drift = _value(files, asked.script.writes[0], "/staging_parity/drift_metric")
    held = severity in {"none", "low"} and looked.ok
    said = f"drift severity {severity}, drift metric {drift}"
    written = _filed(asked, files, _output(asked, asked.script.writes[0]))
    return Ended(0 if held else 1, said, (looked.detail,) if looked.detail else (), written)


def _output(asked: Asked, name: str) -> str:
    return asked.given.get("output") or f"{FOLDER}/{name}"


def approvals(asked: Asked) -> Ended:
    """Verify the signed decisions of the readiness review and write the record; this never approves anything."""
    opened = needed_run(asked)
    looked = MEASUREMENTS["readiness-approval"](bench_of(asked, opened, "readiness-approval"))
    if not looked.files:
        return Ended(2, "readiness still open", (looked.detail, f"gonogo resume {opened.run} asks the people"))
    status = _value(looked.files, asked.script.writes[0], "/readiness_approval/status")
    code = {"approved": 0, "withheld": 1, "rejected": 1}.get(str(status), 2)
    return Ended(code, f"readiness {status}", (), _filed(asked, looked.files, _output(asked, asked.script.writes[0])))


def checklist(asked: Asked) -> Ended:
    """Write the checklist that the rehearsal of the newest run taught."""
    opened = needed_run(asked)
    require_sealed(asked, opened, asked.given.get("source", f".artifacts/pre-deployment/{LOG}"), LOG)
    looked = MEASUREMENTS["checklist"](bench_of(asked, opened, "checklist"))
    files = _named(looked, asked.script.writes)
    status = _value(files, asked.script.writes[1], "/deployment_checklist/status")
    written = _filed(asked, files, asked.given.get("output") or f".artifacts/pre-deployment/{asked.script.writes[0]}")
    return Ended(0 if status == "complete" else 1, f"checklist {status}", (), written)


def validator(asked: Asked) -> Ended:
    """Reach every environment and ask every service for its health; production counts as reached where it answers."""
    kinds = ("staging", "production") if asked.given["env"] == "all" else (asked.given["env"],)
    bench = bench_for(asked, "health-checks")
    silent = [f"{kind} {name}: {detail}" for kind in kinds for name, ok, detail in reach(bench, kind) if not ok]
    connection = MEASUREMENTS["connectivity"](bench)
    looked = MEASUREMENTS["health-checks"](bench)
    files = _named(looked, ("validation.json", "health-check-report.json"))
    written = [*_filed(asked, files, _output(asked, "validation.json"))]
    place = _output(asked, "validation.json")
    written += [file_away(asked, file.data, beside(place, file.name)) for file in connection.files]
    if "production" in kinds and confirmation_of(bench) is None:
        silent += [] if connection.files else ["connectivity-report.json is written in a run, where a person confirms"]
    faults = [line for line in silent if not line.startswith("connectivity-report")]
    alerts = _value(files, "validation.json", "/alerts/critical")
    code = 1 if faults or alerts not in {0, None} else 0
    result = "all environments healthy" if code == 0 else f"{len(faults)} targets not healthy, {alerts} critical alerts"
    return Ended(code, result, tuple(silent), tuple(written))


def snapshot(asked: Asked) -> Ended:
    """Record what a rollback would bring back; without `--snapshot` only say whether it could be recorded."""
    if asked.given["env"] != "production":
        raise Refused("a rollback snapshot is taken of production", next_step="--env production")
    try:
        looked = MEASUREMENTS["snapshot"](_observed(bench_for(asked, "snapshot"), "production"))
    except _Unobserved as error:
        return Ended(1, "no readable snapshot", (error.what,))
    readable = _value(looked.files, asked.script.writes[0], "/snapshot/readable") is True
    written: tuple[str, ...] = ()
    if "snapshot" in asked.given and looked.files:
        written = _filed(asked, looked.files, f"{FOLDER}/{asked.script.writes[0]}")
    word = "snapshot created" if written else "a snapshot could be taken"
    return Ended(0 if readable else 1, word if readable else "no readable snapshot", (looked.detail,), written)


class _Unobserved(BadInput):
    """An environment does not say what it serves."""


def _observed(bench: Bench, kind: str) -> Bench:
    """`bench` after a fresh look at what an environment serves, as the task that observes it would record."""
    name = f"observe:{kind}"
    tasks = (task for stage in bench.plan.stages for task in stage.tasks)
    task = next((task for task in tasks if task.act == Measure(name)), None)
    if task is None:
        return bench
    looked = MEASUREMENTS["observe"](replace(bench, task=task))
    if not looked.ok:
        raise _Unobserved(looked.detail or f"{kind} does not answer", next_step=f"see that {kind} answers")
    facts = dict(looked.facts or {})
    # What is looked at now is what serves: tests and metrics are those of the serving slot.
    known = _known(bench, "ok", facts | {"candidate": facts.get("stable")})
    return replace(bench, state=replace(bench.state, tasks={**bench.state.tasks, task.id: known}))


def _known(bench: Bench, outcome: str, facts: Mapping[str, Json]) -> TaskState:
    ended = bench.world.clock.now()
    return TaskState(1, 1, outcome, open=False, fence=0, facts=facts, detail=None, began=bench.now, ended=ended)


def smoke(asked: Asked) -> Ended:
    """Run the smoke tests against an environment and write their results; no test at all is 2."""
    if asked.given["env"] != "production":
        raise Refused("the smoke suites of the project are bound to production", next_step="--env production")
    bench = _tried(_observed(bench_for(asked, "smoke"), "production"))
    looked = MEASUREMENTS["smoke"](bench)
    files = _named(looked, asked.script.writes)
    body = {name: _value(files, asked.script.writes[0], f"/smoke/{name}") for name in ("executed", "failed", "status")}
    if not body["executed"]:
        raise BadInput(looked.detail or "no test was executed", next_step="look at `smoke` in gonogo.yaml")
    rate = _value(files, asked.script.writes[0], "/smoke/critical_pass_rate")
    passed = rate == 1 if "critical" in asked.given else body["status"] == "pass"
    passed = passed and looked.ok
    written = _filed(asked, files, f"{FOLDER}/{asked.script.writes[0]}")
    word = "all tests passing" if passed else f"{body['failed']} of {body['executed']} tests failed"
    return Ended(0 if passed else 1, word, (looked.detail,) if looked.detail else (), written)


def performance(asked: Asked) -> Ended:
    """Record the performance of what serves in production; no data is 2."""
    bench = _observed(bench_for(asked, "performance"), "production")
    looked = MEASUREMENTS["performance"](bench)
    if not looked.ok:
        raise BadInput(looked.detail, next_step="look at `metrics` of production in gonogo.yaml; nothing was written")
    outside = _value(looked.files, asked.script.writes[0], "/performance/out_of_range")
    written = _filed(asked, looked.files, f"{FOLDER}/{asked.script.writes[0]}")
    return Ended(0 if outside == 0 else 1, f"{outside} metrics out of range", (), written)


def refresh(asked: Asked) -> Ended:
    """Run the bound refresh of staging and write its record."""
    if asked.given["env"] != "staging":
        raise Refused("only staging is refreshed", next_step="--env staging")
    bench = _tried(bench_for(asked, "refresh"))
    looked = MEASUREMENTS["refresh"](bench)
    failed = [name for name, known in bench.state.tasks.items() if name.endswith("#run") and known.outcome == "failed"]
    written = _filed(
        asked, looked.files, asked.given.get("output") or f".artifacts/pre-deployment/{asked.script.writes[0]}"
    )
    return Ended(1 if failed else 0, "refresh failed" if failed else "staging data refreshed", (), written)


def _tried(bench: Bench) -> Bench:
    """`bench` after the commands of its step ran, outside of any run; only commands that change nothing guarded run."""
    stage = bench.stage
    key = RunId(f"script-{secrets.token_hex(4)}")
    commands = bench.world.commands
    if isinstance(commands, SupervisedCommands):
        commands.prepare(key)
    tasks = dict(bench.state.tasks)
    for task in _harmless(stage):
        at = replace(bench, task=task, now=bench.world.clock.now())
        tasks[task.id] = _executed(at, key)
    return replace(bench, state=replace(bench.state, tasks=tasks))


def _harmless(stage: Stage) -> list[Task]:
    return [task for task in stage.tasks if isinstance(task.act, Execute) and task.act.effect is Effect.NONE]


def _executed(bench: Bench, run: RunId) -> TaskState:
    assert isinstance(bench.task.act, Execute)
    key = EffectKey(run, bench.task.id, 1, 1)
    bench.world.commands.start(key, command_spec(bench, bench.task.act, key, 0))
    while isinstance(found := bench.world.commands.look(key), Running):
        bench.world.clock.sleep(POLL)
    if not isinstance(found, CommandEnded):
        return _known(bench, "failed", {})
    outcome = outcome_of(bench, key, found)
    return _known(bench, "ok" if outcome.ok else "failed", outcome.facts)
