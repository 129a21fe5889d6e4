"""What an environment has to have for the declared strategy: slots, something that distributes requests, metrics."""

from __future__ import annotations

from gonogo.plan.project import Environment, RolloutBinding
from gonogo.plan.reading import WRONG_VALUE, Findings

WITH_PODS = frozenset({"kubernetes", "argo_rollout"})
"""Targets whose places are Deployments or the two sides of a Rollout, never addresses of machines."""


def check_target(environment: Environment, rollout: RolloutBinding, notes: Findings) -> None:
    """Report what is missing in `environment`."""
    routed = environment.target.kind != "none"
    if routed and len(environment.slots) != 2 and not environment.hosts:
        notes.error(
            WRONG_VALUE,
            f"environment `{environment.name}` has a target and so needs exactly two slots",
            environment.origin,
        )
    if environment.hosts and environment.target.kind in WITH_PODS:
        notes.error(
            WRONG_VALUE,
            f"environment `{environment.name}` has `hosts`, and the target `{environment.target.kind}` moves pods",
            environment.origin,
            "name the two slots instead of hosts, or a target that shares requests over addresses",
        )
    if environment.kind == "production" and rollout.strategy in {"canary", "blue_green", "rolling"}:
        if not routed and rollout.strategy != "rolling":
            notes.error(
                WRONG_VALUE,
                f"`rollout.strategy: {rollout.strategy}` needs a `target` in environment `{environment.name}`",
                environment.origin,
                "without something that distributes requests only `direct`, or `rolling` over `hosts`, is possible",
            )
        if environment.metrics is None:
            notes.error(
                WRONG_VALUE,
                f"environment `{environment.name}` has no `metrics`; nothing could be judged",
                environment.origin,
            )
