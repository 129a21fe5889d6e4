"""Parity: typed comparison, ratings, acceptances, secrets, and what cannot be compared."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from gonogo.measure.figures import Body
from gonogo.measure.glob_rules import AcceptedDrift, ExpectedDifference, ParityRules, SeverityRule, first_match
from gonogo.measure.header import RawFile
from gonogo.measure.parity import (
    ParityReview,
    ParitySeen,
    RemediationPlan,
    Remedies,
    SideRead,
    SideUnread,
    parity_body,
    unplanned,
)
from gonogo.measure.parity_diff import Encrypted, Fingerprint, Leaf
from gonogo.measure.rederiving import disagreements, lapsed
from gonogo.measure.stored_fields import Fields
from gonogo.terms import Digest, Severity
from tests.whole_files import faults

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
FILE = RawFile("config/staging-env.yaml", Digest("aa" * 32))
NAME = "staging-parity-report.json"
DAY = timedelta(days=1)


def seen(staging: dict[str, Leaf], production: dict[str, Leaf], rules: ParityRules | None = None) -> ParitySeen:
    return ParitySeen(SideRead(FILE, staging), SideRead(FILE, production), rules or ParityRules(), FILE)


def figures(body: Body) -> Fields:
    assert disagreements(NAME, body) == ()
    return Fields(body).part("staging_parity")


def many(count: int) -> dict[str, Leaf]:
    return {f"/configuration/k{number}": number for number in range(count)}


@pytest.mark.req("PAR-04")
def test_equal_sides_have_no_drift() -> None:
    parity = figures(parity_body(seen(many(3), many(3)), NOW))
    assert parity.text("drift_severity") == "none"
    assert parity.number("drift_metric") == 0
    assert parity.number("parity_score") == 1
    assert parity.number("configuration_metric") == 0


@pytest.mark.req("PAR-04", "C15")
@pytest.mark.parametrize(("changed", "drift"), [(5, "0.05"), (6, "0.06")])
def test_the_drift_metric_is_the_weight_of_what_differs(changed: int, drift: str) -> None:
    staging = {**many(100), **{f"/configuration/k{number}": "x" for number in range(changed)}}
    parity = figures(parity_body(seen(staging, many(100)), NOW))
    assert parity.number("drift_metric") == Decimal(drift)
    assert parity.number("parity_score") == 1 - Decimal(drift)
    assert parity.text("drift_severity") == "medium"
    assert parity.count("differing") == changed


@pytest.mark.req("PAR-01", "PAR-06")
def test_one_seeded_difference_of_each_class_is_found_with_its_cause() -> None:
    staging: dict[str, Leaf] = {
        "/configuration/db/pool": 5,
        "/secrets/api": Fingerprint("aa"),
        "/infrastructure/postgres": "15.4",
        "/feature_flags/new_cart": True,
    }
    production: dict[str, Leaf] = {
        "/configuration/db/pool": 10,
        "/secrets/api": Fingerprint("bb"),
        "/infrastructure/postgres": "16.1",
        "/feature_flags/new_cart": False,
    }
    rows = Fields(parity_body(seen(staging, production), NOW)).rows("differences")
    assert [(row.text("class"), row.text("cause")) for row in rows] == [
        ("configuration", "not_synchronised"),
        ("feature_flag", "not_synchronised"),
        ("infrastructure", "infrastructure"),
        ("secret", "secret_separate"),
    ]


@pytest.mark.req("NB-03")
def test_one_changed_setting_is_named_with_both_sides() -> None:
    body = parity_body(seen({"/configuration/timeout": 30}, {"/configuration/timeout": 5}), NOW)
    row = Fields(body).rows("differences")[0]
    assert (row.text("path"), row.text("staging"), row.text("production")) == ("/configuration/timeout", "30", "5")


@pytest.mark.parametrize(
    ("left", "right", "kind"),
    [
        (1, True, "type"),
        (1, "1", "type"),
        (True, "true", "type"),
        (None, "", "type"),
        (0, False, "type"),
        (Decimal("1.10"), Decimal("1.1"), "value"),
        (1, Decimal("1.0"), "type"),
        ("a", "A", "value"),
    ],
)
def test_values_that_look_alike_are_different(left: Leaf, right: Leaf, kind: str) -> None:
    row = Fields(parity_body(seen({"/configuration/a": left}, {"/configuration/a": right}), NOW)).rows("differences")[0]
    assert row.text("differs_in") == kind
    assert row.text("staging") != row.text("production")


@pytest.mark.req("PAR-01")
def test_a_key_on_one_side_only_is_a_difference_of_presence() -> None:
    body = parity_body(seen({"/configuration/a": 1, "/configuration/b": 1}, {"/configuration/a": 1}), NOW)
    row = Fields(body).rows("differences")[0]
    assert (row.text("differs_in"), row.text("production")) == ("presence", "(absent)")
    assert figures(body).count("compared") == 2


@pytest.mark.req("PAR-04", "PAR-12")
def test_the_first_rule_that_matches_rates_a_path() -> None:
    rules = ParityRules(
        (
            SeverityRule("/configuration/log/*", Severity.LOW, Decimal("0.5")),
            SeverityRule("/configuration/*", Severity.CRITICAL, Decimal(2)),
        )
    )
    left: dict[str, Leaf] = {"/configuration/log/level": "debug", "/configuration/url": "a"}
    log_only = parity_body(seen(left, {**left, "/configuration/log/level": "info"}, rules), NOW)
    both = parity_body(seen(left, {"/configuration/log/level": "info", "/configuration/url": "b"}, rules), NOW)
    assert figures(log_only).text("drift_severity") == "low"
    assert figures(log_only).number("drift_metric") == Decimal("0.2")
    assert figures(both).text("drift_severity") == "critical"


def test_information_counts_as_low_drift_since_drift_knows_no_such_word() -> None:
    rules = ParityRules((SeverityRule("*", Severity.INFO),))
    body = parity_body(seen({"/configuration/a": 1}, {"/configuration/a": 2}, rules), NOW)
    assert figures(body).text("drift_severity") == "low"


@pytest.mark.req("NB-04", "FP-23")
@pytest.mark.parametrize(
    ("accepted", "severity"),
    [
        (AcceptedDrift("/configuration/a", "ada", "smaller machines", NOW + DAY), "none"),
        (AcceptedDrift("/configuration/a", "ada", "smaller machines", NOW), "medium"),
        (AcceptedDrift("/configuration/a", "ada", "smaller machines", NOW - DAY), "medium"),
        (AcceptedDrift("/configuration/a", " ", "smaller machines", NOW + DAY), "medium"),
        (AcceptedDrift("/configuration/a", "ada", "", NOW + DAY), "medium"),
        (AcceptedDrift("/configuration/b", "ada", "another key", NOW + DAY), "medium"),
    ],
)
def test_an_acceptance_without_owner_reason_or_past_its_date_accepts_nothing(
    accepted: AcceptedDrift, severity: str
) -> None:
    body = parity_body(seen({"/configuration/a": 1}, {"/configuration/a": 2}, ParityRules(accepted=(accepted,))), NOW)
    assert figures(body).text("drift_severity") == severity
    assert len(Fields(body).rows("differences")) == 1
    assert bool(unplanned(body)) == (severity != "none")


@pytest.mark.req("PAR-05", "C15")
def test_a_plan_ends_the_pause_and_not_the_failure() -> None:
    plain = seen({"/configuration/a": 1}, {"/configuration/a": 2})
    assert unplanned(parity_body(plain, NOW)) == ("/configuration/a",)
    plan = RemediationPlan("/configuration/*", "ada", "sync", NOW + DAY)
    planned = parity_body(replace(plain, remedies=Remedies(plans=(plan,))), NOW)
    assert unplanned(planned) == ()
    assert figures(planned).text("drift_severity") == "medium"
    assert figures(planned).number("drift_metric") == 1


@pytest.mark.req("PA-04", "PAR-09", "FP-23")
@pytest.mark.parametrize("side", [SideUnread("vault", "timed out"), SideRead(FILE, {})])
def test_a_side_that_is_unreadable_or_empty_has_no_severity_at_all(side: SideRead | SideUnread) -> None:
    full = SideRead(FILE, many(5))
    for left, right in ((side, full), (full, side), (side, side)):
        body = parity_body(ParitySeen(left, right, ParityRules(), FILE), NOW)
        for field in ("drift_severity", "drift_metric", "parity_score", "configuration_metric"):
            assert not figures(body).has(field)
        assert figures(body).count("not_comparable") >= 1


@pytest.mark.req("PAR-09")
def test_what_nobody_could_compare_or_review_leaves_the_severity_out() -> None:
    plain = seen({**many(3), "/secrets/a": Fingerprint(None)}, {**many(3), "/secrets/a": Fingerprint("bb")})
    assert not figures(parity_body(plain, NOW)).has("drift_severity")
    review = ParityReview("/secrets/*", "ada", NOW + DAY)
    reviewed = parity_body(replace(plain, remedies=Remedies(reviews=(review,))), NOW)
    assert figures(reviewed).text("drift_severity") == "none"
    assert Fields(reviewed).rows("not_comparable")[0].text("reviewed_by") == "ada"


@pytest.mark.req("PAR-02", "NB-05")
def test_secrets_are_compared_by_fingerprint_and_still_are_drift() -> None:
    left: dict[str, Leaf] = {"/secrets/a": Fingerprint("ab" * 32, "2026-01-02"), "/secrets/b": Fingerprint("cc" * 32)}
    right: dict[str, Leaf] = {"/secrets/a": Fingerprint("cd" * 32, "2026-06-01"), "/secrets/b": Fingerprint("cc" * 32)}
    row = Fields(parity_body(seen(left, right), NOW)).rows("differences")[0]
    assert row.text("staging") == "fingerprint abababababababab, rotated 2026-01-02"
    assert row.text("production") == "fingerprint cdcdcdcdcdcdcdcd, rotated 2026-06-01"


def test_expected_differences_are_no_drift_but_absence_and_type_still_are() -> None:
    rules = ParityRules(expected=(ExpectedDifference("/configuration/*", "each side has its own"),))
    values = figures(parity_body(seen({"/configuration/a": "x"}, {"/configuration/a": "y"}, rules), NOW))
    types = figures(parity_body(seen({"/configuration/a": "1"}, {"/configuration/a": 1}, rules), NOW))
    absence = figures(parity_body(seen(many(2), many(1), rules), NOW))
    assert [side.text("drift_severity") for side in (values, types, absence)] == ["none", "medium", "medium"]


def test_a_secret_that_must_differ_is_drift_where_both_sides_share_it() -> None:
    rules = ParityRules(expected=(ExpectedDifference("/secrets/*", "own credentials", must_differ=True),))
    shared = parity_body(seen({"/secrets/a": Fingerprint("aa")}, {"/secrets/a": Fingerprint("aa")}, rules), NOW)
    apart = parity_body(seen({"/secrets/a": Fingerprint("aa")}, {"/secrets/a": Fingerprint("bb")}, rules), NOW)
    unknown = parity_body(seen({"/secrets/a": Fingerprint(None)}, {"/secrets/a": Fingerprint("bb")}, rules), NOW)
    assert figures(shared).text("drift_severity") == "medium"
    assert Fields(shared).rows("differences")[0].text("differs_in") == "nothing"
    assert figures(apart).text("drift_severity") == "none"
    assert not figures(unknown).has("drift_severity")


@pytest.mark.req("PA-03")
def test_values_that_encrypt_anew_each_time_are_equal_only_as_text() -> None:
    same = seen({"/secrets/a": Encrypted("ENC[1]")}, {"/secrets/a": Encrypted("ENC[1]")})
    anew = seen({"/secrets/a": Encrypted("ENC[1]")}, {"/secrets/a": Encrypted("ENC[2]")})
    assert figures(parity_body(same, NOW)).text("drift_severity") == "none"
    assert not figures(parity_body(anew, NOW)).has("drift_severity")


def test_all_weights_zero_is_no_measurement() -> None:
    rules = ParityRules((SeverityRule("*", Severity.LOW, Decimal(0)),))
    body = parity_body(seen({"/configuration/a": 1}, {"/configuration/a": 2}, rules), NOW)
    assert not figures(body).has("drift_metric")
    assert not figures(body).has("drift_severity")


@pytest.mark.parametrize("weight", [Decimal(-1), Decimal("NaN"), Decimal("Infinity")])
def test_a_weight_that_is_no_number_from_zero_on_is_refused(weight: Decimal) -> None:
    with pytest.raises(Exception, match="weight"):
        SeverityRule("*", Severity.LOW, weight)


def test_patterns_are_exact_in_case_and_star_spans_slashes() -> None:
    index_of = first_match(["/a/*/c", "/A*", "/a.b", "/[xy]/*"])
    assert [index_of(path) for path in ("/a/b/b/c", "/A", "/a.b", "/axb", "/x/1", "/a")] == [0, 1, 2, None, 3, None]


def test_long_values_are_cut_in_the_report() -> None:
    body = parity_body(seen({"/configuration/a": "x" * 5000}, {"/configuration/a": "y"}), NOW)
    assert len(Fields(body).rows("differences")[0].text("staging")) < 250


@pytest.mark.req("NB-02")
def test_a_hand_written_severity_or_metric_is_found() -> None:
    body = parity_body(seen({"/configuration/a": 1}, {"/configuration/a": 2}), NOW)
    forged = {**body, "staging_parity": {**figures(body).values, "drift_severity": "low", "drift_metric": Decimal(0)}}
    assert len(disagreements(NAME, forged)) == 2


@pytest.mark.req("PAR-01")
def test_a_hundred_thousand_keys_a_side_take_less_than_a_second() -> None:
    left = {f"/configuration/s{number % 100}/k{number}": number for number in range(100_000)}
    right: dict[str, Leaf] = {**left, **dict.fromkeys(list(left)[::1000], "changed")}
    rules = ParityRules(tuple(SeverityRule(f"/configuration/s{n}/*", Severity.LOW) for n in range(20)))
    began = time.process_time()
    body = parity_body(seen(dict(left), right, rules), NOW)
    assert time.process_time() - began < 1
    assert Fields(body).part("staging_parity").count("differing") == 100


@pytest.mark.req("PAR-03", "F2")
def test_a_whole_parity_report_lacks_no_required_field() -> None:
    body = parity_body(seen({"/configuration/a": 1}, {"/configuration/a": 2}), NOW)
    assert faults(NAME, body) == []


@pytest.mark.req("NB-04", "FP-23")
def test_an_acceptance_that_runs_out_before_the_gate_judges_is_found_then() -> None:
    accepted = AcceptedDrift("*", "ada", "smaller machines", NOW + DAY)
    body = parity_body(seen({"/configuration/a": 1}, {"/configuration/a": 2}, ParityRules(accepted=(accepted,))), NOW)
    assert lapsed(NAME, body, NOW + DAY - timedelta(seconds=1)) == ()
    assert "/staging_parity/drift_severity says `none`; its own data say `medium`" in lapsed(NAME, body, NOW + DAY)
