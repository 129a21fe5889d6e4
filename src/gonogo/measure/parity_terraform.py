"""Terraform and OpenTofu: state files, `terraform show -json` of a state, and of a plan (PAR-01).

Resources stand under their address. What the tool marks as sensitive is compared by fingerprint only; what a plan does
not know before it is applied is listed as not comparable, never as equal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gonogo.errors import BadInput
from gonogo.measure.parity_diff import Unknown
from gonogo.measure.parity_sources import json_value, named
from gonogo.measure.providers import Setting, Settings
from gonogo.terms import Secret

STATE_VERSION = 4
FORMAT = "1."
LATER = Unknown("the plan knows this value only after it was applied")


def read_terraform_state(data: bytes, name: str) -> Settings:
    """A state file (`terraform.tfstate`, version 4) or `terraform show -json` of a state."""
    tree = named(json_value(data, name), name)
    if "values" in tree or "format_version" in tree:
        _check_format(tree, name)
        if "planned_values" in tree:
            raise BadInput("this is a plan, not a state", where=name, next_step="use the format terraform-plan")
        return _shown(tree.get("values"), name)
    if tree.get("version") != STATE_VERSION:
        raise BadInput(
            f"no Terraform state of version {STATE_VERSION}",
            where=name,
            next_step="give terraform.tfstate as Terraform 0.12 or newer writes it, or `terraform show -json`",
        )
    found: dict[str, Setting] = {}
    for resource in _rows(tree.get("resources"), name):
        for address, values in _instances(resource, name):
            _put(found, address, values, name)
    return _with_outputs(found, tree.get("outputs"))


def read_terraform_plan(data: bytes, name: str) -> Settings:
    """`terraform show -json` of a saved plan: what will be there once it was applied."""
    tree = named(json_value(data, name), name)
    _check_format(tree, name)
    if "planned_values" not in tree:
        raise BadInput("this is no plan", where=name, next_step="write it with `terraform show -json PLANFILE`")
    found = dict(_shown(tree["planned_values"], name))
    resources = found.get("resources")
    known = dict(resources) if isinstance(resources, Mapping) else {}
    for change in _rows(tree.get("resource_changes") or [], name):
        address, about = change.get("address"), change.get("change")
        if isinstance(address, str) and isinstance(about, Mapping) and address in known:
            known[address] = _marked(known[address], about.get("after_unknown"), about.get("after_sensitive"))
    return {**found, "resources": known}


def _check_format(tree: Settings, name: str) -> None:
    version = tree.get("format_version")
    if not isinstance(version, str) or not (version.startswith(FORMAT) or version == "0.2"):
        shown = version if isinstance(version, str) and len(version) < 10 else "unknown"
        raise BadInput(
            f"the JSON format of Terraform is {shown}; 1.x is understood",
            where=name,
            next_step="write it with `terraform show -json`, or look for a newer gonogo",
        )


def _shown(values: Setting, name: str) -> Settings:
    if not isinstance(values, Mapping):
        raise BadInput("the state is empty: it has no `values`", where=name, next_step="apply it first")
    found: dict[str, Setting] = {}
    for resource in _modules(values.get("root_module"), name):
        address = resource.get("address")
        if not isinstance(address, str):
            raise BadInput("a resource has no `address`", where=name, next_step="let Terraform write it again")
        _put(found, address, _marked(resource.get("values"), None, resource.get("sensitive_values")), name)
    return _with_outputs(found, values.get("outputs"))


def _modules(module: Setting, name: str) -> Iterator[Settings]:
    pending = [module]
    while pending:
        current = pending.pop()
        if not isinstance(current, Mapping):
            raise BadInput("a module is missing or of another shape", where=name, next_step="write the file again")
        yield from _rows(current.get("resources") or [], name)
        pending.extend(_rows(current.get("child_modules") or [], name))


def _instances(resource: Settings, name: str) -> Iterator[tuple[str, Setting]]:
    parts = [resource.get("module"), "data" if resource.get("mode") == "data" else None, resource.get("type")]
    base = ".".join(part for part in [*parts, resource.get("name")] if isinstance(part, str))
    for instance in _rows(resource.get("instances"), name):
        key = instance.get("index_key")
        index = "" if key is None else f'["{key}"]' if isinstance(key, str) else f"[{key}]"
        values = instance.get("attributes")
        for path in _rows_or_lists(instance.get("sensitive_attributes")):
            values = _hidden(values, path)
        yield f"{base}{index}", values


def _rows_or_lists(value: Setting) -> Iterator[tuple[str | int, ...]]:
    """Paths of sensitive attributes, as a state file of version 4 writes them."""
    for path in value if isinstance(value, Sequence) and not isinstance(value, str) else ():
        steps = path if isinstance(path, Sequence) and not isinstance(path, str) else [path]
        found = tuple(_step(step) for step in steps)
        yield tuple(step for step in found if step is not None)


def _step(step: Setting) -> str | int | None:
    value = step.get("value") if isinstance(step, Mapping) else None
    if isinstance(value, Mapping):
        value = value.get("value")
    return value if isinstance(value, str | int) else None


def _hidden(value: Setting, path: tuple[str | int, ...]) -> Setting:
    """`value` with all that lies below `path` made secret; where the path is not understood, all of it."""
    if not path:
        return _secret(value)
    if isinstance(value, Mapping) and isinstance(path[0], str):
        return {key: _hidden(below, path[1:]) if key == path[0] else below for key, below in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str) and isinstance(path[0], int):
        return [_hidden(below, path[1:]) if index == path[0] else below for index, below in enumerate(value)]
    return value if value is None else _secret(value)


def _secret(value: Setting) -> Setting:
    if isinstance(value, Mapping):
        return {key: _secret(below) for key, below in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_secret(below) for below in value]
    return value if value is None or isinstance(value, Secret | Unknown) else Secret(str(value))


def _marked(value: Setting, unknown: Setting, sensitive: Setting) -> Setting:
    """`value` with what two trees of the same shape mark by `true` as unknown or sensitive."""
    if unknown is True:
        return LATER
    if sensitive is True:
        return _secret(value)
    if isinstance(value, Mapping) or isinstance(unknown, Mapping):
        have = value if isinstance(value, Mapping) else {}
        later = unknown if isinstance(unknown, Mapping) else {}
        hidden = sensitive if isinstance(sensitive, Mapping) else {}
        keys = dict.fromkeys((*have, *(key for key, mark in later.items() if mark)))
        return {key: _marked(have.get(key), later.get(key), hidden.get(key)) for key in keys}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_marked(item, _at(unknown, index), _at(sensitive, index)) for index, item in enumerate(value)]
    return value


def _at(marks: Setting, index: int) -> Setting:
    listed = isinstance(marks, Sequence) and not isinstance(marks, str) and index < len(marks)
    return marks[index] if listed and isinstance(marks, Sequence) else None


def _with_outputs(resources: Mapping[str, Setting], outputs: Setting) -> Settings:
    shown: dict[str, Setting] = {}
    for key, output in outputs.items() if isinstance(outputs, Mapping) else ():
        if isinstance(output, Mapping):
            value = output.get("value")
            shown[key] = _secret(value) if output.get("sensitive") is not False and "sensitive" in output else value
    return {"resources": resources, "outputs": shown} if shown else {"resources": resources}


def _put(found: dict[str, Setting], address: str, values: Setting, name: str) -> None:
    if address in found:
        raise BadInput(f"{address} stands twice", where=name, next_step="let Terraform write it again")
    found[address] = values


def _rows(value: Setting, name: str) -> Iterator[Settings]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise BadInput("a list of resources is missing", where=name, next_step="let Terraform write it again")
    for item in value:
        if not isinstance(item, Mapping):
            raise BadInput("a resource is no object", where=name, next_step="let Terraform write it again")
        yield item
