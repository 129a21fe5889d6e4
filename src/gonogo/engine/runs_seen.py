"""Finished commands of this run, as the evidence files list them."""

from __future__ import annotations

from datetime import datetime

from gonogo.engine.bench import Bench
from gonogo.evidence.ledger import time_of
from gonogo.measure.command_runs import CommandRun
from gonogo.plan.model import Execute, Task
from gonogo.run.state import TaskState
from gonogo.terms import Digest, digest_of


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
    script = pinned or digest_of("\0".join(argv).encode())
    code = known.facts.get("exit_code")
    settled = known.facts.get("settled") == "probe"
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


def left_behind(bench: Bench, command: str, name: str) -> tuple[Digest, bytes] | None:
    """A file that a command of this run left in its output folder, from the vault."""
    for stage in bench.plan.stages:
        for task in stage.tasks:
            known = bench.state.tasks.get(task.id)
            same = isinstance(task.act, Execute) and task.act.command == command and known is not None
            files = known.facts.get("out") if same and known else None
            digest = files.get(name) if isinstance(files, dict) else None
            if isinstance(digest, str) and stage.id == bench.stage.id:
                return Digest(digest), bench.world.vault.read(Digest(digest))
    return None


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
