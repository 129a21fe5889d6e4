"""The description of an environment, `config/staging-env.yaml` and its production side: leaves by class (F42, PAR-10).

`configuration` and `feature_flags` are settings; `infrastructure` lists components; `secrets` lists names with keyed
fingerprints and ages, never values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gonogo.document.yaml_nodes import Items, Node, Pairs, Scalar, read_yaml
from gonogo.errors import BadInput
from gonogo.measure.parity_diff import Fingerprint
from gonogo.measure.parity_sources import from_yaml
from gonogo.measure.providers import Setting, Settings

_SETTINGS = ("configuration", "feature_flags")
_RULES = ("environment", "severity_rules", "accepted_drift")
_DIGEST = re.compile(r"(?:hmac-)?(?:sha256:)?[0-9a-f]{16,128}")
_SECRET_FIELDS = ("name", "fingerprint", "rotated_at")


def read_environment_file(data: bytes, name: str) -> Settings:
    """The settings of one environment by class; BadInput with file and line for anything that F42 does not know."""
    found: dict[str, Setting] = {}
    for key, node in _parts(data, name).items():
        if key in _SETTINGS:
            found[key] = _settings(key, node)
        elif key == "infrastructure":
            found[key] = _components(node)
        elif key == "secrets":
            found[key] = _secrets(node)
        elif key not in _RULES:
            raise _wrong(f"`{key}` is no part of an environment", node)
    return {key: value for key, value in found.items() if value}


def _parts(data: bytes, name: str) -> Mapping[str, Node]:
    root = read_yaml(data, name)
    if not isinstance(root, Pairs):
        raise _wrong("the file must hold named parts", root)
    return root.values


def _settings(key: str, node: Node) -> Setting:
    tree = from_yaml(node)
    if not isinstance(tree, Mapping):
        raise _wrong(f"`{key}` must hold names with values", node)
    return tree


def _components(node: Node) -> Setting:
    by_component: dict[str, dict[str, Setting]] = {}
    for entry in _entries(node):
        component = _text(entry, "component")
        if component in by_component:
            raise _wrong(f"component `{component}` is listed twice", entry)
        by_component[component] = {key: from_yaml(value) for key, value in entry.values.items() if key != "component"}
    return by_component


def _secrets(node: Node) -> Setting:
    found: dict[str, Setting] = {}
    for entry in _entries(node):
        unknown = sorted(entry.values.keys() - set(_SECRET_FIELDS))
        if unknown:
            raise _wrong(f"a secret is described by {', '.join(_SECRET_FIELDS)} only, not `{unknown[0]}`", entry)
        secret, digest = _text(entry, "name"), _maybe(entry, "fingerprint")
        if secret in found:
            raise _wrong(f"secret `{secret}` is listed twice", entry)
        if digest is not None and not _DIGEST.fullmatch(digest):
            raise _wrong(f"the fingerprint of `{secret}` is no keyed digest in hex; it may be the secret itself", entry)
        found[secret] = Fingerprint(digest, _maybe(entry, "rotated_at"))
    return found


def _entries(node: Node) -> tuple[Pairs, ...]:
    if not isinstance(node, Items):
        raise _wrong("this part must be a list", node)
    entries = []
    for item in node.items:
        if not isinstance(item, Pairs):
            raise _wrong("each entry must hold names with values", item)
        entries.append(item)
    return tuple(entries)


def _text(entry: Pairs, key: str) -> str:
    value = _maybe(entry, key)
    if value is None:
        raise _wrong(f"an entry has no `{key}`", entry)
    return value


def _maybe(entry: Pairs, key: str) -> str | None:
    node = entry.values.get(key)
    if node is None:
        return None
    if not isinstance(node, Scalar):
        raise _wrong(f"`{key}` must be text", node)
    return node.text or None


def _wrong(what: str, node: Node) -> BadInput:
    return BadInput(what, where=str(node.origin), next_step="describe the environment as its example file does")
