"""What people may ask for of their own accord on the page of a run, and how the answers of such requests are read.

Each form opens a round through the door; what is stated is then signed on the page of that round like anything else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from gonogo.control.door import Door
from gonogo.engine.by_hand import POINT as BY_HAND
from gonogo.engine.settling import OUTCOME_UNKNOWN
from gonogo.engine.stating import OwnWord
from gonogo.engine.waiving import Wish
from gonogo.errors import BadInput, Refused
from gonogo.evidence.canonical import Found, Tree, read_json, resolve_pointer, write_json
from gonogo.evidence.sayings import ABOUT, ASKED
from gonogo.evidence.signers import Kind
from gonogo.measure.manual_log import SEPARATOR, numbered, unnumbered
from gonogo.plan.model import all_stages
from gonogo.run.choosing import POINT as CHOICE
from gonogo.run.choosing import Way, ways_on
from gonogo.run.machine import outside_its_window
from gonogo.run.overtaken import BREAK_GLASS
from gonogo.run.state import Round
from gonogo.terms import Actor, RunId
from gonogo.values import dataclass
from gonogo.web.memory import Known

DUE: Final = timedelta(days=30)
SIGN_OFFS: Final[Mapping[str, str]] = {
    "completeness": "that it is complete",
    "owner": "as its owner",
    "downstream": "as the next owner downstream",
    "receipt": "that I received it",
}
CONSENTS: Final[Mapping[str, str]] = {
    "lock": "a lock of the plan",
    "weaker_lock": "a weaker lock",
    "finding": "a finding",
    "separation": "how agents are kept apart",
}


@dataclass(frozen=True, slots=True)
class Askable:
    """What a run can be asked about now: the act whose outcome nobody knows, ways on of a halt, a window, its steps."""

    unknown: str
    ways: tuple[Way, ...]
    window: bool
    steps: tuple[tuple[str, str], ...]
    sign_offs: Mapping[str, str]
    consents: Mapping[str, str]


def askable(known: Known, now: datetime) -> Askable:
    """What the page of a run offers to ask for at `now`."""
    plan, state = known.opened.plan, known.opened.state
    halted = state.halted
    acts = {task.id: task.title for stage in all_stages(plan) for task in stage.tasks}
    lost = (acts[name] for name, task in state.tasks.items() if task.unknown)
    return Askable(
        unknown=next(lost, "") if halted is not None and halted.cause == OUTCOME_UNKNOWN else "",
        ways=ways_on(plan, state),
        window=BREAK_GLASS in plan.decisions and outside_its_window(plan, state, now) is not None,
        steps=tuple((stage.id, stage.title) for stage in all_stages(plan) if stage.tasks),
        sign_offs={name: SIGN_OFFS[name] for name in sorted(ABOUT[Kind.SIGNOFF])},
        consents={name: CONSENTS[name] for name in sorted(ABOUT[Kind.ACCEPTANCE])},
    )


def _sign_off(door: Door, run: RunId, said: Mapping[str, str], actor: Actor) -> str:
    return door.ask_own(run, OwnWord(Kind.SIGNOFF, said.get("about", "")), actor)


def _consent(door: Door, run: RunId, said: Mapping[str, str], actor: Actor) -> str:
    lines = [line for line in said.get("lines", "").splitlines() if line.strip()]
    if not lines:
        raise BadInput("`lines` is missing", next_step="say what is accepted, one a line")
    return door.ask_own(run, OwnWord(Kind.ACCEPTANCE, said.get("about", ""), {"weaker": [*lines]}), actor)


def _by_hand(door: Door, run: RunId, said: Mapping[str, str], actor: Actor) -> str:
    return door.ask_by_hand(run, said.get("step", ""), actor)


def _waiver(door: Door, run: RunId, said: Mapping[str, str], actor: Actor) -> str:
    return door.ask_waiver(run, said.get("gate", ""), _wish(said, str(actor), door.world.clock.now()), actor)


ASKS: Final[Mapping[str, Callable[[Door, RunId, Mapping[str, str], Actor], str]]] = {
    "dissent": lambda door, run, _said, actor: door.ask_own(run, OwnWord(Kind.DISSENT, "release"), actor),
    "resume": lambda door, run, said, actor: door.ask_resume(run, said.get("stage", ""), actor),
    "outcome": lambda door, run, said, actor: door.ask_outcome(run, said.get("outcome", ""), actor),
    "choice": lambda door, run, _said, actor: door.ask_choice(run, actor),
    "sign-off": _sign_off,
    "consent": _consent,
    "by-hand": _by_hand,
    "waiver": _waiver,
    "break-glass": lambda door, run, _said, actor: door.ask_break_glass(run, actor),
}
"""What a caller may ask people for of their own accord; the engine asks for the rest, when it is due."""


def asked_for(door: Door, run: RunId, fields: Mapping[str, str], actor: Actor) -> str:
    """Open the round that a form or a call asks for; gives its name. BadInput where there is no such thing."""
    kind = fields.get("kind", "")
    if kind not in ASKS:
        raise BadInput("there is no such thing to ask for", next_step="use the forms of the run's page")
    return ASKS[kind](door, run, fields, actor)


def _wish(fields: Mapping[str, str], actor: str, now: datetime) -> Wish:
    """A waiver as a form or a call asks for it; who asks answers for the risk where nobody else is named."""
    if not fields.get("justification", "").strip():
        raise BadInput("a waiver needs a justification", next_step="say why the gate may be left as it is")
    return Wish(
        justification=fields["justification"],
        risk_assessment=fields.get("risk_assessment", ""),
        controls=tuple(line.strip() for line in fields.get("controls", "").splitlines() if line.strip()),
        risk_owner=fields.get("risk_owner", "") or actor,
        follow_up=fields.get("follow_up", "") or f"waiver of {fields.get('gate', '')}",
        due=(now + DUE).replace(microsecond=0),
    )


def asked_fields(kind: str, request: bytes) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """What a request says of its own, by name, line by line: it is signed with it, so whoever signs is shown it."""
    found = resolve_pointer(read_json(request, name="request.json"), "/predicate")
    said = found.value if isinstance(found, Found) else None
    if not isinstance(said, Mapping):
        return ()
    return tuple(
        (name, tuple(_lines(said[name]))) for name in sorted(frozenset().union(*ASKED[Kind(kind)]) & said.keys())
    )


def _lines(value: Tree) -> Iterator[str]:
    """A value of a request for people: each item of a list on a line, and its parts by name."""
    items = value if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
    for item in items:
        parts = (
            [f"{name}: {_word(part)}" for name, part in item.items()] if isinstance(item, Mapping) else [_word(item)]
        )
        yield "; ".join(parts)


def _word(value: Tree) -> str:
    return value if isinstance(value, str) else write_json(value).decode().strip()


@dataclass(frozen=True, slots=True)
class Answers:
    """How a request is answered: by one of some ways on, by an answer to each question, or (neither) by yes or no."""

    ways: tuple[Way, ...] = ()
    questions: tuple[str, ...] = ()


def answers_of(known: Known, asked: Round, request: bytes) -> Answers:
    """How the statement of a round is answered."""
    if asked.point == CHOICE:
        return Answers(ways=ways_on(known.opened.plan, known.opened.state))
    if asked.point == BY_HAND:
        found = resolve_pointer(read_json(request, name="request.json"), "/predicate/text")
        _, _, questions = (str(found.value) if isinstance(found, Found) else "").partition(SEPARATOR)
        return Answers(questions=unnumbered(questions))
    return Answers()


def answered(answers: Answers, fields: Mapping[str, str]) -> dict[str, str]:
    """The fields of a form with its answers as the one that is signed; refused where one is missing or none of them."""
    if answers.ways:
        letter = fields.get("answer", "")
        if letter not in {way.letter for way in answers.ways}:
            raise Refused("choose one of the ways on", next_step="open the request again")
        return {**fields}
    if answers.questions:
        said = [fields.get(f"answer-{number}", "").strip() for number in range(1, len(answers.questions) + 1)]
        if not all(said):
            raise Refused("every question of a manual record is answered", next_step="say what you saw, or that not")
        return {**fields, "answer": numbered(said)}
    return {name: value for name, value in fields.items() if name != "answer"}
