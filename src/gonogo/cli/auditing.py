"""`gonogo audit`: the population of changes of a period, a sample, and the evidence and gaps of each (P9)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from gonogo.adapters.durable import write_file
from gonogo.cli.opened import door_at
from gonogo.cli.saying import say, say_json, tell
from gonogo.cli.shared_options import json_option, project_option
from gonogo.cli.taking import taking
from gonogo.control.auditing import audit as audited
from gonogo.errors import Refused
from gonogo.reports.auditing import as_csv, as_html, as_tree

FORMATS = {"csv": as_csv, "html": as_html}


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """What `gonogo audit` takes."""

    period: str
    sample: int
    seed: int
    form: str
    out: Path | None
    folder: Path
    as_json: bool


@click.command()
@click.option("--period", required=True, help="A year, quarter or month: 2026, 2026-Q3, 2026-09.")
@click.option("--sample", type=click.IntRange(min=0), default=25, show_default=True, help="How many changes to draw.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed draws the same sample.")
@click.option(
    "--format", "form", type=click.Choice(sorted(FORMATS)), default="csv", show_default=True, help="The form."
)
@click.option("--out", type=click.Path(path_type=Path), help="Write to this file instead of stdout.")
@project_option
@json_option
@taking(AuditOptions)
def audit(options: AuditOptions) -> int:
    """All changes of a period, a sample, and for each the evidence and gaps by SOC 2 CC8.1 and ISO 27001 A.8.32."""
    found = audited(door_at(options.folder), options.period, options.sample, options.seed)
    for gap in found.gaps:
        tell(f"the population may not be whole: {gap}", "red")
    if options.as_json:
        say_json(as_tree(found))
    elif options.out is None:
        say(FORMATS[options.form](found).rstrip("\n"))
    else:
        write_file(options.out.absolute(), FORMATS[options.form](found).encode(), 0o644)
        say(f"{options.out}: {len(found.population)} changes, {len(found.points)} drawn")
    return Refused.exit_code if found.gaps else 0
