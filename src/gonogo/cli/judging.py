"""`gonogo judge`: the rollout judge of a run again from its samples, and its guards from history (ARB-01, ARB-02)."""

from __future__ import annotations

from pathlib import Path

import click

from gonogo.cli.opened import door_at, run_named
from gonogo.cli.saying import say, say_json, tell
from gonogo.cli.shared_options import json_option, project_option
from gonogo.cli.taking import taking
from gonogo.errors import BadInput, Refused
from gonogo.evidence.ledger import time_text
from gonogo.run.events import recorded
from gonogo.run.judging import JUDGE
from gonogo.run.judging_show import RatioInterval, odds
from gonogo.run.rejudging import Compared, Likeness, Point, alike, course, error_ratio
from gonogo.terms import Json, RunId
from gonogo.values import dataclass

ACTIONS = ("replay",)


@dataclass(frozen=True, slots=True)
class JudgeOptions:
    """What `gonogo judge` takes."""

    action: str
    subject: str
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
@click.argument("subject", default="", metavar="[RUN]")
@project_option
@json_option
@taking(JudgeOptions)
def judge(options: JudgeOptions) -> int:
    """Judge the rollout of RUN again from its recorded samples, one by one, beside every answer on record.

    Exit 1 where an answer does not follow from its samples. An answer follows bit for bit; on another machine, whose
    logarithms may differ in the last bit, to nine digits.
    """
    found = _retold(options)
    if options.as_json:
        say_json(_body(found))
    else:
        _say(found)
    return Refused.exit_code if found.differs else 0


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
