"""What looks like an error on a script's error output, and what does not (REH-03)."""

from __future__ import annotations

import pytest

from gonogo.measure.log_errors import MOST_TEXT, printed_errors


@pytest.mark.req("REH-03")
@pytest.mark.parametrize(
    "line",
    [
        "ERROR: the migration failed",
        "2026-11-21 10:00:00,123 ERROR shop.db: no connection",
        "[FATAL] out of memory",
        'level=CRITICAL msg="down"',
        '{"level":"ERROR","msg":"x"}',
        "error: failed to push some refs",
        "fatal: not a git repository",
        "error[E0308]: mismatched types",
        "psql: error: connection to server failed",
        "Traceback (most recent call last):",
        "ValueError: bad",
        "java.lang.IllegalStateException: no",
        "deploy.sh: line 4: kubectl: command not found",
        "cat: /etc/shop.env: No such file or directory",
        "/bin/x: Permission denied",
        "deploy.sh: line 9: 1234 Segmentation fault",
        "panic: runtime error",
    ],
)
def test_errors_as_programs_write_them_are_seen(line: str) -> None:
    assert printed_errors(f"starting\n  {line}\n").unexpected == ((2, line),)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "0 errors, 0 warnings",
        "no error was found",
        "error_rate is 0",
        "WARNING: deprecated",
        "retrying after an error",
        "errors: 0",
        "Terror: a film",
        "uploaded error.html",
        "the fatalist",
        "set -o errexit",
        "INFO killed 3 old workers",
    ],
)
def test_words_that_only_sound_like_errors_are_none(line: str) -> None:
    assert printed_errors(line).unexpected == ()


@pytest.mark.req("REH-03")
def test_a_listed_line_is_expected_and_the_next_one_is_not() -> None:
    text = "error: cache is cold, continuing\nerror: disk is full\n"
    found = printed_errors(text, ("error: cache is cold*",))
    assert found.tolerated == ((1, "error: cache is cold, continuing"),)
    assert found.unexpected == ((2, "error: disk is full"),)


def test_a_long_line_is_cut() -> None:
    ((_, text),) = printed_errors("ERROR " + "x" * 5000).unexpected
    assert len(text) == MOST_TEXT
