"""Halt sentences: effects, conditions, who may lift them, and what is no halt."""

from __future__ import annotations

import pytest

from gonogo.findings import Origin
from gonogo.protocol.halt_grammar import effects_of, parse_halt
from gonogo.protocol.model import Predicate

HERE = Origin("lamp.md", 1)


@pytest.mark.req("DOC-15")
@pytest.mark.parametrize(
    ("text", "effects"),
    [
        ("Stop if any ship has not answered.", "stop"),
        ("Halt if the horn is silent", "stop"),
        ("Abort when the rope frays", "stop"),
        ("Suspend the change if the sea rises", "stop"),
        ("Block relighting if panes are broken", "stop"),
        ("Cancel if the tide turns", "stop"),
        ("Do not proceed if tests fail", "stop"),
        ("If the horn is silent, stop.", "stop"),
        ("If the horn is silent: halt", "stop"),
        ("horn silent → halt", "stop"),
        ("[HALT] wait for the next tide", "stop"),
        ("The run halts if the horn is silent", "stop"),
        ("Pause if panes are dirty", "pause"),
        ("Pause until the horn is heard", "hold"),
        ("Stop until both keepers have signed", "hold"),
        ("Pause for approval", "hold"),
        ("Await the nod of the second keeper", "hold"),
        ("Wait for slack water", "hold"),
        ("Do not go on without a recorded yes.", "hold"),
        ("Do not strike the lamp until the horn sounds", "hold"),
        ("Delay handoff until the book is signed", "hold"),
        ("Require written approval of the master", "hold"),
        ("Trigger rollback if the flame smokes", "rollback"),
        ("Initiate rollback if the glass cracks", "rollback"),
        ("Execute automatic rollback", "rollback"),
        ("Roll back if brightness is below 90%", "rollback"),
        ("Escalate to Protocol 13 if limits are breached", "escalate"),
        ("Escalate to the harbour master", "escalate"),
        ("Stop and roll back if the glass cracks", "rollback stop"),
        ("Stop if the rope jams; escalate to the master", "escalate stop"),
        ("If the sea rises, pause and escalate to the pilot", "escalate pause"),
    ],
)
def test_each_verb_has_its_effect_and_all_effects_are_kept(text: str, effects: str) -> None:
    halt = parse_halt(text, HERE)
    assert halt is not None
    assert " ".join(sorted(effect.value for effect in halt.effects)) == effects
    assert halt.known


@pytest.mark.req("DOC-15")
@pytest.mark.parametrize(
    "text", ["Document the gap, notify the team.", "Evaluate rollback if errors rise", "{condition}", "[When to stop]"]
)
def test_a_sentence_without_a_halting_verb_is_an_unknown_halt_that_stops(text: str) -> None:
    halt = parse_halt(text, HERE)
    assert halt is not None
    assert (sorted(effect.value for effect in halt.effects), halt.known) == (["stop"], False)


@pytest.mark.parametrize(
    "text", ["None", "None.", "*None*", "N/A", "Not applicable", "", "  ", "This step does not block."]
)
def test_no_halt_is_no_halt(text: str) -> None:
    assert parse_halt(text, HERE) is None


def test_none_of_is_a_sentence_and_not_the_word_none() -> None:
    assert parse_halt("None of the keepers may leave; stop if one does", HERE) is not None


@pytest.mark.parametrize(
    ("text", "condition", "lifted"),
    [
        ("Stop if any ship has not answered.", "any ship has not answered", None),
        ("If the sea rises, stop", "the sea rises", None),
        ("Pause if the rope jams without a spare.", "the rope jams without a spare", "a spare"),
        ("Stop if panes break unless the master signs", "panes break unless the master signs", "the master signs"),
        ("Pause until the horn is heard", "until the horn is heard", None),
        ("Await the nod of the second keeper before slackening", "the nod of the second keeper", None),
        ("Do not go on without a recorded yes.", "without a recorded yes", None),
    ],
)
def test_condition_and_what_would_lift_it_are_kept_apart(text: str, condition: str, lifted: str | None) -> None:
    halt = parse_halt(text, HERE)
    assert halt is not None
    assert (halt.condition, halt.lifted_by) == (condition, lifted)


@pytest.mark.parametrize(
    ("text", "predicate", "by_person"),
    [
        ("Stop if any paper is missing or expired", Predicate.ARTIFACT_MISSING, False),
        ("Stop if the winch command fails", Predicate.COMMAND_FAILED, False),
        ("Stop if horn tests fail", Predicate.CHECK_FAILED, False),
        ("Stop if relighting exceeds one tide", Predicate.BOUND_EXCEEDED, False),
        ("Stop if approvals are withheld", Predicate.APPROVAL_MISSING, False),
        ("Stop if the checksum is invalid", Predicate.CHECKSUM_INVALID, False),
        ("Stop if drift is detected", Predicate.FINDINGS_PRESENT, False),
        ("Pause if approvals withheld or the mood is bad", Predicate.APPROVAL_MISSING, True),
    ],
)
def test_conditions_of_a_known_shape_are_seen_by_the_engine(text: str, predicate: Predicate, by_person: bool) -> None:
    halt = parse_halt(text, HERE)
    assert halt is not None
    assert predicate in halt.predicates
    assert halt.judged_by_person is by_person


def test_other_conditions_are_judged_by_a_person() -> None:
    halt = parse_halt("Stop if the gulls cry", HERE)
    assert halt is not None
    assert (halt.predicates, halt.judged_by_person) == (frozenset(), True)


def test_under_halt_if_a_bare_condition_is_a_stop() -> None:
    halt = parse_halt("nobody is on watch → escalate to the master", HERE, lead="halt if")
    assert halt is not None
    assert sorted(effect.value for effect in halt.effects) == ["escalate", "stop"]


def test_prose_names_no_effect() -> None:
    assert effects_of("Proceed to the lowering") == frozenset()
