"""The header that every evidence file carries: what, of which run and release, by whom, from which inputs (III.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Literal, TypeAlias

from gonogo.errors import BadInput
from gonogo.evidence.canonical import Tree
from gonogo.measure.figures import Body, time_text, without_none
from gonogo.terms import Digest, RunId
from gonogo.values import dataclass

ProducerKind: TypeAlias = Literal["engine", "command", "person", "agent"]
Mode: TypeAlias = Literal["normal", "lenient", "relaxed", "manual"]

_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class RawFile:
    """A file that was read, by name and SHA-256."""

    name: str
    sha256: Digest

    def __post_init__(self) -> None:
        require_digest(self.sha256, self.name)


@dataclass(frozen=True, slots=True)
class Release:
    """The release that a file is about; `digest` is the SHA-256 of what is shipped."""

    id: str
    version: str
    digest: Digest


@dataclass(frozen=True, slots=True)
class Producer:
    """Who or what produced a file. An agent's file is a claim and never satisfies a gate by itself (III.1)."""

    kind: ProducerKind
    id: str
    role: str
    command: tuple[str, ...] = ()
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class Header:
    """The header fields of III.1. `artifact` is the file name; `attempt` counts from 1."""

    artifact: str
    protocol: str
    run_id: RunId
    attempt: int
    release: Release
    generated_at: datetime
    producer: Producer
    inputs: tuple[RawFile, ...] = ()
    mode: Mode = "normal"
    environment: str | None = None
    protocol_number: str | None = None


def with_header(body: Mapping[str, Tree], header: Header) -> Body:
    """The whole file: header and `body`. BadInput where the header is unusable or the body contradicts it (III.1)."""
    answer = header_fields(header)
    for key, value in body.items():
        if key in answer and answer[key] != value:
            raise BadInput(
                f"`{key}` of the body is not `{key}` of the header",
                where=header.artifact,
                next_step="measure the environment and release that the run is about",
            )
        answer[key] = value
    return answer


def header_fields(header: Header) -> Body:
    """The header alone, as JSON values."""
    require_digest(header.release.digest, f"{header.artifact}: release")
    if header.attempt < 1:
        raise BadInput("attempts count from 1", where=header.artifact, next_step="number the attempt")
    if not (header.protocol and header.run_id and header.release.id and header.producer.id):
        raise BadInput(
            "protocol, run, release or producer has no name", where=header.artifact, next_step="name all four"
        )
    name = header.artifact.rsplit(".", 1)[0]
    return without_none(
        {
            "schema": f"gonogo/{name}/1",
            "artifact": header.artifact,
            "protocol": header.protocol,
            "protocol_number": header.protocol_number,
            "run_id": header.run_id,
            "attempt": header.attempt,
            "release": {
                "id": header.release.id,
                "version": header.release.version,
                "digest": header.release.digest,
            },
            "environment": header.environment,
            "generated_at": time_text(header.generated_at),
            "producer": _producer(header.producer),
            "inputs": raw_rows(header.inputs),
            "mode": header.mode,
        }
    )


def raw_rows(files: tuple[RawFile, ...]) -> list[Tree]:
    """Files by name and digest, as `[{name, sha256}]`."""
    return [{"name": file.name, "sha256": file.sha256} for file in files]


def raw_row(file: RawFile) -> Body:
    """One file by name and digest, as `{name, sha256}`."""
    return {"name": file.name, "sha256": file.sha256}


def require_digest(digest: str, where: str) -> None:
    """BadInput where `digest` is not a SHA-256 in 64 lower-case hex digits."""
    if not _HEX.fullmatch(digest):
        raise BadInput(
            f"`{digest[:80]}` is not a SHA-256", where=where, next_step="give 64 lower-case hex digits of the content"
        )


def _producer(producer: Producer) -> Body:
    return without_none(
        {
            "kind": producer.kind,
            "id": producer.id,
            "role": producer.role,
            "command": list(producer.command) or None,
            "exit_code": producer.exit_code,
        }
    )
