"""`gonogo feedback`: say what the results of a run were like, or list what others said."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from gonogo.cli.opened import door_at, run_named
from gonogo.cli.saying import say, say_json
from gonogo.cli.shared_options import actor_of, needed_run_argument, recording_options
from gonogo.cli.taking import taking
from gonogo.control.learning.feedback import FILE, KINDS, Feedback, entries_of, give
from gonogo.errors import WrongUsage
from gonogo.evidence.canonical import Tree
from gonogo.reports.messages import FEEDBACK
from gonogo.terms import Json
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class FeedbackOptions:
    """What `gonogo feedback` takes."""

    run: str
    text: str
    answers: tuple[str, ...]
    kind: str
    about: str
    role: str
    protocol: str
    rating: int | None
    follow_up: str
    who: str
    folder: Path
    as_json: bool


@click.command()
@needed_run_argument
@click.option("--text", default="", help="What you say.")
@click.option(
    "--answer", "answers", multiple=True, help="An answer to each question, in their order, instead of --text."
)
@click.option(
    "--kind", type=click.Choice(KINDS), default="suggestion", show_default=True, help="What kind of feedback."
)
@click.option("--about", default="", help="The file or step it is about. Default: the run.")
@click.option("--role", default="", help="Your role.")
@click.option("--protocol", default="", help="The protocol you work in. Default: the one that follows.")
@click.option("--rating", type=click.IntRange(1, 5), help="From 1 (useless) to 5 (just right).")
@click.option("--follow-up", default="", help="The ticket or person that takes care of it.")
@recording_options
@taking(FeedbackOptions)
def feedback(options: FeedbackOptions) -> int:
    """Say what the results of RUN were like; without words, show the questions and what was said so far."""
    door = door_at(options.folder)
    opened = door.load(run_named(door, options.run))
    if not options.text and not options.answers:
        return _show(options, entries_of(door, opened))
    said = Feedback(
        options.role or "stakeholder",
        options.protocol or opened.plan.next_protocol or opened.plan.name,
        options.about or opened.run,
        options.kind,
        _text(options),
        options.rating,
        options.follow_up,
    )
    digest = give(door, opened, said, actor_of(options.who))
    if options.as_json:
        say_json({"run": opened.run, "file": FILE, "sha256": digest, "entries": len(entries_of(door, opened))})
    else:
        say(f"noted for {opened.run}: {FILE} has {len(entries_of(door, opened))} entries")
    return 0


def _text(options: FeedbackOptions) -> str:
    if not options.answers:
        return options.text
    if options.text or len(options.answers) != len(FEEDBACK):
        what = f"{len(FEEDBACK)} questions, {len(options.answers)} answers"
        raise WrongUsage(what, next_step="say --answer TEXT for each question, in this order, or --text TEXT alone")
    return "\n".join(f"{question} {answer}" for question, answer in zip(FEEDBACK, options.answers, strict=True))


def _show(options: FeedbackOptions, entries: tuple[Mapping[str, Tree], ...]) -> int:
    if options.as_json:
        questions: list[Json] = list(FEEDBACK)
        say_json({"questions": questions, "entries": [_row(entry) for entry in entries]})
        return 0
    for number, question in enumerate(FEEDBACK, start=1):
        say(f"  {number}. {question}")
    for entry in entries:
        row = _row(entry)
        say(f"{row['at']}  {row['kind']} of {row['person']} ({row['role']}) about {row['about']}")
        say(f"    {row['text']}")
    say("no feedback yet" if not entries else f"{len(entries)} entries in {FILE}")
    return 0


def _row(entry: Mapping[str, Tree]) -> dict[str, Json]:
    said_by = entry.get("from")
    by = said_by if isinstance(said_by, Mapping) else {}
    plain = {name: str(entry[name]) for name in ("at", "about", "kind", "text", "rating", "follow_up") if name in entry}
    return {"person": str(by.get("person")), "role": str(by.get("role")), **plain}
