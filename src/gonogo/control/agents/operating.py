"""The processes of operations: each drives a run through one state, as an agent was allowed to start it.

    python -m gonogo.control.agents.operating SOCKET      the host, started by the agent door, which forks them

A plan that one of them needed is compiled once, in the host. Whoever starts this by hand can do no more with it than
with `gonogo resume`.
"""

from __future__ import annotations

import os
import socket
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

from gonogo.adapters.operations import Operations, serve_orders
from gonogo.control.door import Door, How
from gonogo.control.stores.project_root import STATE_FOLDER
from gonogo.engine.driver import Paused, Stopped
from gonogo.errors import GonogoError
from gonogo.plan.model import Plan
from gonogo.ports import Journal
from gonogo.run.agents import TOKEN_VARIABLE
from gonogo.run.due import belongs_to
from gonogo.run.machine import NextAct
from gonogo.run.state import RunState
from gonogo.terms import Digest, RunId

FOLDER = f"{STATE_FOLDER}/operations"
MODULE = "gonogo.control.agents.operating"


def operations_of(root: Path, environ: Mapping[str, str]) -> Operations:
    """The operations of a project; their processes do not get the agent's token."""
    plain = {name: value for name, value in environ.items() if name != TOKEN_VARIABLE}
    return Operations(root / FOLDER, MODULE, plain)


def operate(door: Door, run: RunId, stage: str, asked_to_stop: Callable[[], bool]) -> Stopped | Paused:
    """Drive a run through `stage`; it ends at the next safe point where it is asked to stop.

    Where workers drive, none of them stops half way: then this tells them, and watches until people are needed.
    """
    if door.workers_drive:
        return door.drive(run, patient=False, listener=lambda _state, _event: None)
    plan = door.load(run).plan

    def allowed(state: RunState, act: NextAct) -> bool:
        if not belongs_to(plan, stage, state, act):
            return False
        return state.touched or not asked_to_stop()

    return door.drive_while(run, allowed, How(), listener=lambda _state, _event: None)


def let_go(journal: Journal) -> None:
    """Close the connections of a journal that keeps some."""
    close = getattr(journal, "close", None)
    if callable(close):
        close()


def main(arguments: list[str]) -> int:
    """Be the host: what one process learned about a plan, the next one inherits."""
    plans: dict[Digest, Plan] = {}

    def opened(order: list[str]) -> Door:
        door = Door.at(Path(order[0]), dict(os.environ))
        door.plans = plans
        return door

    def prepare(order: list[str]) -> None:
        door = opened(order)
        try:
            door.load(RunId(order[1]))
        except GonogoError:
            # The process itself meets the same fault, and tells it.
            return
        finally:
            # No connection to the database is carried over a fork.
            let_go(door.world.journal)

    def begin(order: list[str]) -> int:
        _, run, stage, operation = order
        found = operations_of(Path(order[0]), os.environ)
        code = 1
        try:
            stopped = operate(opened(order), RunId(run), stage, lambda: found.is_asked_to_stop(operation))
            sys.stdout.write(f"{type(stopped).__name__}\n")
            code = 0
        except GonogoError as error:
            sys.stderr.write(f"{error}\n")
            code = error.exit_code
        except OSError as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
        except (ArithmeticError, AssertionError, LookupError, RuntimeError, TypeError, ValueError):
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        return code

    with socket.socket(fileno=int(arguments[0])) as host:
        serve_orders(host, begin, prepare)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
