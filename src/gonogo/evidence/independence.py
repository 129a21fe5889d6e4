"""Who cannot sign a request whatever their role: whoever asked for it, or made the change (REV-08, C34; rule A16).

The rule that refuses a statement and every list of who can still sign read it from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gonogo.evidence.authors import UNMAPPED
from gonogo.evidence.signers import DecisionRule, Kind, Ring
from gonogo.values import dataclass

OWN_WISH: Final = frozenset({Kind.WAIVER, Kind.DISSENT})
"""Kinds that somebody asks for themselves, whoever opened the run (WVR-06)."""

CHANGED: Final = "made changes in this release"
UNKNOWN: Final = "is not known to be independent: a commit author belongs to no listed person"
ASKED: Final = "asked for this and cannot also approve it"
OWNS: Final = "owns the agent that asked for this"


@dataclass(frozen=True, slots=True)
class Asker:
    """Who is behind a request: who asked, the owner of the agent that did, and who made the changes."""

    asked_by: frozenset[str] = frozenset()
    owner: str = ""
    authors: tuple[str, ...] = ()

    @property
    def unmapped(self) -> int:
        """How many commit authors belong to no listed person."""
        return sum(1 for author in self.authors if author.startswith(UNMAPPED))


NOBODY: Final = Asker()


def barred(rule: DecisionRule, ring: Ring, asker: Asker) -> Mapping[str, str]:
    """Who cannot sign by `rule`, by handle, each with the reason; whoever is not in it may, as far as roles go."""
    found: dict[str, str] = {}
    if rule.not_author:
        found |= {author: CHANGED for author in asker.authors if not author.startswith(UNMAPPED)}
    if rule.not_author and rule.unmapped_authors_block and asker.unmapped:
        found = {person.handle: UNKNOWN for person in ring.people} | found
    if rule.not_requester:
        found = dict.fromkeys(asker.asked_by, ASKED) | found
    if not rule.allow_owner and asker.owner:
        found = {asker.owner: OWNS} | found
    return found
