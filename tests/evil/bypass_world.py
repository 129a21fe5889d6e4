"""The project that agents attack, at two moments: nobody has signed for production yet, or everybody has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from agents_world import Agency, Answer, agency, key

from gonogo.adapters.operations import Operations
from gonogo.control.agents.operating import operate
from gonogo.control.stores.own_place import settle_here
from gonogo.engine.driver import Paused, Stopped
from gonogo.terms import RunId
from tests.prepared import copy_of
from tests.projects import Project, small_project
from tests.worlds_http import place

PRODUCTION = "production-deployment"
ASKING = "production-deployment-immediate-validation/request-production-approval"
DEPLOYING = "production-deployment-immediate-validation/execute-the-production-deployment"


@contextmanager
def before_production(root: Path) -> Iterator[tuple[Project, RunId]]:
    """A run that waits for the signatures for production."""
    with place(root / "world" / "staging") as staging, place(root / "world" / "production") as production:
        project = small_project(root / "project", staging, production)
        project.edit("config/release-approvers.yaml", "all_of: [sre_lead], quorum: 2", "all_of: [sre_lead], quorum: 2, valid_for: 40m")
        assert project.state(project.release("pre-deployment")).outcome == "ready"
        run = project.begin(PRODUCTION)
        project.go_until(run, "production")
        yield project, run


@contextmanager
def signed_for_production(root: Path) -> Iterator[tuple[Project, RunId]]:
    """A run whose next state is the deployment to production; everybody has signed for it."""
    with before_production(root) as (project, run):
        assert project.sign_all(run)
        operate(project.door(), run, ASKING, lambda: False)
        yield project, run


@dataclass
class Recorder:
    """Operations that are only written down: what an agent got started, without a process."""

    real: Operations
    started: list[tuple[str, ...]] = field(default_factory=list)
    stopped: set[str] = field(default_factory=set)

    def start(self, operation: str, arguments: Sequence[str]) -> bool:
        self.started.append(tuple(arguments))
        return True

    def lives(self, operation: str) -> bool:
        return any(arguments[-1] == operation for arguments in self.started)

    def ask_to_stop(self, operation: str) -> None:
        self.stopped.add(operation)

    def one_at_a_time(self, act: Callable[[], object]) -> None:
        self.real.one_at_a_time(act)

    def printed(self, operation: str, most: int = 0) -> bytes:
        return b""

    def close(self) -> None:
        self.real.close()


@dataclass
class Twin:
    """A copy of the project for one attack, with an agent at its door; both share the places that they deploy to."""

    there: Agency
    run: RunId

    @property
    def project(self) -> Project:
        return self.there.project

    def call(self, tool: str, **given: object) -> Answer:
        """A call of the agent."""
        return self.there.call(tool, **given)

    def start(self, state: str = DEPLOYING) -> Answer:
        """The agent starts a state with the revision that it read."""
        seen = self.there.door.site.run(self.run).state.seq
        return self.call("step_start", run_id=self.run, state_id=state, revision=seen, key=key())

    def engine(self, state: str = DEPLOYING) -> Stopped | Paused:
        """What the operation of that start does, in this very process."""
        return operate(self.project.door(), self.run, state, lambda: False)

    def deployed(self) -> list[str]:
        """What reached production."""
        return [line for line in self.project.executions() if line.split()[1] == "production"]

    def refused(self) -> Mapping[str, int]:
        """How often each code of a refusal stands in the log of the site for this agent."""
        found: dict[str, int] = {}
        for entry in self.project.door().world.journal.site():
            if entry.type == "agent.refused" and str(entry.actor) == str(self.there.token.agent):
                found[str(entry.data["code"])] = found.get(str(entry.data["code"]), 0) + 1
        return found


@contextmanager
def twin(project: Project, run: RunId, folder: Path, **token: object) -> Iterator[Twin]:
    """A copy of `project` in `folder`, with an agent at its door."""
    copied = copy_of(project, folder / "project")
    settle_here(copied.root / ".gonogo")
    there = agency(copied, **token)
    try:
        yield Twin(there, run)
    finally:
        there.door.close()
