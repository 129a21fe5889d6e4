"""`gonogo status`: where runs are, whom they wait for, why they halted (RGD-01, RGD-06)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from gonogo.cli.driving import EXIT
from gonogo.cli.opened import door_at, run_named
from gonogo.cli.saying import printable, say, say_json
from gonogo.cli.shared_options import json_option, project_option, run_argument
from gonogo.cli.taking import taking
from gonogo.control.door import Door
from gonogo.control.viewing import RunView, StageView, as_json, signing_command, view
from gonogo.errors import GonogoError, WrongUsage
from gonogo.evidence.ledger import time_text
from gonogo.terms import Json, RunId

SIGNS = {"done": "✓", "failed": "✗", "running": "…", "open": "·", "left out": "-"}
COLOURS = {"done": "green", "failed": "red", "running": "cyan", "released": "green", "ready": "green"}
MOST_PARITY = 20
STATES = {"waiting for people": 3, "halted": 2, "running": 3, "open": 3}


@dataclass(frozen=True, slots=True)
class StatusOptions:
    """What `gonogo status` takes."""

    run: str
    watch: bool
    every: float
    verbose: bool
    exit_code: bool
    folder: Path
    as_json: bool


@click.command()
@run_argument
@click.option("--watch", is_flag=True, help="Draw again and again until RUN (default: the newest) is over.")
@click.option(
    "--every", type=click.FloatRange(0.1, 3600), default=1.0, show_default=True, help="Seconds between two drawings."
)
@click.option("-v", "--verbose", is_flag=True, help="Also role, mission, guardrails, gates and evidence.")
@click.option("--exit-code", is_flag=True, help="End with the code of the run's state instead of 0.")
@project_option
@json_option
@taking(StatusOptions)
def status(options: StatusOptions) -> int:
    """Show all runs, or one RUN: its steps, whom it waits for, why it halted, what to do next."""
    if options.watch and options.as_json:
        raise WrongUsage("--watch draws for people, --json prints once", next_step="leave out one of the two")
    door = door_at(options.folder)
    if options.watch:
        return _watch(door, run_named(door, options.run), options)
    if not options.run:
        return _list(door, options)
    seen = view(door.world, door.load(run_named(door, options.run)))
    if options.as_json:
        say_json(as_json(seen))
    else:
        for text, colour in lines_of(seen, verbose=options.verbose):
            say(text, colour)
    return code_of(seen) if options.exit_code else 0


def code_of(seen: RunView) -> int:
    """The exit code of the state that a run is in."""
    return EXIT.get(seen.outcome, 1) if seen.outcome else STATES.get(seen.status, 3)


def _list(door: Door, options: StatusOptions) -> int:
    rows = [_row(door, run) for run in door.runs()]
    if options.as_json:
        say_json({"runs": rows})
    elif not rows:
        say("no run yet; gonogo run pre-deployment --release VERSION")
    for row in () if options.as_json else rows:
        words = f"{row['run']}   {row['release']}   {row['status']}   since {row['opened_at']}"
        say(words, _colour(str(row["status"])))
        if row["next"]:
            say(f"    next: {row['next']}")
    return 0


def _row(door: Door, run: RunId) -> dict[str, Json]:
    try:
        seen = view(door.world, door.load(run))
    except GonogoError as error:
        # A run that cannot be read must not hide the others.
        what = f"unusable: {error.what}"
        return {"run": run, "release": "", "status": what, "opened_at": "", "next": error.next_step or None}
    opened = time_text(seen.opened_at) if seen.opened_at else ""
    return {
        "run": run,
        "release": seen.release,
        "status": seen.status,
        "opened_at": opened,
        "next": seen.next_step or None,
    }


def _colour(word: str) -> str:
    if word.startswith("unusable"):
        return "red"
    return COLOURS.get(word, "yellow")


def lines_of(seen: RunView, *, verbose: bool) -> Iterator[tuple[str, str]]:
    """A run as lines with their colours."""
    yield f"{seen.title}: release {seen.release} in {seen.environment}   {seen.run}", ""
    yield f"  role {seen.role}; {seen.status}", _colour(seen.status)
    if verbose:
        yield f"  mission: {seen.mission}", ""
        yield from ((f"  guardrail: {text}", "") for text in seen.guardrails)
    if seen.traffic is not None:
        yield f"  the new version gets {seen.traffic} % of the traffic", "cyan"
    yield from _steps(seen)
    for busy in seen.running:
        counted = f": {busy.counted}" if busy.counted else ""
        yield f"  running for {busy.seconds} s: {busy.title}{counted}", "cyan"
    if verbose:
        yield from _on_file(seen)
    if seen.halt:
        yield f"  halted: {seen.halt}", "red"
    for item in seen.waiting:
        signed = f"; signed by {', '.join(item.signed)}" if item.signed else ""
        yield f"  waiting at `{item.point}` for {'; '.join(item.missing)}{signed}; until {item.expires_at}", "yellow"
        yield f"    {signing_command(seen.run, item.kind, item.point)}", ""
    yield from _parity(seen)
    for text in seen.edited:
        yield f"  edited by hand: {text}; delete it, and the stored evidence is written anew", "red"
    if seen.next_step:
        yield f"  next: {seen.next_step}", ""


def _parity(seen: RunView) -> Iterator[tuple[str, str]]:
    """Remediation may take several people and days: that is said while there is time (PAR-13)."""
    if seen.parity and not seen.outcome:
        people = ", ".join(dict.fromkeys(item.owner for item in seen.parity))
        yield f"  parity: {len(seen.parity)} settings still differ; {people} may need time for them", "yellow"
        for item in seen.parity[:MOST_PARITY]:
            yield f"    {item}", "red" if item.state == "late" else "yellow"


def _steps(seen: RunView) -> Iterator[tuple[str, str]]:
    phase = -1
    for stage in seen.stages:
        if stage.phase != phase:
            phase = stage.phase
            yield f"  {_part(stage)}", ""
        yield _step(stage)


def _part(stage: StageView) -> str:
    if stage.phase:
        return f"phase {stage.phase}"
    return "before the start" if stage.kind == "prerequisites" else "after the phases"


def _step(stage: StageView) -> tuple[str, str]:
    again = f"   attempt {stage.attempt}" if stage.attempt > 1 else ""
    return f"    {SIGNS.get(stage.state, '?')} {stage.title}{again}", COLOURS.get(stage.state, "")


def _on_file(seen: RunView) -> Iterator[tuple[str, str]]:
    yield "  gates", ""
    for gate in seen.gates:
        colour = {"pass": "green", "not judged": ""}.get(gate.verdict, "red")
        yield f"    {gate.verdict:<13}{gate.name}   ({gate.id})", colour
    yield f"  evidence: {len(seen.evidence)} files", ""
    for file in seen.evidence:
        yield f"    {file.name}   sha256 {file.sha256[:16]}…   {file.status}   {file.stage}", ""


def _watch(door: Door, run: RunId, options: StatusOptions) -> int:
    console = Console(no_color=click.get_current_context().color is False or None, highlight=False)
    seen = view(door.world, door.load(run))
    # Whoever looks may go away: ctrl-c ends the looking and nothing else.
    with suppress(KeyboardInterrupt), Live(_drawn(seen, options), console=console, auto_refresh=False) as live:
        while not seen.outcome:
            time.sleep(options.every)
            seen = view(door.world, door.load(run))
            live.update(_drawn(seen, options), refresh=True)
    return code_of(seen) if options.exit_code else 0


def _drawn(seen: RunView, options: StatusOptions) -> Text:
    drawn = Text()
    for text, colour in lines_of(seen, verbose=options.verbose):
        drawn.append(printable(text) + "\n", style=colour or None)
    return drawn
