"""A run as lines for a terminal, and the same lines drawn again and again while somebody watches (RGD-01, RGD-06).

On a terminal with fewer lines than a run has, phases that are over or have not begun are one line each, so that what
happens now, whom the run waits for and what is next stay on the screen.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import groupby

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from gonogo.cli.run_list import COLOURS, colour_of
from gonogo.cli.saying import say
from gonogo.cli.written import printable
from gonogo.control.door import Door
from gonogo.control.viewing import RunView, StageView, signing_command, view
from gonogo.reports.live import TAKEN_BACK
from gonogo.run.awaiting import words_of
from gonogo.terms import RunId

SIGNS = {"done": "✓", "failed": "✗", "running": "…", "open": "·", "left out": "-"}
MOST_PARITY = 20
HEAD = 2
"""The first lines of a run: what it is, and how it stands."""

Line = tuple[str, str]
"""A text and its colour."""


def lines_of(seen: RunView, *, verbose: bool, short: bool = False) -> Iterator[Line]:
    """A run as lines with their colours; `short` gives each phase in which nothing happens one line."""
    yield f"{seen.title}: release {seen.release} in {seen.environment}   {seen.run}", ""
    yield f"  role {seen.role}; {seen.status}", colour_of(seen.status)
    if verbose:
        yield f"  mission: {seen.mission}", ""
        yield from ((f"  rule: {text}", "") for text in seen.rules)
        yield from ((f"  guardrail: {text}", "") for text in seen.guardrails)
    if seen.traffic is not None and not seen.rollout:
        share = f"{seen.traffic} % of the traffic" if seen.traffic else "no traffic"
        yield f"  the new version gets {share}", "cyan"
    yield from _short_steps(seen) if short else _steps(seen)
    yield from ((f"  {text}", "cyan") for text in seen.rollout)
    for busy in seen.running:
        counted = f": {busy.counted}" if busy.counted else ""
        yield f"  running for {busy.seconds} s: {busy.title}{counted}", "cyan"
    if verbose:
        yield from _on_file(seen)
    for text in seen.manual:
        yield f"  manual record: {text}; signed, not measured", "yellow"
    if seen.halt:
        yield f"  halted: {seen.halt}", "red"
    if seen.waited_s:
        yield f"  waited for people: {words_of(timedelta(seconds=seen.waited_s))} in all", ""
    for item in seen.waiting:
        signed = f"; signed by {', '.join(item.signed)}" if item.signed else ""
        waited = words_of(timedelta(seconds=item.waited_s))
        what = f"waiting at `{item.point}` for {'; '.join(item.missing)}{signed}"
        yield f"  {what}; for {waited} so far, until {item.expires_at}", "yellow"
        yield f"    {signing_command(seen.run, item.kind, item.point)}", ""
    yield from _parity(seen)
    for text in seen.edited:
        yield f"  edited by hand: {text}; delete it, and the stored evidence is written anew", "red"
    if seen.next_step:
        yield f"  next: {seen.next_step}", ""
    if seen.outcome:
        # The last line: what stands above it may have left the screen.
        why = f": {seen.taken_back}" if seen.taken_back else ""
        yield f"  ended {seen.outcome.replace('_', ' ')}{why}", colour_of(seen.outcome)


def _parity(seen: RunView) -> Iterator[Line]:
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


def _short_steps(seen: RunView) -> Iterator[Line]:
    present = _present(seen)
    for phase, group in groupby(seen.stages, key=lambda stage: stage.phase):
        stages = tuple(group)
        if present is not None and present.phase == phase:
            yield f"  {_part(stages[0])}", ""
            yield from map(_step, stages)
            continue
        done = sum(stage.state in {"done", "left out"} for stage in stages)
        sign = "done" if done == len(stages) else "open"
        yield f"  {SIGNS[sign]} {_part(stages[0])}: {done} of {len(stages)}", COLOURS.get(sign, "")


def _present(seen: RunView) -> StageView | None:
    """The step at which something happens or failed, else the first that is not done."""
    moved = [stage for stage in seen.stages if stage.state in {"running", "failed"}]
    waiting = [stage for stage in seen.stages if stage.state == "open"]
    return next(iter((*moved, *waiting)), None)


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


def watch(door: Door, run: RunId, *, every: float, verbose: bool) -> RunView:
    """Draw a run every `every` seconds until it is over, or until ctrl-c, which ends the looking and nothing else.

    Where the output is no terminal (a pipe, a remote command without one) nothing can be drawn over: there the whole
    run is printed once, and then what is new, as it happens.
    """
    console = Console(no_color=click.get_current_context().color is False or None, highlight=False)

    def look() -> RunView:
        return view(door.world, door.load(run), driven=door.is_driven(run))

    def drawn(seen: RunView) -> Text:
        text = Text()
        for line, colour in fitted(seen, console.width, console.height, verbose=verbose):
            text.append(printable(line) + "\n", style=colour or None)
        return text

    if not console.is_terminal:
        with suppress(KeyboardInterrupt):
            return _printed(look, every, verbose=verbose)
        return look()
    seen = look()
    with suppress(KeyboardInterrupt), Live(drawn(seen), console=console, auto_refresh=False) as live:
        while not seen.outcome:
            time.sleep(every)
            seen = look()
            live.update(drawn(seen), refresh=True)
        # What stays on the screen is the whole run, however high it is.
        live.vertical_overflow = "visible"
    return seen


def _printed(look: Callable[[], RunView], every: float, *, verbose: bool) -> RunView:
    """Print a run, and then each line that was not there before, until it is over."""
    before: set[str] = set()
    while True:
        seen = look()
        for line, colour in lines_of(_without_seconds(seen) if before else seen, verbose=verbose):
            if line not in before:
                say(line, colour)
        if seen.outcome:
            return seen
        before = {line for line, _ in lines_of(_without_seconds(seen), verbose=verbose)}
        time.sleep(every)


def _without_seconds(seen: RunView) -> RunView:
    """A run without what changes with every second and every request, so that only what happened is new."""
    return replace(
        seen,
        running=tuple(replace(item, seconds=0) for item in seen.running),
        waiting=tuple(replace(item, waited_s=0) for item in seen.waiting),
        waited_s=0,
        rollout=tuple(text for text in seen.rollout if text.startswith(TAKEN_BACK)),
    )


def fitted(seen: RunView, width: int, height: int, *, verbose: bool) -> tuple[Line, ...]:
    """A run as lines that fit on a screen of `width` columns and `height` rows; the end of a run is never cut."""
    whole = tuple(lines_of(seen, verbose=verbose))
    if seen.outcome or _rows(whole, width) < height:
        return whole
    short = list(lines_of(seen, verbose=verbose, short=True))
    while _rows(short, width) >= height and len(short) > HEAD + 1:
        del short[HEAD]
    return tuple(short)


def _rows(lines: Iterable[Line], width: int) -> int:
    return sum(max(1, math.ceil(len(part) / width)) for text, _ in lines for part in text.split("\n"))
