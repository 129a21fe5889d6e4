"""Laws of measuring that hold for every input: nothing passes by default, forging is found, numbers are exact."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gonogo.errors import BadInput
from gonogo.evidence.canonical import Tree, read_json, write_json
from gonogo.measure.command_runs import CommandRun
from gonogo.measure.figures import burden, duration_text, read_duration, read_time, share, time_text
from gonogo.measure.glob_rules import AcceptedDrift, ParityRules, SeverityRule
from gonogo.measure.header import RawFile
from gonogo.measure.health import HealthSeen, SloSeen, health_body
from gonogo.measure.licences import LicencePolicy, standing
from gonogo.measure.markdown import cell
from gonogo.measure.parity import ParitySeen, SideRead, parity_body
from gonogo.measure.parity_diff import Leaf
from gonogo.measure.parity_forms import SETTINGS_READERS
from gonogo.measure.parity_leaves import SourceOptions, flattened
from gonogo.measure.quorum import Vote, filled_slots
from gonogo.measure.rederiving import DERIVATIONS, disagreements
from gonogo.measure.rehearsal import RehearsalSeen, StateAfter, rehearsal_body
from gonogo.measure.scan_findings import ScanRead, ScanUnread
from gonogo.measure.scanner_reports import SCAN_READERS
from gonogo.measure.security import ScanPolicy, SecuritySeen, security_body
from gonogo.measure.smoke import SmokeTest, smoke_body
from gonogo.measure.stored_fields import Fields
from gonogo.measure.test_reports import CaseResult, Outcome, read_junit
from gonogo.measure.tests_measured import ExecutionSeen, SuiteSeen, execution_body
from gonogo.terms import Digest, Secret, Severity

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
FILE = RawFile("raw", Digest("aa" * 32))
FORMS = tuple(sorted(SCAN_READERS))

trees: st.SearchStrategy[Tree] = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
leaves: st.SearchStrategy[Leaf] = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([Decimal("1.0"), Decimal("1.10")])
    | st.text(max_size=2)
)
sides = st.dictionaries(st.sampled_from([f"/configuration/{name}" for name in "abcdefgh"]), leaves, max_size=8)


@given(st.integers(0, 10**6), st.integers(1, 10**6), st.integers(0, 10**6))
def test_a_rounded_share_meets_a_limit_exactly_when_the_fraction_does(part: int, whole: int, millionths: int) -> None:
    limit = Fraction(millionths, 10**6)
    ratio, load = share(part, whole), burden(part, whole)
    assert ratio is not None
    assert load is not None
    assert (Fraction(ratio) >= limit) == (Fraction(part, whole) >= limit)
    assert (Fraction(load) <= limit) == (Fraction(part, whole) <= limit)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=9999)))
def test_durations_survive_writing_and_reading(duration: timedelta) -> None:
    assert read_duration(duration_text(duration)) == duration


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_times_survive_writing_and_reading(moment: datetime) -> None:
    assert read_time(time_text(moment)) == moment


@pytest.mark.req("PAR-04", "PA-04")
@given(sides, sides)
def test_drift_is_symmetric_and_absent_only_between_equal_sides(left: dict[str, Leaf], right: dict[str, Leaf]) -> None:
    def figures(one: dict[str, Leaf], other: dict[str, Leaf]) -> Fields:
        body = parity_body(ParitySeen(SideRead(FILE, one), SideRead(FILE, other), ParityRules(), FILE), NOW)
        assert disagreements("staging-parity-report.json", body) == ()
        return Fields(body).part("staging_parity")

    there, back = figures(left, right), figures(right, left)
    assert there.maybe_text("drift_severity") == back.maybe_text("drift_severity")
    assert there.maybe_number("drift_metric") == back.maybe_number("drift_metric")
    same = {path: repr(leaf) for path, leaf in left.items()} == {path: repr(leaf) for path, leaf in right.items()}
    assert (there.maybe_text("drift_severity") == "none") == (same and bool(left))


@pytest.mark.req("NB-04")
@given(sides.filter(bool), st.sampled_from(list(Severity)), st.integers(-2, 2))
def test_only_an_acceptance_in_force_takes_drift_out_of_the_figures(
    left: dict[str, Leaf], severity: Severity, days: int
) -> None:
    right: dict[str, Leaf] = {path: f"{leaf} other" for path, leaf in left.items()}
    accepted = AcceptedDrift("*", "ada", "agreed", NOW + timedelta(days=days))
    rules = ParityRules((SeverityRule("*", severity),), (), (accepted,))
    body = parity_body(ParitySeen(SideRead(FILE, left), SideRead(FILE, right), rules, FILE), NOW)
    metric = Fields(body).part("staging_parity").number("drift_metric")
    assert metric == (0 if days > 0 else 1)


@pytest.mark.req("TST-07", "TR-02")
@given(st.lists(st.sampled_from(["passed", "failed", "skipped"]), max_size=8), st.integers(0, 4))
def test_tests_pass_only_when_cases_ran_and_none_failed(words: list[Outcome], minimum: int) -> None:
    cases = tuple(CaseResult("s", "c", str(number), word) for number, word in enumerate(words))
    body = execution_body(ExecutionSeen((SuiteSeen("s", "smoke", cases, (FILE,), minimum=minimum),), NOW, NOW))
    status = Fields(body).part("test_execution").maybe_text("status")
    ran = words.count("passed")
    assert (status == "pass") == (0 < ran >= minimum and "failed" not in words)
    assert disagreements("staging-test-results.json", body) == ()


@pytest.mark.req("AG3-01")
@given(st.lists(st.tuples(st.sampled_from(["passed", "failed", "skipped"]), st.booleans()), max_size=6))
def test_smoke_passes_only_when_every_critical_test_passed_and_there_is_one(tests: list[tuple[Outcome, bool]]) -> None:
    body = smoke_body(tuple(SmokeTest("t", word, timedelta(0), critical) for word, critical in tests))
    critical = [word for word, is_critical in tests if is_critical]
    passed = bool(critical) and set(critical) == {"passed"}
    assert (Fields(body).part("smoke").maybe_text("status") == "pass") == passed


def scanned(data: bytes, form: str) -> ScanRead | ScanUnread:
    """What a reader makes of a report, filed as the engine files one that it could not read."""
    try:
        return replace(SCAN_READERS[form](data, FILE.name), raw=FILE)
    except BadInput as error:
        return ScanUnread(form, error.what, FILE)


@pytest.mark.req("SC-04", "SC-02")
@settings(max_examples=150)
@given(st.sampled_from(FORMS), trees)
def test_no_scanner_output_without_its_own_shape_is_ever_a_clean_scan(form: str, tree: Tree) -> None:
    read = scanned(write_json(tree), form)
    seen = SecuritySeen(FILE.sha256, FILE.sha256, (read,), ScanPolicy(), None, ())
    about = Fields(security_body(seen, NOW)).part("security_scan")
    assert about.maybe_number("blocking_findings") != 0


@pytest.mark.req("TST-07")
@settings(max_examples=150)
@given(st.binary(max_size=40), st.integers(0, 200))
def test_a_cut_or_dirty_report_is_refused_remarked_or_read_as_it_was(noise: bytes, at: int) -> None:
    whole = (
        b'<testsuites><testsuite name="s" tests="1"><testcase name="a"><failure/></testcase></testsuite></testsuites>'
    )
    try:
        report = read_junit([whole[:at], noise, whole[at:]], "x.xml")
    except BadInput:
        return
    assert report.remarks or [case.outcome for case in report.cases] == ["failed"]


@given(st.binary(max_size=60), st.sampled_from(["env", "json", "yaml", "toml"]))
def test_a_parity_source_is_read_or_refused(data: bytes, form: str) -> None:
    try:
        read = flattened(SETTINGS_READERS[form](data, "x"), "x", SourceOptions("configuration", Secret("salt")))
    except BadInput:
        return
    assert all(path.startswith("/configuration") for path in read)


@pytest.mark.req("SC-07")
@given(st.text(alphabet="MITGPL-3.0 ()ANDOR", max_size=24))
def test_a_licence_is_allowed_only_if_it_names_an_allowed_one(stated: str) -> None:
    policy = LicencePolicy(frozenset({"MIT"}), frozenset({"GPL-3.0"}), FILE.sha256, {})
    if standing(stated, policy) == "allowed":
        assert "MIT" in stated.upper()


@given(
    st.lists(st.frozensets(st.sampled_from("abc"), min_size=1), max_size=4),
    st.lists(st.tuples(st.sampled_from("pqrs"), st.sampled_from("abc")), max_size=6),
)
def test_no_person_fills_two_slots_and_no_better_assignment_exists(
    slots: list[frozenset[str]], votes: list[tuple[str, str]]
) -> None:
    cast = [Vote(person, role) for person, role in votes]
    chosen = filled_slots(slots, cast)
    assert len({vote.person for vote in chosen.values()}) == len(chosen)
    assert all(vote.role in slots[slot] for slot, vote in chosen.items())

    def best(index: int, used: frozenset[str]) -> int:
        if index == len(slots):
            return 0
        options = [best(index + 1, used)]
        options += [
            1 + best(index + 1, used | {vote.person})
            for vote in cast
            if vote.role in slots[index] and vote.person not in used
        ]
        return max(options)

    assert len(chosen) == best(0, frozenset())


@pytest.mark.req("SOK-05", "FP-21")
@given(
    st.lists(st.none() | st.decimals(0, 2, places=2), max_size=5),
    st.integers(0, 6),
    st.integers(-2, 2),
)
def test_no_mixture_of_silence_and_good_samples_is_health(
    samples: list[Decimal | None], expected: int, minutes: int
) -> None:
    slo = SloSeen("errors", Decimal(1), "≤", "ratio", tuple(samples), expected)
    seen = HealthSeen(NOW - timedelta(hours=1), NOW, (slo,))
    body = health_body(seen, NOW + timedelta(minutes=minutes))
    taken = [sample for sample in samples if sample is not None]
    well = minutes >= 0 and bool(taken) and len(taken) >= expected and max(taken) <= 1
    assert (Fields(body).part("health").maybe_text("status") == "pass") == well
    assert disagreements("deployment-health-log.json", body) == ()


def rehearsed() -> Mapping[str, Tree]:
    run = CommandRun(("deploy.sh",), FILE.sha256, NOW, NOW, 0)
    after = StateAfter("2", FILE.sha256)
    return rehearsal_body(RehearsalSeen(1, (run,), (), FILE, True, NOW, NOW, "2", after))


@pytest.mark.req("III.2", "NB-02")
def test_what_was_written_and_read_back_agrees_with_itself() -> None:
    stored = read_json(write_json(rehearsed()), name="x")
    assert isinstance(stored, Mapping)
    assert disagreements("rehearsal-report.json", stored) == ()


@pytest.mark.req("III.2", "NB-02")
@given(st.sampled_from(["success_rate", "error_count", "blocking_errors"]), trees)
def test_any_other_value_in_a_derived_field_is_found(name: str, value: Tree) -> None:
    body = rehearsed()
    deployment = body["deployment"]
    assert isinstance(deployment, Mapping)
    own = deployment[name]
    if value == own and not isinstance(value, bool):
        return
    assert disagreements("rehearsal-report.json", {**body, "deployment": {**deployment, name: value}}) != ()


@pytest.mark.req("III.2", "GAT-01")
@settings(max_examples=300)
@given(st.sampled_from(sorted(DERIVATIONS)), trees)
def test_a_body_of_any_shape_is_judged_without_a_crash(artifact: str, tree: Tree) -> None:
    if isinstance(tree, Mapping):
        assert disagreements(artifact, tree) != ()


@given(st.text(max_size=30))
def test_foreign_text_stays_one_cell_of_a_table(text: str) -> None:
    shown = cell(text)
    assert "\n" not in shown
    bare = shown.replace("\\\\", "")
    assert all(bare[at - 1 : at] == "\\" for at, character in enumerate(bare) if character in "|<`[")


def test_a_bare_number_is_the_report_of_no_scanner() -> None:
    for form in FORMS:
        assert isinstance(scanned(json.dumps(3).encode(), form), ScanUnread)
