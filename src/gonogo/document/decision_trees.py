"""Decision trees of phases as values: every `IF`, `ELSE IF`, `ELSE`, and the closing `THEN` (RSN-01)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from gonogo.document.nodes import Held
from gonogo.document.text import Source
from gonogo.findings import Origin
from gonogo.protocol.halt_grammar import effects_of
from gonogo.protocol.model import Branch, BranchWay, DecisionTree, Message

_LINE = re.compile(r"(?P<keyword>else\s+if|elif|if|when|else|otherwise|then)\b[\s:,]*(?P<text>.*)$", re.IGNORECASE)
_ARROW = re.compile(r"\s*(?:→|=+>|-+>)\s*|\s*[,:;]?\s+\bthen\b[\s:,]*", re.IGNORECASE)
_AGAIN = re.compile(
    r"\b(?:re-?run|re-?do|re-?peat|re-?try|re-?test|re-?assemble|re-?build|again|once more|start over|go back|return to"
    r"|fix|repair|correct|resolve|remed\w+|investigate|complete\b.{0,60}\bbefore)",
    re.IGNORECASE,
)
_ON = re.compile(
    r"\b(?:proceed|continue|go (?:on|to|ahead)|move (?:on|to)|advance|carry on"
    r"|(?:begin|start)(?! over\b| again\b| anew\b)|hand over|next)",
    re.IGNORECASE,
)
_CHECK_VERB = re.compile(
    r"^(?:please\s+)?(?:verify|check|confirm|ensure|validate|make sure|assert)\b(?:\s+that\b)?[\s:]*", re.IGNORECASE
)
_KEYWORDS = {"elif": "else if", "when": "if", "otherwise": "else"}


def trees_of(trees: Iterable[Held], source: Source) -> tuple[DecisionTree, ...]:
    """The decision trees that stand under their labels; a label without any branch is no tree."""
    found = (_tree(held, source) for held in trees)
    return tuple(tree for tree in found if tree.branches or tree.exit_checks)


def _tree(held: Held, source: Source) -> DecisionTree:
    branches: list[Branch] = []
    checks: list[Message] = []
    for entry, line in held.entries():
        match = _LINE.match(" ".join(entry.replace("**", "").replace("`", "").split()))
        if match is None:
            continue
        keyword, origin = " ".join(match["keyword"].lower().split()), source.origin(line.index, line.col)
        if keyword != "then":
            branches.append(_branch(_KEYWORDS.get(keyword, keyword), match["text"], origin))
        elif branches and not branches[-1].outcome:
            # `THEN` under an `IF` that says no outcome is its outcome; any other one is the check at the exit.
            branches[-1] = _led(replace(branches[-1], outcome=match["text"]))
        elif check := _CHECK_VERB.sub("", match["text"]).strip().rstrip("."):
            checks.append(Message(check, origin))
    return DecisionTree(tuple(branches), tuple(checks), source.origin(held.line.index, held.line.col))


def _branch(keyword: str, text: str, origin: Origin) -> Branch:
    condition, outcome = ("", text) if keyword == "else" else _parted(text)
    return _led(Branch(keyword, condition, outcome.lstrip("→->= "), None, frozenset(), origin))


def _parted(text: str) -> tuple[str, str]:
    condition, *rest = _ARROW.split(text, maxsplit=1)
    return condition.strip().rstrip(":,"), rest[0].strip() if rest else ""


def _led(branch: Branch) -> Branch:
    """The branch with its way: a halt before anything else; of going on and doing again, what is said first."""
    effects = effects_of(branch.outcome)
    if effects:
        return replace(branch, way=BranchWay.HALT, effects=effects)
    again, on = _AGAIN.search(branch.outcome), _ON.search(branch.outcome)
    if on and (again is None or on.start() < again.start()):
        return replace(branch, way=BranchWay.PROCEED)
    return replace(branch, way=BranchWay.AGAIN if again else None)
