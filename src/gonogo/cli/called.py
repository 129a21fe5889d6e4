"""The processes of calls: each carries out one command line of the table, as whoever called (`control.served_verbs`).

    python -m gonogo.cli.called SOCKET      the host, started by the server, which forks them

A command's module is imported once, in the host. Whoever starts this by hand can do no more with it than with `gonogo`.
"""

from __future__ import annotations

import importlib
import os
import socket
import sys
import traceback
from pathlib import Path

from gonogo.adapters.durable import write_file
from gonogo.adapters.operations import serve_orders
from gonogo.cli.listing import COMMANDS
from gonogo.cli.main import answer
from gonogo.control.served_verbs import FOLDER

FAILED = 70
"""The exit code of a process that met a fault of our own (EX_SOFTWARE of sysexits.h)."""


def prepare(order: list[str]) -> None:
    """Import what the command of an order needs, so that the next process has it already."""
    importlib.import_module(COMMANDS[order[3]][0])


def begin(order: list[str]) -> int:
    """Carry out an order: project, call, actor, then the command line. Its words go to a file of their own."""
    root, name, actor, *argv = order
    folder = Path(root) / FOLDER / name
    words = os.open(folder / "words", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    os.dup2(words, 2)
    os.chdir(root)
    # Nobody types here: `--as` is not taken from callers, and a command asks this variable who acts.
    os.environ["GONOGO_ACTOR"] = actor
    try:
        code = answer(argv)
    except (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError):
        traceback.print_exc()
        code = FAILED
    sys.stdout.flush()
    sys.stderr.flush()
    write_file(folder / "code", str(code).encode(), 0o600)
    return code


def main(arguments: list[str]) -> int:
    """Be the host."""
    with socket.socket(fileno=int(arguments[0])) as host:
        serve_orders(host, begin, prepare)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
