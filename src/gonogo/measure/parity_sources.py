"""Readers of parity sources: .env, JSON, YAML and TOML as bytes, flattened to typed leaves by path (PAR-01, PA-01..03).

Secrets are turned into keyed fingerprints while reading, so that no value of one ever leaves this file (PAR-02). What
counts as a secret is decided by the name of the key and by the look of the value, always on the careful side.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Literal, TypeAlias, assert_never

from gonogo.document.yaml_nodes import Items, Node, Pairs, Scalar, read_yaml
from gonogo.errors import BadInput
from gonogo.evidence.canonical import read_json
from gonogo.measure.parity_diff import Encrypted, Fingerprint, Leaf
from gonogo.terms import Secret

SourceForm: TypeAlias = Literal["env", "json", "yaml", "toml"]
Parsed: TypeAlias = "Leaf | date | time | float | Sequence[Parsed] | Mapping[str, Parsed]"

MOST_BYTES = 1 << 26
"""Largest parity source that is read."""

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
_ENV_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*=(.*)", re.ASCII)
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,18})", re.ASCII)
_FRACTION = re.compile(r"-?(0|[1-9][0-9]{0,18})\.[0-9]{1,18}", re.ASCII)
_WORDS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}
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


def read_source(data: bytes, form: SourceForm, name: str, options: SourceOptions) -> Mapping[str, Leaf]:
    """The leaves of one source by path (`/below/key/key`); BadInput, with file and line, where it is not readable."""
    if len(data) > MOST_BYTES:
        raise BadInput(f"{len(data)} bytes; the limit is {MOST_BYTES}", where=name, next_step="split the source")
    parsed: Parsed
    match form:
        case "env":
            parsed = read_env(data, name)
        case "json":
            parsed = read_json(data, name=name, limit=MOST_BYTES)
        case "yaml":
            parsed = from_yaml(read_yaml(data, name))
        case "toml":
            parsed = _read_toml(data, name)
        case _:
            assert_never(form)
    if not isinstance(parsed, Mapping):
        raise BadInput(
            "settings must be names with values", where=name, next_step="give an object, not a list or value"
        )
    return flattened(parsed, name, options)


def read_env(data: bytes, name: str) -> Mapping[str, str]:
    """`NAME=value` lines as they are written; `${OTHER}` is not replaced (PA-01). Quotes around a value are removed."""
    values: dict[str, str] = {}
    for number, line in enumerate(_text(data, name).split("\n"), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _ENV_LINE.fullmatch(line.rstrip("\r"))
        if found is None:
            raise BadInput("not a NAME=value line", where=f"{name}:{number}", next_step="repair or remove the line")
        if found[1] in values:
            raise BadInput(f"{found[1]} stands twice", where=f"{name}:{number}", next_step="keep one of the lines")
        values[found[1]] = _unquoted(found[2].strip(), f"{name}:{number}")
    return values


def flattened(tree: Mapping[str, Parsed], name: str, options: SourceOptions) -> Mapping[str, Leaf]:
    """Leaves of nested settings by JSON pointer; keys that a reader left in quotes lose them (PA-02)."""
    leaves: dict[str, Leaf] = {}
    for path, value in _walk(_without_sops_noise(tree), f"/{_escaped(options.below)}"):
        if path in leaves:
            raise BadInput(f"{path} stands twice", where=name, next_step="keep one of the two settings")
        leaves[path] = _leaf(path, value, options)
    return leaves


def fingerprint_of(value: str, salt: Secret) -> str:
    """Keyed digest of a secret: HMAC-SHA256 in hex. Without the salt nobody can try values against it."""
    return hmac.new(salt.reveal().encode(), value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def is_secret(path: str, value: str, options: SourceOptions) -> bool:
    """Whether a text is to be treated as a secret: listed, below `/secrets`, or looking like one by name or value."""
    if options.below == "secrets" or path in options.secret_paths or _SECRET_VALUE.search(value):
        return True
    return any(_SECRET_NAME.search(part.replace("-", "_")) for part in path.split("/")[2:])


def _walk(tree: Parsed, path: str) -> Iterator[tuple[str, Leaf | date | time | float]]:
    pending: list[tuple[str, Parsed]] = [(path, tree)]
    while pending:
        here, value = pending.pop()
        if isinstance(value, Mapping) and value:
            pending.extend((f"{here}/{_escaped(_bare(key))}", below) for key, below in value.items())
        elif isinstance(value, Sequence) and not isinstance(value, str) and value:
            pending.extend((f"{here}/{index}", below) for index, below in enumerate(value))
        elif isinstance(value, Mapping):
            yield here, "{}"
        elif isinstance(value, Sequence) and not isinstance(value, str):
            yield here, "[]"
        else:
            yield here, value


def _leaf(path: str, value: Leaf | date | time | float, options: SourceOptions) -> Leaf:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, float):
        return str(value)
    if isinstance(value, str) and value.startswith("ENC[") and value.endswith("]"):
        return Encrypted(value)
    if isinstance(value, Fingerprint | Encrypted) or value is None or isinstance(value, bool):
        return value
    if is_secret(path, str(value), options):
        return Fingerprint(fingerprint_of(f"{type(value).__name__}:{value}", options.salt))
    return value


def _without_sops_noise(tree: Mapping[str, Parsed]) -> Mapping[str, Parsed]:
    """Of SOPS' own block only the recipients count, and that there is a MAC: the rest is new in each file (PA-03)."""
    block = tree.get("sops")
    if not isinstance(block, Mapping) or "mac" not in block:
        return tree
    recipients = {kind: _recipients(block[kind]) for kind in _SOPS_KEPT if block.get(kind)}
    kept: Mapping[str, Parsed] = {**recipients, "mac": isinstance(block["mac"], str)}
    return {**tree, "sops": kept}


