"""Stories of disks, told in a process with mounts of its own: `disk_stories.py FOLDER full|read-only`.

The project lies on a small file system in memory. In the middle of a run the disk is full, or before the run is driven
it becomes read-only (a file system with open files cannot); then it takes again.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from gonogo.errors import GonogoError
from gonogo.run.events import Recorded, TaskFinished
from gonogo.run.state import RunState
from tests.projects import Project, small_project
from tests.scenarios.small_disk import Disk
from tests.worlds_http import place

CASES = Path(__file__).resolve().parent.parent / "cases" / "protocols"
STOCK = "stock-count"


def stock_project(root: Path, worlds: Path) -> Project:
    with place(worlds / "staging") as staging, place(worlds / "production") as production:
        found = small_project(root, staging, production)
    for name in (f"{STOCK}.md", f"{STOCK}.gonogo.yaml"):
        found.write(f"protocols/{name}", (CASES / name).read_text(encoding="utf-8"))
    commands = "commands:\n  count: {run: [scripts/count.sh], secrets: [RECORD]}\n  report: {run: [scripts/report.sh]}\n"
    found.edit("gonogo.yaml", "commands:\n", commands)
    found.edit("gonogo.yaml", "project: shop\n", f"project: shop\nprotocols: {{{STOCK}: protocols/{STOCK}.md}}\n")
    count = 'echo counted >> "$RECORD"\necho \'{"missing": 0}\' > "$GONOGO_OUT/count.json"\n'
    found.write("scripts/count.sh", f"#!/usr/bin/env bash\n{count}", mode=0o755)
    report = 'echo \'{"status": "sent"}\' > "$GONOGO_OUT/report.json"\n'
    found.write("scripts/report.sh", f"#!/usr/bin/env bash\n{report}", mode=0o755)
    return found


def main(folder: Path, story: str) -> None:
    """Tell the story and print what happened as JSON."""
    disk = Disk(folder / "disk", "8m", story)
    project = stock_project(disk.folder / "project", folder / "worlds")
    project = Project(project.root, project.keys, folder / "record.txt", project.staging, project.production)
    run = project.begin(STOCK)
    closed_at: list[int] = []
    if story == "read-only":
        closed_at.append(project.state(run).seq)
        disk.close()

    def listen(state: RunState, entry: Recorded) -> None:
        if isinstance(entry.event, TaskFinished) and not closed_at:
            closed_at.append(state.seq)
            disk.close()

    error = ""
    try:
        project.door().drive(run, patient=False, listener=listen)
    except GonogoError as caught:
        error = str(caught)
    if story == "read-only":
        disk.open()
    problems = list(project.chain_problems(run))
    grown = project.state(run).seq > closed_at[0] + 3
    if story == "full":
        disk.open()
    project.door().drive(run, patient=False, listener=lambda state, entry: None)
    told = {
        "error": error,
        "problems": problems + list(project.chain_problems(run)),
        "grown": grown,
        "afterwards": project.state(run).outcome or project.view(run).halt,
        "counted": len(project.executions("counted")),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
