"""Access logs as a source of metrics: lines of three programs, rotation, truncation, half lines; never a guessed zero."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from gonogo.adapters.metrics.log_tail import LogTail
from gonogo.adapters.metrics.access_log import FORMS, AccessLog, Try, read_line
from gonogo.adapters.metrics.haproxy import parse_statistics
from gonogo.adapters.metrics_provided import log_of
from gonogo.engine.sampling import read_on
from gonogo.errors import BadInput, Broken
from gonogo.measure.providers import MetricQuestion
from gonogo.ports import CounterSample, MetricSample
from gonogo.run.arms import Arms
from gonogo.run.events import MetricsSampled
from gonogo.run.rolling import Rolling
from worlds import MORNING

BLUE, GREEN = "127.0.0.1:9101", "127.0.0.1:9102"


def line(upstream: str = BLUE, status: int = 200, seconds: float = 0.01) -> bytes:
    return json.dumps({"upstream": upstream, "status": str(status), "seconds": str(seconds)}).encode() + b"\n"


def log(path: Path, **more: int) -> AccessLog:
    return AccessLog(LogTail(path, **more), {"blue": BLUE, "green": GREEN}, FORMS["nginx"], ("0.05", "0.5"))


def counts(sample: MetricSample) -> dict[str, tuple[int, int]]:
    return {slot.slot: (slot.requests, slot.errors) for slot in sample.slots}


def slot(sample: MetricSample, name: str) -> CounterSample:
    return next(one for one in sample.slots if one.slot == name)


@pytest.mark.parametrize(
    ("form", "written", "tries"),
    [
        ("haproxy", b'{"upstream":"10.0.0.1:80","status":200,"ms":12}', (Try("10.0.0.1:80", False, 0.012),)),
        ("haproxy", b'Nov 21 web haproxy[7]: {"upstream":"10.0.0.1:80","status":503,"ms":-1}', (Try("10.0.0.1:80", True, None),)),
        ("nginx", b'{"upstream":"10.0.0.1:80","status":"404","seconds":"0.250"}', (Try("10.0.0.1:80", False, 0.25),)),
        (
            "nginx",
            b'{"upstream":"10.0.0.1:80, 10.0.0.2:80","status":"502, 200","seconds":"0.001, 0.002"}',
            (Try("10.0.0.1:80", True, 0.001), Try("10.0.0.2:80", False, 0.002)),
        ),
        ("nginx", b'{"upstream":"10.0.0.1:80","status":"-","seconds":"-"}', (Try("10.0.0.1:80", False, None),)),
        ("nginx", b'{"upstream":"","status":"","seconds":""}', ()),
        ("nginx", b'{"upstream":"-","status":"-","seconds":"-"}', ()),
        ("caddy", b'{"level":"info","upstream":"10.0.0.1:80","status":500,"duration":0.0031}', (Try("10.0.0.1:80", True, 0.0031),)),
    ],
)
def test_each_program_writes_its_line(form: str, written: bytes, tries: tuple[Try, ...]) -> None:
    assert read_line(written, FORMS[form]) == tries


@pytest.mark.parametrize(
    "written",
    [
        b"127.0.0.1 - - [21/Nov/2026] \"GET / HTTP/1.1\" 200",
        b'{"status":"200","seconds":"0.1"}',
        b'{"upstream":"10.0.0.1:80","seconds":"0.1"}',
        b'{"upstream":"10.0.0.1:80, 10.0.0.2:80","status":"200","seconds":"0.1"}',
        b'{"upstream":"10.0.0.1:80","status":"2000","seconds":"0.1"}',
        b'{"upstream":"10.0.0.1:80","status":"200","seconds":"NaN"}',
        b'{"upstream":"10.0.0.1:80","status":"200","seconds":"fast"}',
        b'{"upstream":"10.0.0.1:80","status":true,"seconds":"0.1"}',
        b'{"upstream":"10.0.0.1:80","status":"200","seconds":"0.1"',
        b"[" * 100_000,
    ],
)
def test_what_is_no_such_line_is_refused(written: bytes) -> None:
    with pytest.raises(BadInput):
        read_line(written, FORMS["nginx"])


def test_requests_errors_and_buckets_are_counted_for_the_upstream_that_answered(tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    file.write_bytes(line() + line(GREEN, 500, 0.2) + line(GREEN, 404, 3) + line("127.0.0.1:9999", 500))
    sample = log(file).sample()
    assert counts(sample) == {"blue": (1, 0), "green": (2, 1)}
    assert slot(sample, "green").buckets == (("0.05", 0), ("0.5", 1), ("+Inf", 2))
    assert sample.missing == ()


@pytest.mark.req("PM-01")
def test_a_slot_that_no_line_has_named_is_missing_and_not_without_requests(tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    file.write_bytes(line())
    sample = log(file).sample()
    assert counts(sample) == {"blue": (1, 0)}
    assert sample.missing == (("green", f"{file}: none of 1 lines names the upstream {GREEN}"),)


def test_half_a_line_waits_for_its_other_half(tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    whole = line(GREEN)
    file.write_bytes(line() + whole[:20])
    source = log(file)
    assert counts(source.sample()) == {"blue": (1, 0)}
    with file.open("ab") as more:
        more.write(whole[20:])
    assert counts(source.sample()) == {"blue": (1, 0), "green": (1, 0)}


def test_a_rotated_log_is_read_to_its_end_and_its_successor_from_its_start(tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    file.write_bytes(line() + line(GREEN))
    source = log(file)
    source.sample()
    writer = file.open("ab")
    file.rename(tmp_path / "access.log.1")
    with pytest.raises(Broken, match="the log cannot be read"):
        list(source.tail.lines())
    file.write_bytes(line(GREEN))
    assert counts(source.sample()) == {"blue": (1, 0), "green": (2, 0)}
    writer.write(line())
    writer.flush()
    assert counts(source.sample()) == {"blue": (2, 0), "green": (2, 0)}, "the program still wrote to the file that was renamed"
    for number in range(2, 5):
        file.rename(tmp_path / f"access.log.{number}")
        file.write_bytes(line())
        source.sample()
    assert counts(source.sample())["blue"] == (5, 0)
    source.tail.close()
    writer.close()


@pytest.mark.parametrize("grown", [0, 50])
def test_a_log_that_was_emptied_in_place_is_read_from_its_start(tmp_path: Path, grown: int) -> None:
    file = tmp_path / "access.log"
    file.write_bytes(line() * 10)
    source = log(file)
    source.sample()
    os.truncate(file, 0)
    with file.open("ab") as more:
        more.write(line(GREEN) * (1 + grown))
    assert counts(source.sample()) == {"blue": (10, 0), "green": (1 + grown, 0)}


def test_a_large_log_is_begun_at_its_end_and_at_a_whole_line(tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    half = line(GREEN, 500)
    file.write_bytes(line() * 100 + half[:10])
    source = log(file, backlog=100)
    assert source.sample().slots == ()
    with file.open("ab") as more:
        more.write(half[10:] + line() + line(GREEN))
    assert counts(source.sample()) == {"blue": (1, 0), "green": (1, 0)}


def test_an_engine_that_comes_back_counts_to_the_same_sums(tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    file.write_bytes(line() * 7 + line(GREEN, 500) * 3)
    straight = log(file)
    straight.sample()
    with file.open("ab") as more:
        more.write(line() * 2)
    assert straight.sample() == log(file).sample()


def rotate(file: Path, times: int = 1) -> None:
    for number in range(times, 1, -1):
        file.with_name(f"access.log.{number - 1}").rename(file.with_name(f"access.log.{number}"))
    file.rename(file.with_name("access.log.1"))
    file.write_bytes(b"")


@pytest.mark.req("SOK-05")
@pytest.mark.parametrize("rotations", [0, 1, 2])
def test_an_engine_that_comes_back_after_a_rotation_counts_no_line_twice(tmp_path: Path, rotations: int) -> None:
    file = tmp_path / "access.log"
    file.write_bytes(line() * 7 + line(GREEN, 500) * 3)
    stored = log(file).sample()
    assert counts(stored) == {"blue": (7, 0), "green": (3, 3)}
    with file.open("ab") as more:
        more.write(line() * 2 + line(GREEN)[:9])
    dead = log(file).sample_after(stored)
    assert counts(dead) == {"blue": (9, 0), "green": (3, 3)}
    with file.open("ab") as more:
        more.write(line(GREEN)[9:])
    for number in range(rotations):
        rotate(file, number + 1)
    with file.open("ab") as more:
        more.write(line() * 4)
    resumed = log(file)
    found = resumed.sample_after(dead)
    assert counts(found) == {"blue": (13, 0), "green": (4, 3)}, "the half line is counted once, and whole"
    assert slot(found, "green").buckets[-1] == ("+Inf", 4)
    assert resumed.sample_after(found) == found, "its own sample is gone on from without another look"


@pytest.mark.req("SOK-05")
def test_the_engine_reads_a_log_on_from_the_sample_on_record_whoever_made_it(tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    file.write_bytes(line() * 7)
    made = log(file).sample()
    slots = {one.slot: [one.requests, one.errors, *(count for _, count in one.buckets)] for one in made.slots}
    bounds = [bound for bound, _ in made.slots[0].buckets]
    event = MetricsSampled("t", 1, 0, 0, slots, bounds, ["green"], made.position)
    rotate(file)
    file.write_bytes(line() * 2)
    assert counts(read_on(log(file), Rolling("t", 1, Arms("blue", "green"), MORNING, last=event))) == {"blue": (9, 0)}
    assert counts(read_on(log(file), None)) == {"blue": (2, 0)}, "without a record the log is begun"
    assert read_on(None, None).missing == (("all", "no metric source is bound"),)


@pytest.mark.req("SOK-05")
@pytest.mark.parametrize("how", ["removed", "emptied", "another"])
def test_what_is_gone_of_a_log_is_lost_and_what_was_counted_is_not_counted_again(tmp_path: Path, how: str) -> None:
    file = tmp_path / "access.log"
    file.write_bytes(line() * 7)
    dead = log(file).sample()
    if how == "emptied":
        os.truncate(file, 0)
        file.write_bytes(line() * 2)
    else:
        rotate(file)
        (tmp_path / "access.log.1").unlink()
        file.write_bytes(line() * (2 if how == "removed" else 20))
    expected = 7 + (20 if how == "another" else 2)
    assert counts(log(file).sample_after(dead)) == {"blue": (expected, 0)}


@pytest.mark.parametrize("position", ["", "here", "[[1]]", '[[1,"2",3,false,"x"]]', "[[1,2,-3,false,\"x\"]]", "7"])
def test_a_text_that_is_no_position_is_refused(tmp_path: Path, position: str) -> None:
    with pytest.raises(BadInput, match="not a position"):
        LogTail(tmp_path / "access.log").continue_at(position)


@pytest.mark.req("PM-01", "SOK-05")
@pytest.mark.parametrize(("bad", "usable"), [(1, True), (3, False)])
def test_beyond_one_unusable_line_in_a_hundred_the_log_says_nothing(tmp_path: Path, bad: int, usable: bool) -> None:
    file = tmp_path / "access.log"
    file.write_bytes(line() * 100 + line(GREEN) * 100 + b"{\xff\x00 not a line\n" * bad)
    sample = log(file).sample()
    assert bool(sample.slots) is usable
    assert all("are unusable, the first: no JSON object" in why for _, why in sample.missing)


def test_a_line_without_end_is_not_kept_in_memory(tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    file.write_bytes(b"x" * (3 << 20) + b"\n" + line())
    found = list(LogTail(file).lines())
    assert len(found) == 2
    assert len(found[0]) == 1 << 20
    assert found[1] + b"\n" == line()


def test_a_log_in_another_format_leaves_every_slot_missing(tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    file.write_bytes(b'127.0.0.1 - - [21/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 5\n' * 50)
    sample = log(file).sample()
    assert sample.slots == ()
    assert all("none of 0 lines" in why for _, why in sample.missing)


@pytest.mark.parametrize("wrong", ["absent", "folder"])
def test_no_log_is_no_sample(tmp_path: Path, wrong: str) -> None:
    (tmp_path / "folder").mkdir()
    sample = log(tmp_path / wrong).sample()
    assert sample.slots == ()
    assert [name for name, _ in sample.missing] == ["blue", "green"]
    assert all("the log cannot be read" in why for _, why in sample.missing)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({}, "the option `format` is missing"),
        ({"format": "nginx"}, "the option `file` is missing"),
        ({"format": "apache", "file": "a"}, "`format` is `apache`"),
        ({"format": "nginx", "file": "a", "unit": "min"}, "`unit` is `min`"),
        ({"format": "nginx", "file": "a", "bounds": "1 0.5"}, "`bounds` is `1 0.5`"),
        ({"format": "nginx", "file": "a", "bounds": "0.1 +Inf"}, "`bounds` is"),
        ({"format": "nginx", "file": "a", "bounds": "fast"}, "`bounds` is `fast`"),
    ],
)
def test_options_that_nobody_understands_are_refused(options: dict[str, str], why: str) -> None:
    with pytest.raises(BadInput, match=why):
        log_of(MetricQuestion({"blue": f"http://{BLUE}"}, options), Path())


def test_members_of_a_line_can_be_named_otherwise(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b'{"srv":"127.0.0.1:9101","code":200,"took":70}\n')
    options = {"format": "nginx", "file": "a.log", "upstream": "srv", "status": "code", "duration": "took", "unit": "ms", "bounds": "0.05, 0.1"}
    sample = log_of(MetricQuestion({"blue": f"http://{BLUE}/"}, options), tmp_path).sample()
    assert sample.slots == (CounterSample("blue", 1, 0, (("0.05", 0), ("0.1", 1), ("+Inf", 1))),)


@pytest.mark.parametrize("text", ["", "Unknown command, but maybe one of the following ones is a better match", "# pxname\n"])
def test_a_reply_that_is_no_table_of_statistics_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no statistics but"):
        parse_statistics(text, "app")
