"""A project on disk, as every verb of the door gets it."""

from __future__ import annotations

from pathlib import Path

from gonogo.adapters.project_files import ProjectFiles
from gonogo.findings import Finding
from gonogo.plan.project import Project
from gonogo.plan.sources import Source
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class Workspace:
    """A project on disk: its root, its files, its `gonogo.yaml` as read; `database` where its journal is kept."""

    root: Path
    files: ProjectFiles
    project: Project
    project_source: Source
    findings: tuple[Finding, ...]
    database: str = ""
