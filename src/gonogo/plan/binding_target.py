"""`environments.NAME.target` of a project file: what distributes requests, with the keys of each kind (CFG-11)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from gonogo.plan.project import TargetBinding
from gonogo.plan.reading import Section

_CLUSTER = ("namespace", "kubeconfig", "context")
TARGET_KEYS: Mapping[str, tuple[str, ...]] = {
    "caddy": ("admin", "handler"),
    "proxy": ("admin",),
    "haproxy": ("socket", "backend"),
    "nginx": ("include", "upstream", "status", "test", "reload"),
    "kubernetes": ("service", "deployments", "label", "replicas", *_CLUSTER),
    "argo_rollout": ("rollout", *_CLUSTER),
    "commands": ("observe", "traffic"),
}
"""The keys of each kind of target, besides `kind` and `drain`."""
TARGETS = (*TARGET_KEYS, "none")
DRAIN = Decimal(10)
_LISTS = frozenset({"observe", "traffic", "test", "reload"})


def read_target(section: Section | None) -> TargetBinding:
    """The target; none where none is declared. A key that its kind does not have is a finding."""
    if section is None:
        return TargetBinding("none", {}, {})
    kind = section.choice("kind", TARGETS)
    known = TARGET_KEYS.get(kind, ())
    lists = {key: found for key in known if key in _LISTS and (found := section.texts(key, ()))}
    options = {key: text for key in known if key not in _LISTS and (text := section.text(key, ""))}
    drain = section.seconds("drain", DRAIN) if kind in TARGET_KEYS else Decimal(0)
    section.finish()
    return TargetBinding(kind, options, lists, drain)
