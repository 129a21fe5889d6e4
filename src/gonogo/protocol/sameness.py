"""Is this the same model? Two protocols are the same when they are equal in everything but places (DOC-28)."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import TypeVar

from gonogo.findings import Origin
from gonogo.protocol.model import Protocol

Value = TypeVar("Value")


def without_places(protocol: Protocol) -> Protocol:
    """`protocol` with every origin emptied, so that equality compares meaning only."""
    return _cleared(protocol)


def _cleared(value: Value) -> Value:
    if isinstance(value, Origin):
        return replace(value, file="", line=0, col=0, byte0=0, byte1=0)
    if isinstance(value, tuple):
        parts = tuple(_cleared(item) for item in value)
        # A gate stated twice has two places and is still one gate.
        return type(value)(dict.fromkeys(parts) if all(isinstance(part, Origin) for part in parts) else parts)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: _cleared(getattr(value, field.name)) for field in fields(value)})
    return value
