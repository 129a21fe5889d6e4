"""Counts of a suite that still runs, from what its runner has printed so far."""

from __future__ import annotations

import pytest

from gonogo.measure.live_counts import counted_so_far

PRINTED = {
    "go": (
        '{"Action":"run","Package":"a","Test":"T1"}\n{"Action":"pass","Package":"a","Test":"T1","Elapsed":0}\n'
        '{"Action":"fail","Package":"a","Test":"T2"}\n{"Action":"skip","Package":"a","Test":"T3"}\n{"Action":"run","Pack'
    ),
    "tap": "TAP version 13\n# Subtest: adds\nok 1 - adds\nnot ok 2 - breaks\nok 3 - later # SKIP\n",
    "pytest -v": "tests/a.py::test_a PASSED  [ 33%]\ntests/a.py::test_b FAILED  [ 66%]\ntests/a.py::test_c SKIPPED (x)  [100%]\n",
    "pytest": "============ test session starts ============\ntests/a.py .Fs   [ 10%]\n",
    "junit": '<testsuites>\n<testcase name="a"/><testcase name="b"><failure>x</failure></testcase><testcase name="c"><skipped/>',
    "spec": "✔ adds (0.5ms)\n✖ breaks (1ms)\n﹣ later (0.1ms) # SKIP\n",
}


@pytest.mark.req("TST-06")
@pytest.mark.parametrize("runner", PRINTED)
def test_what_a_runner_has_printed_is_counted_while_it_runs(runner: str) -> None:
    assert str(counted_so_far(PRINTED[runner].encode())) == "1 passed, 1 failed, 1 skipped so far"


@pytest.mark.parametrize("text", ["", "collecting ...\n", "GET /home 200\n", "\x00\x01"])
def test_other_output_counts_nothing(text: str) -> None:
    assert counted_so_far(text.encode()) is None
