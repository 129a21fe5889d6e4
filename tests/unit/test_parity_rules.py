"""Files of parity rules: read with places of faults, compared by strictness, never weaker unseen (PAR-12)."""

from __future__ import annotations

import pytest

from gonogo.errors import BadInput
from gonogo.plan.comparing_rules import compare_rules
from gonogo.plan.parity_binding import is_rule_file, read_remediation, read_reviews, read_rule_file
from gonogo.protocol.change import Direction
from tests.command_line import gonogo

HEAD = "schema: gonogo/parity-rules/1\nversion: {version}\n"


def rules(*lines: str, version: int = 1, accepted: str = "") -> bytes:
    listed = "".join(f"  - {{{line}}}\n" for line in lines)
    more = f"accepted_drift:\n  - {{{accepted}}}\n" if accepted else ""
    return f"{HEAD.format(version=version)}rules:{' []' if not lines else ''}\n{listed}{more}".encode()


def directions(old: bytes, new: bytes) -> list[Direction]:
    changes = compare_rules(read_rule_file(old, "old.yaml"), read_rule_file(new, "new.yaml"))
    return [change.direction for change in changes if change.part != "version"]


A = "path: /a, severity: high, weight: 2"
KEPT = "path: /a, owner: ada, reason: smaller, until: {until}"


@pytest.mark.req("PAR-12")
@pytest.mark.parametrize(
    ("old", "new", "direction"),
    [
        ((A,), ("path: /a, severity: critical, weight: 2",), Direction.STRONGER),
        ((A,), ("path: /a, severity: low, weight: 2",), Direction.WEAKER),
        ((A,), ("path: /a, severity: high, weight: 1",), Direction.WEAKER),
        ((A,), ("path: /a, severity: critical, weight: 1",), Direction.WEAKER),
        ((A,), (A + ", expected: true",), Direction.WEAKER),
        ((A + ", expected: true",), (A,), Direction.STRONGER),
        ((A + ", expected: true",), (A + ", must_differ: true",), Direction.STRONGER),
        ((A,), (A + ", must_differ: true",), Direction.WEAKER),
        ((A,), (A + ", reason: why",), Direction.OTHER),
        ((A,), (), Direction.WEAKER),
        ((), (A,), Direction.STRONGER),
        ((), ("path: /a, severity: low",), Direction.WEAKER),
        (("path: /a, severity: low",), (), Direction.STRONGER),
        (("path: /a, severity: low", "path: '*', severity: none"), ("path: '*', severity: none",), Direction.WEAKER),
        (("path: /b, severity: critical, weight: 9",), ("path: '/*', severity: high, weight: 9", "path: /b, severity: critical, weight: 9"), Direction.WEAKER),
        ((A, "path: '*', severity: low"), ("path: '*', severity: low", A), Direction.WEAKER),
    ],
)
def test_what_cannot_be_shown_to_be_as_strict_is_weaker(old: tuple[str, ...], new: tuple[str, ...], direction: Direction) -> None:
    assert directions(rules(*old), rules(*new, version=2)) == [direction]


@pytest.mark.req("PAR-12", "NB-04")
@pytest.mark.parametrize(
    ("old", "new", "direction"),
    [
        ("", KEPT.format(until="2999-01-01T00:00:00Z"), Direction.WEAKER),
        (KEPT.format(until="2999-01-01T00:00:00Z"), "", Direction.STRONGER),
        (KEPT.format(until="2027-01-01T00:00:00Z"), KEPT.format(until="2027-01-01T00:00:01Z"), Direction.WEAKER),
        (KEPT.format(until="2027-01-01T00:00:00+02:00"), KEPT.format(until="2026-12-31T21:00:00Z"), Direction.STRONGER),
    ],
)
def test_accepting_drift_or_accepting_it_longer_is_weaker(old: str, new: str, direction: Direction) -> None:
    assert directions(rules(A, accepted=old), rules(A, version=2, accepted=new)) == [direction]


@pytest.mark.req("PAR-12")
def test_a_changed_file_whose_version_was_not_raised_is_weaker_and_an_equal_one_is_no_change() -> None:
    same = read_rule_file(rules(A), "old.yaml")
    assert compare_rules(same, same) == ()
    changed = compare_rules(same, read_rule_file(rules(A.replace("high", "critical")), "new.yaml"))
    assert [(change.part, change.direction) for change in changed] == [("rule", Direction.STRONGER), ("version", Direction.WEAKER)]
    lowered = compare_rules(read_rule_file(rules(A, version=3), "a"), read_rule_file(rules(A, version=2), "b"))
    assert [change.direction for change in lowered] == [Direction.WEAKER]


@pytest.mark.req("PAR-12")
def test_diff_compares_two_files_of_rules_and_refuses_a_mixture(tmp_path) -> None:
    (tmp_path / "old.yaml").write_bytes(rules(A))
    (tmp_path / "new.yaml").write_bytes(rules(A.replace("high", "low"), version=2))
    (tmp_path / "other.yaml").write_text("a: 1\n")
    said = gonogo("diff", tmp_path / "old.yaml", tmp_path / "new.yaml", "--fail-on", "weaker", "--json")
    assert said.code == 2
    assert said.json()["weaker"] is True
    assert gonogo("diff", tmp_path / "old.yaml", tmp_path / "old.yaml", "--fail-on", "any").code == 0
    mixed = gonogo("diff", tmp_path / "old.yaml", tmp_path / "other.yaml")
    assert mixed.code == 2
    assert "other.yaml: is no file of parity rules" in mixed.err


@pytest.mark.parametrize(
    ("read", "text", "words"),
    [
        (read_rule_file, b"schema: gonogo/parity-rules/2\nversion: 1\n", "schema"),
        (read_rule_file, rules("path: /a, severity: terrible"), "severity"),
        (read_rule_file, rules("path: /a, wieght: 2"), "did you mean `weight`"),
        (read_rule_file, rules(A, accepted="path: /a, owner: ada, reason: x, until: tomorrow"), "moment with its zone"),
        (read_rule_file, rules(A, accepted="path: /a, owner: ada, reason: x, until: 2027-01-01T00:00:00"), "moment with its zone"),
        (read_rule_file, b"", "empty"),
        (read_remediation, b"schema: gonogo/parity-remediation/1\nplans:\n  - {path: /a, owner: ada, due: 2027-01-01T00:00:00Z}\n", "action` is missing"),
        (read_remediation, b"schema: gonogo/parity-remediation/1\nmarks:\n  - {path: /a, by: ada, reason: x, mark: FINE}\n", "mark"),
        (read_reviews, b"schema: gonogo/parity-reviews/1\n", "reviews` is missing"),
    ],
)
def test_a_file_that_is_not_understood_is_refused_with_its_line(read, text: bytes, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        read(text, "file.yaml")
    assert words in str(caught.value)
    assert caught.value.where.startswith("file.yaml")


def test_only_a_file_that_says_so_is_a_file_of_rules() -> None:
    assert is_rule_file(rules(A))
    assert not is_rule_file(b"schema: gonogo/project/1\n")
