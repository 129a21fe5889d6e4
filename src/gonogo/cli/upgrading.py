"""`gonogo upgrade`: bring the journal of an older gonogo to this one, with a backup."""

from __future__ import annotations

import os
from pathlib import Path

import click

from gonogo.cli.saying import say, say_json
from gonogo.cli.shared_options import json_option, project_option
from gonogo.cli.taking import taking
from gonogo.control.stores.project_root import find_root
from gonogo.control.upgrading import upgrade as upgrade_journal
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class UpgradeOptions:
    """What `gonogo upgrade` takes."""

    dry_run: bool
    folder: Path
    as_json: bool


@click.command()
@click.option("--dry-run", is_flag=True, help="Try it on a copy, read every ledger of it, and change nothing here.")
@project_option
@json_option
@taking(UpgradeOptions)
def upgrade(options: UpgradeOptions) -> int:
    """Bring the journal of an older gonogo to the tables of this one. Events stay as they are; a backup is kept."""
    done = upgrade_journal(find_root(options.folder.absolute()), os.environ, dry_run=options.dry_run)
    changes = done.found != done.wanted
    if options.as_json:
        say_json(
            {
                "journal": str(done.path),
                "found": done.found,
                "wanted": done.wanted,
                "changed": changes and not options.dry_run,
                "statements": list(done.statements),
                "ledgers": done.ledgers,
                "events": done.events,
                "backup": str(done.backup) if done.backup else None,
            }
        )
        return 0
    if not changes:
        say(f"nothing to do: tables {done.found}, {done.ledgers} ledgers with {done.events} events, every chain holds")
        return 0
    say(f"{'tried on a copy' if options.dry_run else 'upgraded'}: tables {done.found} to {done.wanted}", "green")
    for statement in done.statements:
        say(f"  {statement}")
    say(f"{done.ledgers} ledgers with {done.events} events, every chain holds as before")
    say("  next: gonogo upgrade" if options.dry_run else f"  the journal as it was: {done.backup}")
    return 0
