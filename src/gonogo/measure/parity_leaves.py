"""Leaves of settings: flat, typed, by path, every secret a keyed fingerprint (PAR-01, PAR-02, PA-02, PA-03).

Secrets are turned into fingerprints before anything else sees them, so that no value of one ever leaves this file. What
counts as a secret is decided by the source, the name of the key and the look of the value, always on the careful side.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from functools import lru_cache
from typing import TypeAlias

from gonogo.errors import BadInput
from gonogo.measure.parity_diff import Empty, Encrypted, Fingerprint, Leaf, Unknown
from gonogo.measure.providers import Setting, Settings
from gonogo.terms import Secret
from gonogo.values import dataclass

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
_SUSPECT = re.compile(r"[-:_.\[A]").search
"""Finds one of the characters that every look of a secret has; most settings have none."""

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
    """Leaves of nested settings by JSON pointer; keys that a reader left in quotes lose them (PA-02).

    Below a name of a secret, or in the class of secrets, every value becomes a fingerprint.
    """
    leaves: dict[str, Leaf] = {}
    put = 0
    top = f"/{_escaped(options.below)}" if options.below else ""
    pending: list[tuple[str, bool, Setting]] = [(top, False, _without_sops_noise(tree))]
    while pending:
        path, hidden, container = pending.pop()
        plain = bool(path) and not (hidden or path.startswith("/secrets") or options.secret_paths)
        paths = _harmless_paths(path, container) if plain and isinstance(container, dict) else None
        if paths is not None and isinstance(container, dict):
            leaves.update(zip(paths, container.values(), strict=True))
            put += len(container)
            continue
        for key, value in _members(container):
            here, named = f"{path}/{_part(key)}", hidden or (bool(path) and _names_secret(key))
            if value and isinstance(value, Mapping | list | tuple):
                pending.append((here, named, value))
            else:
                leaves[here] = _leaf(here, _empty(value), options, named=named)
                put += 1
    if put != len(leaves):
        raise BadInput("a setting stands twice", where=name, next_step="keep one of the two settings")
    return leaves


_HARMLESS = frozenset({int, str, bool, type(None)})


def _harmless_paths(path: str, container: dict[str, Setting]) -> tuple[str, ...] | None:
    """The paths in a mapping of numbers and texts at `path`, none of which has the name or the look of a secret.

    None for every other mapping. A hundred thousand settings are usual, and this is the short way for most of them.
    """
    values = container.values()
    if not _HARMLESS.issuperset(map(type, values)):
        return None
    suspect = _SUSPECT("\n".join([value for value in values if type(value) is str]))
    return None if suspect else _paths(path, tuple(container))


@lru_cache(maxsize=1 << 10)
def _paths(path: str, keys: tuple[str, ...]) -> tuple[str, ...] | None:
    """Paths of keys below `path`, None where one names a secret; the other side asks for the same ones again."""
    parts = tuple(map(_open_part, keys))
    return None if "" in parts else tuple(map(f"{path}/".__add__, parts))


@lru_cache(maxsize=1 << 16)
def _open_part(key: str) -> str:
    """The part of a pointer for a key; empty where the key names a secret, or is empty itself: both go the long way."""
    return "" if _names_secret(key) else _part(key)


def _members(container: Setting) -> Iterable[tuple[str, Setting]]:
    if isinstance(container, Mapping):
        return container.items()
    assert isinstance(container, list | tuple)
    return _keyed(container)


def _empty(value: Setting) -> RawLeaf:
    if isinstance(value, Mapping):
        return Empty.MAPPING
    return Empty.LIST if isinstance(value, list | tuple) else value  # type: ignore[return-value]


def fingerprint_of(value: str, salt: Secret) -> str:
    """Keyed digest of a secret: HMAC-SHA256 in hex. Without the salt nobody can try values against it."""
    return hmac.new(salt.reveal().encode(), value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def _keyed(items: Sequence[Setting]) -> Iterator[tuple[str, Setting]]:
    """Entries by their names where all have one (`env` of a container): order is no difference then. Else by index."""
    for key in _NAME_KEYS:
        names = [item.get(key) if isinstance(item, Mapping) else None for item in items]
        known = [name for name in names if isinstance(name, str) and name]
        if len(set(known)) == len(items):
            yield from zip(known, items, strict=True)
            return
    yield from ((str(index), item) for index, item in enumerate(items))


def _leaf(path: str, value: RawLeaf, options: SourceOptions, *, named: bool) -> Leaf:
    """The leaf at `path`; `named` says that a name on the way to it is one of a secret."""
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
    if named or path.startswith("/secrets/") or path in options.secret_paths or _SECRET_VALUE.search(str(value)):
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


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


@lru_cache(maxsize=1 << 16)
def _names_secret(key: str) -> bool:
    return _SECRET_NAME.search(_bare(key).replace("-", "_")) is not None


@lru_cache(maxsize=1 << 16)
def _part(key: str) -> str:
    return _escaped(_bare(key))


def _bare(key: str) -> str:
    """A key without the quotes that a reader left (PA-02)."""
    return key[1:-1] if len(key) > 1 and key.startswith('"') and key.endswith('"') else key
