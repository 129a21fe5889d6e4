"""Statements that somebody makes of their own accord: objections, sign-offs, acceptances (REV-07, HND-08, HND-09).

None of them moves a run by itself. An objection is shown to every later signer; sign-offs and acceptances stand in the
log and in each package, where the handoff and whoever receives it look for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import timedelta
from typing import Final

from gonogo.engine.asking import open_round
from gonogo.engine.bench import Bench, World
from gonogo.errors import Refused
from gonogo.evidence.canonical import Tree
from gonogo.evidence.sayings import ABOUT
from gonogo.evidence.signers import Kind
from gonogo.plan.model import Plan, all_stages
from gonogo.run.events import recorded
from gonogo.run.state import fold
from gonogo.terms import Actor, RunId
from gonogo.values import dataclass

VALID: Final = timedelta(hours=72)


@dataclass(frozen=True, slots=True)
class OwnWord:
    """What somebody wants to state: kind, what it is about, and further fields of the request."""

    kind: Kind
    about: str
    more: Mapping[str, Tree] = field(default_factory=dict)

    @property
    def point(self) -> str:
        """The decision point, as it may stand under `decisions`; without an entry a release manager signs."""
        return self.kind.value if self.kind is Kind.DISSENT else f"{self.kind.value}_{self.about}"


def ask_own(world: World, plan: Plan, run: RunId, word: OwnWord, actor: Actor) -> str:
    """Open a round for such a statement; gives its name."""
    known = ABOUT.get(word.kind, frozenset({word.about}))
    if word.about not in known:
        advice = f"say one of: {', '.join(sorted(known))}"
        raise Refused(f"a {word.kind.value} is not about `{word.about}`", next_step=advice)
    entries = world.journal.entries(run)
    state = fold(plan, (recorded(entry) for entry in entries))
    task = next(task for stage in all_stages(plan) for task in stage.tasks)
    bench = Bench(world, plan, state, run, actor, task, 1, world.clock.now())
    rule = plan.ring.rule(word.point)
    name = f"{word.point}-{1 + sum(1 for item in state.rounds.values() if item.point == word.point)}"
    valid = rule.valid_for if rule is not None else VALID
    open_round(bench, entries, word.kind, word.point, name, valid, {"about": word.about, **word.more})
    return name
