"""`gonogo judge`: the judge of a rollout again from its samples, and what its guards should be (ARB-01, ARB-02)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import click

from gonogo.adapters.clock import SystemClock
from gonogo.adapters.sample_files import SampleFile
from gonogo.cli.opened import door_at, run_named
from gonogo.cli.saying import say, say_json, tell
from gonogo.cli.shared_options import json_option, project_option
from gonogo.cli.taking import taking
from gonogo.control.learning.calibrating import (
    History,
    Wanted,
    calibrate,
    environment_of,
    history_of,
    record,
    source_of,
)
from gonogo.control.sources import open_workspace
from gonogo.control.stores.project_root import find_root
from gonogo.errors import BadInput, Refused, WrongUsage
from gonogo.evidence.ledger import time_text
from gonogo.reports.calibration import calibration_lines, calibration_row, lacking_blocks
from gonogo.run.events import recorded
from gonogo.run.judging import JUDGE
from gonogo.run.judging_show import RatioInterval, odds
from gonogo.run.rejudging import Compared, Likeness, Point, alike, course, error_ratio
from gonogo.terms import Json, RunId
from gonogo.values import dataclass

ACTIONS = ("replay", "calibrate", "record")


@dataclass(frozen=True, slots=True)
class JudgeOptions:
    """What `gonogo judge` takes."""

    action: str
    subject: str
    hours: float
    by: str
    match: tuple[str, ...]
    samples: Path | None
    out: Path | None
    instance: tuple[str, ...]
    folder: Path
    as_json: bool


@dataclass(frozen=True, slots=True)
class Retold:
    """What the samples of a run say now."""

    run: RunId
    points: tuple[Point, ...]
    answers: tuple[Compared, ...]
    ratio: RatioInterval | None

    @property
    def differs(self) -> bool:
        """Whether a recorded answer does not follow from its samples."""
        return any(each.likeness is Likeness.OTHER for each in self.answers)


@click.command()
@click.argument("action", type=click.Choice(ACTIONS))
@click.argument("subject", default="", metavar="[RUN|ENVIRONMENT]")
@click.option(
    "--hours",
    type=click.FloatRange(0, 24 * 14, min_open=True),
    default=12.0,
    show_default=True,
    help="calibrate, record: how many hours of history.",
)
@click.option(
    "--by",
    default="instance",
    show_default=True,
    help="calibrate: the label that tells the instances of a version apart.",
)
@click.option("--match", multiple=True, metavar="LABEL=VALUE", help="calibrate: only series with this label.")
@click.option("--samples", type=click.Path(path_type=Path), help="calibrate: a file that `judge record` wrote.")
@click.option("--out", type=click.Path(path_type=Path), help="record: the file to append to.")
@click.option("--instance", multiple=True, metavar="URL", help="record: the address of an instance; one for each.")
@project_option
@json_option
@taking(JudgeOptions)
def judge(options: JudgeOptions) -> int:
    """Look into the rollout judge: what it said in RUN, or what guards it needs in ENVIRONMENT.

    `replay` judges the rollout of RUN again from its recorded samples, beside every answer on record: bit for bit, or
    to nine digits on another machine. Exit 1 where an answer does not follow.

    `calibrate` reads hours of the old version from Prometheus, or readings from a file, and prints the lines for
    gonogo.yaml: how much more its own instances differ than chance does, and for how long a new one is slow. Exit 2
    where the history is too short for the judge to rely on it.

    `record` writes such a file where nothing keeps a history; stopped early, what it has written can be used.
    """
    match options.action:
        case "calibrate":
            return _calibrate(options)
        case "record":
            return _record(options)
        case _:
            return _replay(options)


def _replay(options: JudgeOptions) -> int:
    found = _retold(options)
    if options.as_json:
        say_json(_body(found))
    else:
        _say(found)
    return Refused.exit_code if found.differs else 0


def _calibrate(options: JudgeOptions) -> int:
    workspace = open_workspace(find_root(options.folder.absolute()))
    history: History
    if options.samples is not None:
        history = SampleFile(options.samples)
    else:
        environment = environment_of(workspace, options.subject)
        wanted = Wanted(options.hours, options.by, options.match)
        history = history_of(workspace, environment, wanted, SystemClock().now())
    found = calibrate(history)
    if options.as_json:
        say_json(calibration_row(found.told, found.halves))
    else:
        for text in calibration_lines(found.told, found.halves):
            say(text)
    if found.told.enough:
        return 0
    tell(lacking_blocks(found.told), "yellow")
    return BadInput.exit_code


def _record(options: JudgeOptions) -> int:
    if options.out is None:
        raise WrongUsage("which file?", next_step="gonogo judge record --out samples.jsonl")
    workspace = open_workspace(find_root(options.folder.absolute()))
    source = source_of(workspace, environment_of(workspace, options.subject), options.instance)
    clock = SystemClock()
    until = clock.now() + timedelta(hours=options.hours)
    tick = float(workspace.project.rollout.tick)
    tell(f"a reading every {tick:g} s until {time_text(until)}; Ctrl-C ends it, and what is written can be used")
    taken = record(source, SampleFile(options.out), clock, until, tick, lambda why: tell(why, "yellow"))
    if not taken:
        raise BadInput("nothing could be read", where=str(options.out), next_step="the reasons stand above")
    if options.as_json:
        say_json({"file": str(options.out), "readings": taken})
    else:
        say(f"{options.out}: {taken} readings")
    return 0


def _retold(options: JudgeOptions) -> Retold:
    door = door_at(options.folder)
    run = run_named(door, options.subject)
    opened = door.load(run)
    told = tuple(course(opened.plan, (recorded(entry) for entry in opened.entries)))
    points = tuple(each for each in told if isinstance(each, Point))
    if not points:
        what = f"no sample of a rollout is on record in {run}"
        raise BadInput(what, next_step="name a run whose rollout has begun: gonogo status")
    ratios = [error_ratio(known) for known in opened.state.rollings.values() if known.judge is not None]
    answers = tuple(each for each in told if isinstance(each, Compared))
    return Retold(run, points, answers, next(iter(ratios), None))


def _say(found: Retold) -> None:
    answers = {each.sample: each for each in found.answers}
    for point in found.points:
        shares = "   ".join(f"{name} {odds(share)}" for name, share in point.metrics)
        say(f"sample {point.sample}   step {point.step + 1}   {point.answer}   {odds(point.evidence)}   ({shares})")
        answer = answers.get(point.sample)
        if answer is not None:
            good = answer.likeness is not Likeness.OTHER
            say(f"    {answer.answer} is on record: {answer.why or answer.likeness.value}", "" if good else "red")
    if found.ratio is not None:
        say(f"errors of the new version beside the old one's: {_ratio(found.ratio)}")
    tell(alike(found.answers), "red" if found.differs else "green")


def _ratio(ratio: RatioInterval) -> str:
    low = "no lower limit yet" if ratio.low is None else f"at least {ratio.low:.2f} times"
    high = "no upper limit yet" if ratio.high is None else f"at most {ratio.high:.2f} times"
    return f"{low}, {high} (each surely at 97.5 %, at every look)"


def _body(found: Retold) -> Json:
    points: list[Json] = [
        {
            "sample": point.sample,
            "at": time_text(point.at),
            "step": point.step + 1,
            "log_evidence": repr(point.evidence),
            "metrics": {name: repr(share) for name, share in point.metrics},
            "answer": point.answer,
        }
        for point in found.points
    ]
    answers: list[Json] = [
        {
            "sample": each.sample,
            "at": time_text(each.at),
            "answer": each.answer,
            "follows": each.likeness is not Likeness.OTHER,
            "how": each.why or each.likeness.value,
        }
        for each in found.answers
    ]
    ratio = found.ratio
    ends: Json = None if ratio is None else {"at_least": _exact(ratio.low), "at_most": _exact(ratio.high)}
    return {"run": found.run, "judge": JUDGE, "points": points, "answers": answers, "error_ratio": ends}


def _exact(end: float | None) -> str | None:
    return None if end is None else repr(end)
