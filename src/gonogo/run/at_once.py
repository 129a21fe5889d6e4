"""Which hosts are replaced, or taken back, at the same time: those of one batch (ROL-01, ROL-06, ARB-07).

A batch is never larger than `max_unavailable` (`plan.hosts`) and is begun only where, with the hosts that do not
answer, no more than that would be away (`run.rollout`). Each host stays an act of its own, with its own intent, outcome
and probe.
"""

from __future__ import annotations

from itertools import dropwhile, islice, takewhile

from gonogo.plan.model import Execute, Plan, Stage, Task
from gonogo.run.shifting import needless
from gonogo.run.state import RunState

MOST_AT_ONCE = 32
"""So many commands of one run at a time, however large a batch is: each is a process on this machine."""


def next_start(state: RunState, task: Task) -> int:
    """The number of the next start of a task, from 1."""
    return state.starts.get(task.id, 0) + 1


def along_with(plan: Plan, state: RunState, stage: Stage, task: Task) -> tuple[tuple[Task, int], ...]:
    """The acts, each with its start, that are begun together with `task`: those of the hosts beside it in its batch."""
    if not _of_a_batch(stage, task):
        return ()
    following = islice(dropwhile(lambda part: part.id != task.id, stage.tasks), 1, None)
    together = takewhile(lambda part: _of_a_batch(stage, part) and part.batch == task.batch, following)
    due = (part for part in together if _is_due(state, part) and not needless(plan, state, stage, part))
    return tuple((part, next_start(state, part)) for part in islice(due, MOST_AT_ONCE - 1))


def _of_a_batch(stage: Stage, task: Task) -> bool:
    """Whether this act is a host's own, in a rollout or on the way back. Their order in the plan makes the groups."""
    return isinstance(task.act, Execute) and bool(task.act.host) and (task.batch >= 0 or stage.kind == "rollback")


def _is_due(state: RunState, task: Task) -> bool:
    known = state.tasks.get(task.id)
    return known is None or not (known.outcome or known.open)
