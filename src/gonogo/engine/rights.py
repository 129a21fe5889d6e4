"""The rights that a run needs on paths of its project, and which of them are missing (CFG-09, F38). Only looks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from gonogo.values import dataclass

READ, WRITE, RUN = "read", "write", "execute"
VIEWS: Final = ".artifacts"
_RIGHTS: Final = {READ: os.R_OK, WRITE: os.W_OK | os.X_OK, RUN: os.X_OK}


@dataclass(frozen=True, slots=True)
class Need:
    """A right that a run needs on a path; a pattern means each file that matches, and none is no fault."""

    pattern: str
    right: str


def needs(number: str, protocols: str) -> tuple[Need, ...]:
    """The rights that the automation of protocol `number` needs below the workspace."""
    return (
        Need(f"{protocols}/{number}-*.md", READ),
        Need(f"{VIEWS}/", READ),
        Need(f"{VIEWS}/protocol-{number}/", WRITE),
        Need("scripts/logs/", WRITE),
        Need("scripts/validate_*.py", RUN),
        Need("scripts/aggregate_*.py", RUN),
    )


def withheld(root: Path, need: Need) -> Iterator[Path]:
    """Each path on which the right is missing. A folder that is not there yet is made in the nearest one that is."""
    for path in _paths(root, need):
        if not os.access(path, _RIGHTS[need.right], effective_ids=True):
            yield path


def _paths(root: Path, need: Need) -> tuple[Path, ...]:
    if not need.pattern.endswith("/"):
        return tuple(sorted(root.glob(need.pattern)))
    path = root / need.pattern
    if need.right == READ:
        return (path,) if path.exists() else ()
    while not path.exists():
        path = path.parent
    return (path,)
