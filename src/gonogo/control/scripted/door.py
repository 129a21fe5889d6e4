"""The one door of the documented scripts: a row, its arguments, and what carries it out (CMD-00, CMD-57)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from gonogo.adapters.durable import make_folder
from gonogo.control.cleaning import clean, preview
from gonogo.control.door import Door
from gonogo.control.numbering import protocol_of
from gonogo.control.scripted import documents, evidence, gates, measures, runs, validation
from gonogo.control.scripted.registering import require_registered
from gonogo.control.scripted.workplace import Act, Asked, Ended, newest_run, remember, remember_attempt
from gonogo.control.stores.project_root import find_root
from gonogo.errors import BadInput, Broken, Busy, GonogoError, WrongUsage
from gonogo.evidence.ledger import time_text
from gonogo.plan.documented_scripts import SCRIPTS, Script
from gonogo.plan.script_defaults import LOG_LEVELS, script_defaults
from gonogo.plan.script_flags import read_arguments
from gonogo.terms import Actor

LOGS: Final = "scripts/logs"
REFUSED: Final = 2
RETRIES: Final = "GONOGO_RETRIES"
MOST_RETRIES: Final = 2
PAUSE: Final = 1.0
_SHARED: Final = ("protocol", "workspace", "artifacts-dir")


def _cleanup(asked: Asked) -> Ended:
    """Show what has outlived its time; delete it only with `--apply` (CMD-50)."""
    door = asked.door
    now = door.world.clock.now()
    found = clean(door, now, asked.actor) if "apply" in asked.given else preview(door, now)
    lines = tuple(f"{row.action} {row.held.path}: {row.why}" for row in found.doomed)
    word = f"{len(found.doomed)} files {'deleted' if 'apply' in asked.given else 'would go'}"
    return Ended(0, word, lines)


ACTS: Final[Mapping[str, Act]] = {
    "gate": gates.gate,
    "gates": validation.gates,
    "validate": validation.validate,
    "prerequisites": documents.prerequisites,
    "lint": documents.lint,
    "aggregate": evidence.aggregate,
    "derive": evidence.derive,
    "parity": measures.parity,
    "refresh": measures.refresh,
    "approvals": measures.approvals,
    "checklist": measures.checklist,
    "validator": measures.validator,
    "snapshot": measures.snapshot,
    "smoke": measures.smoke,
    "performance": measures.performance,
    "step": runs.step,
    "execute": runs.execute,
    "cleanup": _cleanup,
}
"""What carries out the act of a row."""


def script_named(name: str) -> Script:
    """The row of a script; WrongUsage where no document names such a script."""
    found = SCRIPTS.get(name.removesuffix(".py"))
    if found is None:
        raise WrongUsage(f"no document names a script `{name}`", next_step="`gonogo scripts` lists them")
    return found


def carry_out(
    script: Script,
    arguments: Sequence[str],
    environ: Mapping[str, str],
    actor: Actor,
    tell: Callable[[str], None],
) -> Ended:
    """Carry out a documented script in the project at its workspace, and note what it came to."""
    given = read_arguments(script, arguments)
    shared = {name: value for name, value in given.items() if name in _SHARED}
    flags = {"artifacts" if name == "artifacts-dir" else name: value for name, value in shared.items()}
    takes_protocol = any(flag.name == "protocol" for flag in script.flags)
    seen = environ if takes_protocol else {name: value for name, value in environ.items() if name != "PROTOCOL_ID"}
    defaults = script_defaults(seen, flags)
    door = Door.at(_workspace(defaults.workspace), environ)
    require_registered(door, script)
    protocol = script.protocol
    if "protocol" in given or not protocol:
        protocol = protocol_of(door.workspace, defaults.protocol)
    if script.protocol and protocol != script.protocol:
        raise WrongUsage(
            f"protocol {defaults.protocol} is {protocol}, this script is about {script.protocol}",
            where=script.path,
            next_step=f"--protocol {script.number}",
        )
    asked = Asked(script, given, defaults, door, actor, tell, protocol)
    try:
        ended = _carried_out(asked, environ.get(RETRIES, ""))
    except GonogoError as error:
        # What keeps a script from its work may keep the note of it from being written, too: the first fault is told.
        with suppress(GonogoError):
            _record(asked, Ended(REFUSED, error.what))
        raise
    _record(asked, ended)
    return ended


def _record(asked: Asked, ended: Ended) -> None:
    opened = newest_run(asked)
    remember(asked, ended, opened.run if opened else None)
    _log(asked, ended)


def _carried_out(asked: Asked, retries: str) -> Ended:
    """Carry out a script; after a fault of disk, lock or target again, as often as CI asks for (EXE-04).

    What a script drives is driven from the ledger: nothing that was begun is begun twice.
    """
    most = min(int(retries), MOST_RETRIES) if retries.isascii() and retries.isdigit() else 0
    for attempt in range(most):
        try:
            return ACTS[asked.script.act](asked)
        except (Busy, Broken) as error:
            asked.tell(f"retry {attempt + 1} of {most}: {error.what}")
            remember_attempt(asked, attempt + 1, most, error.what)
            asked.door.world.clock.sleep(PAUSE)
    return ACTS[asked.script.act](asked)


def _workspace(folder: str) -> Path:
    root = Path(folder).absolute()
    if not root.is_dir():
        raise BadInput("there is no such workspace", where=folder, next_step="name the project's folder")
    return find_root(root)


def _log(asked: Asked, ended: Ended) -> None:
    """One line in `scripts/logs/` for each run, at a level that LOG_LEVEL lets through (WFS-07)."""
    level = "ERROR" if ended.code else "INFO"
    if LOG_LEVELS.index(level) < LOG_LEVELS.index(asked.defaults.log_level):
        return
    folder = asked.root / LOGS
    make_folder(folder, 0o755)
    line = f"{time_text(asked.door.world.clock.now())} {level} {asked.script.name} {ended.code} {ended.result}\n"
    with (folder / f"{asked.script.name}.log").open("a", encoding="utf-8") as log:
        log.write(line)
