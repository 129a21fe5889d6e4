"""Puts a release into a slot, or takes it out: `slot.py start ENV SLOT PORT ARTIFACT`, `slot.py stop ENV SLOT`.

`config/world.txt` names the folder with process ids, logs and orders. Started means that the slot answers as the artifact.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

STATE = Path(Path("config/world.txt").read_text().strip())


def stop(name: str) -> None:
    """End the process that was noted for a slot, and wait until it is gone."""
    note = STATE / f"{name}.pid"
    if not note.exists():
        return
    pid = int(note.read_text())
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().split(") ")[-1][:1]:
        if time.monotonic() > deadline:
            sys.exit(f"process {pid} does not end")
        time.sleep(0.01)
    note.unlink()


def start(name: str, port: str, artifact: Path) -> None:
    """Start the artifact in a slot; returns once it answers with the artifact's digest."""
    stop(name)
    argv = [sys.executable, "-S", "service/shop.py", str(artifact), port, str(STATE / f"{name}.orders.json")]
    with (STATE / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    (STATE / f"{name}.pid").write_text(str(process.pid))
    wanted = hashlib.sha256(artifact.read_bytes()).hexdigest()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1) as answer:
            if answer.headers["x-artifact-digest"] == wanted:
                return
        time.sleep(0.01)
    sys.exit(f"{artifact} did not come up in {name}")


if __name__ == "__main__":
    verb, environment, slot, *rest = sys.argv[1:]
    if verb == "stop":
        stop(f"{environment}-{slot}")
    else:
        start(f"{environment}-{slot}", rest[0], Path(rest[1]))
