"""`gonogo metrics`: figures over all runs of the project; they never decide one (GAT-07, INT-10, C17)."""

from __future__ import annotations

from pathlib import Path

import click

from gonogo.cli.opened import door_at
from gonogo.cli.saying import say, say_json, tell
from gonogo.cli.shared_options import json_option, project_option
from gonogo.cli.taking import taking
from gonogo.control.learning.over_runs import OverRuns, over_runs, run_times
from gonogo.control.learning.pattern_effects import pattern_effects
from gonogo.control.learning.quality import quality_over_runs
from gonogo.control.learning.reviews import reviews_of
from gonogo.control.learning.trending import trends_of
from gonogo.control.vitals import vitals
from gonogo.evidence.ledger import time_text
from gonogo.reports.over_runs import GateFigures, gap_row, gate_figures, gate_row, recurring_gaps
from gonogo.reports.patterns import effect_line, effect_row, worse
from gonogo.reports.quality import MET, MISSED, quality_row
from gonogo.reports.reviews import ReviewKind, review_row
from gonogo.reports.run_times import time_lines, time_row
from gonogo.reports.trends import trend_row
from gonogo.terms import Json
from gonogo.values import dataclass

SUBJECTS = ("gates", "intake", "patterns", "quality", "time", "trends", "vitals")
NEWEST = 10


@dataclass(frozen=True, slots=True)
class MetricsOptions:
    """What `gonogo metrics` takes."""

    subject: str
    folder: Path
    as_json: bool


@click.command()
@click.argument("subject", type=click.Choice(SUBJECTS))
@project_option
@json_option
@taking(MetricsOptions)
def metrics(options: MetricsOptions) -> int:
    """Over all runs: `gates` with last failure, gaps at `intake`, `quality` against targets, `time` against usual.

    `patterns` shows what the reasoning of each phase achieves, by quarter, and when it is reviewed next.

    `trends` shows every figure by quarter, with an alert where one became worse than in the quarter before.

    Times are of work: waits for people, for a deployment window and the health window do not count. `vitals` tells what
    is late, stalled or unlike earlier runs in the newest ones.
    """
    if options.subject == "patterns":
        return _patterns(options)
    if options.subject == "quality":
        return _quality(options)
    if options.subject == "time":
        return _time(options)
    if options.subject == "trends":
        return _trends(options)
    if options.subject == "vitals":
        return _vitals(options)
    found = over_runs(door_at(options.folder).world)
    for run, why in found.unreadable:
        tell(f"gonogo: {run} cannot be read and is not counted: {why}", "yellow")
    if options.as_json:
        say_json(
            {"runs": found.runs, **_body(found, options.subject), "unreadable": [run for run, _ in found.unreadable]}
        )
        return 0
    (_say_gates if options.subject == "gates" else _say_intake)(found)
    return 0


def _patterns(options: MetricsOptions) -> int:
    """The effect of patterns, where one became worse, and the quarterly review of each protocol (RSN-07)."""
    door = door_at(options.folder)
    found, now = pattern_effects(door), door.world.clock.now()
    due = [review for review in reviews_of(door) if review.kind is ReviewKind.PATTERNS]
    if options.as_json:
        rows: list[Json] = [effect_row(item) for item in found]
        reviews: list[Json] = [review_row(review, now) for review in due]
        say_json({"patterns": rows, "worse": [*worse(found)], "reviews": reviews})
        return 0
    for item in found:
        say(effect_line(item))
    for text in worse(found):
        say(f"LOOK {text}", "red")
    for review in due:
        standing = review.standing(now)
        say(f"review of {review.about}: {standing}, {review.due:%Y-%m-%d}", "yellow" if standing != "later" else "")
    if not found:
        say("no run shows anything yet")
    return 0


def _quality(options: MetricsOptions) -> int:
    found = quality_over_runs(door_at(options.folder))
    if options.as_json:
        say_json({"quality": [quality_row(item) for item in found]})
        return 0
    for item in found:
        actual = "-" if item.actual is None else f"{item.actual * 100:.1f} %"
        colour = {MET: "green", MISSED: "red"}.get(item.status, "yellow")
        say(f"{item.name}   target {item.target * 100:.0f} %   actual {actual}   {item.status}", colour)
        for counted in item.counts:
            for words in counted.lacking:
                say(f"    {counted.about}: {words}")
    return 0


def _time(options: MetricsOptions) -> int:
    found = run_times(door_at(options.folder))
    if options.as_json:
        say_json({"times": [time_row(item) for item in found]})
        return 0
    for item in found:
        for text, over in time_lines(item):
            say(text, "yellow" if over else "")
    if not found:
        say("there is no run yet")
    return 0


def _trends(options: MetricsOptions) -> int:
    found = trends_of(door_at(options.folder))
    alerts = [item.alert for item in found if item.alert]
    if options.as_json:
        say_json({"trends": [trend_row(item) for item in found], "alerts": [*alerts]})
        return 0
    for item in found:
        means = "   ".join(f"{each.name} {each.mean:.2f} ({each.count})" for each in item.quarters)
        say(f"{item.protocol}   {item.figure}   {means}")
    for text in alerts:
        say(f"ALERT {text}", "red")
    return 0


def _vitals(options: MetricsOptions) -> int:
    door = door_at(options.folder)
    found = vitals(door, door.runs()[-NEWEST:])
    if options.as_json:
        say_json({"runs": [each.as_json() for each in found]})
        return 0
    if not found:
        say("there is no run yet")
    for each in found:
        gates = f"gates {each.passed} of {each.judged} passed, evidence {each.present} of {each.required}"
        say(f"{each.run}   {each.outcome or 'open'}   {gates}")
        for odd in each.anomalies:
            say(f"    ! {odd.kind}: {odd.where}: {odd.words}", "yellow")
    return 0


def _body(found: OverRuns, subject: str) -> dict[str, Json]:
    if subject == "gates":
        return {"gates": [gate_row(figures) for figures in gate_figures(found.judgements)]}
    return {"gaps": [gap_row(gap) for gap in recurring_gaps(found.gaps)]}


def _say_gates(found: OverRuns) -> None:
    rows = gate_figures(found.judgements)
    if not rows:
        say(f"no gate was judged yet in {found.runs} runs")
    for figures in rows:
        say(f"{figures.protocol}   {figures.gate}   {_rate(figures)}")
        if figures.last_failure is not None:
            last = figures.last_failure
            say(
                f"    last failure: {last.verdict} in {last.run}, attempt {last.attempt}, {time_text(last.at)}",
                "yellow",
            )


def _rate(figures: GateFigures) -> str:
    passes, waived = figures.count("pass"), figures.count("waived")
    beside = f", {waived} waived" if waived else ""
    rate = "" if figures.rate is None else f" ({figures.rate * 100:.1f} %)"
    return f"{passes} of {len(figures.history)} judgements passed{rate}{beside}"


def _say_intake(found: OverRuns) -> None:
    rows = recurring_gaps(found.gaps)
    if not rows:
        say(f"no gap at intake in {found.runs} runs")
    for gap in rows:
        causes = ", ".join(f"{word} {count}" for word, count in gap.states.items())
        owner = gap.source or "nobody upstream"
        say(f"{len(gap.runs)} of {found.runs} runs   {gap.kind} {gap.item}   owed by {owner}   ({causes})")
