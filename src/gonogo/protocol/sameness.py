"""Is this the same model? Two protocols are the same when they are equal in everything but places (DOC-28)."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import TypeVar

from gonogo.findings import Origin
from gonogo.protocol.model import Protocol

NOWHERE = Origin("", 0, 0)
"""The place of everything once places are taken away."""

Value = TypeVar("Value")


def without_places(protocol: Protocol) -> Protocol:
    """`protocol` with every origin replaced by `NOWHERE`, so that equality compares meaning only."""
    return _cleared(protocol)


def differences(old: Protocol, new: Protocol) -> tuple[str, ...]:
    """The dotted names of the parts that differ in anything but places, e.g. `phases[1].steps[0].halts`."""
    return tuple(_different("", without_places(old), without_places(new)))


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


def _different(path: str, old: object, new: object) -> list[str]:
    if old == new:
        return []
    if isinstance(old, tuple) and isinstance(new, tuple) and len(old) == len(new):
        return [name for i, pair in enumerate(zip(old, new, strict=True)) for name in _different(f"{path}[{i}]", *pair)]
    if is_dataclass(old) and type(old) is type(new):
        return [
            name
            for field in fields(old)
            for name in _different(
                f"{path}.{field.name}".lstrip("."), getattr(old, field.name), getattr(new, field.name)
            )
        ]
    return [path or "protocol"]
