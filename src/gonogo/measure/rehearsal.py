"""The rehearsed deployment: body of `rehearsal-report.json` (F4, REH-01..05, C41, C79).

Success needs every planned command, in order, with exit code 0, no error of any kind in the log, a log that is whole,
and the version that was to be deployed. A command whose end nobody knows makes the whole `unknown`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, TypeAlias

from gonogo.evidence.canonical import Tree
from gonogo.measure.command_runs import CommandRun, all_ended_well, command_list_digest, command_row, ended_well, lost
from gonogo.measure.derived import Derived, filled
from gonogo.measure.figures import Body, share, time_text, without_none
from gonogo.measure.header import RawFile
from gonogo.measure.stored_fields import Fields
from gonogo.terms import Digest
from gonogo.values import dataclass

RehearsalCause: TypeAlias = Literal["script", "infrastructure", "sequence"]


@dataclass(frozen=True, slots=True)
class LoggedError:
    """A line of the log that a listed pattern calls an error; `command` counts from 1, `text` is redacted already."""

    command: int
    line: int
    text: str
    blocking: bool


@dataclass(frozen=True, slots=True)
class StateAfter:
    """What answered after the last command: version and fingerprint of the environment."""

    version: str
    fingerprint: Digest


@dataclass(frozen=True, slots=True)
class RehearsalSeen:
    """One rehearsal from the first command on. `planned` is the number of commands of the list; warnings are no errors.

    `state_after` is None where nothing answered; `expected_version` is the version that was to be deployed.
    """

    planned: int
    commands: tuple[CommandRun, ...]
    errors: tuple[LoggedError, ...]
    log: RawFile
    log_whole: bool
    started_at: datetime
    ended_at: datetime
    expected_version: str
    state_after: StateAfter | None
    rolled_back: bool = False
    warnings: int = 0
    cause: RehearsalCause | None = None


def rehearsal_body(seen: RehearsalSeen) -> Body:
    """Body of the rehearsal report (F4)."""
    after = seen.state_after
    raw: Body = without_none(
        {
            "deployment": {
                "planned": seen.planned,
                "expected_version": seen.expected_version,
                "warnings": seen.warnings,
                "rolled_back": seen.rolled_back,
                "started_at": time_text(seen.started_at),
                "ended_at": time_text(seen.ended_at),
            },
            "commands": [command_row(number, run) for number, run in enumerate(seen.commands, start=1)],
            "command_list": command_list_digest([(run.argv, run.script_sha256) for run in seen.commands]),
            "errors": [
                {"n": error.command, "line": error.line, "text": error.text, "blocking": error.blocking}
                for error in seen.errors
            ],
            "log": {"name": seen.log.name, "sha256": seen.log.sha256, "whole": seen.log_whole},
            "state_after": {"version": after.version, "fingerprint": after.fingerprint} if after else None,
        }
    )
    body = filled(raw, derived_rehearsal(raw))
    return body if body["deployment_status"] == "success" else {**body, "cause": seen.cause or _cause(body)}


def derived_rehearsal(body: Mapping[str, Tree]) -> Derived:
    """Status, success rate and error counts, from the commands and errors alone (III.2)."""
    fields = Fields(body)
    commands = fields.rows("commands")
    errors = fields.rows("errors")
    failed = [row for row in commands if not ended_well(row)]
    error_count = len(errors) + len(failed)
    planned = fields.part("deployment").count("planned")
    return {
        "/deployment/success_rate": share(len(commands) - len(failed), max(planned, len(commands))),
        "/deployment/error_count": error_count,
        "/deployment/blocking_errors": sum(error.flag("blocking") for error in errors) + len(failed),
        "/deployment_status": _status(fields, error_count),
    }


def _status(fields: Fields, error_count: int) -> str:
    deployment = fields.part("deployment")
    commands = fields.rows("commands")
    if deployment.flag("rolled_back"):
        return "rolled_back"
    if any(lost(row) for row in commands):
        return "unknown"
    complete = len(commands) == deployment.count("planned") and all_ended_well(commands)
    if error_count or not complete:
        return "failure"
    after = fields.maybe_part("state_after")
    if after is None or not fields.part("log").flag("whole"):
        return "unknown"
    return "success" if after.text("version") == deployment.text("expected_version") else "failure"


def _cause(body: Mapping[str, Tree]) -> RehearsalCause:
    """The cause as far as figures show it: a failed command or a logged error is the script's."""
    fields = Fields(body)
    failed = any(not ended_well(row) for row in fields.rows("commands"))
    return "script" if failed or fields.rows("errors") else "infrastructure"
