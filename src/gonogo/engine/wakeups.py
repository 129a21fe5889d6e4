"""The port of wake-ups; `local.py` implements it in one process, a durable queue beside the ledger for many workers."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from gonogo.ports import Transaction
from gonogo.terms import RunId


class Wakeups(Protocol):
    """Who is told to look at a run again, and when. Hints: losing, doubling or forging one costs time, nothing else.

    A woken run is loaded, folded and decided afresh (engine sections 1 and 4). `engine/local.py` keeps them in one
    process, `engine/distributed.py` in a queue beside the ledger; both pass `tests/unit/test_contract_wakeups.py`.
    """

    def wake(self, transaction: Transaction, run: RunId, why: str) -> None:
        """Let an engine look at `run` as soon as `transaction` is committed; not at all where it is rolled back.

        `why` is one word for people, such as `event` or `lease`. The run need not be the transaction's own.
        """

    def wake_at(self, run: RunId, moment: datetime, why: str) -> None:
        """Let an engine look at `run` at `moment` (aware) or soon after, never before; kept over a restart or not."""

    def live(self) -> frozenset[RunId]:
        """The runs that an engine drives now, or will look at without being told again."""

    def abandon(self, worker: str) -> tuple[RunId, ...]:
        """Hand what a worker was told to do to others, because it is dead or was sent away; the runs that it had."""
