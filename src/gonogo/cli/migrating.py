"""`gonogo migrate`: move the journal of a project to the database that many hosts share, or back."""

from __future__ import annotations

import os
from pathlib import Path

import click

from gonogo.cli.saying import say, say_json
from gonogo.cli.shared_options import json_option, project_option
from gonogo.cli.taking import taking
from gonogo.control.stores.project_root import find_root
from gonogo.control.stores.storing import MIGRATING, needed
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class MigrateOptions:
    """What `gonogo migrate` takes."""

    back: bool
    dry_run: bool
    folder: Path
    as_json: bool


@click.command()
@click.option("--back", is_flag=True, help="From the database to this machine; all workers have to be stopped.")
@click.option("--dry-run", is_flag=True, help="Say what would be moved, and whether it can be; change nothing.")
@project_option
@json_option
@taking(MigrateOptions)
def migrate(options: MigrateOptions) -> int:
    """Move the journal and the stored files to the database that the project names, every digest unchanged.

    What they were moved from is kept. Refused while runs hold environments.
    """
    module, root = needed(MIGRATING), find_root(options.folder.absolute())
    move = module.migrate_back if options.back else module.migrate
    found = move(root, dict(os.environ), dry_run=options.dry_run)
    if options.as_json:
        holding = found.holding
        say_json(
            {
                "done": found.done,
                "runs": holding.runs,
                "events": holding.events,
                "files": found.files,
                "digest": holding.digest,
                "to": found.place,
                "backup": found.backup,
            }
        )
        return 0
    word = "moved" if found.done else "would be moved"
    runs = "1 run" if found.holding.runs == 1 else f"{found.holding.runs} runs"
    say(f"{runs}, {found.holding.events} events and {found.files} files {word} to {found.place}")
    say(f"  digest of all ledgers, on both sides: {found.holding.digest}")
    say(f"  kept as it was: {found.backup}")
    return 0
