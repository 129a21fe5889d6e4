"""A `gonogo init` project with a release that went the whole way, made once and copied for each command line."""

from __future__ import annotations

import contextlib
import io
import os
import runpy
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from command_line import Said, gonogo

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


__all__ = ["Said", "Typed", "copy_of", "released", "typed"]
