"""What every reader of scanner output shares: strict JSON of a known shape, or BadInput that says what was expected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from gonogo.errors import BadInput
from gonogo.evidence.canonical import Tree, read_json
from gonogo.measure.stored_fields import Fields

MOST_BYTES: Final = 1 << 26


def json_object(data: bytes, name: str, command: str, *keys: str) -> Fields:
    """The JSON object in `data`; BadInput where it is none or lacks one of `keys`, which the output of `command` has.

    Output that lacks the key that holds the findings is refused, never read as "nothing found" (SC-02, SC-03).
    """
    value = _read(data, name, command)
    if not isinstance(value, Mapping):
        raise not_of(command, name, "it is no JSON object")
    lacking = [key for key in keys if value.get(key) is None]
    if lacking:
        raise not_of(command, name, f"it has no `{lacking[0]}`{_said(value)}")
    return Fields(value, name)


def json_rows(data: bytes, name: str, command: str) -> tuple[Fields, ...]:
    """The list of JSON objects in `data`, which is what `command` writes; BadInput where it is anything else."""
    value = _read(data, name, command)
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise not_of(command, name, "it is no JSON list")
    return Fields({"findings": value}, name).rows("findings")


def not_of(command: str, name: str, reason: str) -> BadInput:
    """The error for output that `command` did not write, or did not finish."""
    return BadInput(
        f"not the output of `{command}`: {reason}",
        where=name,
        next_step=f"let `{command}` run to its end, and bind the report under the format of the tool that wrote it",
    )


def _read(data: bytes, name: str, command: str) -> Tree:
    if not data.strip():
        raise not_of(command, name, "it is empty")
    try:
        return read_json(data, name=name, limit=MOST_BYTES)
    except BadInput as error:
        raise BadInput(
            f"not the output of `{command}`: {error.what}",
            where=error.where or name,
            next_step=f"run `{command}` again",
        ) from error


def _said(value: Mapping[str, Tree]) -> str:
    """The code with which a service refused, where a tool passes its answer on (SC-03)."""
    code = value.get("statusCode")
    return f"; its service answered {code}" if isinstance(code, int) and not isinstance(code, bool) else ""
