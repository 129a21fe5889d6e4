"""The description of an environment, `config/staging-env.yaml` and its production side: leaves by class (F42, PAR-10).

`configuration` and `feature_flags` are settings; `infrastructure` lists components; `secrets` lists names with keyed
fingerprints and ages, never values.
"""

from __future__ import annotations

from collections.abc import Mapping

from gonogo.document.yaml_nodes import Items, Node, Pairs, Scalar, read_yaml
from gonogo.errors import BadInput
from gonogo.measure.parity_diff import Fingerprint, Leaf
from gonogo.measure.parity_leaves import SourceOptions, flattened
from gonogo.measure.parity_sources import from_yaml
from gonogo.terms import Secret

_SETTINGS = ("configuration", "feature_flags")
_RULES = ("environment", "severity_rules", "accepted_drift")
_SECRET_FIELDS = ("name", "fingerprint", "rotated_at")


def read_environment_file(data: bytes, name: str, salt: Secret) -> Mapping[str, Leaf]:
    """All leaves of one environment by path; BadInput with file and line for anything that F42 does not know."""
    root = read_yaml(data, name)
    if not isinstance(root, Pairs):
        raise _wrong("the file must hold named parts", root)
    leaves: dict[str, Leaf] = {}
    for key, node in root.values.items():
        if key in _SETTINGS:
            leaves.update(_settings(key, node, name, salt))
        elif key == "infrastructure":
            leaves.update(_components(node, name, salt))
        elif key == "secrets":
            leaves.update(_secrets(node))
        elif key not in _RULES:
            raise _wrong(f"`{key}` is no part of an environment", node)
    return leaves


def _settings(key: str, node: Node, name: str, salt: Secret) -> Mapping[str, Leaf]:
    tree = from_yaml(node)
    if not isinstance(tree, Mapping):
        raise _wrong(f"`{key}` must hold names with values", node)
    return flattened(tree, name, SourceOptions(key, salt))


def _components(node: Node, name: str, salt: Secret) -> Mapping[str, Leaf]:
    by_component: dict[str, dict[str, Node]] = {}
    for entry in _entries(node):
        component = _text(entry, "component")
        if component in by_component:
            raise _wrong(f"component `{component}` is listed twice", entry)
        by_component[component] = {key: value for key, value in entry.values.items() if key != "component"}
    tree = {
        component: {key: from_yaml(value) for key, value in fields.items()}
        for component, fields in by_component.items()
    }
    return flattened(tree, name, SourceOptions("infrastructure", salt))


def _secrets(node: Node) -> Mapping[str, Leaf]:
    leaves: dict[str, Leaf] = {}
    for entry in _entries(node):
        unknown = sorted(entry.values.keys() - set(_SECRET_FIELDS))
        if unknown:
            raise _wrong(f"a secret is described by {', '.join(_SECRET_FIELDS)} only, not `{unknown[0]}`", entry)
        path = f"/secrets/{_text(entry, 'name').replace('~', '~0').replace('/', '~1')}"
        if path in leaves:
            raise _wrong(f"secret `{_text(entry, 'name')}` is listed twice", entry)
        leaves[path] = Fingerprint(_maybe(entry, "fingerprint"), _maybe(entry, "rotated_at"))
    return leaves


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
