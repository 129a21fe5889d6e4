"""Bodies of evidence files below a header, held against the schema of their file as `gonogo schema --check` does."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from gonogo.control.schemas import schema_named
from gonogo.evidence.canonical import Tree
from gonogo.measure.header import Header, Producer, Release, with_header
from gonogo.measure.schema_check import schema_faults
from gonogo.terms import Digest, RunId


def header_of(artifact: str) -> Header:
    """A whole header of a file."""
    release = Release("web", "2.4.1", Digest("ab" * 32))
    at = datetime(2026, 11, 21, 12, tzinfo=UTC)
    return Header(artifact, "pre-deployment", RunId("r1"), 1, release, at, Producer("engine", "site-a", "engine"))


def faults(artifact: str, body: Mapping[str, Tree]) -> list[str]:
    """What the schema of the file says against this body."""
    return list(schema_faults(schema_named(artifact), with_header(body, header_of(artifact))))
