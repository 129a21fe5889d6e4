"""Finished commands of this run, as the evidence files list them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from gonogo.engine.bench import Bench
from gonogo.evidence.ledger import time_of
from gonogo.measure.command_runs import CommandRun
from gonogo.plan.model import Execute, Task
from gonogo.ports import argv_digest
from gonogo.run.state import TaskState
from gonogo.terms import Digest


def when(known: TaskState | None, name: str) -> datetime | None:
    """A moment that a task's facts hold."""
    value = known.facts.get(name) if known else None
    return time_of(value) if isinstance(value, str) else None


def text(known: TaskState | None, name: str) -> str:
    """A text that a task's facts hold; empty where there is none."""
    value = known.facts.get(name) if known else None
    return value if isinstance(value, str) else ""


def command_run(bench: Bench, task: Task, known: TaskState, log_range: tuple[int, int] = (0, 0)) -> CommandRun:
    """A finished command: its argument list, the script it ran by digest, when, and how it ended."""
    assert isinstance(task.act, Execute)
    binding = bench.plan.project.commands[task.act.command]
    argv = (*binding.run, *task.act.extra)
    pinned = next((bench.plan.scripts[argument] for argument in argv if argument in bench.plan.scripts), None)
    script = pinned or argv_digest(argv)
    code = known.facts.get("exit_code")
    # Whatever its exit status was, it is lost: that it took effect was found by a probe, or stated by a signature.
    settled = known.facts.get("settled") in {"probe", "person"}
    return CommandRun(
        argv=argv,
        script_sha256=script,
        started_at=when(known, "started_at") or known.began,
        ended_at=when(known, "ended_at") or known.ended,
        exit_code=code if isinstance(code, int) else (0 if settled else None),
        repeatable=task.act.repeatable,
        log_range=log_range,
    )


def output(bench: Bench, known: TaskState, name: str) -> bytes:
    """The captured output `stdout` or `stderr` of a finished command."""
    digest = text(known, name)
    return bench.world.vault.read(Digest(digest)) if digest else b""


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """A file that a command of the present attempt left in its output folder, and when that command had ended."""

    digest: Digest
    data: bytes
    ended_at: datetime | None


def left_behind(bench: Bench, command: str, name: str) -> LeftBehind | None:
    """The file `name` that `command` left in this step and attempt, from the vault; never an earlier attempt's."""
    for task in bench.stage.tasks:
        known = bench.state.tasks.get(task.id)
        if not isinstance(task.act, Execute) or task.act.command != command or known is None:
            continue
        files = known.facts.get("out")
        digest = files.get(name) if isinstance(files, Mapping) else None
        if isinstance(digest, str) and known.attempt == bench.attempt:
            return LeftBehind(Digest(digest), bench.world.vault.read(Digest(digest)), when(known, "ended_at"))
    return None


def stage_began(bench: Bench) -> datetime:
    """When the first act of the present step began; now, where none did."""
    own = {task.id for task in bench.stage.tasks}
    return min((known.began for name, known in bench.state.tasks.items() if name in own), default=bench.now)


def log_of(bench: Bench, runs: tuple[tuple[Task, TaskState], ...]) -> tuple[str, tuple[CommandRun, ...]]:
    """The log of several commands with every output whole, and the commands with their line ranges in it (REH-02)."""
    lines: list[str] = []
    found = []
    for task, known in runs:
        first = len(lines) + 1
        run = command_run(bench, task, known)
        lines.append(f"$ {' '.join(run.argv)}")
        lines.append(f"# started {run.started_at.isoformat()}")
        for name in ("stdout", "stderr"):
            printed = output(bench, known, name).decode("utf-8", "replace").splitlines()
            lines += [f"{name}| {line}" for line in printed]
        ended = run.ended_at.isoformat() if run.ended_at else "never seen"
        lines.append(f"# ended {ended}, exit status {run.exit_code}")
        found.append(command_run(bench, task, known, (first, len(lines))))
    return "\n".join(lines) + "\n", tuple(found)
