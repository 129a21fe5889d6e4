"""The processes of calls: each carries out one command line of the table, as whoever called (`control.served_verbs`).

    python -m gonogo.cli.called SOCKET      the host, started by the server, which forks them

A command's module is imported once, in the host. Whoever starts this by hand can do no more with it than with `gonogo`.
"""

from __future__ import annotations

import gc
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
from gonogo.control.agents.operating import let_go
from gonogo.control.door import Door
from gonogo.control.opening import COMPILER
from gonogo.control.seen import VARIABLE as SEEN
from gonogo.control.served_verbs import FOLDER
from gonogo.errors import GonogoError

FAILED = 70
"""The exit code of a process that met a fault of our own (EX_SOFTWARE of sysexits.h)."""


def begin(order: list[str]) -> int:
    """Carry out an order: project, call, actor, the run as seen, command line. Its words go to a file of their own."""
    root, name, actor, seen, *argv = order
    folder = Path(root) / FOLDER / name
    words = os.open(folder / "words", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    os.dup2(words, 2)
    os.chdir(root)
    # Nobody types here: `--as` is not taken from callers, and a command asks this variable who acts.
    os.environ["GONOGO_ACTOR"] = actor
    os.environ[SEEN] = seen
    try:
        code = answer(argv)
    except (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError):
        traceback.print_exc()
        code = FAILED
    sys.stdout.flush()
    sys.stderr.flush()
    write_file(folder / "code", str(code).encode(), 0o600)
    return code


def warm(root: Path) -> None:
    """Open the project once and look at its newest run, so that no process has to learn it all anew."""
    try:
        door = Door.at(root, dict(os.environ))
    except GonogoError:
        # The process itself meets the same fault, and tells it.
        return
    try:
        for run in door.runs()[-1:]:
            door.load(run)
    except GonogoError:
        return
    finally:
        # No connection to the database is carried over a fork.
        let_go(door.world.journal)


def main(arguments: list[str]) -> int:
    """Be the host: what it learned once, each process inherits."""
    seen: set[str] = set()

    def prepare(order: list[str]) -> None:
        importlib.import_module(COMMANDS[order[4]][0])
        if order[0] not in seen:
            seen.add(order[0])
            warm(Path(order[0]))
        # What the host holds is looked through by no process that it forks: memory stays shared.
        gc.freeze()

    gc.set_threshold(50_000, 20, 20)
    # A run that is opened is compiled: loaded once here, not in each process that opens one.
    importlib.import_module(COMPILER)
    with socket.socket(fileno=int(arguments[0])) as host:
        serve_orders(host, begin, prepare)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
