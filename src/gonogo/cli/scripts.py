"""The scripts of a project, by path: what a document or a form may name (GEN-12, GEN-14)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

FOLDERS = ("scripts", "bin", "tools")
MOST = 5000
"""More files than this are no scripts of a release."""


def scripts_below(root: Path) -> Iterator[str]:
    """Every file in the folders of scripts, by its path from `root`."""
    paths = (path for name in FOLDERS for path in sorted((root / name).rglob("*")) if path.is_file())
    yield from (str(path.relative_to(root)) for path in islice(paths, MOST))
