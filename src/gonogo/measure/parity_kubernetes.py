"""Kubernetes manifests and Helm values: objects by kind, namespace and name, without what the server writes (PAR-01).

Several documents in a file, lists of objects, JSON as `kubectl get -o json` writes it. Values of a Secret are decoded
and compared by fingerprint, so that `data` and `stringData` of one value are equal.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence

from gonogo.errors import BadInput
from gonogo.measure.parity_diff import Encrypted
from gonogo.measure.parity_sources import json_value, named
from gonogo.measure.parity_yaml import read_documents
from gonogo.measure.providers import Setting, Settings
from gonogo.terms import Secret

_BY_SERVER = frozenset(
    {"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink", "ownerReferences"}
)
_NOTES_BY_SERVER = frozenset({"kubectl.kubernetes.io/last-applied-configuration", "deployment.kubernetes.io/revision"})
NO_NAMESPACE = "-"
"""What stands for the namespace of an object that names none."""


def read_kubernetes(data: bytes, name: str) -> Settings:
    """Manifests in YAML or JSON, as `/KIND/NAMESPACE/NAME/...`."""
    found: dict[str, dict[str, dict[str, Setting]]] = {}
    for number, item in enumerate(_objects(_documents(data, name)), start=1):
        kind, namespace, label = _identity(item, f"{name}: document {number}")
        objects = found.setdefault(kind, {}).setdefault(namespace, {})
        if label in objects:
            raise BadInput(
                f"{kind} {namespace}/{label} stands twice", where=name, next_step="keep one of the two manifests"
            )
        objects[label] = _cleaned(kind, item, name)
    return found


def read_helm_values(data: bytes, name: str) -> Settings:
    """One values file of a chart; what templates make of it is not known from it (compare `helm template` for that)."""
    documents = read_documents(data, name)
    if len(documents) > 1:
        raise BadInput("a values file has one document", where=name, next_step="give each file as a source")
    return named(documents[0], name)


def _documents(data: bytes, name: str) -> tuple[Setting, ...]:
    return (json_value(data, name),) if data.lstrip()[:1] == b"{" else read_documents(data, name)


def _objects(documents: tuple[Setting, ...]) -> Iterator[Setting]:
    for document in documents:
        items = document.get("items") if isinstance(document, Mapping) else None
        kind = document.get("kind") if isinstance(document, Mapping) else None
        if (
            isinstance(kind, str)
            and kind.endswith("List")
            and isinstance(items, Sequence)
            and not isinstance(items, str)
        ):
            yield from items
        else:
            yield document


def _identity(item: Setting, where: str) -> tuple[str, str, str]:
    about = item.get("metadata") if isinstance(item, Mapping) else None
    if isinstance(item, Mapping) and isinstance(about, Mapping) and "apiVersion" in item:
        kind, label, namespace = item.get("kind"), about.get("name"), about.get("namespace")
        if isinstance(kind, str) and isinstance(label, str) and kind and label:
            return kind, namespace if isinstance(namespace, str) and namespace else NO_NAMESPACE, label
    raise BadInput(
        "no Kubernetes object: `apiVersion`, `kind` and `metadata.name` are needed",
        where=where,
        next_step="give manifests as `kubectl get -o yaml` or `helm template` write them",
    )


def _cleaned(kind: str, item: Setting, name: str) -> Setting:
    assert isinstance(item, Mapping)
    kept = {key: value for key, value in item.items() if key not in {"kind", "metadata", "status"}}
    about = item["metadata"]
    assert isinstance(about, Mapping)
    notes = about.get("annotations")
    metadata = {key: value for key, value in about.items() if key not in {*_BY_SERVER, "name", "namespace"}}
    if isinstance(notes, Mapping):
        metadata["annotations"] = {key: value for key, value in notes.items() if key not in _NOTES_BY_SERVER}
    if metadata.get("annotations") == {}:
        del metadata["annotations"]
    if metadata:
        kept["metadata"] = metadata
    if kind == "Secret":
        return _secret(kept, name)
    return _sealed(kept) if kind == "SealedSecret" else kept


def _secret(item: dict[str, Setting], name: str) -> Setting:
    values: dict[str, Setting] = {}
    for key, plain in (("data", False), ("stringData", True)):
        part = item.pop(key, None)
        for label, value in part.items() if isinstance(part, Mapping) else ():
            text = value if isinstance(value, str) else ""
            values[label] = Secret(text if plain else _decoded(text, label, name))
    return {**item, "data": values}


def _decoded(text: str, label: str, name: str) -> str:
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode("utf-8", "surrogateescape")
    except (binascii.Error, ValueError) as error:
        raise BadInput(
            f"the value of `{label}` in a Secret is not base64", where=name, next_step="encode it, or use `stringData`"
        ) from error


def _sealed(item: dict[str, Setting]) -> Setting:
    part = item.get("spec")
    hidden = part.get("encryptedData") if isinstance(part, Mapping) else None
    if not isinstance(part, Mapping) or not isinstance(hidden, Mapping):
        return item
    return {**item, "spec": {**part, "encryptedData": {key: Encrypted(str(value)) for key, value in hidden.items()}}}
