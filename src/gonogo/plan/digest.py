"""The digest of a plan: SHA-256 over its canonical JSON. Same inputs, same bytes, on any machine (DOC-27)."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from gonogo.evidence.canonical import write_json
from gonogo.plan.model import Plan
from gonogo.terms import Digest, Json, digest_of


def plan_digest(plan: Plan) -> Digest:
    """Digest of everything the plan says but its own digest."""
    return digest_of(plan_bytes(plan))


def plan_bytes(plan: Plan) -> bytes:
    """The plan as canonical JSON, without its digest."""
    body = as_json(plan)
    assert isinstance(body, dict)
    del body["digest"]
    return write_json(body)


def as_json(value: object) -> Json:
    """A frozen value as JSON: fields by name, decimals and places as text, sets sorted; unions bear a type's name."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Decimal | datetime):
        return str(value)
    if isinstance(value, timedelta):
        return f"{value // timedelta(milliseconds=1)} ms"
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, enum.Enum):
        return str(value.value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: as_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"kind_of": type(value).__name__, **fields}
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, frozenset):
        return sorted(str(as_json(item)) for item in value)
    if isinstance(value, tuple | list):
        return [as_json(item) for item in value]
    msg = f"a plan cannot hold a {type(value).__name__}"
    raise TypeError(msg)
