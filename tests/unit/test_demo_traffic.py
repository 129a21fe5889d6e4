"""The demo's own traffic tools: whose turn it is, where a message ends, what was seen, who may move weights."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest
from command_line import importing
from hypothesis import given, settings
from hypothesis import strategies as st

from gonogo.demo.addresses import Address, address_of, free_ports
from gonogo.demo.load import aim_of, customers
from gonogo.demo.load import main as load
from gonogo.demo.routing import Routes
from gonogo.demo.tally import OK, Recorder, Tally, line_of, read_tally
from gonogo.demo.weights import Turns
from gonogo.demo.wire import (
    Chunked,
    Head,
    NoAnswer,
    NoBody,
    Sized,
    UntilClose,
    WireFault,
    parse_head,
    read_head,
    relay,
    request_body,
    response_body,
)
from gonogo.errors import BadInput, Refused

splits = st.integers(0, 100).map(lambda green: {"blue": 100 - green, "green": green})


@settings(max_examples=50)
@given(splits)
def test_over_a_hundred_requests_each_upstream_gets_exactly_its_percentage(weights: dict[str, int]) -> None:
    turns = Turns(weights)
    served = [turns.next() for _ in range(100)]
    assert {name: served.count(name) for name in weights} == weights


@settings(max_examples=50)
@given(splits)
def test_an_upstream_without_a_weight_is_never_a_fall_back(weights: dict[str, int]) -> None:
    turns = Turns(weights)
    for name in weights:
        other = turns.next({name})
        assert other is None or (other != name and weights[other] > 0)


def test_a_small_share_meets_every_customer_in_time_because_their_order_changes() -> None:
    turns, order = Turns({"blue": 95, "green": 5}), customers()
    met = {customer for customer in islice(order, 6000) if turns.next() == "green"}
    assert len(met) > 90


def test_each_customer_comes_once_in_every_hundred_requests() -> None:
    order = customers()
    first, second = list(islice(order, 100)), list(islice(order, 100))
    assert sorted(first) == sorted(second) == list(range(100))
    assert first != second


@pytest.mark.parametrize("url", ["http://192.0.2.1/", "http://localhost/", "http://[::2]/", "http://0.0.0.0:9200/"])
def test_load_never_goes_beyond_loopback(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Refused, match="not a loopback address"):
        aim_of(url)
    assert load(["--url", url, "--out", str(tmp_path / "out"), "--seconds", "0.1"]) == 2
    assert "not a loopback address" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("url", ["https://127.0.0.1/", "ftp://127.0.0.1/", "127.0.0.1:80", "http://a@127.0.0.1/"])
def test_load_takes_plain_http_addresses_only(url: str) -> None:
    with pytest.raises(BadInput, match="no plain http address"):
        aim_of(url)


def test_all_of_the_loopback_network_is_loopback() -> None:
    assert str(address_of("127.8.9.10:80")) == "127.8.9.10:80"
    assert str(address_of("[::1]:80")) == "[::1]:80"
    assert aim_of("http://127.0.0.1:9200").path == "/"


@pytest.mark.parametrize("text", ["127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000", ":80"])
def test_an_address_needs_a_host_and_a_port(text: str) -> None:
    with pytest.raises((BadInput, Refused)):
        address_of(text)


def test_free_ports_are_different_and_below_those_of_outgoing_connections() -> None:
    ports = free_ports(5)
    assert len(set(ports)) == 5
    assert all(20_000 <= Address("127.0.0.1", port).port < 32_000 for port in ports)


def test_a_port_that_nobody_listens_on_yet_is_given_to_nobody_else_neither_here_nor_in_another_process() -> None:
    code = "import sys; from gonogo.demo.addresses import free_ports; print(*free_ports(200), flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=importing()) as other:
        assert other.stdout is not None
        theirs = {int(port) for port in other.stdout.readline().split()}
        ours = {port for _ in range(40) for port in free_ports(5)}
        other.communicate()
    assert (len(theirs), len(ours)) == (200, 200)
    assert not theirs & ours


def head(*lines: str) -> Head:
    return parse_head("\r\n".join(lines))


@pytest.mark.parametrize(
    ("lines", "framing"),
    [
        (("GET / HTTP/1.1", "Host: x"), NoBody()),
        (("POST / HTTP/1.1", "Content-Length: 12"), Sized(12)),
        (("POST / HTTP/1.1", "Content-Length: 0"), NoBody()),
        (("POST / HTTP/1.1", "transfer-encoding: Chunked"), Chunked()),
    ],
)
def test_the_body_of_a_request_is_framed_by_one_field(lines: tuple[str, ...], framing: object) -> None:
    assert request_body(head(*lines)) == framing


@pytest.mark.parametrize(
    "fields",
    [
        ("Content-Length: 1", "Transfer-Encoding: chunked"),
        ("Content-Length: 1", "Content-Length: 1"),
        ("Content-Length: +1",),
        ("Content-Length: 1, 1",),
        ("Content-Length: 0x10",),
        ("Content-Length: ",),
        ("Transfer-Encoding: gzip, chunked",),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: identity",),
    ],
)
def test_a_body_that_two_readers_could_end_differently_is_a_fault(fields: tuple[str, ...]) -> None:
    with pytest.raises(WireFault):
        request_body(head("POST / HTTP/1.1", *fields))
    with pytest.raises(WireFault):
        response_body(head("HTTP/1.1 200 OK", *fields), "GET")


@pytest.mark.parametrize("line", [" folded", "no colon", "sp ace: x", "nul: a\x00b", "cr: a\rb", ": empty"])
def test_a_line_that_is_no_field_is_a_fault(line: str) -> None:
    with pytest.raises(WireFault, match="malformed"):
        head("GET / HTTP/1.1", line)


def test_answers_without_a_body_are_known_by_status_and_method() -> None:
    for status, method in ((204, "GET"), (304, "GET"), (200, "HEAD")):
        assert response_body(head(f"HTTP/1.1 {status} x", "Content-Length: 5"), method) == NoBody()
    assert response_body(head("HTTP/1.1 200 OK"), "GET") == UntilClose()


def fed(data: bytes) -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=1 << 16)
    reader.feed_data(data)
    reader.feed_eof()
    return reader


def test_a_connection_that_ended_before_a_message_is_told_from_one_cut_inside() -> None:
    async def both() -> None:
        with pytest.raises(NoAnswer):
            await read_head(fed(b""))
        with pytest.raises(WireFault, match="inside a message head") as cut:
            await read_head(fed(b"HTTP/1.1 200 OK\r\nCont"))
        assert not isinstance(cut.value, NoAnswer)

    asyncio.run(both())


@pytest.mark.parametrize(
    ("framing", "data"),
    [
        (Sized(5), b"1234"),
        (Chunked(), b"3\r\nabc\r\n"),
        (Chunked(), b"zz\r\nabc\r\n0\r\n\r\n"),
        (Chunked(), b"-1\r\nabc\r\n0\r\n\r\n"),
        (Chunked(), b"3\r\nabc"),
    ],
)
def test_a_body_that_is_cut_or_has_no_sizes_is_a_fault(framing: Sized | Chunked, data: bytes) -> None:
    async def read() -> None:
        with pytest.raises(WireFault):
            await relay(framing, fed(data), None)

    asyncio.run(read())


def test_a_chunked_body_ends_after_its_trailer_and_leaves_the_next_message_alone() -> None:
    async def read() -> bytes:
        reader = fed(b"3;x=y\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")
        await relay(Chunked(), reader, None)
        return await reader.read()

    assert asyncio.run(read()) == b"HTTP/1.1 200 OK\r\n\r\n"


def recorded() -> Recorder:
    recorder = Recorder(10.0)
    recorder.sent, recorder.reconnects, recorder.unanswered = 4, 1, 1
    recorder.note("v1", OK, now=10.01, seconds=0.004)
    recorder.note("v3", "http_500", now=10.02, seconds=0.005)
    recorder.note("-", "connect", now=10.07, seconds=0.001)
    return recorder


def test_a_tally_says_what_failed_whose_it_was_and_for_how_long(tmp_path: Path) -> None:
    file = tmp_path / "load.jsonl"
    recorder = recorded()
    lines = line_of(recorder.cut(10.1), 1.5) + line_of(recorder.cut(10.2), 1.6)
    file.write_text(lines + '{"begun": 10.2, "en', encoding="ascii")
    tally = read_tally(file)
    assert (tally.ok, tally.failed, tally.reconnects, tally.unanswered, tally.skipped) == (1, 2, 1, 1, 0)
    assert tally.by_version() == {"v1": {OK: 1}, "v3": {"http_500": 1}, "-": {"connect": 1}}
    assert tally.failures_without("v3") == 1
    assert tally.breach_seconds() == pytest.approx(0.05)
    assert tally.since(10.1).failed == 0
    assert tally.since(10.1).breach_seconds() is None


@pytest.mark.parametrize("line", ["{}", "[]", "x", '{"begun": 1}'])
def test_a_line_that_is_no_interval_is_bad_input_with_its_place(tmp_path: Path, line: str) -> None:
    file = tmp_path / "load.jsonl"
    file.write_text(line + "\n", encoding="ascii")
    with pytest.raises(BadInput) as caught:
        read_tally(file)
    assert f"{file}:1" in str(caught.value)


def test_a_missing_tally_is_bad_input_and_not_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        read_tally(tmp_path / "none")
    assert Tally(()).failed == 0


@pytest.mark.req("PX-12")
def test_weights_change_only_for_who_read_the_present_ones_and_has_no_older_fence() -> None:
    routes = Routes({"blue": 100, "green": 0})
    etag = routes.etag
    assert routes.change(b'{"blue": 95, "green": 5}', match=etag, fence="4").status == 200
    assert routes.change(b'{"blue": 0, "green": 100}', match=etag, fence="5").status == 412
    assert routes.change(b'{"blue": 0, "green": 100}', match=None, fence="3").status == 409
    assert routes.change(b'{"blue": 0, "green": 100}', match=None, fence="x").status == 400
    assert routes.turns.weights == {"blue": 95, "green": 5}


@pytest.mark.req("PX-05")
def test_an_etag_of_an_earlier_life_of_the_proxy_does_not_match() -> None:
    first, second = (Routes({"blue": 100, "green": 0}) for _ in range(2))
    assert first.etag != second.etag
    assert second.change(b'{"blue": 0, "green": 100}', match=first.etag, fence=None).status == 412
