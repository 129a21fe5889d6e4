"""Raw scanner output without what it quotes: what may be stored as evidence (SC-06, SEC-11, NB-05).

Scanners print the code around a finding, and secret scanners the secret itself. Every field that quotes is replaced, in
all tools alike; what the readers need (rule, severity, place, version, coverage) stays, so that a redacted file gives
the same findings as the original.
"""

from __future__ import annotations

from collections.abc import Mapping

from gonogo.evidence.canonical import Tree, read_json, write_json

MOST_BYTES = 1 << 26

REDACTED = "[redacted]"

_QUOTING = frozenset(
    {
        "abstract_content",
        "author",
        "code",
        "codeflows",
        "commit",
        "contents",
        "contextregion",
        "description",
        "email",
        "fingerprint",
        "fingerprints",
        "fix",
        "fixes",
        "issue_text",
        "line",
        "lines",
        "markdown",
        "match",
        "message",
        "metavars",
        "partialfingerprints",
        "rendered",
        "secret",
        "snippet",
        "text",
        "webrequest",
        "webresponse",
    }
)
"""Names of fields, in lower case, that tools fill with quoted code, matches or free text."""


def redacted_scan(data: bytes, name: str) -> bytes:
    """The same report with every quoting field replaced; BadInput where it is no JSON, which then is not stored at all.

    A whole number stays as it is: a line number quotes nothing.
    """
    return write_json(_redacted(read_json(data, name=name, limit=MOST_BYTES)))


def _redacted(value: Tree) -> Tree:
    if isinstance(value, Mapping):
        return {key: _kept(key, inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(item) for item in value]
    return value


def _kept(key: str, value: Tree) -> Tree:
    quoting = key.lower() in _QUOTING
    return REDACTED if quoting and value is not None and not isinstance(value, bool | int) else _redacted(value)
