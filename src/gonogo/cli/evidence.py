"""`gonogo evidence`: what is on file in a run, and each file as it was sealed (INT-03)."""

from __future__ import annotations

import json
from pathlib import Path

import click

from gonogo.cli.opened import door_at, run_named
from gonogo.cli.saying import say, say_json, tell
from gonogo.cli.shared_options import json_option, project_option
from gonogo.cli.taking import taking
from gonogo.control.door import Door
from gonogo.control.learning.quality import completeness, summed_up
from gonogo.control.opening import Opened
from gonogo.errors import BadInput, WrongUsage
from gonogo.evidence.canonical import read_json
from gonogo.evidence.ledger import time_text
from gonogo.reports.quality import summary_lines, summary_row
from gonogo.run.state import Evidence
from gonogo.terms import Json
from gonogo.values import dataclass

ACTIONS = ("list", "show")
MOST_BYTES = 1 << 26


@dataclass(frozen=True, slots=True)
class EvidenceOptions:
    """What `gonogo evidence` takes."""

    action: str
    name: str
    run: str
    folder: Path
    as_json: bool


@click.command()
@click.argument("action", type=click.Choice(ACTIONS))
@click.argument("name", default="")
@click.option("--run", default="", help="The run. Default: the newest one, for `show` the newest that has the file.")
@project_option
@json_option
@taking(EvidenceOptions)
def evidence(options: EvidenceOptions) -> int:
    """`list` the evidence of a run, or `show` one file of it from the vault, checked against its digest."""
    if options.action == "list" and options.name:
        raise WrongUsage(
            f"`list` is about a whole run and takes no `{options.name}`",
            next_step="gonogo evidence list --run RUN; gonogo evidence show NAME shows one file",
        )
    door = door_at(options.folder)
    if options.action == "list":
        return _list(door, door.load(run_named(door, options.run)), as_json=options.as_json)
    if not options.name:
        raise WrongUsage("which file?", next_step="gonogo evidence show NAME; gonogo evidence list names them")
    opened, item = _found(door, options)
    data = door.world.vault.read(item.digest, limit=MOST_BYTES)
    if options.as_json:
        say_json({"run": opened.run, **_row(item), "body": _body(data, item.name)})
        return 0
    tell(f"{item.name} of {opened.run}: {_words(item)}, sha256 {item.digest}")
    say(_text(data, item.name))
    return 0


def _list(door: Door, opened: Opened, *, as_json: bool) -> int:
    items = summed_up(door, opened)
    complete = completeness(door, opened)
    if as_json:
        rows: list[Json] = [_row(item.evidence) | summary_row(item) for item in items]
        told: dict[str, Json] = {"required": complete.whole, "present": complete.good}
        say_json({"run": opened.run, "evidence": rows, "complete": told | {"lacking": list(complete.lacking)}})
        return 0
    if not items:
        say(f"{opened.run} has sealed no evidence yet")
    for item in items:
        about = item.evidence
        say(f"{about.name}   {_words(about)}   {about.size} bytes   sha256 {about.digest[:16]}…")
        for words in summary_lines(item):
            say(f"    {words}")
    say(f"{complete.good} of {complete.whole} required artifacts are present and verified")
    for name in complete.lacking:
        say(f"    lacking: {name}", "red")
    return 0


def _words(item: Evidence) -> str:
    again = f", attempt {item.attempt}" if item.attempt > 1 else ""
    return f"{item.status} by {item.stage}{again} at {time_text(item.at)}"


def _found(door: Door, options: EvidenceOptions) -> tuple[Opened, Evidence]:
    """The newest run that has the file, or the one that is named."""
    runs = (run_named(door, options.run),) if options.run else (run_named(door, ""), *reversed(door.runs()[:-1]))
    for run in runs:
        opened = door.load(run)
        item = opened.state.evidence.get(options.name)
        if item is not None:
            return opened, item
    newest = door.load(runs[0])
    known = ", ".join(newest.state.evidence) or "none yet"
    raise BadInput(f"no evidence is called `{options.name}`", next_step=f"on file in {newest.run}: {known}")


def _row(item: Evidence) -> dict[str, Json]:
    return {
        "name": item.name,
        "sha256": item.digest,
        "size": item.size,
        "status": item.status,
        "stage": item.stage,
        "attempt": item.attempt,
        "sealed_at": time_text(item.at),
    }


def _text(data: bytes, name: str) -> str:
    try:
        if name.endswith(".json"):
            return json.dumps(json.loads(data), indent=1, ensure_ascii=False)
        return data.decode("utf-8").rstrip("\n")
    except ValueError as error:
        what = f"{name} is no text that could be shown"
        raise BadInput(what, next_step="its view lies below .artifacts; packages: gonogo verify") from error


def _body(data: bytes, name: str) -> Json:
    if not name.endswith(".json"):
        return _text(data, name)
    read_json(data, name=name, limit=MOST_BYTES)
    return _plain(data)


def _plain(data: bytes) -> Json:
    found: Json = json.loads(data)
    return found
