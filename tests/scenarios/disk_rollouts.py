"""A rolling release whose disk takes nothing any more: `disk_rollouts.py FOLDER full|read-only`, with mounts of its own.

The project with its journal and its evidence lies on a small file system in memory; the hosts do not. When the first
batch has been replaced the disk is full, or the folder of the evidence becomes read-only.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from gonogo.errors import GonogoError
from gonogo.run.events import HostsReplaced, Recorded
from gonogo.run.state import RunState
from tests.hosts_world import HOSTS, STAGED, hosted_project
from tests.projects import Project
from tests.scenarios.small_disk import Disk, driven_on
from tests.worlds_http import place


def told(project: Project, disk: Disk) -> dict[str, object]:
    """Drive the release into the closed disk, look at the world, and drive on when it takes again."""
    run = project.begin("deployment-automation")

    def listen(_state: RunState, entry: Recorded) -> None:
        if isinstance(entry.event, HostsReplaced) and entry.event.step == 0:
            disk.close()

    error = ""
    for _ in range(8):
        try:
            project.door().drive(run, patient=False, listener=listen)
        except GonogoError as caught:
            error = str(caught)
            break
        if not project.sign_all(run):
            break
    world = project.production
    found = {
        "error": error,
        "versions": {host: world.version(host) for host in world.names},
        "weights": world.weights(),
        "recorded": project.state(run).rollback is not None,
    }
    found |= driven_on(project, disk, run)
    return found | {"scripts": [line.rpartition(" ")[0] for line in project.executions() if " production " in line]}


def main(folder: Path, story: str) -> None:
    """Tell the story and print what happened as JSON."""
    disk = Disk(folder / "disk", "24m", story, sealed="project/.gonogo/vault")
    worlds = folder / "worlds"
    with place(worlds / "staging", STAGED) as staging, place(worlds / "production", HOSTS) as production:
        made = hosted_project(disk.folder / "project", staging, production, routed=True, batch="2")
        project = Project(made.root, made.keys, folder / "record.txt", staging, production, made.environ)
        project.edit("gonogo.yaml", "hold: 400ms", "hold: 5s")
        print(json.dumps(told(project, disk)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
