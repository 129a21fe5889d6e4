"""What a target says of the traffic beside what was moved last: somebody or a restart may have changed it (PX-05)."""

from __future__ import annotations

from gonogo.engine.bench import Bench
from gonogo.errors import GonogoError
from gonogo.plan.model import Roll, Task
from gonogo.run.events_of_traffic import TrafficFound


def traffic_found(bench: Bench, task: Task, attempt: int, index: int) -> list[TrafficFound]:
    """What the target of a rollout says now, where it is not what was moved last; nothing before the first move.

    `index` is the sample that it belongs to. Hosts are asked themselves: their shares change with every batch.
    """
    environment = bench.plan.project.environments[task.act.environment] if isinstance(task.act, Roll) else None
    known = bench.state.rollings.get(task.id)
    if environment is None or environment.hosts or known is None or not known.moves:
        return []
    try:
        seen = bench.world.targets[environment.name].traffic()
    except GonogoError as error:
        return [TrafficFound(task.id, attempt, index, {}, error.what)]
    if not seen.readable:
        return [TrafficFound(task.id, attempt, index, {}, seen.detail)]
    share = known.progress.percent
    if seen.weights == {known.arms.candidate: share, known.arms.stable: 100 - share}:
        return []
    return [TrafficFound(task.id, attempt, index, dict(seen.weights), seen.detail)]
