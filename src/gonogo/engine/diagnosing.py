"""Diagnoses a halt and records what could be done, for people to accept or to leave (ERR-01, ERR-12).

Where an environment does not answer, the steps of recovery are gone through in their order, each with its result: it is
reported, the VPN connection is tried, the credentials are tried, and a person chooses between another try and the end.
"""

from __future__ import annotations

from typing import Final

from gonogo.engine.bench import Bench
from gonogo.engine.commanding import question_spec
from gonogo.engine.writing import append
from gonogo.errors import GonogoError
from gonogo.evidence.canonical import Tree, write_json
from gonogo.plan.model import Measure
from gonogo.plan.project import Environment
from gonogo.run.diagnosis import diagnosis_of
from gonogo.run.events_of_halts import RepairProposed
from gonogo.run.retrospecting import HALTED, retrospective_of
from gonogo.run.state import Halted

MOST_PRINTED: Final = 1 << 16
ASKING: Final = ("observe", "connectivity", "connectivity-staging", "health-checks", "candidate", "serves-release")
"""Measurements that ask an environment; where one fails, it is asked once more whether it answers at all."""

PREREQUISITES: Final = "prerequisites"
TRIED: Final = (("vpn", "check the VPN connection"), ("credentials", "check the service credentials"))


def propose(bench: Bench, halted: Halted) -> None:
    """Record a diagnosis of a halt with proposed repairs; the run stands still as before."""
    silent = _silent(bench, halted)
    found = diagnosis_of(halted.cause, silent.name if silent else "")
    body: dict[str, Tree] = {
        "schema": "gonogo/repair-proposal/1",
        "stage": halted.stage,
        "cause": halted.cause,
        "diagnosis": found.kind,
        "finding": found.finding,
        "repairs": [*found.repairs],
        "recovery": _recovery(bench, silent) if silent else [],
        "accepted_by": None,
        "accept": f"gonogo resume {bench.run} --key YOUR-KEY --reason TEXT",
        "abort": f"gonogo abort {bench.run}",
    }
    proposal = bench.world.vault.put(write_json(body))
    event = RepairProposed(halted.stage, halted.seq, found.kind, silent.name if silent else "", proposal)
    first = bench.state.retrospective is None
    owed = (retrospective_of(bench.plan, bench.state, HALTED, bench.now),) if first else ()
    append(bench, [event, *owed])


def _silent(bench: Bench, halted: Halted) -> Environment | None:
    """The environment that the halted stage asked in vain, and that does not answer now either."""
    stage = next((stage for stage in bench.plan.stages if stage.id == halted.stage), None)
    for task in stage.tasks if stage else ():
        known = bench.state.tasks.get(task.id)
        if known is None or known.outcome != "failed" or not isinstance(task.act, Measure):
            continue
        name, _, kind = task.act.what.partition(":")
        if name in ASKING:
            return next((each for each in _asked(bench, kind) if _is_silent(bench, each)), None)
        if name == PREREQUISITES:
            return next((each for each in _named(bench, halted) if _is_silent(bench, each)), None)
    return None


def _asked(bench: Bench, kind: str) -> list[Environment]:
    kinds = (kind,) if kind else ("staging", "production")
    return [item for item in bench.plan.project.environments.values() if item.kind in kinds]


def _named(bench: Bench, halted: Halted) -> list[Environment]:
    """The environments whose address the reason names: prerequisites fail for many other reasons."""
    text = bench.world.vault.read(halted.detail).decode("utf-8", "replace") if halted.detail else ""
    return [item for item in bench.plan.project.environments.values() if item.url in text]


def _is_silent(bench: Bench, environment: Environment) -> bool:
    try:
        return bench.world.probers[environment.name].front().version is None
    except GonogoError:
        return True


def _recovery(bench: Bench, environment: Environment) -> list[Tree]:
    """The steps of ERR-01 in their order, with what each came to."""
    said = f"[ERROR] Unable to connect to {environment.name}. Check network/credentials."
    steps: list[Tree] = [{"step": "report", "result": "done", "detail": said}]
    steps += [_tried(bench, environment, name, what) for name, what in TRIED]
    choice = f"gonogo resume {bench.run} tries again, gonogo abort {bench.run} ends the run"
    return [*steps, {"step": "retry or abort", "result": "a person chooses", "detail": choice}]


def _tried(bench: Bench, environment: Environment, name: str, what: str) -> Tree:
    command = bench.plan.project.recovery.get(name)
    if command is None:
        return {"step": what, "result": "not checked", "detail": f"bind a command: `recovery.{name}` in gonogo.yaml"}
    try:
        spec = question_spec(bench, bench.plan.project.commands[command], environment)
        bench.world.asker.ask(spec, MOST_PRINTED)
    except GonogoError as error:
        return {"step": what, "result": "fails", "detail": f"`{command}`: {error.what}"}
    return {"step": what, "result": "holds", "detail": f"`{command}` ended with 0"}
