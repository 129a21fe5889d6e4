"""`release-manifest.json`: what is released, by digest (F24, PRE-05)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from gonogo.errors import BadInput
from gonogo.evidence.canonical import read_json
from gonogo.plan.reading import moment_of
from gonogo.plan.revisions import read_revisions
from gonogo.terms import Digest, digest_of
from gonogo.values import dataclass

_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}\Z")
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_ANSWERS = ("yes", "no", "not_stated")
UNKNOWN_RELEASE = (
    b'{"release":{"id":"unknown","version":"unknown"},"services":[{"artifact":"unknown","digest":"'
    + b"0" * 64
    + b'","name":"unknown","version":"unknown"}]}'
)
"""A manifest for looking at a protocol when no release is at hand."""


@dataclass(frozen=True, slots=True)
class Service:
    """One service of a release. `digest` is the SHA-256 of the file `artifact`."""

    name: str
    artifact: str
    digest: Digest
    version: str
    owner: str
    rollback: str


@dataclass(frozen=True, slots=True)
class Release:
    """A release. Its identity is the digest of the manifest's bytes; `security_impact` absent counts as yes (PRE-20).

    `scope_fixed_at` is when its contents were settled, ISO 8601 with zone; None where the manifest does not say.
    """

    id: str
    version: str
    digest: Digest
    services: tuple[Service, ...]
    security_impact: str
    scope_fixed_at: str | None

    def service(self, name: str = "") -> Service:
        """The service of this name; the first where no name is given. BadInput for a name that is not released."""
        found = next((each for each in self.services if name in {"", each.name}), None)
        if found is None:
            shipped = ", ".join(each.name for each in self.services)
            raise BadInput(
                f"the release ships no service `{name}`",
                where=f"release {self.id}",
                next_step=f"name one that it ships: {shipped}",
            )
        return found


def read_release(data: bytes, file: str) -> Release:
    """Read a release manifest; BadInput names the field that is missing or wrong."""
    body = read_json(data, name=file)
    read_revisions(data, file)
    release = _mapping(_field(body, "release", file), "release", file)
    services = _field(body, "services", file)
    if not isinstance(services, Sequence) or isinstance(services, str) or not services:
        raise BadInput(
            "`services` must be a list with at least one service", where=file, next_step="name what is shipped"
        )
    version = _text(release, "version", "release", file)
    if not _VERSION.match(version):
        raise BadInput(
            f"release.version `{version}` is not a version (letters, digits, . + _ -; it may not begin with a sign)",
            where=file,
            next_step="correct the manifest",
        )
    return Release(
        _text(release, "id", "release", file),
        version,
        digest_of(data),
        tuple(_service(item, index, file) for index, item in enumerate(services)),
        _security(body, file),
        _scope_fixed_at(release, file),
    )


def _scope_fixed_at(release: Mapping[str, object], file: str) -> str | None:
    text = _text(release, "scope_fixed_at", "release", file, required=False)
    if text and moment_of(text) is None:
        raise BadInput(
            f"release.scope_fixed_at is `{text}`",
            where=file,
            next_step="write a moment with its zone, such as 2027-01-31T22:00:00Z",
        )
    return text or None


def _service(item: object, index: int, file: str) -> Service:
    place = f"services[{index}]"
    fields = _mapping(item, place, file)
    digest = _text(fields, "digest", place, file)
    if not _DIGEST.match(digest):
        raise BadInput(
            f"{place}.digest is not a SHA-256 in lower-case hex", where=file, next_step="correct the manifest"
        )
    return Service(
        _text(fields, "name", place, file),
        _text(fields, "artifact", place, file),
        Digest(digest),
        _text(fields, "version", place, file),
        _text(fields, "owner", place, file, required=False),
        _text(fields, "rollback", place, file, required=False),
    )


def _security(body: object, file: str) -> str:
    changes = body.get("changes", ()) if isinstance(body, Mapping) else ()
    answers = {
        str(change.get("security_impact", "not_stated")) if isinstance(change, Mapping) else "not_stated"
        for change in (changes if isinstance(changes, Sequence) else ())
    }
    for answer in answers - set(_ANSWERS):
        raise BadInput(f"changes[].security_impact is `{answer}`", where=file, next_step="write yes, no or not_stated")
    if not answers or "not_stated" in answers:
        return "yes" if "yes" in answers else "not_stated"
    return "yes" if "yes" in answers else "no"


def _field(body: object, name: str, file: str) -> object:
    if not isinstance(body, Mapping) or name not in body:
        raise BadInput(f"`{name}` is missing", where=file, next_step="complete the release manifest")
    return body[name]


def _mapping(value: object, place: str, file: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise BadInput(f"`{place}` must be an object", where=file, next_step="complete the release manifest")
    return value


def _text(fields: Mapping[str, object], name: str, place: str, file: str, *, required: bool = True) -> str:
    value = fields.get(name)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or not value:
        raise BadInput(f"`{place}.{name}` must be a text", where=file, next_step="complete the release manifest")
    return value
