"""Hooks of a project: its own commands before, during and after a protocol, each bound to a step (CMD-59, CMD-60).

A hook only looks and writes: it changes no environment, and what it has to write is evidence that its step owes. A hook
at the prerequisites runs before everything else, one at `closing` before the package is sealed, others as the last act
of their step.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from gonogo.plan.model import Effect, Execute, Stage, Task
from gonogo.plan.project import HookBinding, Project
from gonogo.plan.reading import Findings

HOOK: Final = "hook"
"""Purpose of a hook's command."""

_EDGES: Final = {"prerequisites": "before", "closing": "after"}


def place_of(stage: str) -> str:
    """The place of a hook at a stage: `before`, `during` or `after` the protocol."""
    return _EDGES.get(stage, "during")


def with_hooks(
    stages: tuple[Stage, ...], project: Project, protocol: str, environment: str, notes: Findings
) -> tuple[Stage, ...]:
    """The stages of a protocol, forward and closing, with the hooks that the project binds to them."""
    named = next((item.name for item in project.environments.values() if item.kind == environment), environment)
    hooks = [hook for hook in project.hooks if hook.protocol == protocol]
    known = {stage.id for stage in stages}
    for hook in hooks:
        if hook.step not in known:
            notes.error("GN0702", f"a hook names step `{hook.step}`, which {protocol} does not have", hook.origin)
        if hook.command not in project.commands:
            notes.error("GN1001", f"`commands.{hook.command}` is missing", hook.origin, "a hook names it")
    return tuple(_hooked(stage, [hook for hook in hooks if hook.step == stage.id], named, notes) for stage in stages)


def _hooked(stage: Stage, hooks: Iterable[HookBinding], environment: str, notes: Findings) -> Stage:
    for hook in hooks:
        act = Execute(hook.command, environment, Effect.NONE, HOOK, repeatable=True, owes=(hook.writes,))
        task = Task(f"{stage.id}#hook-{hook.command}", f"hook: {hook.purpose}", act)
        if hook.writes in stage.evidence or any(task.id == other.id for other in stage.tasks):
            notes.error("GN0702", f"`{hook.writes}` or `{hook.command}` is there twice in `{stage.id}`", hook.origin)
        tasks = (*stage.tasks, task) if place_of(stage.id) == "during" else (task, *stage.tasks)
        stage = replace(stage, tasks=tasks, evidence=(*stage.evidence, hook.writes))
    return stage
