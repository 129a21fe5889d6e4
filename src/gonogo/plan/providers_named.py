"""The providers that a project names, so that missing ones are found before a run; nothing is loaded for that."""

from __future__ import annotations

from collections.abc import Iterator

from gonogo.measure.providers import CHECKS, FOREIGN, METRICS, PARITY, SCANNERS, TESTS
from gonogo.plan.project import Project


def named_providers(project: Project) -> Iterator[tuple[str, str]]:
    """Group and word of every provider that the project file names."""
    for scan in project.scans:
        yield SCANNERS, scan.form
    for suite in (*project.suites, *project.smoke):
        yield TESTS, suite.form
    for check in project.checks.values():
        yield CHECKS, check.provider
    for environment in project.environments.values():
        if environment.metrics is not None and environment.metrics.kind.startswith(FOREIGN):
            yield METRICS, environment.metrics.kind
        for sources in environment.settings_by_class.values():
            yield from ((PARITY, source.form) for source in sources if source.form)
