"""The project, the run and the gate that a command is about."""

from __future__ import annotations

import os
from pathlib import Path

from gonogo.cli.saying import tell
from gonogo.control.door import Door
from gonogo.control.opening import Opened
from gonogo.control.stores.project_root import find_root
from gonogo.errors import BadInput
from gonogo.plan.model import GateRule
from gonogo.terms import RunId


def door_at(folder: Path) -> Door:
    """The project that a command is about."""
    return Door.at(find_root(folder.absolute()), dict(os.environ), tell)


def run_named(door: Door, name: str) -> RunId:
    """The run that a command names: exactly, by a unique beginning, or the newest one where none is named."""
    runs = door.runs()
    if not runs:
        raise BadInput("there is no run in this project yet", next_step="gonogo run pre-deployment --release VERSION")
    if not name:
        return runs[-1]
    if name in runs:
        return RunId(name)
    matching = [run for run in runs if run.startswith(name)]
    if len(matching) == 1:
        return matching[0]
    what = f"`{name}` could be {', '.join(matching[:5])}" if matching else f"there is no run `{name}`"
    raise BadInput(what, next_step=f"runs: {', '.join(runs[-5:])}")


def gate_named(opened: Opened, name: str) -> GateRule:
    """The gate that a command names: by its id, or by words that only one gate's id or name holds."""
    gates = opened.plan.gates
    if name in gates:
        return gates[name]
    wanted = name.lower()
    matching = [rule for rule in gates.values() if wanted in rule.id.lower() or wanted in rule.name.lower()]
    if len(matching) == 1:
        return matching[0]
    what = f"`{name}` could be {', '.join(rule.id for rule in matching)}" if matching else f"there is no gate `{name}`"
    raise BadInput(what, next_step=f"gates of {opened.run}: {', '.join(gates)}")
