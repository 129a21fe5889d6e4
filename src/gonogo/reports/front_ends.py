"""The texts that `gonogo init` writes for the documented scripts: front ends, what they share, their registry (CMD-00).

The front ends are plain Python 3.8 (C81) and hold no rule: they hand their arguments to gonogo. Without it they exit 2.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from gonogo.plan.documented_scripts import SCRIPTS, Flag, Script
from gonogo.plan.script_inputs import reads_of
from gonogo.terms import Json, digest_of

SHARED: Final = "scripts/gate_utils.py"
REGISTRY: Final = "scripts/script-registry.json"
_SHARED_TEXT: Final = '''"""What the scripts here share: they hand their arguments to gonogo, and decide nothing.

Written by `gonogo init`. Importing this does nothing. Plain Python 3.8; gonogo itself needs Python 3.11.
"""
import importlib.util
import os
import shutil
import subprocess
import sys

MISSING = "{name}: gonogo is not installed, so nothing was checked.\\n  next: python3.11 -m pip install gonogo"


def engine(name, arguments):
    """Carry out the script `name` by gonogo and give its exit status; 2 where there is no gonogo."""
    line = ["script", name] + list(arguments)
    if sys.version_info >= (3, 11) and importlib.util.find_spec("gonogo") is not None:
        from gonogo.cli.main import answer

        return answer(line)
    program = os.environ.get("GONOGO") or shutil.which("gonogo")
    if not program:
        print(MISSING.format(name=name), file=sys.stderr)
        return 2
    return subprocess.call([program] + line)
'''


def front_ends() -> dict[str, bytes]:
    """Every front end with the module that they share, by path."""
    found = {SHARED: _SHARED_TEXT.encode()}
    return found | {script.path: _front_end(script).encode() for script in SCRIPTS.values()}


def _front_end(script: Script) -> str:
    purpose = f"{script.purpose[:1].upper()}{script.purpose[1:]}."
    elsewhere = script.folder != "scripts"
    lines = [
        "#!/usr/bin/env python3",
        f'"""{purpose} Written by `gonogo init`; all the work is done by gonogo."""',
        *(["import os"] if elsewhere else []),
        "import sys",
        "",
        *([_elsewhere(script), ""] if elsewhere else []),
        f"from gate_utils import engine{'  # noqa: E402' if elsewhere else ''}",
        "",
        'if __name__ == "__main__":',
        f'    sys.exit(engine("{script.name}", sys.argv[1:]))',
    ]
    return "\n".join(lines) + "\n"


def _elsewhere(script: Script) -> str:
    up = ", ".join(['".."'] * len(script.folder.split("/")))
    return f'sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), {up}, "scripts"))'


def registry(own: Sequence[str]) -> bytes:
    """`scripts/script-registry.json` (F43); `own` are the paths of the project's deploy and rollback scripts.

    Front ends are pinned here. The project's own scripts are pinned by each run that is opened (DOC-21).
    """
    rows = [_row(script) for script in SCRIPTS.values()] + [_own_row(path) for path in sorted(own)]
    body = {"schema": "gonogo/script-registry/1", "registry_version": 1, "scripts": rows}
    return (json.dumps(body, indent=1) + "\n").encode()


def _row(script: Script) -> dict[str, Json]:
    return {
        "id": script.name,
        "path": script.path,
        "sha256": digest_of(_front_end(script).encode()),
        "protocols": [script.protocol or "any"],
        "purpose": script.purpose,
        "owner": "release_manager",
        "flags": [_flag(flag) for flag in script.flags],
        "supports_dry_run": False,
        "repeatable": script.repeatable,
        "reads": list(reads_of(script)),
        "writes": list(script.writes),
        "exit_codes": {str(code): words for code, words in script.exits.items()},
        "dependencies": ["python>=3.8", "gonogo"],
    }


def _flag(flag: Flag) -> dict[str, Json]:
    found: dict[str, Json] = {"name": f"--{flag.name}", "type": flag.kind}
    return found | ({"values": list(flag.values)} if flag.values else {})


def _own_row(path: str) -> dict[str, Json]:
    verb = path.rpartition("/")[2].partition("_")[0]
    return {
        "id": path.rpartition("/")[2].rpartition(".")[0],
        "path": path,
        "protocols": ["pre-deployment", "production-deployment"],
        "purpose": {"deploy": "installs a release", "rollback": "takes a release away"}.get(verb, verb),
        "owner": "release_manager",
        "flags": [{"name": f"--{name}", "type": "word"} for name in ("env", "release")]
        + [{"name": "--dry-run", "type": "switch"}],
        "supports_dry_run": True,
        "repeatable": False,
        "reads": ["release-manifest.json"],
        "writes": [],
        "exit_codes": {"0": "done", "1": "failed", "2": "usage"},
        "dependencies": ["bash"],
    }
