"""`gonogo script`: what every script that `gonogo init` wrote calls, with the exit status of its document (C62)."""

from __future__ import annotations

import os

import click

from gonogo.cli.saying import error_body, error_text, say, say_json, tell
from gonogo.cli.shared_options import actor_of, actor_option, json_option
from gonogo.cli.taking import taking
from gonogo.control.scripted.door import carry_out, script_named
from gonogo.control.scripted.workplace import Ended
from gonogo.errors import BadInput, Broken, Busy, GonogoError, Refused, WrongUsage
from gonogo.plan.documented_scripts import Script
from gonogo.plan.script_flags import usage
from gonogo.values import dataclass

USAGE = 2
"""Input, prerequisites or usage are missing; of Command 3 alone the documents say that every failure is 1."""


@dataclass(frozen=True, slots=True)
class ScriptOptions:
    """What `gonogo script` takes."""

    name: str
    arguments: tuple[str, ...]
    who: str
    as_json: bool


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("name")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@actor_option
@json_option
@taking(ScriptOptions)
def script(options: ScriptOptions) -> int:
    """Carry out the documented script NAME with its own ARGUMENTS; `gonogo scripts` lists them."""
    row = script_named(options.name)
    if set(options.arguments) & {"-h", "--help"}:
        say(usage(row))
        return 0
    try:
        ended = carry_out(row, options.arguments, os.environ, actor_of(options.who), tell)
    except GonogoError as error:
        return _failed(row, error, as_json=options.as_json)
    _print(row, ended, as_json=options.as_json)
    return ended.code


def _failed(row: Script, error: GonogoError, *, as_json: bool) -> int:
    code = USAGE if isinstance(error, BadInput | Refused | WrongUsage) or error.exit_code != 1 else 1
    if isinstance(error, Busy | Broken) and row.act == "validate":
        code = USAGE
    if row.act == "aggregate" and USAGE not in row.exits:
        code = 1
    if as_json:
        say_json({**error_body(error), "exit_code": code, "script": row.name})
    tell(error_text(error))
    if not as_json:
        say(f"[AUTOMATION] {row.name} executed: {row.exits.get(code, 'failed')}: {error.what}")
    return code


def _print(row: Script, ended: Ended, *, as_json: bool) -> None:
    if as_json:
        say_json(
            {
                "script": row.name,
                "exit_code": ended.code,
                "result": ended.result,
                "lines": list(ended.lines),
                "files": list(ended.files),
                "report": dict(ended.body),
            }
        )
        return
    for line in ended.lines:
        say(f"  {line}")
    for path in ended.files:
        say(f"  written: {path}")
    say(f"[AUTOMATION] {row.name} executed: {ended.result}", "green" if ended.code == 0 else "red")
