"""The part of `gonogo verify` that is about a run of this project (EVS-16)."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from gonogo.cli.opened import door_at, run_named
from gonogo.control.audit.verifying import verify_run
from gonogo.evidence.verifying import Verification


def verify_named(folder: Path, name: str, now: datetime) -> Verification:
    """Verify the run that `name` stands for, in the project at or above `folder`."""
    door = door_at(folder)
    return verify_run(door, run_named(door, name), now)
