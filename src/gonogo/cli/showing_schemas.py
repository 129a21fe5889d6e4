"""`gonogo schema`: the JSON Schema of a file that gonogo reads or writes, and files held against it (SEC-10)."""

from __future__ import annotations

from pathlib import Path

import click

from gonogo.cli.saying import say, say_json
from gonogo.cli.shared_options import json_option
from gonogo.cli.taking import taking
from gonogo.control.schemas import faults_of, schema_named, schema_names
from gonogo.errors import BadInput, WrongUsage
from gonogo.evidence.canonical import write_json
from gonogo.values import dataclass

INVALID = 2


@dataclass(frozen=True, slots=True)
class SchemaOptions:
    """What `gonogo schema` takes."""

    name: str
    check: Path | None
    as_json: bool


@click.command()
@click.argument("name", default="")
@click.option(
    "--check", type=click.Path(path_type=Path), help="Hold this file against the schema; exit 2 where it fails."
)
@json_option
@taking(SchemaOptions)
def schema(options: SchemaOptions) -> int:
    """Print the JSON Schema NAME, or list the names of all.

    Names are project, approvers, gate-limits, sidecar, and the evidence files such as staging-test-results.json.
    """
    if not options.name:
        if options.check:
            raise WrongUsage("--check needs the NAME of a schema", next_step="`gonogo schema` lists the names")
        return _listed(as_json=options.as_json)
    if options.check is None:
        click.echo(write_json(schema_named(options.name)), nl=False)
        return 0
    faults = faults_of(options.name, _read(options.check), str(options.check))
    if options.as_json:
        say_json({"schema": options.name, "file": str(options.check), "valid": not faults, "faults": list(faults)})
    elif faults:
        for fault in faults:
            say(f"{options.check}: {fault}", "red")
    else:
        say(f"{options.check} is as the schema {options.name} says", "green")
    return INVALID if faults else 0


def _listed(*, as_json: bool) -> int:
    names = schema_names()
    if as_json:
        say_json({"schemas": list(names)})
    else:
        for name in names:
            say(name)
    return 0


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        what = f"the file cannot be read: {error.strerror}"
        raise BadInput(what, where=str(path), next_step="name a file that is there") from error