def _recipients(entries: Parsed) -> Parsed:
    if isinstance(entries, str) or not isinstance(entries, Sequence):
        return entries
    kept = ("recipient", "arn", "fp", "resource_id", "vault_url", "vault_address", "key_name", "name")
    return [{k: v for k, v in entry.items() if k in kept} for entry in entries if isinstance(entry, Mapping)]


def from_yaml(node: Node) -> Parsed:
    """Typed values of strict YAML: quoted scalars are text; of plain ones only JSON's words and numbers are typed."""
    match node:
        case Pairs(values=values):
            return {key: from_yaml(value) for key, value in values.items()}
        case Items(items=items):
            return [from_yaml(item) for item in items]
        case Scalar(text=text, quoted=quoted):
            return text if quoted else _plain_scalar(text)
        case _:
            assert_never(node)


def _plain_scalar(text: str) -> Leaf:
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    return Decimal(text) if _FRACTION.fullmatch(text) else text


def _read_toml(data: bytes, name: str) -> Parsed:
    try:
        return tomllib.loads(_text(data, name), parse_float=_toml_fraction)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"not valid TOML: {error}", where=name, next_step="repair the file") from error
    except RecursionError as error:
        raise BadInput("nested too deeply", where=name, next_step="flatten the structure") from error


def _toml_fraction(text: str) -> Decimal | str:
    number = Decimal(text.replace("_", ""))
    return number if number.is_finite() else text


def _text(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadInput("not UTF-8", where=f"{name}:{line}", next_step="save the file as UTF-8") from error


def _unquoted(written: str, where: str) -> str:
    mark = written[:1]
    if mark not in ("'", '"'):
        return re.split(r"\s+#", written, maxsplit=1)[0]
    end = written.find(mark, 1)
    while mark == '"' and end > 0 and written[end - 1] == "\\":
        end = written.find(mark, end + 1)
    if end < 0 or not re.fullmatch(r"\s*(#.*)?", written[end + 1 :]):
        raise BadInput(
            "the quote is not closed on this line", where=where, next_step="close it, or escape the line ends"
        )
    return written[1:end]


def _bare(key: str) -> str:
    return key[1:-1] if len(key) > 1 and key.startswith('"') and key.endswith('"') else key


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
