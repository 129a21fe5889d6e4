"""Which step each branch of a decision tree is about, and what its closing `THEN` names (RSN-01).

A tree says its conditions in prose. They are matched with the steps by the words that both use, in order: the branches
of one question (an `IF` that goes on, with what stands against it) belong to one step, later questions to later steps.
Where the words decide nothing, nothing is guessed: the branch has no step, and the sidecar has to name one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from math import comb

from gonogo.protocol.model import Branch, BranchWay, DecisionTree, Phase, Step
from gonogo.values import dataclass

_WORD = re.compile(r"[a-z]{3,}")
_EMPTY_WORDS = (
    "all and any are been before both critical each else every for from had has have into its must not now off one only"
    " our out proceed proceeding ready required than that the their them then there these they this those was were when"
    " which with"
)
_EMPTY = frozenset(_EMPTY_WORDS.split())
_STEM = 6
_MOST_WAYS = 20_000
"""So many ways to lay questions over steps are compared; a phase with more needs its sidecar."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A branch with the step whose outcome decides it, empty where none was found.

    `again_at` is the step that an `AGAIN` branch names to begin again with: the same one or an earlier one.
    """

    branch: Branch
    step: str
    again_at: str = ""


def stems(text: str) -> frozenset[str]:
    """The words of a text that carry meaning, cut to a common beginning: `approvals` and `approved` agree."""
    words = (word for word in _WORD.findall(text.lower()) if word not in _EMPTY)
    return frozenset(word.removesuffix("s")[:_STEM] for word in words)


def words_key(text: str) -> str:
    """A condition as the sidecar names it: letters and digits in lower case, single blanks."""
    return re.sub(r"[^a-z0-9]+", " ", text.lower()).strip()


def leaves(steps: Iterable[Step]) -> tuple[Step, ...]:
    """The steps that are done: sub-steps in place of the step that holds them, in document order."""
    return tuple(leaf for step in steps for leaf in (leaves(step.substeps) if step.substeps else (step,)))


def placed_branches(
    phase: Phase, following: Phase | None = None, named: Mapping[str, str] | None = None
) -> tuple[Placed, ...]:
    """Every branch of a phase with its step. `named` are the steps that a sidecar gives, by `words_key`."""
    steps = leaves(phase.steps)
    return tuple(item for tree in phase.trees for item in _placed(tree, steps, following, named or {}))


def _placed(
    tree: DecisionTree, steps: Sequence[Step], following: Phase | None, named: Mapping[str, str]
) -> Iterable[Placed]:
    questions = _questions(tree)
    laid = _laid(questions, steps, following)
    for question, step in zip(questions, laid, strict=True):
        for branch in question:
            about = named.get(words_key(branch.condition or branch.outcome), step)
            again = _again_at(branch, about, steps) if branch.way is BranchWay.AGAIN else ""
            yield Placed(branch, about, again)


def _questions(tree: DecisionTree) -> list[list[Branch]]:
    """The branches by question: an `IF` that goes on begins one, what stands against it belongs to it."""
    found: list[list[Branch]] = []
    for branch in tree.branches:
        if not found or (branch.way is BranchWay.PROCEED and branch.keyword == "if"):
            found.append([branch])
        else:
            found[-1].append(branch)
    return found


def _laid(questions: Sequence[Sequence[Branch]], steps: Sequence[Step], following: Phase | None) -> tuple[str, ...]:
    """The step of each question: the one way, in order, on which most words agree; none where two ways are as good."""
    nothing = ("",) * len(questions)
    if not 0 < len(questions) <= len(steps) or comb(len(steps), len(questions)) > _MOST_WAYS:
        return nothing
    scores = [[_score(question, steps, place, following) for place in range(len(steps))] for question in questions]
    best: list[tuple[int, ...]] = []
    most = 0
    for way in combinations(range(len(steps)), len(questions)):
        parts = [scores[number][place] for number, place in enumerate(way)]
        total = sum(parts) if all(parts) else 0
        if total > most:
            best, most = [way], total
        elif total == most and most:
            best.append(way)
    return tuple(steps[place].id for place in best[0]) if len(best) == 1 else nothing


def _score(question: Sequence[Branch], steps: Sequence[Step], place: int, following: Phase | None) -> int:
    step = steps[place]
    asked = stems(" ".join(branch.condition for branch in question))
    halts = stems(" ".join(halt.text for halt in step.halts))
    loose = stems(f"{step.action} {' '.join(item.name for item in step.evidence)}")
    about = 3 * len(asked & stems(step.title)) + 2 * len(asked & halts) + len(asked & loose)
    if not about:
        return 0
    after = steps[place + 1].title if place + 1 < len(steps) else following.title if following else ""
    onward = stems(" ".join(branch.outcome for branch in question if branch.way is BranchWay.PROCEED))
    return about + 2 * len(onward & stems(after))


def _again_at(branch: Branch, about: str, steps: Sequence[Step]) -> str:
    """The step to begin again with: an earlier one only where the branch names it more clearly than its own."""
    said = stems(branch.outcome)
    found, most = about, -1
    for step in reversed(steps[: 1 + next((at for at, step in enumerate(steps) if step.id == about), -1)]):
        if (agreed := len(said & stems(step.title))) > most:
            found, most = step.id, agreed
    return found


def step_named_by(part: str, phase: Phase, placed: Sequence[Placed]) -> str:
    """The step that a part of a `THEN` is about, by the words of its title and of the branches about it; or none."""
    said = stems(part)
    scores: dict[str, int] = {}
    for step in leaves(phase.steps):
        branches = " ".join(item.branch.condition for item in placed if item.step == step.id)
        agreed = 3 * len(said & stems(branches)) + 2 * len(said & stems(step.title))
        scores[step.id] = agreed + len(said & stems(" ".join((step.action, *(halt.text for halt in step.halts)))))
    most = max(scores.values(), default=0)
    best = [step for step, score in scores.items() if score == most]
    return best[0] if most and len(best) == 1 else ""


def exit_parts(text: str) -> tuple[str, ...]:
    """The parts of a `THEN` that all have to hold."""
    return tuple(part.strip(" .") for part in re.split(r",?\s+and\s+|[,;]\s*", text) if part.strip(" ."))
