"""A small file system in memory that takes nothing any more, for programs with mounts of their own, and how to start one.

A program of this kind is `program.py FOLDER WORDS...`; it tells what happened as JSON on its last breath.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gonogo.terms import RunId
from tests.projects import Project

ROOT = Path(__file__).resolve().parents[2]
HINT = "no file system can be mounted here: install util-linux and allow unprivileged user namespaces"


def told_by(program: str, folder: Path, *words: str, seconds: float = 240) -> dict[str, object]:
    """What the program beside this file tells where it can mount without touching this machine's file systems."""
    alone = [shutil.which("unshare") or "unshare", "--mount", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]
    probe = subprocess.run([*alone, "mount", "-t", "tmpfs", "none", str(folder)], check=False, capture_output=True)
    if probe.returncode:
        pytest.fail(HINT) if os.environ.get("CI") == "true" else pytest.skip(HINT)
    path = os.pathsep.join(str(ROOT / part) for part in ("src", ".", "tests"))
    ended = subprocess.run(
        [*alone, sys.executable, str(Path(__file__).with_name(program)), str(folder), *words],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        timeout=seconds,
    )
    assert ended.returncode == 0, ended.stderr
    found: dict[str, object] = json.loads(ended.stdout)
    return found


class Disk:
    """The file system, and the ways in which it takes nothing: it is full; it, or one folder of it, becomes read-only.

    A file system with open files cannot become read-only; a folder of it can.
    """

    def __init__(self, folder: Path, size: str, story: str, sealed: str = "") -> None:
        folder.mkdir()
        _mount(folder, "-t", "tmpfs", "-o", f"size={size}", "none")
        self.folder = folder
        self.story = story
        self.sealed = folder / sealed if sealed else None

    def close(self) -> None:
        """From now on nothing is taken."""
        if self.story != "read-only":
            self._fill()
        elif self.sealed is not None:
            _mount(self.sealed, "--bind", str(self.sealed))
            _mount(self.sealed, "-o", "remount,bind,ro")
        else:
            gc.collect()  # connections of doors that were let go hold files open
            _mount(self.folder, "-o", "remount,ro")

    def open(self) -> None:
        """Everything is taken again."""
        if self.story != "read-only":
            (self.folder / "ballast").unlink()
        elif self.sealed is not None:
            subprocess.run(["umount", str(self.sealed)], check=True)
        else:
            _mount(self.folder, "-o", "remount,rw")

    def _fill(self) -> None:
        with (self.folder / "ballast").open("wb", buffering=0) as file:
            for size in (1 << 16, 1 << 12, 1):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    continue


def _mount(folder: Path, *options: str) -> None:
    subprocess.run(["mount", *options, str(folder)], check=True)


def driven_on(project: Project, disk: Disk, run: RunId) -> dict[str, object]:
    """What the world and the run come to when the disk takes again and the run goes on."""
    disk.open()
    project.go_on(run)
    world = project.production
    return {
        "afterwards": project.state(run).outcome or project.view(run).halt,
        "again": {host: world.version(host) for host in world.names},
        "shared": world.weights(),
        "problems": list(project.chain_problems(run)),
    }
