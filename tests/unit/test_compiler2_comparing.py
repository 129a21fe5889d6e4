"""The semantic difference between two revisions of a protocol."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gonogo.findings import Origin
from gonogo.protocol.change import Direction, any_weaker
from gonogo.protocol.comparing import compare
from gonogo.protocol.model import (
    ApprovalRequired,
    ArtifactRequired,
    ChecklistItem,
    CommandRef,
    EvidenceRef,
    Exchange,
    Gate,
    Halt,
    HaltEffect,
    Handoff,
    Message,
    Phase,
    Prerequisite,
    Protocol,
    Step,
    WaiverByRoles,
    WaiverForbidden,
)
from gonogo.protocol.sameness import without_places
from gonogo.protocol.threshold import Clause, Limit, Number, Op, Period, Ref, Word
from gonogo.terms import Obligation

HERE = Origin("lamp.md", 1)


def halt(text: str, effect: HaltEffect, condition: str, lifted_by: str | None = None) -> Halt:
    """One halt sentence."""
    return Halt(text, frozenset({effect}), condition, lifted_by, known=True, origin=HERE)


def clause(metric: str, op: Op, limit: Limit, written: str, unit: str = "") -> Clause:
    """One clause of a threshold."""
    return Clause(metric, op, limit, unit, "", written, HERE)


def ratio(text: str, *, percent: bool = False) -> Number:
    """A plain number, or one written as a percentage."""
    return Number(Decimal(text), percent)


WARN = Step(
    id="darkening/warn-all-ships",
    title="Warn All Ships",
    obligation=Obligation.MUST,
    stated=True,
    action="Call every ship on the register.",
    halts=(halt("Stop if any ship has not answered.", HaltEffect.STOP, "any ship has not answered"),),
    evidence=(EvidenceRef("ships-warned.json", ".artifacts/lamp/ships-warned.json", HERE),),
    says=(Message("Going dark...", HERE),),
    commands=(CommandRef("python scripts/call.py --all", HERE),),
    checks=("Answers = 100%",),
    notes=(),
    substeps=(),
    conditional=False,
    origin=HERE,
)
LOWER = replace(WARN, id="darkening/lower-the-lamp", title="Lower the Lamp", halts=(), evidence=(), commands=())
GATE = Gate(
    id="darkness-gate",
    name="Darkness Gate",
    number="1",
    kind="",
    purpose="",
    criteria=("Every ship answered",),
    thresholds=(clause("Answers", Op.EQ, ratio("1", percent=True), "Answers 100%"),),
    booleans=(),
    manual=("Every ship answered",),
    metrics=("answers",),
    evidence=(EvidenceRef("ships-warned.json", "ships-warned.json", HERE),),
    commands=(),
    on_fail="Halt; wait one tide.",
    rollback="",
    notify=("Harbour master",),
    waiver=WaiverForbidden(),
    origins=(HERE,),
)
TRIM_GATE = replace(GATE, id="trim-gate", name="Trim Gate")
PROTOCOL = Protocol(
    slug="lamp-change",
    title="LAMP CHANGE",
    number="42",
    tag="MARITIME COMPLIANT",
    brand="",
    purpose="",
    role="Keeper",
    mission="Keep ships off the rocks.",
    guardrails=(Message("DO NOT relight unless the horn sounds.", HERE),),
    prerequisites=(
        ArtifactRequired("LAMP-AUDIT.zip", "Protocol 41", "proof of stock", optional=False, origin=HERE),
        ApprovalRequired("Harbour master agrees", optional=False, origin=HERE),
    ),
    phases=(Phase("darkening", "Darkening", "1", (WARN, LOWER), (), (), (), HERE),),
    gates=(GATE, TRIM_GATE),
    halts=(),
    inputs=(Exchange("Protocol 41", ("LAMP-AUDIT.zip",), "", HERE),),
    outputs=(Exchange("Protocol 43", ("LAMP-LOG.zip",), "", HERE),),
    announcements=(Message("Start", HERE),),
    prompts=(),
    error_messages=(),
    hooks=(CommandRef("python scripts/gates.py", HERE),),
    handoff=Handoff((ChecklistItem("Lamp burns", ticked_in_text=False, origin=HERE),)),
    evidence_table=(),
    notes=(),
    origin=HERE,
)


def with_step(**changes: object) -> Protocol:
    """The example with its first step changed."""
    phase = PROTOCOL.phases[0]
    return replace(PROTOCOL, phases=(replace(phase, steps=(replace(WARN, **changes), LOWER)),))  # type: ignore[arg-type]  # field names and values are those of Step


def with_gate(**changes: object) -> Protocol:
    """The example with its first gate changed."""
    return replace(PROTOCOL, gates=(replace(GATE, **changes), TRIM_GATE))  # type: ignore[arg-type]  # field names and values are those of Gate


def optional(item: Prerequisite) -> Prerequisite:
    """The same prerequisite, wanted only if available."""
    return replace(item, optional=True)


def test_a_protocol_does_not_differ_from_itself() -> None:
    assert compare(PROTOCOL, PROTOCOL) == ()


PAUSE = halt("Pause if any ship has not answered.", HaltEffect.PAUSE, "any ship has not answered")
HOLD = replace(PAUSE, effects=frozenset({HaltEffect.HOLD}))
LIFTED = halt("Stop if x without mitigation", HaltEffect.STOP, "any ship has not answered", "mitigation")

WEAKER: dict[str, Protocol] = {
    "a step removed": replace(PROTOCOL, phases=(replace(PROTOCOL.phases[0], steps=(LOWER,)),)),
    "steps in another order": replace(PROTOCOL, phases=(replace(PROTOCOL.phases[0], steps=(LOWER, WARN)),)),
    "a MUST made a guideline": with_step(obligation=Obligation.GUIDELINE),
    "a step made conditional": with_step(conditional=True),
    "an action reworded": with_step(action="Call some ships."),
    "a halt removed": with_step(halts=()),
    "a halt downgraded to pause": with_step(halts=(PAUSE,)),
    "a halt downgraded to hold": with_step(halts=(HOLD,)),
    "a halt that can now be lifted": with_step(halts=(LIFTED,)),
    "a halt on another condition": with_step(halts=(halt("Stop if it rains", HaltEffect.STOP, "it rains"),)),
    "step evidence removed": with_step(evidence=()),
    "a check removed": with_step(checks=()),
    "a flag changed": with_step(commands=(CommandRef("python scripts/call.py --some", HERE),)),
    "a command added": with_step(commands=(*WARN.commands, CommandRef("true", HERE))),
    "a gate removed": replace(PROTOCOL, gates=(TRIM_GATE,)),
    "gates in another order": replace(PROTOCOL, gates=(TRIM_GATE, GATE)),
    "a threshold lowered": with_gate(
        thresholds=(clause("Answers", Op.EQ, ratio("0.95", percent=True), "Answers 95%"),)
    ),
    "a threshold removed": with_gate(thresholds=()),
    "a threshold turned into prose": with_gate(thresholds=(), manual=("Every ship answered", "answers look right")),
    "a prose criterion removed": with_gate(criteria=(), manual=()),
    "a waiver permitted": with_gate(waiver=WaiverByRoles(("keeper",), ())),
    "gate evidence removed": with_gate(evidence=()),
    "an escape branch added": with_gate(escapes=(Message("or signed exception", HERE),)),
    "a notice removed": with_gate(notify=()),
    "failure handling reworded": with_gate(on_fail="Log it."),
    "a guardrail removed": replace(PROTOCOL, guardrails=()),
    "a prerequisite removed": replace(PROTOCOL, prerequisites=PROTOCOL.prerequisites[1:]),
    "a prerequisite made optional": replace(PROTOCOL, prerequisites=tuple(map(optional, PROTOCOL.prerequisites))),
    "an input removed": replace(PROTOCOL, inputs=()),
    "an output removed": replace(PROTOCOL, outputs=()),
    "a hook removed": replace(PROTOCOL, hooks=()),
    "a checklist item removed": replace(PROTOCOL, handoff=Handoff()),
}

EQUAL: dict[str, Protocol] = {
    "the protocol's number": replace(PROTOCOL, number="7"),
    "phase and gate numbers": replace(
        PROTOCOL, gates=(replace(GATE, number="9"), TRIM_GATE), phases=(replace(PROTOCOL.phases[0], number="3.1"),)
    ),
    "the number of an upstream protocol": replace(
        PROTOCOL, inputs=(Exchange("Protocol 7", ("LAMP-AUDIT.zip",), "", HERE),)
    ),
    "places": replace(PROTOCOL, origin=Origin("other.md", 99)),
    "90% for 0.90": with_gate(thresholds=(clause("answers", Op.EQ, ratio("1.00"), "answers = 1.00"),)),
    "emphasis and case": with_step(action="call **every** ship on the register"),
    "another halting verb of the same effect": with_step(
        halts=(halt("Halt if any ship has not answered", HaltEffect.STOP, "any ship has not answered"),)
    ),
    "a tick in the text": replace(PROTOCOL, handoff=Handoff((ChecklistItem("Lamp burns", True, HERE),))),  # noqa: FBT003  the field's own order
}


@pytest.mark.req("DOC-27")
@pytest.mark.parametrize("name", WEAKER)
def test_a_loss_is_weaker(name: str) -> None:
    assert any_weaker(compare(PROTOCOL, WEAKER[name])), name


ONE_WAY = [name for name in WEAKER if name.endswith(("removed", "guideline", "conditional", "pause", "hold", "lifted"))]


@pytest.mark.req("DOC-27")
@pytest.mark.parametrize("name", [name for name in ONE_WAY if name != "a hook removed"])
def test_a_gain_is_stronger_and_nothing_else(name: str) -> None:
    changes = compare(WEAKER[name], PROTOCOL)
    assert changes
    assert {change.direction for change in changes} == {Direction.STRONGER}


@pytest.mark.req("DOC-27", "DOC-18", "IOP-08")
@pytest.mark.parametrize("name", EQUAL)
def test_numbers_and_spelling_are_no_difference(name: str) -> None:
    assert compare(PROTOCOL, EQUAL[name]) == ()


def test_text_that_binds_nothing_is_other() -> None:
    changes = compare(PROTOCOL, replace(PROTOCOL, mission="Burn bright.", announcements=()))
    assert {change.direction for change in changes} == {Direction.OTHER}


def test_a_changed_limit_is_one_line_with_both_values() -> None:
    (change,) = compare(PROTOCOL, WEAKER["a threshold lowered"])
    assert str(change) == "darkness-gate: threshold Answers 100% → Answers 95%  weaker"


@pytest.mark.parametrize(
    ("before", "after", "direction"),
    [
        ((Op.GE, ratio("0.90")), (Op.GE, ratio("0.80")), Direction.WEAKER),
        ((Op.GE, ratio("0.90")), (Op.GE, ratio("0.95", percent=True)), Direction.STRONGER),
        ((Op.GE, ratio("0.90")), (Op.GT, ratio("0.90")), Direction.STRONGER),
        ((Op.EQ, ratio("0")), (Op.LE, ratio("0")), Direction.WEAKER),
        ((Op.LE, ratio("5")), (Op.EQ, ratio("0")), Direction.STRONGER),
        ((Op.LE, Period(Decimal(600))), (Op.LE, Period(Decimal(300))), Direction.STRONGER),
        ((Op.LE, Period(Decimal(600))), (Op.LE, ratio("300")), Direction.WEAKER),
        ((Op.LE, Ref("RTO")), (Op.LT, Ref("RTO")), Direction.STRONGER),
        ((Op.LE, Ref("RTO")), (Op.LE, Ref("SLO")), Direction.WEAKER),
        ((Op.LE, Word("low")), (Op.LE, Word("medium")), Direction.WEAKER),
        ((Op.LE, Word("low")), (Op.EQ, Word("none")), Direction.STRONGER),
        ((Op.EQ, Word("pass")), (Op.EQ, Word("done")), Direction.WEAKER),
        ((Op.NE, ratio("3")), (Op.GE, ratio("4")), Direction.STRONGER),
        ((Op.GE, ratio("4")), (Op.NE, ratio("3")), Direction.WEAKER),
    ],
)
def test_a_subset_of_allowed_values_is_stronger(
    before: tuple[Op, Limit], after: tuple[Op, Limit], direction: Direction
) -> None:
    old = with_gate(thresholds=(clause("m", *before, "old"),))
    new = with_gate(thresholds=(clause("m", *after, "new"),))
    directions = {change.direction for change in compare(old, new)}
    # A limit of another kind is a lost limit and a new one; the lost one decides.
    assert direction in directions
    assert any_weaker(compare(old, new)) == (direction is Direction.WEAKER)


OPS = st.sampled_from(list(Op))
VALUES = st.integers(0, 3).map(lambda n: Number(Decimal(n)))
CLAUSES = st.lists(st.builds(lambda op, value: clause("m", op, value, f"{op}{value}"), OPS, VALUES), max_size=3)


def allowed(clauses: list[Clause]) -> set[Decimal]:
    """Brute force: which of the points at and between the limits meet all clauses."""
    tests: dict[Op, Callable[[Decimal, Decimal], bool]] = {
        Op.EQ: lambda a, b: a == b,
        Op.NE: lambda a, b: a != b,
        Op.GE: lambda a, b: a >= b,
        Op.LE: lambda a, b: a <= b,
        Op.GT: lambda a, b: a > b,
        Op.LT: lambda a, b: a < b,
    }
    points = [Decimal(n) / 2 for n in range(-2, 9)]
    limits = [(c.op, c.limit.value) for c in clauses if isinstance(c.limit, Number)]
    return {point for point in points if all(tests[op](point, value) for op, value in limits)}


@given(CLAUSES, CLAUSES)
@settings(max_examples=300)
def test_what_is_not_called_weaker_lets_nothing_new_through(old: list[Clause], new: list[Clause]) -> None:
    changes = compare(with_gate(thresholds=tuple(old)), with_gate(thresholds=tuple(new)))
    if not any_weaker(changes):
        assert allowed(new) <= allowed(old)


@given(st.permutations(range(6)))
@settings(max_examples=60)
def test_any_change_of_order_is_weaker_and_the_same_order_is_nothing(order: list[int]) -> None:
    steps = tuple(replace(LOWER, id=f"darkening/{n}") for n in range(6))
    phase = PROTOCOL.phases[0]
    old = replace(PROTOCOL, phases=(replace(phase, steps=steps),))
    new = replace(PROTOCOL, phases=(replace(phase, steps=tuple(steps[n] for n in order)),))
    assert any_weaker(compare(old, new)) == (list(order) != sorted(order))


def test_a_third_alternative_widens_a_halt() -> None:
    wider = halt("Stop if a or b", HaltEffect.STOP, "any ship has not answered or fog rises")
    (change,) = compare(PROTOCOL, with_step(halts=(wider,)))
    assert change.direction is Direction.STRONGER
    assert any_weaker(compare(with_step(halts=(wider,)), PROTOCOL))


def test_more_signers_of_a_waiver_are_stronger_and_another_signer_is_weaker() -> None:
    one = with_gate(waiver=WaiverByRoles(("keeper",), ()))
    two = with_gate(waiver=WaiverByRoles(("keeper", "pilot"), ("risk note",)))
    other = with_gate(waiver=WaiverByRoles(("cook",), ()))
    assert [change.direction for change in compare(one, two)] == [Direction.STRONGER]
    assert [change.direction for change in compare(two, one)] == [Direction.WEAKER]
    assert [change.direction for change in compare(one, other)] == [Direction.WEAKER]


def test_sameness_ignores_places_and_nothing_else() -> None:
    moved = replace(PROTOCOL, origin=Origin("else.md", 3))
    assert without_places(PROTOCOL) == without_places(moved)
    assert without_places(PROTOCOL) != without_places(with_step(action="x"))
