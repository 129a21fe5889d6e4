"""A disk that is full while the hosts of a batch are being replaced: `disk_mid_batch.py FOLDER`, with mounts of its own.

Both scripts of the first batch have begun when the disk is full. One ends at once; the other is still at work, and ends
only when the first host has been taken back: whoever would not wait for it would leave its host with the new version.
"""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

from gonogo.demo.processes import wait_until
from gonogo.errors import GonogoError
from tests.hosts_world import HOSTS, STAGED, hosted_project
from tests.projects import Project
from tests.scenarios.small_disk import Disk, driven_on
from tests.worlds_http import place

LONGEST = 200.0
WAITING = 'while [ -e "$root/wait/$3" ]; do sleep 0.05; done\n'
INSTALLED = 'echo "installed $1 $2 $3 0" >> "$RECORD"\n'
LAST = 'printf %s "$2" > "$root/slots/$3"\n'


def done(project: Project) -> list[str]:
    """`purpose host` of what the scripts did in production, in order."""
    lines = [line.split() for line in project.executions()]
    return [f"{words[0]} {words[3]}" for words in lines if words[1] == "production"]


def meddle(project: Project, disk: Disk, seen: dict[str, bool]) -> None:
    """Fill the disk when both scripts are at work, let the first one end, and the second when the first was taken back."""
    waits = project.production.root / "wait"
    seen["both"] = wait_until(lambda: {"deploy web1", "deploy web2"} <= set(done(project)), LONGEST)
    seen["both"] &= wait_until(lambda: len(list(project.root.glob(".gonogo/effects/*/*/*/running.json"))) >= 2, LONGEST)
    disk.close()
    (waits / "web1").unlink()
    seen["back"] = wait_until(lambda: "rollback web1" in done(project), LONGEST)
    (waits / "web2").unlink()


def told(project: Project, disk: Disk) -> dict[str, object]:
    """Drive the release into the full disk, look at the world, and drive on when it takes again."""
    run = project.begin("deployment-automation")
    seen: dict[str, bool] = {}
    meddler = threading.Thread(target=meddle, args=(project, disk, seen))
    error = ""
    for _ in range(8):
        asked = [one.point for one in project.state(run).rounds.values() if one.status == "open"]
        if "production" in asked and not meddler.is_alive():
            meddler.start()
        if asked:
            project.sign_all(run)
        try:
            project.door().drive(run, patient=False, listener=lambda state, entry: None)
        except GonogoError as caught:
            error = str(caught)
            break
    meddler.join()
    world = project.production
    found = {
        "error": error,
        "seen": seen,
        "versions": {host: world.version(host) for host in world.names},
        "weights": world.weights(),
        "course": done(project),
    }
    return found | driven_on(project, disk, run) | {"whole": done(project)}


def main(folder: Path) -> None:
    """Tell the story and print what happened as JSON."""
    disk = Disk(folder / "disk", "24m", "full")
    worlds = folder / "worlds"
    with place(worlds / "staging", STAGED) as staging, place(worlds / "production", HOSTS) as production:
        made = hosted_project(disk.folder / "project", staging, production, routed=True, batch="2")
        project = Project(made.root, made.keys, folder / "record.txt", staging, production, made.environ)
        project.edit("gonogo.yaml", '"{host}"], timeout: 20s', '"{host}"], timeout: 3m')
        project.edit("scripts/deploy_shop.sh", LAST, WAITING + LAST + INSTALLED)
        (production.root / "wait").mkdir()
        for host in ("web1", "web2"):
            (production.root / "wait" / host).touch()
        print(json.dumps(told(project, disk)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
