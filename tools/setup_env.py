"""Makes the virtual environment of this checkout: wheels only, pinned by requirements-dev.txt. Standard library only.

    python3 tools/setup_env.py            # make or refresh .venv
    python3 tools/setup_env.py --python   # print the interpreter it would use

Works where `venv` has no `ensurepip` (Debian without python3-venv), if some pip can be found. Changes nothing outside.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCK = ROOT / "requirements-dev.txt"
STAMP = VENV / "gonogo-lock.sha256"
LEAST = (3, 11)
CANDIDATES = ("python3.13", "python3.12", "python3.11", "python3.14", "python3", "python")


def interpreter() -> str:
    """An interpreter of at least Python 3.11; exits with advice where there is none."""
    if sys.version_info[:2] >= LEAST:
        return sys.executable
    for name in CANDIDATES:
        path = shutil.which(name)
        if path and _version(path) >= LEAST:
            return path
    sys.exit("gonogo needs Python 3.11 or newer; none is on PATH.\n  next: install python3.11, run make again")


def _version(python: str) -> tuple[int, ...]:
    code = "import sys; print(*sys.version_info[:2])"
    try:
        found = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    except (OSError, subprocess.CalledProcessError):
        return (0, 0)
    return tuple(int(part) for part in found)


def _fingerprint() -> str:
    text = LOCK.read_bytes() + (ROOT / "pyproject.toml").read_bytes() + str(ROOT).encode()
    return hashlib.sha256(text).hexdigest()


def _python() -> Path:
    return VENV / "bin" / "python"


def _run(*command: str) -> bool:
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode == 0


def _has_pip(python: Path) -> bool:
    return subprocess.run([str(python), "-m", "pip", "--version"], check=False, capture_output=True).returncode == 0


def _make_venv(python: str) -> list[str]:
    """Make the environment and give the pip command that installs into it."""
    if not _python().exists():
        print(f"making {VENV} with {python}", flush=True)
        plain = subprocess.run([python, "-m", "venv", str(VENV)], check=False, capture_output=True, text=True)
        if plain.returncode != 0:
            shutil.rmtree(VENV, ignore_errors=True)
            if not _run(python, "-m", "venv", "--without-pip", str(VENV)):
                sys.exit(f"`{python} -m venv` fails here:\n{plain.stderr}\n  next: install python3-venv, or use uv")
    if _has_pip(_python()):
        return [str(_python()), "-m", "pip", "install"]
    return _outside_pip(python)


def _outside_pip(python: str) -> list[str]:
    uv = shutil.which("uv")
    if uv:
        return [uv, "pip", "install", "--python", str(_python())]
    if _has_pip(Path(python)):
        return [python, "-m", "pip", "--python", str(_python()), "install"]
    sys.exit("this Python has neither ensurepip nor pip.\n  next: install python3-venv, python3-pip or uv")


def _compile() -> None:
    """Compile what was changed, as an installation does: every command would else compile all of gonogo again."""
    _run(str(_python()), "-m", "compileall", "-q", str(ROOT / "src"))


def main() -> None:
    """Make or refresh the environment; quick where nothing changed."""
    python = interpreter()
    if "--python" in sys.argv[1:]:
        print(python)
        return
    if STAMP.exists() and STAMP.read_text() == _fingerprint() and _python().exists():
        _compile()
        return
    install = _make_venv(python)
    print("installing pinned wheels (a minute on a slow line)", flush=True)
    quiet = ["--quiet"] if "-v" not in sys.argv[1:] else []
    if not _run(*install, *quiet, "--only-binary", ":all:", "--require-hashes", "-r", str(LOCK)):
        sys.exit("the pinned packages could not be installed.\n  next: read the lines above; is an index reachable?")
    if not _run(*install, *quiet, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)):
        sys.exit("gonogo itself could not be installed into its environment")
    STAMP.write_text(_fingerprint())
    _compile()


if __name__ == "__main__":
    main()
