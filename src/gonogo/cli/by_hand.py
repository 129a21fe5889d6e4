"""`gonogo manual`: answer the questions of a step by hand, with a reason and a signature (MAN-01..MAN-06, F47)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from gonogo.adapters.given_files import given_bytes
from gonogo.cli.deciding import Signing, shown_and_signed, signing_options
from gonogo.cli.opened import door_at, run_named
from gonogo.cli.saying import say, say_json
from gonogo.cli.shared_options import actor_of, actor_option, needed_run_argument
from gonogo.cli.taking import taking
from gonogo.engine.by_hand import attachment_named, form_of, step_named
from gonogo.errors import WrongUsage
from gonogo.evidence.canonical import Tree
from gonogo.measure.manual_log import numbered, read_war_room
from gonogo.terms import Json, digest_of


@dataclass(frozen=True, slots=True)
class ManualOptions(Signing):
    """What `gonogo manual` takes."""

    run: str
    step: str
    answers: tuple[str, ...]
    why: str
    observed_at: str
    attached: tuple[Path, ...]
    key: Path | None
    who: str


@click.command()
@needed_run_argument
@click.argument("step")
@click.option("--answer", "answers", multiple=True, help="The answer to the next question; as many as there are.")
@click.option("--why", default="", help="Why automation was not there.")
@click.option("--observed-at", default="", help="When you saw it, ISO 8601 with zone. Default: now.")
@click.option(
    "--attach",
    "attached",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A file that shows it; a .csv is read as a war-room log with the columns at, person, command, result.",
)
@click.option("--key", type=click.Path(path_type=Path), help="Sign: your private key, or a .pub in your agent.")
@actor_option
@signing_options
@taking(ManualOptions)
def manual(options: ManualOptions) -> int:
    """Show the questions of STEP of RUN; with --key, sign the answers as a manual record. It is no measurement."""
    door = door_at(options.folder)
    run = run_named(door, options.run)
    plan = door.load(run).plan
    stage = step_named(plan, options.step)
    questions = form_of(plan, stage)
    if options.key is None:
        return _show(options, run, stage.id, questions)
    says, attached = _said(options, _answers(options, questions))
    name = door.ask_by_hand(run, stage.id, actor_of(options.who))
    hand, answers = options.hand(options.key), str(says["answer"])
    person, role, _ = shown_and_signed(door, run, name, hand, says, sure=options.yes, answers=answers)
    door.file_by_hand(run, name, attached, actor_of(options.who))
    if options.as_json:
        say_json({"run": run, "step": stage.id, "round": name, "person": person, "role": role, "manual": True})
    else:
        say(f"recorded: {person} ({role}) by hand about {stage.id} of {run}; it is no measurement and passes no gate")
    return 0


def _show(options: ManualOptions, run: str, step: str, questions: tuple[str, ...]) -> int:
    if options.answers or options.why or options.attached:
        raise WrongUsage("a manual record is signed", next_step="say --key KEY")
    if options.as_json:
        listed: list[Json] = list(questions)
        say_json({"run": run, "step": step, "questions": listed})
        return 0
    say(f"questions about {step} of {run}:")
    for number, question in enumerate(questions, start=1):
        say(f"  {number}. {question}")
    given = " ".join(f"--answer {number}" for number in range(1, len(questions) + 1))
    say(f"  next: gonogo manual {run} {step} --key KEY --why TEXT {given}")
    return 0


def _answers(options: ManualOptions, questions: tuple[str, ...]) -> tuple[str, ...]:
    """An answer to each question: from the command line, else from the person at the terminal."""
    if not options.why.strip():
        raise WrongUsage("a manual record says why automation was not there", next_step="say --why TEXT")
    if not options.answers and os.isatty(0):
        return tuple(click.prompt(question, err=True) for question in questions)
    if len(options.answers) != len(questions) or not all(answer.strip() for answer in options.answers):
        what = f"{len(questions)} questions, {len(options.answers)} answers: {'; '.join(questions)}"
        raise WrongUsage(what, next_step="say --answer TEXT for each, in this order")
    return options.answers


def _said(options: ManualOptions, answers: tuple[str, ...]) -> tuple[dict[str, Tree], dict[str, bytes]]:
    attached = {attachment_named(path.name): given_bytes(path) for path in options.attached}
    for name, data in attached.items():
        if name.endswith(".csv"):
            read_war_room(data, name)
    observed = options.observed_at or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    says: dict[str, Tree] = {
        "answer": numbered(answers),
        "observed_at": observed,
        "reason_no_automation": options.why,
    }
    if attached:
        says["attachments"] = [{"name": name, "sha256": digest_of(data)} for name, data in attached.items()]
    return says, attached
