"""Reviews of a project: which are due, and putting one on file that was held (LRN-19)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from gonogo.control.door import Door
from gonogo.control.learning.notes import MOST_TEXT, RETRO
from gonogo.control.learning.over_runs import over_runs
from gonogo.control.learning.revising import CHANGED
from gonogo.control.learning.trending import statements_by_hand
from gonogo.control.opening import Opened
from gonogo.errors import BadInput, GonogoError, Refused
from gonogo.evidence.canonical import Tree, write_json
from gonogo.evidence.ledger import time_of
from gonogo.ports import Draft
from gonogo.reports.over_runs import gate_figures
from gonogo.reports.reviews import Completed, Held, ProtocolUse, Review, ReviewKind, reviews
from gonogo.terms import Actor, Json, RunId

HELD: Final = "review.held"


def reviews_of(door: Door) -> tuple[Review, ...]:
    """Every review of a project that is or will be due, the next one first."""
    opened = [found for run in door.runs() if (found := _opened(door, run)) is not None]
    return reviews(_completed(door, opened), _used(door, opened), _held(door), door.workspace.project.cadence)


def hold_review(door: Door, kind: ReviewKind, about: str, said: dict[str, Tree], actor: Actor) -> None:
    """Note that a review was held; BadInput without people or words, Refused for a subject that owes none."""
    if not any((review.kind, review.about) == (kind, about) for review in reviews_of(door)):
        raise Refused(
            f"there is no review of {kind.value} about `{about}`", next_step="gonogo reviews --all lists them"
        )
    found = str(said.get("findings", ""))
    if not said.get("participants") or not 0 < len(found.strip()) <= MOST_TEXT:
        raise BadInput("a review is held by people and finds something", next_step="say --with NAME and --finding TEXT")
    data: dict[str, Json] = {"kind": kind.value, "about": about, "body_sha256": door.world.vault.put(write_json(said))}
    door.world.journal.note([Draft(HELD, data)], actor=actor, now=door.world.clock.now())


def _opened(door: Door, run: RunId) -> Opened | None:
    try:
        return door.load(run)
    except GonogoError:
        # A run that cannot be read owes no review; `gonogo audit` names it.
        return None


def _completed(door: Door, opened: Sequence[Opened]) -> Iterator[Completed]:
    told = {str(entry.data.get("run")): entry.ts for entry in door.world.journal.site() if entry.type == RETRO}
    for item in opened:
        owed = item.state.retrospective
        if owed is not None:
            yield Completed(item.run, owed.outcome, time_of(owed.due_from), time_of(owed.due_to), told.get(item.run))


def _used(door: Door, opened: Sequence[Opened]) -> Iterator[ProtocolUse]:
    changed = {
        str(entry.data.get("protocol")): entry.ts for entry in door.world.journal.site() if entry.type == CHANGED
    }
    figures = gate_figures(over_runs(door.world).judgements)
    for protocol in dict.fromkeys(item.plan.name for item in opened):
        runs = [item for item in opened if item.plan.name == protocol]
        yield ProtocolUse(
            protocol,
            first_used=min(item.entries[0].ts for item in runs),
            changed=changed.get(protocol),
            verdicts={
                each.gate: [one.verdict for one in each.history] for each in figures if each.protocol == protocol
            },
            by_hand=sum(statements_by_hand(item) for item in runs),
        )


def _held(door: Door) -> tuple[Held, ...]:
    return tuple(
        Held(ReviewKind(str(entry.data.get("kind"))), str(entry.data.get("about")), entry.ts)
        for entry in door.world.journal.site()
        if entry.type == HELD
    )
