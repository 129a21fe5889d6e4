"""`gonogo`, where a process begins: what is asked all day is answered before the command line itself is loaded.

Prompts, dashboards and agents ask for the list of runs again and again; the library that reads command lines costs more
than the list (docs/decisions/0022-answered-at-once.md). Only forms that are plain to read are answered here, and only
where everything is well: for all else, every error among it, `gonogo.cli.main` is asked, and nothing was printed.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Callable, Sequence

from gonogo.cli.version import version
from gonogo.cli.written import take_any_letter
from gonogo.errors import GonogoError

FLAGS = ("--all", "--json")
FOLDERS = ("-C", "--project")


def main() -> None:
    """Entry point; exits with the code of the kind of answer."""
    take_any_letter()
    text = answer_at_once(sys.argv[1:])
    if text is None:
        importlib.import_module("gonogo.cli.main").main()
        return
    code = _write(text)
    gc.freeze()
    sys.exit(code)


def answer_at_once(arguments: Sequence[str]) -> str | None:
    """What a command line prints that is answered here; None: it has to be asked in earnest."""
    if list(arguments) == ["--version"]:
        return f"gonogo {version()}\n"
    if arguments[:1] != ["status"]:
        return None
    return _list(arguments[1:])


def _list(arguments: Sequence[str]) -> str | None:
    folder, flags, rest = ".", set(), iter(arguments)
    for each in rest:
        if each in FOLDERS:
            folder = next(rest, "-")
            if folder.startswith("-"):
                return None
        elif each in FLAGS:
            flags.add(each)
        else:
            return None
    # Only whoever asks for the list pays for reading it.
    listed: Callable[..., str | None] = importlib.import_module("gonogo.cli.run_list").text_at_hand
    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    try:
        return listed(folder, all_runs="--all" in flags, as_json="--json" in flags, coloured=coloured)
    except (GonogoError, OSError):
        return None


def _write(text: str) -> int:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read has seen enough; the interpreter shall not try once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0
