"""What a person sees while a run is driven: one line an act, with the reason where something fails."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event, Thread

from gonogo.cli.saying import tell
from gonogo.plan.model import Plan, Task, all_stages, stage_of, task_of
from gonogo.run import events as happened
from gonogo.run.events import Recorded
from gonogo.run.events_of_traffic import DrainEnded, WindowExtended
from gonogo.run.machine import decide
from gonogo.run.state import RunState
from gonogo.terms import Digest, RunId

TICK = 0.25
MARKS = (2, 5, 10, 20, 40, 60)
"""Seconds after which an act that still goes on is named again; later every minute."""

FIRST_EVENTS = 3
"""What opening a run records: opened, people pinned, plan bound."""


class Progress:
    """Prints events to stderr as they come; colours only on a terminal, and not where NO_COLOR is set."""

    def __init__(self, plan: Plan, text: Callable[[Digest | None], str], *, quiet: bool) -> None:
        """Tell about a run of `plan`; `text` gives the texts that events name by digest, `quiet` tells nothing."""
        self._plan = plan
        self._text = text
        self._quiet = quiet
        self._stage = ""
        self._at_work = ""
        self._since = time.monotonic()

    @contextmanager
    def ticking(self, state: RunState) -> Iterator[None]:
        """While the block lasts, name an act that takes longer than two seconds again and again, on a terminal only."""
        over = Event()
        self._follow(state)
        ticker = Thread(target=self._tick, args=(over,), daemon=True)
        if not self._quiet and sys.stderr.isatty():
            ticker.start()
        try:
            yield
        finally:
            over.set()
            if ticker.is_alive():
                ticker.join()

    def _follow(self, state: RunState) -> None:
        """Take note of what comes next: nothing of it is in the ledger before it is done."""
        task = getattr(decide(self._plan, state, datetime.now(UTC)), "task", None)
        self._at_work = task.title if isinstance(task, Task) else ""
        self._since = time.monotonic()

    def _tick(self, over: Event) -> None:
        told: tuple[float, int] = (0.0, 0)
        while not over.wait(TICK):
            title, since = self._at_work, self._since
            seconds = int(time.monotonic() - since)
            passed = max((mark for mark in (*MARKS, seconds // 60 * 60) if mark <= seconds), default=0)
            if title and passed and told != (since, passed):
                told = (since, passed)
                self._say(f"    … {title}: {seconds} s so far")

    def begin(self, run: RunId, state: RunState) -> None:
        """Say what begins."""
        plan = self._plan
        self._say(f"{plan.title}: {plan.project.name} {plan.release.version}   run {run}", bold=True)
        self._say(f"  role: {plan.role}")
        for sentence in plan.guardrails:
            self._say(f"  guardrail: {sentence}")
        if state.seq >= FIRST_EVENTS:
            self._say("  going on where the ledger ends")

    def heard(self, state: RunState, entry: Recorded) -> None:
        """Print one event, if it is worth a line."""
        self._follow(state)
        line = self._line(entry.event)
        if line:
            self._say(*line)

    def _line(self, event: happened.Event) -> tuple[str, str] | None:
        match event:
            case happened.TaskIntended():
                self._heading(event.task)
                return (f"    … {task_of(self._plan, event.task).title}", "") if event.step < 0 else None
            case happened.TaskFinished():
                self._heading(event.task)
                return self._finished(event)
            case happened.GateJudged():
                self._announce(f"gate/{event.gate}")
                return (
                    f"    {'✓' if event.verdict == 'pass' else '✗'} gate {event.verdict.upper()}",
                    _colour(good=event.verdict == "pass"),
                )
            case happened.DecisionRequested():
                self._heading(event.task)
                return (
                    f"    ? {task_of(self._plan, event.task).title}: waiting for signatures ({event.round})",
                    "yellow",
                )
            case happened.DecisionRecorded():
                return (
                    f"    ✓ {event.person} ({event.role}): {event.decision}",
                    _colour(good=event.decision != "no_go"),
                )
            case happened.DecisionRefused():
                return (
                    f"    ✗ refused: a statement in the name of {event.person or 'nobody'} (rule {event.rule})",
                    "red",
                )
            case _:
                return self._course(event)

    def _course(self, event: happened.Event) -> tuple[str, str] | None:
        match event:
            case happened.RolloutJudged():
                return (
                    f"    judge: {event.answer.upper()} {self._text(event.detail)}",
                    _colour(good=event.answer == "go"),
                )
            case happened.RolloutPromoted():
                return (f"    step {event.step + 1} may be left: people signed ({event.round})", "green")
            case happened.RollbackBegun():
                return (f"  ROLLING BACK ({event.trigger}: {event.cause})", "red")
            case happened.RollbackFinished():
                return (f"  rolled back and verified after {event.recovery_ms / 1000:.2f} s", "green")
            case happened.RunHalted():
                return (f"  HALTED at {event.stage}: {event.cause}", "red")
            case happened.TaskSettled():
                return (f"    found out after a crash: {event.outcome} (by {event.by})", "yellow")
            case happened.PackageSealed():
                return (f"    sealed {event.name}: {event.members} files, sha256 {event.sha256[:16]}…", "")
            case _:
                return _of_traffic(event)

    def _finished(self, event: happened.TaskFinished) -> tuple[str, str]:
        title = task_of(self._plan, event.task).title
        needless = event.facts.get("needless")
        if needless:
            return f"    · {title}: not needed, {needless}", ""
        if event.outcome == "ok":
            return f"    ✓ {title}", "green"
        return f"    ✗ {title}\n      {self._text(event.detail)}", "red"

    def _heading(self, task: str) -> None:
        self._announce(stage_of(self._plan, task).id)

    def _announce(self, name: str) -> None:
        stage = next((found for found in all_stages(self._plan) if found.id == name), None)
        if stage is not None and name != self._stage:
            self._stage = name
            phase = f"phase {stage.phase}  " if stage.phase else ""
            self._say(f"  {phase}{stage.title}", bold=True)

    def _say(self, text: str, colour: str = "", *, bold: bool = False) -> None:
        if self._quiet:
            return
        tell(text, colour, bold=bold)
        sys.stderr.flush()


def _colour(*, good: bool) -> str:
    return "green" if good else "red"


def _of_traffic(event: happened.Event) -> tuple[str, str] | None:
    """What became of the traffic, and of those who serve it."""
    match event:
        case happened.TrafficMoved():
            return (f"    → new version gets {event.percent} % of the traffic", "cyan")
        case happened.HostsReplaced():
            return (f"    → {', '.join(event.hosts)} replaced: {event.percent} % of the hosts are new", "cyan")
        case happened.HostsSeen() if event.lost:
            return (f"    hosts that do not answer: {', '.join(event.lost)}", "red")
        case DrainEnded() if event.open is not None:
            return (f"    ✗ {event}", "yellow")
        case WindowExtended():
            return (f"    ✗ the health window goes on: {event}", "red")
        case _:
            return None
