"""Commands that ran: rows with times, exit status and what was rehearsed, shared by several reports (REH-01, NB-06)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from gonogo.evidence.canonical import write_line
from gonogo.measure.figures import Body, duration_text, maybe_time, time_text, without_none
from gonogo.measure.stored_fields import Fields
from gonogo.terms import Digest, digest_of
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class CommandRun:
    """One command of a list. `exit_code` and `ended_at` are None where nobody knows how it ended."""

    argv: tuple[str, ...]
    script_sha256: Digest
    started_at: datetime
    ended_at: datetime | None
    exit_code: int | None
    repeatable: bool = False
    log_range: tuple[int, int] = (0, 0)


def command_list_digest(commands: Sequence[tuple[tuple[str, ...], Digest]]) -> Digest:
    """Digest of an ordered list of (argv, script digest): equal lists rehearsed and deployed are equal here (NB-06)."""
    return digest_of(write_line([{"argv": list(argv), "script_sha256": script} for argv, script in commands]))


def command_row(number: int, run: CommandRun) -> Body:
    """A command as F4 lists it; `number` counts from 1."""
    return without_none(
        {
            "n": number,
            "argv": list(run.argv),
            "script_sha256": run.script_sha256,
            "started_at": time_text(run.started_at),
            "ended_at": maybe_time(run.ended_at),
            "exit_code": run.exit_code,
            "repeatable": run.repeatable,
            "log_range": list(run.log_range),
        }
    )


def timed_row(number: int, run: CommandRun) -> Body:
    """A command as F5 lists it, with the time that it took."""
    took = duration_text(run.ended_at - run.started_at) if run.ended_at else None
    row = command_row(number, run)
    kept = ("n", "argv", "started_at", "ended_at", "exit_code")
    return without_none({**{key: row.get(key) for key in kept}, "duration": took})


def all_ended_well(rows: Sequence[Fields]) -> bool:
    """Whether there are commands, numbered 1, 2, 3 ..., and every one of them ended with exit code 0."""
    numbered = [row.count("n") for row in rows] == list(range(1, len(rows) + 1))
    return bool(rows) and numbered and all(ended_well(row) for row in rows)


def ended_well(row: Fields) -> bool:
    """Whether a command is known to have ended with exit code 0."""
    return row.has("ended_at") and row.has("exit_code") and row.whole("exit_code") == 0


def lost(row: Fields) -> bool:
    """Whether nobody knows how the command ended."""
    return not (row.has("ended_at") and row.has("exit_code"))
