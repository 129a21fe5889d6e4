"""Ratios, durations, times, header and derived fields."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from gonogo.errors import BadInput
from gonogo.measure.derived import compared, filled, same
from gonogo.measure.figures import (
    burden,
    duration_text,
    hours,
    read_duration,
    read_time,
    rest,
    share,
    time_text,
    trimmed,
    worst_severity,
)
from gonogo.measure.header import Header, Producer, RawFile, Release, with_header
from gonogo.control.schemas import schema_named
from gonogo.measure.rederiving import DERIVATIONS
from gonogo.measure.schema_check import schema_faults
from gonogo.measure.shapes import HEADER, SHAPES
from gonogo.measure.stored_fields import Fields
from gonogo.terms import Digest, RunId, Severity

DIGEST = Digest("ab" * 32)
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def header(**changes: object) -> Header:
    values: dict[str, object] = {
        "artifact": "rehearsal-report.json",
        "protocol": "pre-deployment",
        "run_id": RunId("r1"),
        "attempt": 1,
        "release": Release("web", "2.4.1", DIGEST),
        "generated_at": NOON,
        "producer": Producer("engine", "site-a", "engine"),
    }
    return Header(**{**values, **changes})  # type: ignore[arg-type]  # the test chooses which field to break


@pytest.mark.req("C16")
def test_an_empty_denominator_gives_no_ratio() -> None:
    assert share(0, 0) is None
    assert burden(0, 0) is None
    assert rest(None) is None


def test_a_share_is_rounded_down_and_a_burden_up() -> None:
    assert share(2, 3) == Decimal("0.666666666666")
    assert burden(2, 3) == Decimal("0.666666666667")


@pytest.mark.req("TST-04")
def test_shares_at_a_limit_are_exact() -> None:
    assert share(9, 10) == Decimal("0.9")
    assert share(8999, 10000) == Decimal("0.8999")
    assert share(7, 7) == 1


def test_numbers_are_written_without_exponent_and_without_trailing_zeros() -> None:
    assert str(trimmed(Decimal("1E+2"))) == "100"
    assert str(trimmed(Decimal("0.900"))) == "0.9"


def test_durations_are_written_in_seconds_and_read_in_every_iso_spelling() -> None:
    assert duration_text(timedelta(minutes=10)) == "PT600S"
    assert duration_text(timedelta(seconds=1, milliseconds=250)) == "PT1.25S"
    assert read_duration("PT10M") == timedelta(minutes=10)
    assert read_duration("P1DT2H3M4.5S") == timedelta(days=1, hours=2, minutes=3, seconds=4.5)


@pytest.mark.parametrize("text", ["", "P", "PT", "10", "PT-5S", "P1M", "PT1.2.3S", "P1DT"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        read_duration(text)


def test_a_duration_below_zero_is_refused_instead_of_counting_as_fast() -> None:
    with pytest.raises(BadInput, match="duration of -1"):
        duration_text(timedelta(seconds=-1))


def test_times_are_utc_and_keep_their_fraction() -> None:
    zone = timezone(timedelta(hours=2))
    assert time_text(datetime(2026, 11, 21, 12, tzinfo=zone)) == "2026-11-21T10:00:00Z"
    assert time_text(NOON + timedelta(milliseconds=5)) == "2026-11-21T12:00:00.005Z"
    assert read_time("2026-11-21T12:00:00.005Z") == NOON + timedelta(milliseconds=5)


@pytest.mark.parametrize(
    "text", ["2026-11-21", "2026-11-21T10:00:00", "2026-11-21T10:00:00+00:00", "2026-13-01T00:00:00Z"]
)
def test_what_is_no_utc_time_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        read_time(text)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(BadInput, match="without a zone"):
        time_text(datetime(2026, 1, 1))  # noqa: DTZ001 (the missing zone is what is tested)


def test_hours_are_exact_to_the_grid() -> None:
    assert hours(timedelta(hours=47, minutes=30)) == Decimal("47.5")


@pytest.mark.req("C14")
def test_an_unknown_severity_counts_as_critical() -> None:
    assert worst_severity([Severity.LOW, Severity.UNKNOWN]) is Severity.CRITICAL
    assert worst_severity([]) is Severity.NONE


def test_true_is_not_one_and_one_is_not_text() -> None:
    assert not same(True, 1)
    assert not same(1, "1")
    assert same(1, Decimal("1.0"))


def test_derived_fields_are_put_in_their_place_and_unmeasurable_ones_left_out() -> None:
    assert filled({"a": {"x": 1}}, {"/a/y": 2, "/b": "c", "/d/e/f": 1, "/a/z": None}) == {
        "a": {"x": 1, "y": 2},
        "b": "c",
        "d": {"e": {"f": 1}},
    }


def test_a_field_that_should_not_be_there_disagrees() -> None:
    assert compared({"a": {"status": "pass"}}, {"/a/status": None}) == (
        "/a/status says `pass`; its own data say nothing",
    )


def test_stored_fields_convert_nothing() -> None:
    fields = Fields({"a": True, "b": "1", "c": Decimal("NaN"), "d": None, "e": [1], "f": {"g": 1}})
    for read in (
        lambda: fields.count("a"),
        lambda: fields.number("b"),
        lambda: fields.number("c"),
        lambda: fields.text("d"),
        lambda: fields.rows("e"),
        lambda: fields.flag("f"),
        lambda: fields.part("e"),
        lambda: fields.part("f").text("g"),
        lambda: fields.rows("b"),
        lambda: fields.texts("e"),
        lambda: fields.word("b", ("x", "y")),
    ):
        with pytest.raises(BadInput):
            read()


def test_an_error_in_a_stored_field_names_its_path() -> None:
    with pytest.raises(BadInput) as caught:
        Fields({"rows": [{"at": "yesterday"}]}).rows("rows")[0].moment("at")
    assert caught.value.where == "/rows/0/at"


def test_the_header_names_file_run_release_and_producer() -> None:
    answer = with_header({"deployment_status": "success"}, header(inputs=(RawFile("log", DIGEST),)))
    assert answer["schema"] == "gonogo/rehearsal-report/1"
    assert answer["release"] == {"id": "web", "version": "2.4.1", "digest": DIGEST}
    assert answer["generated_at"] == "2026-11-21T12:00:00Z"
    assert answer["producer"] == {"kind": "engine", "id": "site-a", "role": "engine"}
    assert answer["inputs"] == [{"name": "log", "sha256": DIGEST}]
    assert answer["mode"] == "normal"
    assert "environment" not in answer


def test_a_body_cannot_overwrite_its_header() -> None:
    with pytest.raises(BadInput, match="environment"):
        with_header({"environment": "production"}, header(environment="staging"))


@pytest.mark.parametrize(
    "changes",
    [
        {"attempt": 0},
        {"release": Release("web", "1", Digest("short"))},
        {"producer": Producer("engine", "", "engine")},
        {"protocol": ""},
    ],
)
def test_an_unusable_header_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        with_header({}, header(**changes))


def test_a_raw_file_needs_a_whole_digest() -> None:
    with pytest.raises(BadInput, match="SHA-256"):
        RawFile("x", Digest("AB" * 32))


@pytest.mark.req("III.1")
def test_a_whole_header_lacks_no_field_and_a_body_alone_lacks_them_all() -> None:
    assert HEADER[""].split() == [name for name in HEADER[""].split() if name in with_header({}, header(inputs=(RawFile("log", DIGEST),)))]
    assert "/schema: this field is missing" in schema_faults(schema_named("rehearsal-report"), {"deployment_status": "success"})


def test_every_file_with_derived_fields_has_a_shape() -> None:
    assert set(DERIVATIONS) <= set(SHAPES)


@pytest.mark.req("PAR-02", "SC-06")
def test_an_error_names_the_kind_of_a_value_and_never_the_value() -> None:
    with pytest.raises(BadInput) as caught:
        Fields({"File": ["hunter2"]}).text("File")
    assert caught.value.what == "a list stands here, not text"
    assert "hunter2" not in str(caught.value)
