"""The comparison of staging with production as it is now, for somebody who only looks: no run, no evidence."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Mapping

from gonogo.control.assembling import assemble, store_at
from gonogo.control.workspaces import Workspace
from gonogo.engine.commanding import asked_outside
from gonogo.engine.parity_sides import SidesAsked, sides_seen
from gonogo.evidence.canonical import Tree
from gonogo.measure.header import RawFile
from gonogo.measure.parity import parity_body
from gonogo.plan.project import CommandBinding, Environment
from gonogo.ports import CommandSpec
from gonogo.terms import Secret, digest_of
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class Looker:
    """A project that is looked at, and the release that placeholders of its commands name (may be empty)."""

    workspace: Workspace
    environ: Mapping[str, str]
    release: str

    def body(self) -> Mapping[str, Tree]:
        """Body of the parity report as it would be now (F2); it is not evidence and is written nowhere."""
        project = self.workspace.project
        store = store_at(self.workspace, self.environ)
        world = assemble(self.workspace.root, project, self.environ, store=store)
        source = self.workspace.project_source
        asked = SidesAsked(world, project, RawFile(source.name, digest_of(source.data)), world.ring, self._spec)
        now = world.clock.now()
        return parity_body(sides_seen(asked, Secret(secrets.token_hex(32)), now), now)

    def _spec(self, binding: CommandBinding, environment: Environment) -> CommandSpec:
        values = {
            "environment": environment.name,
            "release": self.release,
            "version": self.release,
            "url": environment.url,
            "project": self.workspace.project.name,
            "python": sys.executable,
        }
        return asked_outside(binding, values, self.workspace.root, self.environ)
