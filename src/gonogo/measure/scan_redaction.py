"""Raw scanner output without what it quotes: what may be stored as evidence (SC-06, SEC-11, NB-05).

Scanners print the code around a finding, and secret scanners the secret itself. Every field that quotes is replaced, in
all tools alike; what the readers need (rule, severity, place, version, coverage) stays, so that a redacted file gives
the same findings as the original.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gonogo.evidence.canonical import Tree, read_json, write_json

MOST_BYTES = 1 << 26

REDACTED = "[redacted]"
LEAST_SECRET = 6
"""Shorter texts stand by chance in other words; striking them would make the report unreadable."""

_SECRET = frozenset({"secret", "match", "raw", "secret_value"})
"""Names of fields, in lower case, whose text is the secret itself."""

_QUOTING = frozenset(
    {
        "abstract_content",
        "annotation",
        "author",
        "code",
        "code_block",
        "codeflows",
        "commit",
        "content",
        "contents",
        "contextregion",
        "description",
        "details",
        "email",
        "evaluated_keys",
        "feature",
        "fingerprint",
        "fingerprints",
        "fix",
        "fixed_definition",
        "fixes",
        "hashed_secret",
        "highlighted",
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

    A whole number stays as it is: a line number quotes nothing. A secret that a field names as such is struck wherever
    else it stands, too: in paths, addresses, names of rules.
    """
    value = read_json(data, name=name, limit=MOST_BYTES)
    secrets = sorted(set(_named_secrets(value)), key=len, reverse=True)
    return write_json(_struck(_redacted(value), secrets))


def _named_secrets(value: Tree) -> Iterator[str]:
    """Every text of six characters and more below a field that holds a secret by its name."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key.lower() in _SECRET and isinstance(inner, str) and len(inner) >= LEAST_SECRET and inner != REDACTED:
                yield inner
            yield from _named_secrets(inner)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _named_secrets(item)


def _struck(value: Tree, secrets: Sequence[str]) -> Tree:
    if not secrets:
        return value
    if isinstance(value, Mapping):
        return {_without(key, secrets): _struck(inner, secrets) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_struck(item, secrets) for item in value]
    return _without(value, secrets) if isinstance(value, str) else value


def _without(text: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, REDACTED)
    return text


def _redacted(value: Tree) -> Tree:
    if isinstance(value, Mapping):
        return {key: _kept(key, inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(item) for item in value]
    return value


def _kept(key: str, value: Tree) -> Tree:
    # A version to update to is an object of that name (grype), a piece of code is text (semgrep).
    quoting = key.lower() in _QUOTING and not (key == "fix" and isinstance(value, Mapping))
    return REDACTED if quoting and value is not None and not isinstance(value, bool | int) else _redacted(value)
