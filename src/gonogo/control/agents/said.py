"""What agents said to whoever is asked to sign, looked up for the surfaces on which people sign."""

from __future__ import annotations

from gonogo.engine.bench import World
from gonogo.reports.agent_words import AgentWords, agent_words
from gonogo.terms import Digest, RunId


def agents_said(world: World, run: RunId, name: str) -> AgentWords:
    """The words of agents about round `name` of a run."""

    def read(digest: Digest) -> bytes:
        return world.vault.read(digest)

    return agent_words(world.journal.site(), run, name, read)
