"""`gonogo sums`: the files of a folder with their digests, as sha256sum lists and checks them (EVS-10, EVS-12)."""

from __future__ import annotations

from pathlib import Path

import click

from gonogo.adapters.folder_sums import folder_sums
from gonogo.cli.saying import say_json
from gonogo.cli.shared_options import json_option
from gonogo.cli.taking import taking
from gonogo.errors import BadInput
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class SumsOptions:
    """What `gonogo sums` takes."""

    folder: Path
    as_json: bool


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@json_option
@taking(SumsOptions)
def sums(options: SumsOptions) -> int:
    """List every file below FOLDER with its SHA-256, sorted by the bytes of the paths.

    The lines are those of `find . -type f | LC_ALL=C sort | xargs sha256sum` without the leading `./`;
    `sha256sum -c --strict` checks them.
    """
    listed = folder_sums(options.folder).decode()
    if not listed:
        raise BadInput("there is no file to list", where=str(options.folder), next_step="name a folder with files")
    if options.as_json:
        lines = (line.split("  ", 1) for line in listed.splitlines())
        say_json({"files": {path: digest for digest, path in lines}})
    else:
        click.echo(listed, nl=False)
    return 0
