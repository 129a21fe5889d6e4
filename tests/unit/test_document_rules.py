"""Each lint rule with one bad and one good document, and the table of codes."""

from __future__ import annotations

import pytest
from document_cases import protocol_of, text_of

from gonogo.findings import Level, Origin
from gonogo.protocol.codes import CODES, FixKind, finding
from gonogo.protocol.rules.checking import lint

GOOD = "d3_plain.md"


def found(text: str) -> list[str]:
    return [item.code for item in lint(protocol_of(text))]


def changed(*pairs: tuple[str, str]) -> str:
    text = text_of(GOOD)
    for before, after in pairs:
        assert before in text, before
        text = text.replace(before, after)
    return text


@pytest.mark.req("DOC-16", "GAT-09")
@pytest.mark.parametrize(
    ("code", "before", "after"),
    [
        ("GN0301", "   * **Halt condition:** Stop if any ship has not answered.\n", ""),
        ("GN0301", "Stop if any ship has not answered.", "None"),
        ("GN0302", "`.artifacts/lamp/ships-warned.json` with call signs", "the usual papers"),
        ("GN0303", "Answers = 100%; sea state ≤ low.", ""),
        ("GN0304", "Answers = 100%", "answers look right"),
        ("GN0304", "sea state ≤ low", "sea state ≤ mild"),
        ("GN0304", "sea state ≤ low", "relight time ≤ RTO"),
        ("GN0305", "`ships-warned.json`, `horn-test.log`", "`never-written.json`"),
        ("GN0306", "with call signs", "and `.artifacts/lamp/extra.json`"),
        ("GN0308", "Stop if any ship has not answered.", "Write the ship's name down."),
        ("GN0309", "1. **`[MUST]` Warn All Ships:**", "1. **Warn All Ships:**"),
        ("GN0310", "3. **`[GUIDELINE]` Polish the Glass:**", "3. **Polish the Glass (Conditional):**"),
        ("GN0404", "Signed leave of the harbour master", "Leave signed by the Lamp Keeper"),
        ("GN0405", "Answers = 100%", "Answers = 100% or a signed exception"),
        ("GN0406", "Stop if any ship has not answered.", "Pause if a ship is silent without mitigation."),
        ("GN0502", "`ships-warned.json`, `horn-test.log`", "`.artifacts/protocol-42/ships-warned.json`"),
        ("GN0506", "@apply procedures/43-horn-service.md", "@apply procedures/99-elsewhere.md"),
        ("GN0507", ".artifacts/lamp/ships-warned.json", "../../etc/ships-warned.json"),
        ("GN0507", ".artifacts/lamp/ships-warned.json", "/etc/ships-warned.json"),
        ("GN0601", "validate_gate_42_dark.py --ships all`", "validate_gate_42_*.py --ships all`"),
        ("GN0603", "validate_gate_42_dark.py --ships all`", "validate_gate_42_dark.py --output ships-warned.json`"),
    ],
)
def test_each_rule_finds_the_bad_document(code: str, before: str, after: str) -> None:
    assert code in found(changed((before, after)))


@pytest.mark.req("DOC-16")
def test_the_good_document_breaks_no_rule_but_unused_evidence() -> None:
    assert set(found(text_of(GOOD))) <= {"GN0306"}


def test_a_must_step_is_complete_through_its_sub_steps() -> None:
    titles = [item.message for item in lint(protocol_of(text_of("d6_nested.md"))) if item.code == "GN0301"]
    assert titles == ["[MUST] step `Sweep the Stairs` has no halt condition"]


def test_a_halt_of_the_whole_workflow_covers_every_step() -> None:
    assert "GN0301" not in found(text_of("odd_columns.md"))


def test_a_role_that_may_lift_a_halt_is_enough() -> None:
    text = changed(
        ("Stop if any ship has not answered.", "Pause if a ship is silent without consent of the Harbour Master.")
    )
    assert "GN0406" not in found(text)


def test_bindings_settle_what_they_name_and_nothing_else() -> None:
    protocol = protocol_of(changed(("sea state ≤ low", "relight time ≤ RTO; keepers are calm")))
    open_items = [item.message for item in lint(protocol) if item.code == "GN0304"]
    assert len(open_items) == 2
    assert "GN0304" not in {item.code for item in lint(protocol, bound={"RTO"}, attested={"keepers are calm"})}
    assert "GN0304" in {item.code for item in lint(protocol, bound={"SLO"}, attested={"keepers are calm"})}


def test_a_file_whose_name_fits_a_check_is_offered_and_not_taken() -> None:
    offers = [item for item in lint(protocol_of(text_of("d6_nested.md"))) if item.code == "GN0307"]
    assert [item.message for item in offers] == [
        "`rope_check.status` could bind to rope-check.json",
        "`raising.status` could bind to raising.json",
    ]
    assert all(item.level is Level.INFO for item in offers)


def test_the_table_of_codes_is_complete_and_every_entry_explains_itself() -> None:
    numbers = [
        *range(1, 7), *range(101, 116), *range(201, 205), *range(301, 312), *range(401, 408), *range(501, 508),
        *range(601, 605), *range(701, 704), *range(801, 804), *range(901, 904),
    ]  # fmt: skip
    assert list(CODES) == [f"GN{number:04d}" for number in numbers]
    for code in CODES.values():
        assert code.title
        assert code.why.endswith((".", ";", ")"))
        assert code.bad != code.good
        assert isinstance(code.fix, FixKind)


def test_what_hides_an_obligation_or_opens_a_way_round_can_never_be_waived() -> None:
    never = {code.code for code in CODES.values() if not code.waivable}
    assert {"GN0201", "GN0202", "GN0401", "GN0403", "GN0404", "GN0407", "GN0603", "GN0701", "GN0801"} <= never
    assert CODES["GN0304"].waivable
    assert [code.code[:4] for code in CODES.values() if code.eased_in_draft] == ["GN03"] * 11 + ["GN06"] * 4


def test_a_finding_takes_its_level_from_the_table() -> None:
    made = finding("GN0302", "no file", Origin("lamp.md", 3))
    assert (made.level, str(made)) == (Level.WARNING, "lamp.md:3: warning[GN0302]: no file")
