"""What stored runs teach: blockers with the resolutions that people signed, and which of them held (LRN-11, LRN-12).

Taken from ledgers alone. A resolution is proven where the step that had stopped was passed in the attempt after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from gonogo.run.events import Recorded, RunHalted, RunOpened, RunResumed, TaskFinished
from gonogo.terms import Digest, Json, RunId
from gonogo.values import dataclass

GATE: Final = "gate/"


@dataclass(frozen=True, slots=True)
class Blocker:
    """A halt of a run, and what became of it: `resolution` is the statement that lifted it, None while nobody did."""

    run: RunId
    protocol: str
    stage: str
    cause: str
    detail: Digest | None
    resolution: Digest | None
    proven: bool

    @property
    def gate(self) -> str:
        """The gate that it stopped at; empty for a step."""
        return self.stage.removeprefix(GATE) if self.stage.startswith(GATE) else ""


@dataclass(frozen=True, slots=True)
class Pattern:
    """The same blocker over runs: how often, in which of them, and which resolutions held."""

    protocol: str
    stage: str
    cause: str
    blockers: tuple[Blocker, ...]

    @property
    def proven(self) -> tuple[Blocker, ...]:
        """Those whose resolution held."""
        return tuple(item for item in self.blockers if item.proven)


def blockers_of(run: RunId, entries: Sequence[Recorded]) -> Iterator[Blocker]:
    """Every halt of a run with its resolution."""
    protocol = next((entry.event.protocol for entry in entries if isinstance(entry.event, RunOpened)), "")
    for place, entry in enumerate(entries):
        halt = entry.event
        if not isinstance(halt, RunHalted):
            continue
        later = entries[place + 1 :]
        lifted = next((each.event for each in later if isinstance(each.event, RunResumed | RunHalted)), None)
        resolution = lifted.statement_sha256 if isinstance(lifted, RunResumed) else None
        proven = resolution is not None and _passed(halt.stage, later)
        yield Blocker(run, protocol, halt.stage, halt.cause, halt.detail, resolution, proven)


def _passed(stage: str, later: Sequence[Recorded]) -> bool:
    """Whether the run came beyond the stage before anything stopped there again."""
    for entry in later:
        match entry.event:
            case RunHalted(stage=again) if again == stage:
                return False
            case TaskFinished(task=task, outcome="ok") if task.rpartition("#")[0] != stage:
                return True
    return False


def patterns(blockers: Sequence[Blocker]) -> tuple[Pattern, ...]:
    """Blockers by protocol, stage and cause; the most frequent first."""
    found: dict[tuple[str, str, str], list[Blocker]] = {}
    for item in blockers:
        found.setdefault((item.protocol, item.stage, item.cause), []).append(item)
    rows = [Pattern(*key, tuple(items)) for key, items in found.items()]
    return tuple(sorted(rows, key=lambda row: (-len(row.blockers), row.protocol, row.stage, row.cause)))


def pattern_row(item: Pattern, words: Mapping[Digest, str]) -> dict[str, Json]:
    """A pattern for programs; `words` are first lines and reasons by digest."""
    resolutions: list[Json] = [
        {
            "run": each.run,
            "resolution": words.get(each.resolution, ""),
            "proven": each.proven,
        }
        for each in item.blockers
        if each.resolution
    ]
    symptoms: list[Json] = [*dict.fromkeys(words.get(each.detail, "") for each in item.blockers if each.detail)]
    return {
        "protocol": item.protocol,
        "stage": item.stage,
        "gate": item.blockers[0].gate or None,
        "cause": item.cause,
        "times": len(item.blockers),
        "runs": [*dict.fromkeys(each.run for each in item.blockers)],
        "symptoms": symptoms,
        "resolutions": resolutions,
        "proven": len(item.proven),
    }
