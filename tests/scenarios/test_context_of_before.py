"""A run loads what the protocol before it handed over: verified, or the run stops at its start."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.projects import Project, small_project
from tests.worlds_http import place

PRE, PRODUCTION = "pre-deployment", "production-deployment"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with place(tmp_path / "world/staging") as staging, place(tmp_path / "world/production") as production:
        yield small_project(tmp_path / "project", staging, production)


def stored(project: Project, digest: str) -> Path:
    """The file in which the vault keeps these bytes."""
    files = (each for each in (project.root / ".gonogo/vault").rglob("*") if each.is_file())
    return next(each for each in files if digest.endswith(each.name))


@pytest.mark.req("IOP-09")
def test_production_takes_over_the_verified_bundle_and_refuses_one_that_was_tampered_with(project: Project) -> None:
    before = project.release(PRE)
    assert project.state(before).outcome == "ready"
    sealed = next(each for each in project.state(before).packages.values() if each.name == "PRE-DEPLOYMENT-PACKAGE.zip")
    path = stored(project, sealed.sha256)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b"one more byte")
    run = project.begin(PRODUCTION)
    project.go_on(run)
    said = project.view(run).halt
    assert "PRE-DEPLOYMENT-PACKAGE.zip" in said
    assert "does not hash to its own name" in said
    assert project.began(run) == {"prerequisites", "readiness-verification-and-approval/validate-pre-deployment-evidence"}
    assert project.executions("deploy production") == []
