"""What is looked at before a command may begin: the program, its folder, its environment, its limit.

A command that cannot begin is refused here, before anything is recorded as started. The environment is built from an
allow-list: nothing of the engine's own environment reaches a command by accident (no loader, interpreter, shell start
file or git variable at all), so that a release cannot be steered from outside the project file.
"""

from __future__ import annotations

import math
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gonogo.adapters.durable import clean_line
from gonogo.errors import BadInput
from gonogo.ports import CommandSpec

INHERITED: Final = ("HOME", "LANG", "LC_ALL", "TMPDIR", "TZ")
"""Taken over from the engine's environment where they are set; PATH always is."""

RESERVED: Final = frozenset({"GONOGO_OUT", "GONOGO_EFFECT", "GONOGO_FENCE"})

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NEVER: Final = re.compile(
    r"PATH|PYTHONPATH|PYTHONHOME|PYTHONSTARTUP|BASH_ENV|ENV|BASH_FUNC_.*|SHELLOPTS|BASHOPTS|LD_.*|DYLD_.*|GIT_.*"
)
_BINARIES: Final = (
    b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xfe\xed\xfa\xcf", b"\xfe\xed\xfa\xce", b"\xca\xfe\xba\xbe",
)  # fmt: skip


def environment(spec: CommandSpec, inherited: Mapping[str, str]) -> dict[str, str]:
    """The command's environment without its secrets. Raises BadInput for names that must not be set."""
    for name in (*spec.env, *spec.secrets):
        if not _NAME.fullmatch(name):
            raise BadInput(f"{name!r} is not a name of an environment variable", next_step="use letters, digits and _")
        if _NEVER.fullmatch(name) or name in RESERVED:
            raise BadInput(
                f"a command cannot be given {name}: it would change which programs run, or is set by gonogo itself",
                next_step="name the program by its path, or set the variable inside the script",
            )
    both = sorted(spec.env.keys() & spec.secrets.keys())
    if both:
        raise BadInput(f"{both[0]} is declared both plain and secret", next_step="declare it once")
    taken = {name: inherited[name] for name in INHERITED if inherited.get(name)}
    fixed = {"PATH": inherited.get("PATH") or os.defpath, "TERM": "dumb", "LANG": "C.UTF-8"}
    return {**fixed, **taken, **spec.env}


def check_spec(spec: CommandSpec, search: str) -> None:
    """Raise BadInput where the command of `spec` cannot begin; `search` is the PATH that it will have."""
    if not spec.argv or not spec.argv[0]:
        raise BadInput("the command is empty", next_step="give it as a list: program, then arguments")
    values = (*spec.argv, *spec.env.values(), *(secret.reveal() for secret in spec.secrets.values()))
    if not all(map(_is_passable, values)):
        raise BadInput(
            f"an argument or variable of {clean_line(spec.argv[0])} holds NUL or half a surrogate pair",
            next_step="remove that character; no program can be given it",
        )
    if not (spec.timeout > 0 and math.isfinite(spec.timeout)):
        raise BadInput(
            f"{spec.timeout} is not a time limit for {spec.argv[0]}", next_step="give a number of seconds above 0"
        )
    if not spec.cwd.is_dir():
        raise BadInput("the folder to run in is not there", where=str(spec.cwd), next_step="make it, or name another")
    _check_program(_program(spec, search))


def _is_passable(value: str) -> bool:
    try:
        return b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:
        return False


def _program(spec: CommandSpec, search: str) -> Path:
    name = spec.argv[0]
    if "/" in name:
        return spec.cwd / name
    found = shutil.which(name, path=search)
    if found is None:
        raise BadInput(
            f"the program {name!r} is not found in PATH ({search})",
            next_step="install it, or name it by its path (a script of the project as ./scripts/NAME)",
        )
    return spec.cwd / found


def _check_program(program: Path) -> None:
    if not program.exists():
        raise BadInput("this program does not exist", where=str(program), next_step="write it, or correct the command")
    if not program.is_file():
        raise BadInput("this is not a program", where=str(program), next_step="name the file itself")
    if not os.access(program, os.X_OK):
        raise BadInput("this file is not executable", where=str(program), next_step=f"chmod +x {program}")
    if not os.access(program, os.R_OK):
        return
    with program.open("rb") as file:
        first = file.readline(256)
    if not first.startswith(b"#!"):
        _check_binary(program, first)
        return
    words = first[2:].split()
    if first.endswith(b"\r\n"):
        raise BadInput(
            "this script has Windows line ends, so that its interpreter is not found",
            where=f"{program}:1",
            next_step=f"sed -i 's/\\r$//' {program}",
        )
    if not words or not Path(os.fsdecode(words[0])).exists():
        named = clean_line(words[0].decode(errors="replace")) if words else "none is named"
        raise BadInput(
            f"the interpreter of this script is not there: {named}",
            where=f"{program}:1",
            next_step="correct the first line, for instance: #!/usr/bin/env bash",
        )


def _check_binary(program: Path, first: bytes) -> None:
    if not first:
        raise BadInput("this program is empty", where=str(program), next_step="write it, or name another")
    if not first.startswith(_BINARIES):
        raise BadInput(
            "this script does not say what runs it",
            where=f"{program}:1",
            next_step="begin it with a line like: #!/usr/bin/env bash",
        )
