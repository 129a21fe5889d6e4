"""Readers of plain settings: .env, JSON, YAML and TOML, bytes to names with typed values (PAR-01, PA-01).

No message of a refusal quotes a value: nobody knows yet which of them is a secret.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from typing import assert_never

from gonogo.document.yaml_nodes import Items, Node, Pairs, Scalar
from gonogo.errors import BadInput
from gonogo.evidence.canonical import read_json
from gonogo.measure.providers import Setting, Settings

MOST_BYTES = 1 << 25
"""Largest parity source that is read."""

_ENV_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*=(.*)", re.ASCII)
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,18})", re.ASCII)
_FRACTION = re.compile(r"-?(0|[1-9][0-9]{0,18})\.[0-9]{1,18}", re.ASCII)
_WORDS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}


def bounded(data: bytes, name: str) -> bytes:
    """`data`; BadInput where it is empty or too large to be read."""
    if len(data) > MOST_BYTES:
        raise BadInput(f"{len(data)} bytes; the limit is {MOST_BYTES}", where=name, next_step="split the source")
    if not data.strip():
        raise BadInput("the source is empty", where=name, next_step="let its tool write it again")
    return data


def read_json_settings(data: bytes, name: str) -> Settings:
    """A JSON object."""
    return named(json_value(data, name), name)


def json_value(data: bytes, name: str) -> Setting:
    """A JSON value; the message of a refusal quotes no value of the source."""
    try:
        return read_json(bounded(data, name), name=name, limit=MOST_BYTES)
    except BadInput as error:
        if "holds the number" in error.what:
            raise BadInput("holds a number that is out of range", where=name, next_step=error.next_step) from error
        raise


def read_toml_settings(data: bytes, name: str) -> Settings:
    """A TOML document."""
    return named(_read_toml(bounded(data, name), name), name)


def named(tree: Setting, name: str) -> Settings:
    """`tree`; BadInput where it is not names with values."""
    if not isinstance(tree, Mapping):
        raise BadInput(
            "settings must be names with values", where=name, next_step="give an object, not a list or value"
        )
    return tree


def read_env(data: bytes, name: str) -> Mapping[str, str]:
    """`NAME=value` lines as they are written; `${OTHER}` is not replaced (PA-01). Quotes around a value are removed."""
    values: dict[str, str] = {}
    for number, line in enumerate(decoded(bounded(data, name), name).split("\n"), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _ENV_LINE.fullmatch(line.rstrip("\r"))
        if found is None:
            raise BadInput("not a NAME=value line", where=f"{name}:{number}", next_step="repair or remove the line")
        if found[1] in values:
            raise BadInput(f"{found[1]} stands twice", where=f"{name}:{number}", next_step="keep one of the lines")
        values[found[1]] = _unquoted(found[2].strip(), f"{name}:{number}")
    return values


def from_yaml(node: Node) -> Setting:
    """Typed values of strict YAML: quoted scalars are text; of plain ones only JSON's words and numbers are typed."""
    match node:
        case Pairs(values=values):
            return {key: from_yaml(value) for key, value in values.items()}
        case Items(items=items):
            return [from_yaml(item) for item in items]
        case Scalar(text=text, quoted=quoted):
            return text if quoted else plain_scalar(text)
        case _:
            assert_never(node)


def plain_scalar(text: str) -> bool | int | Decimal | str | None:
    """What a plain scalar of YAML is: JSON's words and numbers are typed, all else is text, so that `no` stays `no`."""
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    return Decimal(text) if _FRACTION.fullmatch(text) else text


def _read_toml(data: bytes, name: str) -> Setting:
    try:
        return tomllib.loads(decoded(data, name), parse_float=_toml_fraction)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"not valid TOML: {error}", where=name, next_step="repair the file") from error
    except RecursionError as error:
        raise BadInput("nested too deeply", where=name, next_step="flatten the structure") from error


def _toml_fraction(text: str) -> Decimal | str:
    number = Decimal(text.replace("_", ""))
    return number if number.is_finite() else text


def decoded(data: bytes, name: str) -> str:
    """`data` as text; BadInput with the line where it is not UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadInput("not UTF-8", where=f"{name}:{line}", next_step="save the file as UTF-8") from error


def _unquoted(written: str, where: str) -> str:
    mark = written[:1]
    if mark not in ("'", '"'):
        return re.split(r"\s+#", written, maxsplit=1)[0]
    end = written.find(mark, 1)
    while mark == '"' and end > 0 and written[end - 1] == "\\":
        end = written.find(mark, end + 1)
    if end < 0 or not re.fullmatch(r"\s*(#.*)?", written[end + 1 :]):
        raise BadInput(
            "the quote is not closed on this line", where=where, next_step="close it, or escape the line ends"
        )
    return written[1:end]
