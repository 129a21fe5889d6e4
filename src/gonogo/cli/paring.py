"""`gonogo parity`: compare staging with production now, without a run; nothing is written (PAR-01 to PAR-04)."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import click

from gonogo.cli.saying import say, tell
from gonogo.cli.shared_options import json_option, project_option
from gonogo.cli.taking import taking
from gonogo.control.parity_now import Looker
from gonogo.control.soundness import require_sound
from gonogo.control.sources import open_workspace
from gonogo.control.stores.project_root import find_root
from gonogo.evidence.canonical import write_json
from gonogo.measure.figures import severity_of
from gonogo.measure.parity import unplanned
from gonogo.measure.stored_fields import Fields
from gonogo.reports.parity_table import parity_table
from gonogo.terms import Severity
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class ParityOptions:
    """What `gonogo parity` takes."""

    release: str
    folder: Path
    as_json: bool


@click.command()
@click.option("--release", default="", help="What {release} in the commands of sources stands for.")
@project_option
@json_option
@taking(ParityOptions)
def parity(options: ParityOptions) -> int:
    """Compare staging with production as they are now.

    Exit 0 where nothing worse than `low` differs, 2 where something does, 3 where nobody can tell. It looks and writes
    nothing: evidence comes from a run.
    """
    workspace = open_workspace(find_root(options.folder.absolute()))
    require_sound(workspace.findings)
    body = Looker(workspace, os.environ, options.release).body()
    if options.as_json:
        click.echo(json.dumps(json.loads(write_json(body)), indent=1))
    else:
        for text, colour in parity_table(body, datetime.now(UTC)):
            say(text, colour)
    word = Fields(body).part("staging_parity").maybe_text("drift_severity")
    if word is None:
        tell("INCONCLUSIVE: what is not comparable is not known to be equal")
        return 3
    if severity_of(word) > Severity.LOW:
        tell(f"NO-GO: {len(unplanned(body))} differences without a plan")
        return 2
    tell("this is no evidence: a run measures again")
    return 0
