"""Feature flags as their tools export them: flagd, OpenFeature manifests, Unleash, LaunchDarkly (PAR-01).

Flags stand under their key with what decides about users: whether it is on, what it then gives, to whom. Bookkeeping
(ids, versions, dates, descriptions, tags) is left out: it differs in every environment and decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gonogo.errors import BadInput
from gonogo.measure.parity_sources import json_value, named
from gonogo.measure.providers import Setting, Settings

_NOISE = frozenset(
    {
        "_access",
        "_environmentName",
        "_id",
        "_links",
        "_maintainer",
        "_site",
        "_summary",
        "_version",
        "archived_date",
        "createdAt",
        "createdByUserId",
        "creationDate",
        "debugEventsUntilDate",
        "description",
        "environmentName",
        "goalIds",
        "id",
        "impressionData",
        "lastModified",
        "lastSeenAt",
        "lastSeenAtEnvironments",
        "maintainerId",
        "metadata",
        "project",
        "salt",
        "sel",
        "sortOrder",
        "stale",
        "staleAt",
        "stickiness",
        "tags",
        "title",
        "trackEvents",
        "trackEventsFallthrough",
        "version",
        "milestoneId",
        "ref",
    }
)
"""Names of fields that decide nothing about users."""

_VALUES = frozenset({"default", "payload", "value", "values", "variations"})
"""Names of fields that hold what users get: all of it counts, whatever its parts are called."""


def read_flagd(data: bytes, name: str) -> Settings:
    """A flagd definition: `{"flags": {KEY: {"state", "variants", "defaultVariant", "targeting"}}}`."""
    tree = named(json_value(data, name), name)
    found: dict[str, Setting] = {}
    for key, flag in _part(tree, "flags", name).items():
        about = _object(flag, f"flag `{key}`", name)
        state, variants = about.get("state"), about.get("variants")
        if state not in {"ENABLED", "DISABLED"} or not isinstance(variants, Mapping):
            raise _wrong(f"flag `{key}` has no `state` (ENABLED or DISABLED) or no `variants`", name)
        chosen = about.get("defaultVariant")
        found[key] = {
            "on": state == "ENABLED",
            "default": variants.get(chosen) if isinstance(chosen, str) else None,
            "variants": variants,
            "targeting": about.get("targeting") or {},
        }
    shared = tree.get("$evaluators")
    return {**found, "$evaluators": shared} if shared else found


def read_openfeature(data: bytes, name: str) -> Settings:
    """An OpenFeature manifest: `{"flags": {KEY: {"flagType", "defaultValue"}}}`."""
    found: dict[str, Setting] = {}
    for key, flag in _part(named(json_value(data, name), name), "flags", name).items():
        about = _object(flag, f"flag `{key}`", name)
        if not isinstance(about.get("flagType"), str) or "defaultValue" not in about:
            raise _wrong(f"flag `{key}` has no `flagType` or no `defaultValue`", name)
        found[key] = {"type": about["flagType"], "default": about["defaultValue"]}
    return found


def read_unleash(data: bytes, name: str) -> Settings:
    """An Unleash export of one environment, or what `/api/client/features` answers."""
    tree = named(json_value(data, name), name)
    flags = {_text(flag, "name", name): flag for flag in _rows(tree, "features", name)}
    if "featureEnvironments" not in tree:
        return {
            key: _without_noise({**flag, "enabled": _flag(flag, "enabled", key, name)}) for key, flag in flags.items()
        }
    found: dict[str, Setting] = {}
    for row in _rows(tree, "featureEnvironments", name):
        key = _text(row, "featureName", name)
        if key in found:
            raise _wrong(f"flag `{key}` stands twice: the export is of more than one environment", name)
        ways = [
            _without_noise(way)
            for way in _rows(tree, "featureStrategies", name)
            if way.get("featureName") == key
            and way.get("environment", row.get("environment")) == row.get("environment")
        ]
        found[key] = {
            "enabled": _flag(row, "enabled", key, name),
            "type": flags.get(key, {}).get("type"),
            "strategies": [_without(way, "featureName", "environment") for way in ways],
            "variants": _without_noise(row.get("variants") or []),
        }
    return {**{key: {"enabled": None} for key in flags if key not in found}, **found}


def read_launchdarkly(data: bytes, name: str) -> Settings:
    """Flags of one environment as the LaunchDarkly API lists them, or a data file of an SDK."""
    tree = named(json_value(data, name), name)
    if "items" in tree:
        return dict(_listed(flag, name) for flag in _rows(tree, "items", name))
    found: dict[str, Setting] = {}
    if "flags" in tree:
        for key, flag in _part(tree, "flags", name).items():
            found[key] = _without_noise(_without(_object(flag, f"flag `{key}`", name), "key"))
    if "flagValues" in tree:
        found.update({key: {"value": value} for key, value in _part(tree, "flagValues", name).items()})
    if not found:
        raise _wrong("neither `items` nor `flags` nor `flagValues` stands there", name)
    return found


def _listed(flag: Settings, name: str) -> tuple[str, Setting]:
    key = _text(flag, "key", name)
    places = flag.get("environments")
    if not isinstance(places, Mapping) or len(places) != 1:
        count = len(places) if isinstance(places, Mapping) else "no"
        raise _wrong(f"flag `{key}` has {count} environments; export one: `?env=staging`", name)
    about = _object(next(iter(places.values())), f"flag `{key}`", name)
    variations = flag.get("variations")
    values = (
        [row.get("value") for row in variations if isinstance(row, Mapping)] if isinstance(variations, list) else []
    )
    fallthrough = about.get("fallthrough")
    number = fallthrough.get("variation") if isinstance(fallthrough, Mapping) else None
    off = about.get("offVariation")
    return key, {
        "on": _flag(about, "on", key, name),
        "kind": flag.get("kind"),
        "variations": values,
        "default": _chosen(values, number),
        "off": _chosen(values, off),
        "fallthrough": _without_noise(fallthrough),
        "rules": _without_noise(about.get("rules") or []),
        "targets": _without_noise(about.get("targets") or []),
        "prerequisites": _without_noise(about.get("prerequisites") or []),
    }


def _chosen(values: list[Setting], number: Setting) -> Setting:
    known = isinstance(number, int) and not isinstance(number, bool) and 0 <= number < len(values)
    return values[number] if known and isinstance(number, int) else None


def _without_noise(value: Setting) -> Setting:
    if isinstance(value, Mapping):
        kept = ((key, below) for key, below in value.items() if key not in _NOISE)
        return {key: below if key in _VALUES else _without_noise(below) for key, below in kept}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_without_noise(item) for item in value]
    return value


def _without(value: Setting, *keys: str) -> Settings:
    return {key: below for key, below in value.items() if key not in keys} if isinstance(value, Mapping) else {}


def _part(tree: Settings, key: str, name: str) -> Settings:
    value = tree.get(key)
    if not isinstance(value, Mapping) or not value:
        raise _wrong(f"`{key}` is missing or empty", name)
    return value


def _object(value: Setting, what: str, name: str) -> Settings:
    if not isinstance(value, Mapping):
        raise _wrong(f"{what} is no object", name)
    return value


def _rows(tree: Settings, key: str, name: str) -> Iterator[Settings]:
    value = tree.get(key)
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise _wrong(f"`{key}` is missing", name)
    for item in value:
        yield _object(item, f"an entry of `{key}`", name)


def _text(row: Settings, key: str, name: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value:
        raise _wrong(f"a flag has no `{key}`", name)
    return value


def _flag(row: Settings, key: str, flag: str, name: str) -> bool:
    value = row.get(key)
    if not isinstance(value, bool):
        raise _wrong(f"flag `{flag}` does not say whether it is `{key}`", name)
    return value


def _wrong(what: str, name: str) -> BadInput:
    return BadInput(what, where=name, next_step="export the flags of this environment again, or correct the format")
