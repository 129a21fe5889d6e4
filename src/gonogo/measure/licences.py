"""Licence audit: names in use mapped to SPDX ids, expressions judged against a policy (SEC-02, SC-07).

Of `A OR B` the better counts, of `A AND B` the worse. A name that nobody mapped, or an expression that cannot be read,
is unknown and blocks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from gonogo.errors import BadInput
from gonogo.evidence.canonical import read_json, read_object
from gonogo.measure.figures import time_text
from gonogo.measure.scan_findings import stated_time
from gonogo.measure.stored_fields import Fields
from gonogo.terms import Digest
from gonogo.values import dataclass

Standing: TypeAlias = Literal["allowed", "unknown", "forbidden"]

_ORDER: tuple[Standing, ...] = ("allowed", "unknown", "forbidden")
_NAMES: Mapping[str, str] = {
    "mit license": "MIT",
    "the mit license": "MIT",
    "mit-license": "MIT",
    "apache software license": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache 2": "Apache-2.0",
    "bsd 3-clause": "BSD-3-Clause",
    "3-clause bsd license": "BSD-3-Clause",
    "new bsd license": "BSD-3-Clause",
    "bsd 2-clause": "BSD-2-Clause",
    "simplified bsd license": "BSD-2-Clause",
    "isc license": "ISC",
    "isc license (iscl)": "ISC",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
    "the unlicense (unlicense)": "Unlicense",
    "zlib license": "Zlib",
    "gnu general public license v2 (gplv2)": "GPL-2.0-only",
    "gnu general public license v3 (gplv3)": "GPL-3.0-only",
    "gnu general public license v2 or later (gplv2+)": "GPL-2.0-or-later",
    "gnu general public license v3 or later (gplv3+)": "GPL-3.0-or-later",
    "gnu affero general public license v3": "AGPL-3.0-only",
    "gnu lesser general public license v3 (lgplv3)": "LGPL-3.0-only",
    "gnu lesser general public license v2 or later (lgplv2+)": "LGPL-2.0-or-later",
    "eclipse public license 2.0 (epl-2.0)": "EPL-2.0",
}
_TOKEN = re.compile(r"\s*(\(|\)|[A-Za-z0-9.+-]+)", re.ASCII)
_MOST_TOKENS = 60
_SKEW = timedelta(seconds=5)

MOST_BYTES = 1 << 26


@dataclass(frozen=True, slots=True)
class LicencePolicy:
    """Allowed and forbidden SPDX ids; `digest` is that of the policy file. What stands in neither is unknown."""

    allowed: frozenset[str]
    forbidden: frozenset[str]
    digest: Digest
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LicenceSeen:
    """A component of the release and the licence that it states, as written."""

    component: str
    stated: str


@dataclass(frozen=True, slots=True)
class PartsRead:
    """A parts list: its components, the version of what it is about (empty where unsaid), when it was made."""

    components: tuple[LicenceSeen, ...]
    version: str = ""
    made_at: datetime | None = None


def standing(stated: str, policy: LicencePolicy) -> Standing:
    """Whether a stated licence is allowed, forbidden or unknown; of several with `;` between them the worst counts."""
    if ";" in stated:
        return max((standing(part, policy) for part in stated.split(";")), key=_ORDER.index)
    known = _spdx(stated, policy)
    if known is not None:
        return _of_one(known, policy)
    tokens = _tokens(stated)
    if tokens is None:
        return "unknown"
    parser = _Expression(tokens, policy)
    answer = parser.either()
    return answer if parser.at_end() else "unknown"


def read_pip_licenses(data: bytes, name: str) -> PartsRead:
    """Output of `pip-licenses --format json`; several licences stand with `;` between them and all of them hold."""
    value = read_json(data, name=name, limit=MOST_BYTES)
    rows = Fields({"packages": value}, name).rows("packages")
    return PartsRead(
        tuple(LicenceSeen(f"{row.text('Name')} {row.text('Version')}", row.text("License")) for row in rows)
    )


def read_cyclonedx(data: bytes, name: str) -> PartsRead:
    """Components of a CycloneDX bill of materials; one without a licence is listed with an empty one."""
    fields = Fields(read_object(data, name=name, limit=MOST_BYTES), name)
    if fields.maybe_text("bomFormat") != "CycloneDX":
        raise _other(name, "CycloneDX JSON", "`bomFormat` is not CycloneDX")
    about = fields.maybe_part("metadata")
    subject = about.maybe_part("component") if about else None
    return PartsRead(
        components=tuple(_component(row) for row in fields.rows("components")),
        version=(subject.maybe_text("version") if subject else None) or "",
        made_at=stated_time(about.maybe_text("timestamp")) if about else None,
    )


def read_spdx(data: bytes, name: str) -> PartsRead:
    """Packages of an SPDX 2.2 or 2.3 document: the concluded licence, else the declared one; the subject is no part."""
    fields = Fields(read_object(data, name=name, limit=MOST_BYTES), name)
    if not (fields.maybe_text("spdxVersion") or "").startswith("SPDX-2."):
        raise _other(name, "SPDX 2 JSON", "`spdxVersion` is not SPDX-2.x")
    subjects = set(fields.texts("documentDescribes")) if fields.has("documentDescribes") else set()
    subjects |= {
        row.text("relatedSpdxElement")
        for row in (fields.rows("relationships") if fields.has("relationships") else ())
        if row.text("relationshipType") == "DESCRIBES" and row.text("spdxElementId") == "SPDXRef-DOCUMENT"
    }
    packages = fields.rows("packages")
    described = [row for row in packages if row.text("SPDXID") in subjects]
    # A document that describes each of its packages, as some tools write it, has no subject of its own.
    parts = [row for row in packages if row not in described] if len(described) == 1 and len(packages) > 1 else packages
    created = fields.maybe_part("creationInfo")
    return PartsRead(
        components=tuple(_package(row) for row in parts),
        version=(described[0].maybe_text("versionInfo") or "") if len(described) == 1 and len(packages) > 1 else "",
        made_at=stated_time(created.maybe_text("created")) if created else None,
    )


PARTS_READERS: Mapping[str, Callable[[bytes, str], PartsRead]] = {
    "cyclonedx": read_cyclonedx,
    "spdx": read_spdx,
    "pip-licenses": read_pip_licenses,
}
"""Every form of a parts list that is understood."""


def parts_faults(read: PartsRead, version: str, now: datetime) -> tuple[str, ...]:
    """Why a parts list cannot be that of the release: another version, nothing in it, made in the future."""
    found = [] if read.components else ["it lists no component: let the tool that writes it look at what is shipped"]
    if read.version and read.version != version:
        found.append(f"it is the parts list of version {read.version}, not of {version}: write it for this release")
    if read.made_at is not None and read.made_at > now + _SKEW:
        found.append(f"it was made at {time_text(read.made_at)}, which has not come yet: correct the clock")
    return tuple(found)


def _other(name: str, wanted: str, why: str) -> BadInput:
    return BadInput(
        f"not {wanted}: {why}", where=name, next_step="bind the parts list under its own format (`licences.format`)"
    )


def _package(row: Fields) -> LicenceSeen:
    stated = [row.maybe_text(key) or "" for key in ("licenseConcluded", "licenseDeclared")]
    known = next((text for text in stated if text not in ("", "NOASSERTION", "NONE")), "")
    return LicenceSeen(f"{row.text('name')} {row.maybe_text('versionInfo') or ''}".strip(), known)


def _component(row: Fields) -> LicenceSeen:
    stated = [_stated(choice) for choice in (row.rows("licenses") if row.has("licenses") else ())]
    joined = " AND ".join(f"({text})" if " " in text and len(stated) > 1 else text for text in stated)
    return LicenceSeen(f"{row.text('name')} {row.maybe_text('version') or ''}".strip(), joined)


def _stated(choice: Fields) -> str:
    inner = choice.maybe_part("license")
    named = (inner.maybe_text("id") or inner.maybe_text("name")) if inner else choice.maybe_text("expression")
    return named or ""


def _spdx(name: str, policy: LicencePolicy) -> str | None:
    lower = name.strip().lower()
    mapped = policy.names.get(lower) or _NAMES.get(lower)
    if mapped:
        return mapped
    return next((known for known in policy.allowed | policy.forbidden if known.lower() == lower), None)


def _of_one(spdx: str, policy: LicencePolicy) -> Standing:
    if spdx in policy.forbidden:
        return "forbidden"
    return "allowed" if spdx in policy.allowed else "unknown"


def _tokens(text: str) -> tuple[str, ...] | None:
    tokens: list[str] = []
    at = 0
    while at < len(text.rstrip()):
        found = _TOKEN.match(text, at)
        if found is None or len(tokens) >= _MOST_TOKENS:
            return None
        tokens.append(found[1])
        at = found.end()
    return tuple(tokens) or None


class _Expression:
    """A recursive reader of SPDX expressions: OR binds weaker than AND, WITH belongs to the id before it."""

    __slots__ = ("_at", "_policy", "_tokens")

    def __init__(self, tokens: tuple[str, ...], policy: LicencePolicy) -> None:
        self._tokens = tokens
        self._policy = policy
        self._at = 0

    def at_end(self) -> bool:
        """Whether every token was read."""
        return self._at == len(self._tokens)

    def either(self) -> Standing:
        """The best of alternatives."""
        answer = self._both()
        while self._take("OR"):
            answer = min(answer, self._both(), key=_ORDER.index)
        return answer

    def _both(self) -> Standing:
        answer = self._one()
        while self._take("AND"):
            answer = max(answer, self._one(), key=_ORDER.index)
        return answer

    def _one(self) -> Standing:
        if self._take("("):
            answer = self.either()
            return answer if self._take(")") else "unknown"
        token = self._next()
        known = _spdx(token, self._policy)
        if self._take("WITH"):
            known = _spdx(f"{token} WITH {self._next()}", self._policy)
        return "unknown" if known is None else _of_one(known, self._policy)

    def _next(self) -> str:
        token = self._tokens[self._at] if self._at < len(self._tokens) else ""
        self._at += 1
        return token

    def _take(self, word: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at].upper() == word:
            self._at += 1
            return True
        return False
