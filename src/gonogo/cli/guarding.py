"""`gonogo guard`: the hook that an agent's client calls before each tool; it denies deploy tools during a run."""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path

import click

from gonogo.adapters.journals.sqlite import SqliteJournal
from gonogo.cli.saying import say_json, tell
from gonogo.cli.shared_options import json_option, project_option
from gonogo.cli.taking import taking
from gonogo.control.stores.project_root import (
    JOURNAL,
    PROJECT_FILE,
    STATE_FOLDER,
    find_root,
    is_shared,
    journal_at_hand,
)
from gonogo.errors import BadInput, GonogoError, WrongUsage
from gonogo.reports.guarding import MOST, refused_call
from gonogo.run.site import is_any_open
from gonogo.values import dataclass

DENIED = 2


@dataclass(frozen=True, slots=True)
class GuardOptions:
    """What `gonogo guard` takes."""

    line: str
    always: bool
    folder: Path
    as_json: bool


@click.command()
@click.option("--line", default="", help="The command line. Default: the hook's JSON on standard input.")
@click.option("--always", is_flag=True, help="Also where no run is open.")
@project_option
@json_option
@taking(GuardOptions)
def guard(options: GuardOptions) -> int:
    """Answer an agent's client whether a tool may run: exit 2 denies it, with the reason on stderr.

    Reads {"tool_name": ..., "tool_input": {"command": ...}} as clients send it before a tool runs. Deploy scripts of
    the project, kubectl and the like, and gonogo's own signing commands are denied while a run is open. It is a seat
    belt against accidents; such hooks can be got round, so keep deploy credentials away from agents.
    """
    try:
        root = find_root(options.folder.absolute())
    except BadInput:
        if not options.always:
            # A hook is asked in every folder; where nothing is released, there is nothing to guard.
            return 0
        raise
    reason = _reason(options, root) if options.always or _is_open(root) else ""
    if options.as_json:
        say_json({"allowed": not reason, "reason": reason or None})
    if reason:
        tell(f"gonogo: {reason}")
        tell("  next: use the tools of `gonogo mcp serve`: run_status says what is due")
    return DENIED if reason else 0


def _reason(options: GuardOptions, root: Path) -> str:
    """Why the call is denied; empty where it may go on. Input that cannot be read is no reason to let it through."""
    try:
        return refused_call(options.line or _given(), _scripts(root))
    except WrongUsage as error:
        return f"{error.what}, so that nobody can say what would be called ({error.next_step})"


def _given() -> str:
    """The command line in the hook's input; the whole input where a tool has none, so that nothing slips through."""
    data = sys.stdin.buffer.read(MOST + 1)
    if len(data) > MOST:
        raise WrongUsage("the hook's input is too long", next_step="give the command line alone: --line TEXT")
    text = data.decode("utf-8", "replace")
    try:
        body = json.loads(text)
    except ValueError as error:
        raise WrongUsage("the hook's input is no JSON", next_step="give the command line alone: --line TEXT") from error
    given = body.get("tool_input", body) if isinstance(body, dict) else {}
    command = given.get("command", "") if isinstance(given, dict) else ""
    return command if isinstance(command, str) else text


def _scripts(root: Path) -> list[str]:
    """The scripts that the project binds."""
    # Reading the bindings costs a good part of the engine; most calls of a client come while nothing is released.
    bindings = importlib.import_module("gonogo.plan.bindings")
    commands = bindings.read_project((root / PROJECT_FILE).read_bytes(), PROJECT_FILE).project.commands.values()
    return [argument for command in commands for argument in command.run if "/" in argument]


def _is_open(root: Path) -> bool:
    """Whether a run is open, as the log of the site says."""
    path = journal_at_hand(root, os.environ)
    if path is None and not is_shared(root, os.environ) and not (root / STATE_FOLDER / JOURNAL).exists():
        # No run was ever opened here.
        return False
    try:
        if path is None:
            return is_any_open(importlib.import_module("gonogo.cli.opened").door_at(root).world.journal.site())
        with SqliteJournal(path) as journal:
            return is_any_open(journal.site())
    except GonogoError:
        # A log that cannot be read is no reason to let everything through.
        return True
