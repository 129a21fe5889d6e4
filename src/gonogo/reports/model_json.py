"""A document's model as JSON: every part with the line that it came from (DOC-01)."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal

from gonogo.findings import Origin
from gonogo.terms import Json


def model_json(value: object) -> Json:
    """A value of the model as JSON: enums by name, decimals as text, sets sorted, places as `file:line`."""
    match value:
        case Origin():
            return str(value)
        case None | bool() | int() | str():
            return value
        case enum.Enum():
            return value.name
        case Decimal():
            return f"{value:f}"
        case Mapping():
            return {str(key): model_json(item) for key, item in value.items()}
        case AbstractSet():
            return sorted((model_json(item) for item in value), key=str)
        case Sequence():
            return [model_json(item) for item in value]
        case _:
            return _fields(value)


def _fields(value: object) -> Json:
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return str(value)
    named = {field.name: model_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return {"is": type(value).__name__, **named}
