"""Projects with a release that went some way, made once and copied for each test: a release takes seconds.

Copies share the two places that they deploy to, which are put back for each: one copy acts at a time.
"""

from __future__ import annotations

import contextlib
import io
import os
import runpy
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from command_line import Said, gonogo

from gonogo.terms import RunId
from tests.projects import Project, copied, small_project
from tests.worlds_http import place


@contextlib.contextmanager
def released(root: Path, *protocols: str) -> Iterator[Project]:
    """A project that `gonogo init` completed, with these protocols carried out for `v2`."""
    with place(root / "world/staging") as staging, place(root / "world/production") as production:
        project = small_project(root / "shop", staging, production)
        home = {"HOME": str(root), "LOGNAME": "ada", "USER": "ada"}
        assert gonogo("init", "-C", project.root, "--service", "shop", **home).code == 0
        for protocol in protocols:
            run = project.release(protocol)
            assert project.state(run).outcome in {"ready", "released"}, project.view(run).halt
        yield project


def copy_of(project: Project, root: Path) -> Project:
    """The project as it is now, in a folder of its own; both share the places that they deploy to."""
    return replace(project, root=copied(project.root, root), record=root.parent / "record.txt")


@dataclass(frozen=True)
class Rehearsed:
    """A project that is ready for production by `run`, and its two places as they were then."""

    project: Project
    run: RunId
    scenes: tuple[dict[str, bytes], dict[str, bytes]]

    def copy(self, root: Path) -> Project:
        """The project in a folder of its own, as it was after its rehearsal; the world is put back."""
        self.project.staging.put_back(self.scenes[0])
        self.project.production.put_back(self.scenes[1])
        found = copy_of(self.project, root)
        shutil.copyfile(self.project.record, found.record)
        return found


@contextlib.contextmanager
def rehearsed(root: Path, change: Callable[[Project], None] = lambda project: None) -> Iterator[Rehearsed]:
    """A project that went through pre-deployment, after `change`; its places answer as long as the block lasts."""
    with place(root / "world/staging") as staging, place(root / "world/production") as production:
        project = small_project(root / "project", staging, production)
        change(project)
        run = project.release("pre-deployment")
        assert project.state(run).outcome == "ready", project.view(run).halt
        yield Rehearsed(project, run, (staging.scene(), production.scene()))


@dataclass(frozen=True)
class Typed:
    """What a typed line answered."""

    code: int
    out: str
    err: str


def typed(root: Path, line: str, **environ: str) -> Typed:
    """Type one line of a document in the project's folder: `python scripts/NAME.py ...`, run in this very process."""
    program, script, *arguments = shlex.split(line)
    assert program in {"python", "python3"}
    before = dict(os.environ), Path.cwd(), list(sys.argv), list(sys.path)
    out, err = io.StringIO(), io.StringIO()
    os.environ.update({"NO_COLOR": "1", **environ})
    for name in ("GITHUB_ACTIONS", "GITLAB_CI", "GONOGO_ACTOR"):
        if name not in environ:
            os.environ.pop(name, None)
    os.chdir(root)
    sys.argv = [script, *arguments]
    sys.path.insert(0, str((root / script).parent))
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = _ran(root / script)
    finally:
        os.environ.clear()
        os.environ.update(before[0])
        os.chdir(before[1])
        sys.argv, sys.path[:] = before[2], before[3]
        sys.modules.pop("gate_utils", None)
    return Typed(code, out.getvalue(), err.getvalue())


def _ran(path: Path) -> int:
    try:
        runpy.run_path(str(path), run_name="__main__")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    return 0


__all__ = ["Rehearsed", "Said", "Typed", "copy_of", "rehearsed", "released", "typed"]
