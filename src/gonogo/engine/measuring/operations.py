"""Runbooks, on-call and escalation (OPS-01..OPS-04).

Nothing here is assumed: a runbook is as old as its file, a duty is what the project declares, and a contact was reached
only if the project's own command says so. Where no such command is bound, reachability stays unknown and the report
has no status.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from gonogo.engine.bench import Bench, Looked
from gonogo.engine.runs_seen import left_behind
from gonogo.errors import BadInput
from gonogo.measure.calendar import MOST_BYTES as MOST_CALENDAR
from gonogo.measure.calendar import Shift, read_shifts
from gonogo.measure.open_lists import read_reached
from gonogo.measure.operations import (
    DutySeen,
    EscalationSeen,
    OperationsSeen,
    RunbookSeen,
    headings_without_words,
    operations_body,
    operations_gaps,
)
from gonogo.measure.rota import duties, read_rota
from gonogo.plan.project import OnCall, Project, Runbook
from gonogo.plan.reading import moment_of
from gonogo.plan.windows import next_opening
from gonogo.run.health_window import longest_watch

ESCALATION_FILE = "escalation.json"
ROTA_FILE = "rota.json"
MOST_RUNBOOK = 1 << 22
ALWAYS = (datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC))
"""A standing duty: one that the project declares without beginning or end."""


def operations(bench: Bench) -> Looked:
    """Write `operational-readiness.json`; a gap in it fails the step."""
    bound = bench.plan.project.operations
    window = _window(bench.plan.project, bench.now)
    reached = _reached(bench)
    body = operations_body(
        OperationsSeen(
            tuple(_runbook(bench, item) for item in bound.runbooks),
            (*(_duty(item) for item in bound.on_call), *_rota(bench, window)),
            tuple(EscalationSeen(item.level, item.contact, reached.get(item.level)) for item in bound.escalation),
            changed_at=_changed_at(bench),
            # One limit is judged for all: the strictest that the project sets.
            runbook_max_age=_seconds(min((item.max_age for item in bound.runbooks), default=Decimal(0))),
            window=window,
        ),
        bench.now,
    )
    found = operations_gaps(body)
    detail = "operations are not ready:\n" + "\n".join(f"  - {gap}" for gap in found) if found else ""
    return Looked(ok=not found, files=(bench.json("operational-readiness.json", body),), detail=detail)


def _changed_at(bench: Bench) -> datetime:
    """When the release last changed: what its manifest states, else the day on which that file was written.

    The day and not the minute: a checkout writes all files of a project in one go, in any order.
    """
    stated = moment_of(bench.plan.release.scope_fixed_at or "")
    if stated is not None:
        return stated
    path = bench.plan.project.manifest.replace("{release}", bench.plan.release.version)
    written = bench.world.files.see(path).modified
    if written is None:
        raise BadInput(
            "nobody knows when the release last changed: its manifest is gone",
            where=path,
            next_step="restore the manifest, or state release.scope_fixed_at in it",
        )
    return written.replace(hour=0, minute=0, second=0, microsecond=0)


def _runbook(bench: Bench, item: Runbook) -> RunbookSeen:
    """A runbook as it lies there; one that is empty or cannot be read has no date, and so is none."""
    seen = bench.world.files.see(item.path)
    if seen.digest is None or seen.size == 0:
        return RunbookSeen(item.path, item.service, None)
    lacking: tuple[str, ...] = ()
    if item.sections:
        text = bench.world.files.read(item.path, limit=MOST_RUNBOOK).decode("utf-8", "replace")
        lacking = headings_without_words(text, item.sections)
    return RunbookSeen(item.path, item.service, seen.modified, lacking)


def _rota(bench: Bench, window: tuple[datetime, datetime]) -> tuple[DutySeen, ...]:
    """Who is on call by the bound command or calendars; what they left unreadable is an error, never an empty rota."""
    bound = bench.plan.project.operations
    if bound.rota:
        left = left_behind(bench, bound.rota, ROTA_FILE)
        if left is None:
            raise BadInput(
                f"the command `{bound.rota}` left no {ROTA_FILE}",
                where=str(bench.plan.project.commands[bound.rota].origin),
                next_step=f"let it write {ROTA_FILE} into GONOGO_OUT: function, primary, backup, from, to of each duty",
            )
        return read_rota(left.data, ROTA_FILE)
    shifts: dict[str, dict[str, list[Shift]]] = {}
    for item in bound.calendars:
        data = bench.world.files.read(item.path, limit=MOST_CALENDAR + 1)
        found = read_shifts(data, item.path, *window)
        shifts.setdefault(item.function, {}).setdefault(item.place, []).extend(found)
    return tuple(duty for function, places in shifts.items() for duty in duties(function, places, *window))


def _duty(item: OnCall) -> DutySeen:
    begins, ends = moment_of(item.begins or ""), moment_of(item.ends or "")
    return DutySeen(item.function, item.primary, item.backup, begins or ALWAYS[0], ends or ALWAYS[1])


def _window(project: Project, now: datetime) -> tuple[datetime, datetime]:
    """From the start of the deployment to the end of the health window: as planned, else from now on."""
    begin = (next_opening(project.windows, now) if project.windows else None) or now
    longest = (project.rollout.hold + project.rollout.patience) * len(project.rollout.steps)
    return begin, begin + _seconds(longest + longest_watch(project.health))


def _seconds(value: Decimal) -> timedelta:
    return timedelta(seconds=float(value))


def _reached(bench: Bench) -> Mapping[int, bool]:
    command = bench.plan.project.operations.reach
    if command is None:
        return {}
    left = left_behind(bench, command, ESCALATION_FILE)
    if left is None:
        raise BadInput(
            f"the command `{command}` left no {ESCALATION_FILE}",
            where=str(bench.plan.project.commands[command].origin),
            next_step=f"let it write {ESCALATION_FILE} into GONOGO_OUT, with `level` and `reachable` of each level",
        )
    return read_reached(left.data, ESCALATION_FILE)
