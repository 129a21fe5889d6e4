"""Open parity items of a run: what still differs, since when, and who owes the remedy (PAR-13)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from gonogo.control.opening import Opened
from gonogo.engine.bench import World
from gonogo.errors import GonogoError
from gonogo.evidence.canonical import read_object
from gonogo.measure.intake import PARITY_REPORT
from gonogo.measure.parity import open_items
from gonogo.terms import Json
from gonogo.values import dataclass

MOST_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class OpenParity:
    """A difference that is not settled; `age` in whole hours since it was first seen in this run."""

    path: str
    severity: str
    owner: str
    age: int
    state: str

    def __str__(self) -> str:
        """One line for people."""
        waited = f"{self.age // 24} days" if self.age >= 48 else f"{self.age} hours"
        return f"{self.path} ({self.severity}), {self.owner}, open for {waited}, {self.state}"

    def as_json(self) -> dict[str, Json]:
        """For `--json`."""
        return {
            "path": self.path,
            "severity": self.severity,
            "owner": self.owner,
            "age_hours": self.age,
            "state": self.state,
        }


def open_parity(world: World, opened: Opened, now: datetime) -> Iterator[OpenParity]:
    """The open items of the newest report of a run, oldest first; none where it has no report."""
    found = opened.state.evidence.get(PARITY_REPORT)
    if found is None:
        return
    try:
        data = world.vault.read(found.digest)
        for item in open_items(read_object(data, name=PARITY_REPORT, limit=MOST_BYTES)):
            hours = int((now - item.first_seen).total_seconds() // 3600)
            yield OpenParity(item.path, item.severity, item.owner, max(0, hours), item.state)
    except GonogoError:
        # A view shows what can be read; that stored evidence is gone or wrong is said by `gonogo verify`.
        return
