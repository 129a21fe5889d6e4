"""Where a project lies and keeps its state: what can be said of it without reading any of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gonogo.errors import BadInput

PROJECT_FILE = "gonogo.yaml"
STATE_FOLDER = ".gonogo"
JOURNAL = "journal.db"
DATABASE_VARIABLE = "GONOGO_DATABASE"


def find_root(start: Path) -> Path:
    """The nearest folder from `start` upwards that holds a `gonogo.yaml`; BadInput where there is none."""
    for folder in (start, *start.parents):
        if (folder / PROJECT_FILE).is_file():
            return folder
    raise BadInput(
        f"there is no {PROJECT_FILE} here or above",
        where=str(start),
        next_step="run `gonogo init` in the project's folder",
    )


def journal_at_hand(root: Path, environ: Mapping[str, str]) -> Path | None:
    """The journal of a project where it is a file here, for certain; None where it has to be looked for in earnest."""
    path = root / STATE_FOLDER / JOURNAL
    return path if path.is_file() and not is_shared(root, environ) else None


def is_shared(root: Path, environ: Mapping[str, str]) -> bool:
    """Whether the journal of a project may be a database that hosts share; False: it is a file here, or not yet."""
    if DATABASE_VARIABLE in environ:
        return True
    return any(line.startswith(b"database:") for line in (root / PROJECT_FILE).read_bytes().splitlines())
