"""Leaves of settings: flat, typed, by path, every secret a keyed fingerprint (PAR-01, PAR-02, PA-02, PA-03).

Secrets are turned into fingerprints before anything else sees them, so that no value of one ever leaves this file. What
counts as a secret is decided by the source, the name of the key and the look of the value, always on the careful side.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache
from typing import TypeAlias

from gonogo.errors import BadInput
from gonogo.measure.parity_diff import Empty, Encrypted, Fingerprint, Leaf, Unknown
from gonogo.measure.providers import Setting, Settings
from gonogo.terms import Secret

RawLeaf: TypeAlias = Leaf | Secret | date | time | float

_SECRET_NAME = re.compile(
    r"pass(word|wd|phrase)?$|passwd|password|secret|token|api_?key|access_?key|private_?key|credential|auth_?key"
    r"|encryption_?key|signing_?key|salt$|dsn$|connection_?string|cookie|bearer|jwt|(^|_)pw$|(^|_)pat$",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY|://[^/\s:@]*:[^/\s@]+@|\bgh[pousr]_\w{20}|\bAKIA[0-9A-Z]{16}|\bxox[abprs]-"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\.|\bsk-[\w-]{20}|\bglpat-[\w-]{20}",
    re.ASCII,
)
_NAME_KEYS = ("name", "Name", "key", "Key")
_SOPS_KEPT = ("age", "azure_kv", "gcp_kms", "hc_vault", "kms", "pgp")


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How one source is read.

    `below` is the first part of all its paths, e.g. `configuration`; `salt` keys the fingerprints and must be the same
    for both sides; `secret_paths` are secret in any case.
    """

    below: str
    salt: Secret
    secret_paths: frozenset[str] = frozenset()


def flattened(tree: Settings, name: str, options: SourceOptions) -> Mapping[str, Leaf]:
    """Leaves of nested settings by JSON pointer; keys that a reader left in quotes lose them (PA-02)."""
    leaves: dict[str, Leaf] = {}
    for path, value in _walk(_without_sops_noise(tree), f"/{_escaped(options.below)}" if options.below else ""):
        if path in leaves:
            raise BadInput(f"{path} stands twice", where=name, next_step="keep one of the two settings")
        leaves[path] = _leaf(path, value, options)
    return leaves


def fingerprint_of(value: str, salt: Secret) -> str:
    """Keyed digest of a secret: HMAC-SHA256 in hex. Without the salt nobody can try values against it."""
    return hmac.new(salt.reveal().encode(), value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def is_secret(path: str, value: str, options: SourceOptions) -> bool:
    """Whether a text is to be treated as a secret: listed, below `/secrets`, or looking like one by name or value."""
    if path.startswith("/secrets/") or path in options.secret_paths or _SECRET_VALUE.search(value):
        return True
    return any(_names_secret(part) for part in path.split("/")[2:])


@lru_cache(maxsize=1 << 14)
def _names_secret(part: str) -> bool:
    return _SECRET_NAME.search(part.replace("-", "_")) is not None


def _walk(tree: Setting, path: str) -> Iterator[tuple[str, RawLeaf]]:
    pending: list[tuple[str, Setting]] = [(path, tree)]
    while pending:
        here, value = pending.pop()
        if isinstance(value, Mapping):
            pending.extend((f"{here}/{_escaped(_bare(key))}", below) for key, below in value.items())
            if not value:
                yield here, Empty.MAPPING
        elif isinstance(value, Sequence) and not isinstance(value, str):
            pending.extend((f"{here}/{key}", below) for key, below in _keyed(value))
            if not value:
                yield here, Empty.LIST
        else:
            yield here, value


def _keyed(items: Sequence[Setting]) -> Iterator[tuple[str, Setting]]:
    """Entries by their names where all have one (`env` of a container): order is no difference then. Else by index."""
    for key in _NAME_KEYS:
        names = [item.get(key) if isinstance(item, Mapping) else None for item in items]
        known = [name for name in names if isinstance(name, str) and name]
        if len(set(known)) == len(items):
            yield from zip((_escaped(name) for name in known), items, strict=True)
            return
    yield from ((str(index), item) for index, item in enumerate(items))


def _leaf(path: str, value: RawLeaf, options: SourceOptions) -> Leaf:
    match value:
        case Secret():
            return Fingerprint(fingerprint_of(f"str:{value.reveal()}", options.salt))
        case datetime() | date() | time():
            value = value.isoformat()
        case float():
            value = str(value)
        case str() if value.startswith("ENC[") and value.endswith("]"):
            return Encrypted(value)
        case Fingerprint() | Encrypted() | Unknown() | Empty() | None:
            return value
        case bool() if not path.startswith("/secrets/"):
            return value
    if is_secret(path, str(value), options):
        return Fingerprint(fingerprint_of(f"{type(value).__name__}:{value}", options.salt))
    return value


def _without_sops_noise(tree: Mapping[str, Setting]) -> Mapping[str, Setting]:
    """Of SOPS' own block only the recipients count, and that there is a MAC: the rest is new in each file (PA-03)."""
    block = tree.get("sops")
    if not isinstance(block, Mapping) or "mac" not in block:
        return tree
    recipients = {kind: _recipients(block[kind]) for kind in _SOPS_KEPT if block.get(kind)}
    kept: Mapping[str, Setting] = {**recipients, "mac": isinstance(block["mac"], str)}
    return {**tree, "sops": kept}


def _recipients(entries: Setting) -> Setting:
    if isinstance(entries, str) or not isinstance(entries, Sequence):
        return entries
    kept = ("recipient", "arn", "fp", "resource_id", "vault_url", "vault_address", "key_name", "name")
    return [{k: v for k, v in entry.items() if k in kept} for entry in entries if isinstance(entry, Mapping)]


def _bare(key: str) -> str:
    return key[1:-1] if len(key) > 1 and key.startswith('"') and key.endswith('"') else key


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
