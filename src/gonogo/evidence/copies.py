"""What is found where readable copies of stored evidence should be (C2, EVS-06)."""

from __future__ import annotations

from gonogo.terms import Digest
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class Difference:
    """A view that is not what the store holds: `missing`, `changed`, or `foreign` (a link, folder or device)."""

    path: str
    kind: str

    def __str__(self) -> str:
        """Path and kind as a sentence without full stop."""
        words = {"missing": "is gone", "changed": "was edited by hand", "foreign": "is not a regular file"}
        return f"{self.path} {words[self.kind]}"


@dataclass(frozen=True, slots=True)
class Look:
    """What is at the place of a view: `digest` of what can be read there, else why not (`missing`, `foreign`)."""

    digest: Digest | None
    why: str = ""
