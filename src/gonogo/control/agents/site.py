"""What the agent door knows of a site, kept up with its ledgers: tokens, acts, runs. A look reads only what is new."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import field, replace

from gonogo.adapters.operations import Operations
from gonogo.control.agents.operating import operations_of
from gonogo.control.agents.reception import TokenBook
from gonogo.control.agents.separation import Separated, separated
from gonogo.control.door import Door
from gonogo.control.opening import Opened
from gonogo.errors import BadInput
from gonogo.ports import SITE_LOG, Draft
from gonogo.run.agent_acts import Acts, acts_of
from gonogo.run.events import recorded
from gonogo.run.state import fold
from gonogo.terms import Actor, RunId
from gonogo.values import dataclass

LOOKED_AT = 10.0
MOST_RUNS = 64
"""So many runs are kept folded; one that was not asked for longest is let go."""


@dataclass(slots=True)
class AgentSite:
    """One project as its ledgers stand now; for several threads."""

    door: Door
    tokens: TokenBook
    operations: Operations
    agent_user: str = ""
    _acts: Acts = field(default_factory=Acts)
    _seen: int = -1
    _apart: tuple[str, float] = ("", float("-inf"))
    _runs: OrderedDict[RunId, Opened] = field(default_factory=OrderedDict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, door: Door, agent_user: str = "") -> AgentSite:
        """The site of an opened project; `agent_user` is whom agents run as, this process's own user by default."""
        return cls(
            door, TokenBook(door.world.journal), operations_of(door.workspace.root, door.world.environ), agent_user
        )

    def separation(self) -> Separated:
        """What agents could reach at this moment."""
        return separated(self.door, self.agent_user, self.door.world.environ)

    def apart(self) -> str:
        """The level of the separation, as it was at most ten seconds ago; what decides looks anew."""
        now = self.door.world.clock.monotonic()
        with self._guard:
            level, until = self._apart
        if now >= until:
            level, until = self.separation().level.word, now + LOOKED_AT
            with self._guard:
                self._apart = level, until
        return level

    def acts(self) -> Acts:
        """Every act of every agent so far."""
        journal = self.door.world.journal
        with self._guard:
            fresh = journal.entries(SITE_LOG, self._seen) if self._seen >= 0 else journal.site()
            if fresh:
                self._acts = acts_of(fresh, self._acts)
                self._seen = fresh[-1].seq
            return self._acts

    def run(self, name: str) -> Opened:
        """A run as it stands now; BadInput where there is none of this name."""
        run = RunId(name)
        if run == SITE_LOG:
            raise BadInput("that is the log of the site, no run")
        with self._guard:
            known = self._runs.get(run)
        if known is None:
            known = self.door.load(run)
        elif fresh := self.door.world.journal.entries(run, known.state.seq):
            state = fold(known.plan, (recorded(entry) for entry in fresh), known.state)
            known = replace(known, state=state, entries=(*known.entries, *fresh))
        with self._guard:
            self._runs[run] = known
            self._runs.move_to_end(run)
            while len(self._runs) > MOST_RUNS:
                self._runs.popitem(last=False)
        return known

    def note(self, drafts: Sequence[Draft], actor: Actor) -> None:
        """Write to the log of the site."""
        self.door.world.journal.note(drafts, actor=actor, now=self.door.world.clock.now())
