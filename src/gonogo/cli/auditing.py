"""`gonogo audit`: the population of changes of a period, a sample, and the evidence and gaps of each (P9)."""

from __future__ import annotations

from pathlib import Path

import click

from gonogo.adapters.durable import write_file
from gonogo.cli.opened import door_at
from gonogo.cli.saying import say, say_json, tell
from gonogo.cli.shared_options import json_option, project_option
from gonogo.cli.taking import taking
from gonogo.control.audit.auditing import audit as audited
from gonogo.control.audit.exporting import between, export, write_proofs
from gonogo.errors import Refused, WrongUsage
from gonogo.reports.auditing import as_csv, as_html, as_tree
from gonogo.values import dataclass

ACTIONS = ("sample", "export")
FORMATS = {"csv": as_csv, "html": as_html}


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """What `gonogo audit` takes."""

    action: str
    period: str
    sample: int
    seed: int
    form: str
    out: Path | None
    start: str
    end: str
    proofs: Path | None
    folder: Path
    as_json: bool


@click.command()
@click.argument("action", type=click.Choice(ACTIONS), default="sample")
@click.option("--period", default="", help="sample: a year, quarter or month: 2026, 2026-Q3, 2026-09.")
@click.option("--sample", type=click.IntRange(min=0), default=25, show_default=True, help="How many changes to draw.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed draws the same sample.")
@click.option(
    "--format", "form", type=click.Choice(sorted(FORMATS)), default="csv", show_default=True, help="The form."
)
@click.option("--out", type=click.Path(path_type=Path), help="Write to this file instead of stdout.")
@click.option("--from", "start", default="", help="export: the first day, like 2026-07-01.")
@click.option("--to", "end", default="", help="export: the day after the last, like 2026-10-01.")
@click.option("--proofs", type=click.Path(path_type=Path), help="export: also write the proof of each entry, here.")
@project_option
@json_option
@taking(AuditOptions)
def audit(options: AuditOptions) -> int:
    """All changes of a period, a sample, and for each the evidence and gaps by SOC 2 CC8.1 and ISO 27001 A.8.32.

    `export` writes every run between two days with its packages, each verified, as CSV.
    """
    if options.action == "export":
        return _export(options)
    if not options.period:
        raise WrongUsage("which period?", next_step="--period 2026-Q3; or: gonogo audit export --from DAY --to DAY")
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


def _export(options: AuditOptions) -> int:
    period = between(options.start, options.end)
    door = door_at(options.folder)
    found = export(door, period, door.world.clock.now())
    for gap in found.gaps:
        tell(f"the population may not be whole: {gap}", "red")
    if options.proofs is not None:
        count = write_proofs(door, period, options.proofs.absolute())
        tell(f"{options.proofs}: {count} proofs and the key of the log")
    if options.as_json:
        say_json({"rows": [dict(row) for row in found.rows], "gaps": list(found.gaps)})
    elif options.out is None:
        say(found.csv.rstrip("\n"))
    else:
        write_file(options.out.absolute(), found.csv.encode(), 0o644)
        say(f"{options.out}: {len(found.rows)} rows")
    refused = any(row["verdict"].lower().startswith("refused") for row in found.rows)
    return Refused.exit_code if found.gaps or refused else 0
