"""The providers that a project names, so that missing ones are found before a run; nothing is loaded for that."""

from __future__ import annotations

from collections.abc import Iterator

from gonogo.measure.providers import SCANNERS
from gonogo.plan.project import Project


def named_providers(project: Project) -> Iterator[tuple[str, str]]:
    """Group and word of every provider that the project file names."""
    for scan in project.scans:
        yield SCANNERS, scan.form
