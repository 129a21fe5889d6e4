"""Bringing the journal of a project to the tables of this version, while no engine is at work on it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gonogo.adapters.clock import SystemClock
from gonogo.adapters.journals.upgrade import Upgrade, tried, upgraded
from gonogo.adapters.run_lock import RunLocks
from gonogo.control.assembling import CRASH_VARIABLE, crash_point
from gonogo.control.stores.project_root import STATE_FOLDER
from gonogo.errors import Busy
from gonogo.terms import RunId

WAIT = 30.0
"""So many seconds other writers are waited for."""


def upgrade(root: Path, environ: Mapping[str, str], *, dry_run: bool) -> Upgrade:
    """Upgrade the journal below `root`, or only try it on a copy. Raises Busy while an engine drives a run here."""
    state = root / STATE_FOLDER
    path = state / "journal.db"
    if dry_run:
        return tried(path, WAIT)
    locks = RunLocks(state / "runs", SystemClock())
    folders = sorted((state / "runs").iterdir()) if (state / "runs").is_dir() else []
    driven = [folder.name for folder in folders if locks.is_driven(RunId(folder.name))]
    if driven:
        raise Busy(
            f"an engine drives {driven[0]} now, perhaps one of the older version",
            where=str(path),
            next_step="let it end, or end its process: the run goes on after the upgrade",
        )
    return upgraded(path, WAIT, crash_point(environ.get(CRASH_VARIABLE, "")))
