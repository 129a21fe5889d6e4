"""`gonogo retro`, `lessons`, `knowledge`: what people learn from runs, on record and found again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from gonogo.cli.opened import door_at, run_named
from gonogo.cli.saying import say, say_json
from gonogo.cli.shared_options import actor_of, recording_options, run_argument
from gonogo.cli.taking import taking
from gonogo.control.audit.searching import demand_reader
from gonogo.control.door import Door
from gonogo.control.learning.notes import KNOWLEDGE, LESSON, RETRO, note_down, noted
from gonogo.control.learning.runs import agenda_of, known_patterns
from gonogo.errors import WrongUsage
from gonogo.evidence.canonical import Tree
from gonogo.reports.knowledge import pattern_row
from gonogo.reports.model_json import model_json
from gonogo.terms import Json
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class RetroOptions:
    """What `gonogo retro` takes."""

    run: str
    participants: tuple[str, ...]
    well: tuple[str, ...]
    poorly: tuple[str, ...]
    actions: tuple[str, ...]
    who: str
    folder: Path
    as_json: bool


@dataclass(frozen=True, slots=True)
class LessonOptions:
    """What `gonogo lessons` takes."""

    run: str
    context: str
    insight: str
    action: str
    outcome: str
    applies_to: str
    search: str
    who: str
    folder: Path
    as_json: bool


@dataclass(frozen=True, slots=True)
class KnowledgeOptions:
    """What `gonogo knowledge` takes."""

    run: str
    search: str
    gate: str
    cause: str
    update: bool
    who: str
    folder: Path
    as_json: bool


@click.command()
@run_argument
@click.option("--with", "participants", multiple=True, help="Who took part; repeatable.")
@click.option("--well", multiple=True, help="What went well; repeatable.")
@click.option("--poorly", multiple=True, help="What went poorly; repeatable.")
@click.option("--action", "actions", multiple=True, help="What follows from it, with an owner; repeatable.")
@recording_options
@taking(RetroOptions)
def retro(options: RetroOptions) -> int:
    """Show the agenda of the retrospective of RUN, prefilled from the run; with words, put its report on file."""
    door = door_at(options.folder)
    opened = door.load(run_named(door, options.run))
    if options.well or options.poorly or options.actions:
        if not options.participants:
            raise WrongUsage("a retrospective is held by people", next_step="say who took part: --with NAME")
        body: dict[str, Tree] = {
            "participants": [*options.participants],
            "well": [*options.well],
            "poorly": [*options.poorly],
            "action_items": [*options.actions],
        }
        return filed(door, RETRO, options.run, body, options.who, as_json=options.as_json)
    found, due = agenda_of(door, opened)
    if options.as_json:
        questions: list[Json] = [model_json(item) for item in found]
        say_json({"run": opened.run, "due": model_json(due), "agenda": questions})
        return 0
    say(f"retrospective of {opened.run}: " + (f"due {due.due_from} to {due.due_to}" if due else "not opened yet"))
    say(f"  invited: {', '.join(due.invited)}" if due else "  it is opened when the run halts or ends")
    part = ""
    for item in found:
        if item.part != part:
            part = item.part
            say(part.upper(), bold=True)
        say(f"  {item.text}")
        for fact in item.facts or ("(the run says nothing about this)",):
            say(f"    - {fact}")
    return 0


@click.command()
@run_argument
@click.option("--context", default="", help="In which situation it was learned.")
@click.option("--insight", default="", help="What was learned.")
@click.option("--action", default="", help="What was done about it.")
@click.option("--outcome", default="", help="What came of that.")
@click.option("--applies-to", default="", help="Where else it applies.")
@click.option("--search", default="", help="Show only lessons that hold this word.")
@recording_options
@taking(LessonOptions)
def lessons(options: LessonOptions) -> int:
    """Put a lesson of RUN on file, or list the lessons of RUN; without RUN, those of all runs."""
    door = door_at(options.folder)
    body: dict[str, Tree] = {
        "context": options.context,
        "insight": options.insight,
        "action": options.action,
        "outcome": options.outcome,
        "applies_to": options.applies_to,
    }
    if any(body.values()):
        return filed(door, LESSON, options.run, body, options.who, as_json=options.as_json)
    demand_reader(door, actor_of(options.who), "lessons")
    return listed(door, LESSON, options.run, options.search, as_json=options.as_json)


@click.command()
@run_argument
@click.option("--search", default="", help="Show only what holds this word.")
@click.option("--gate", default="", help="Show only what stopped at this gate.")
@click.option("--cause", default="", help="Show only this cause, such as gate_failed.")
@click.option("--update", is_flag=True, help="Put what all runs taught so far on file, as an update after RUN.")
@recording_options
@taking(KnowledgeOptions)
def knowledge(options: KnowledgeOptions) -> int:
    """Show what stopped runs, how people resolved it, and which resolutions held; taken from all ledgers."""
    door = door_at(options.folder)
    found, words = known_patterns(door)
    rows = [pattern_row(item, words) for item in found]
    if options.update:
        body: dict[str, Tree] = {"patterns": [dict(row) for row in rows], "runs": len(door.runs())}
        return filed(door, KNOWLEDGE, options.run, body, options.who, as_json=options.as_json)
    demand_reader(door, actor_of(options.who), "knowledge")
    rows = [row for row in rows if _fits(row, options)]
    if options.as_json:
        say_json({"patterns": [*rows]})
        return 0
    for row in rows:
        say(f"{row['times']} times   {row['protocol']}   {row['stage']}   {row['cause']}")
        for text in _texts(row, "symptoms"):
            say(f"    symptom: {text}")
        for text in _texts(row, "resolutions"):
            say(f"    {text}")
    say(f"{len(rows)} blockers known from {len(door.runs())} runs")
    return 0


def _fits(row: Mapping[str, Json], options: KnowledgeOptions) -> bool:
    named = options.gate in {"", row["gate"]} and options.cause in {"", row["cause"]}
    return named and options.search.lower() in str(row).lower()


def _texts(row: Mapping[str, Json], name: str) -> list[str]:
    found = row[name]
    items = found if isinstance(found, list) else []
    return [
        f"{'held' if item['proven'] else 'did not hold'}: {item['resolution']} ({item['run']})"
        if isinstance(item, Mapping)
        else str(item)
        for item in items
    ]


def filed(door: Door, kind: str, run: str, body: Mapping[str, Tree], who: str, *, as_json: bool) -> int:
    """Put a record about a run on file, and say where it stands."""
    opened = door.load(run_named(door, run))
    file = note_down(door, kind, opened, body, actor_of(who))
    if as_json:
        say_json({"run": opened.run, "file": file})
    else:
        say(f"on file for {opened.run}: {file}")
    return 0


def listed(door: Door, kind: str, run: str, search: str, *, as_json: bool) -> int:
    """Say every record of a kind, of one run where it is named, that holds a word."""
    about = run_named(door, run) if run else None
    rows = [row for row in noted(door, kind, about) if search.lower() in str(dict(row)).lower()]
    if as_json:
        found: list[Json] = [model_json(row) for row in rows]
        say_json({"records": found})
        return 0
    for row in rows:
        say(f"{row['at']}  {row['run']}  by {row['by']}")
        for name, value in row.items():
            if name not in {"at", "run", "by"}:
                say(f"    {name}: {value}")
    say(f"{len(rows)} on file" if rows else "nothing is on file yet")
    return 0
