"""Acts before they get their ids, and what every activity asks about a project."""

from __future__ import annotations

from gonogo.plan.model import Act, Effect, Execute
from gonogo.plan.project import Environment, Project
from gonogo.values import dataclass

STATE_PROBE = "state"
"""Purpose of a command that says whether a state holds; that it fails is an answer and stops nothing by itself."""

QUIET = frozenset({"tests", "scan", "refresh", "dry_run", "probe", "snapshot", STATE_PROBE})
"""Purposes of commands that change nothing in an environment."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An act before it got its id: a short name, a title for people, and what its task will say of it."""

    name: str
    title: str
    act: Act
    consumes: str = ""
    batch: int = -1
    at_once: int = 1


def environment_of(project: Project, kind: str) -> Environment | None:
    """The project's environment of this kind."""
    return next((found for found in project.environments.values() if found.kind == kind), None)


def named(project: Project, kind: str) -> str:
    """The name of the environment of this kind; the kind itself where there is none, which is a finding elsewhere."""
    found = environment_of(project, kind)
    return found.name if found else kind


def routed(project: Project, kind: str) -> bool:
    """Whether something distributes requests in the environment of this kind."""
    found = environment_of(project, kind)
    return found is not None and found.target.kind != "none"


def hosts_of(project: Project, kind: str) -> tuple[str, ...]:
    """The hosts of the environment of this kind, in the order of a rollout; none where it has slots."""
    found = environment_of(project, kind)
    return found.hosts if found else ()


def service_on(project: Project, kind: str, host: str) -> str:
    """The service that runs on a host; empty where all hosts run the only one."""
    found = environment_of(project, kind)
    return found.service_on(host) if found else ""


def effect_on(kind: str) -> Effect:
    """What an act that changes an environment of this kind changes."""
    return Effect.PRODUCTION if kind == "production" else Effect.STAGING


def bound(project: Project, command: str, kind: str, purpose: str, extra: tuple[str, ...] = ()) -> Execute:
    """A command of the project for a purpose."""
    binding = project.commands.get(command)
    quiet = purpose in QUIET
    repeatable = quiet or bool(binding and binding.repeatable)
    return Execute(command, named(project, kind), Effect.NONE if quiet else effect_on(kind), purpose, repeatable, extra)
