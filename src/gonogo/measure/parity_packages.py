"""What is installed: pip freeze, pip list, dpkg, npm, CycloneDX and SPDX, and images by digest (PAR-01).

Each gives names with versions. A name that stands with two versions gives both; an image that is named by a tag alone
is not comparable, since a tag is whatever somebody last pushed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from gonogo.errors import BadInput
from gonogo.measure.parity_diff import Unknown
from gonogo.measure.parity_sources import bounded, decoded, json_value, named
from gonogo.measure.providers import Setting, Settings

_FROZEN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:===?\s*([^\s;#]+)|@\s*(\S+))(?:\s*[;#].*)?")
_DPKG = re.compile(r"(?:(?:ii|hi)\s+)?([a-z0-9][a-z0-9+.-]+(?::[a-z0-9]+)?)\s+([0-9][^\s]*)(?:\s.*)?")
_IMAGE = re.compile(
    r"([A-Za-z0-9][A-Za-z0-9._/-]*(?::[0-9]+/[A-Za-z0-9._/-]+)?)(?::([A-Za-z0-9._-]+))?(?:@(sha256:[0-9a-f]{64}))?"
)
MUTABLE = Unknown("the image is named by a tag and not by its digest")
NPM_LOCKS = (2, 3)


def read_pip_freeze(data: bytes, name: str) -> Settings:
    """`pip freeze`: `NAME==VERSION` or `NAME @ ADDRESS` in each line."""
    return _collected(_lines(data, name, _frozen), name)


def _frozen(line: str, where: str) -> tuple[str, Setting]:
    found = _FROZEN.fullmatch(line.removeprefix("-e ").strip())
    if found is None:
        raise BadInput(
            "not a line of `pip freeze` (NAME==VERSION)", where=where, next_step="pin each package to one version"
        )
    return _normal(found[1]), found[2] or found[3]


def read_pip_list(data: bytes, name: str) -> Settings:
    """`pip list --format json`."""
    return _collected(_name_version(json_value(data, name), "name", "version", name, _normal), name)


def read_dpkg(data: bytes, name: str) -> Settings:
    """`dpkg-query -W`, or the lines of installed packages of `dpkg -l`."""
    return _collected(_lines(data, name, _debian), name)


def _debian(line: str, where: str) -> tuple[str, Setting]:
    found = _DPKG.fullmatch(line)
    if found is None:
        raise BadInput(
            "not a line of `dpkg-query -W` (NAME VERSION)", where=where, next_step="write it with dpkg-query -W"
        )
    return found[1], found[2]


def read_npm(data: bytes, name: str) -> Settings:
    """`package-lock.json` (lockfileVersion 2 or 3) or `npm ls --all --json`."""
    tree = named(json_value(data, name), name)
    packages = tree.get("packages")
    if isinstance(packages, Mapping):
        if tree.get("lockfileVersion") not in NPM_LOCKS:
            raise BadInput("a lock of npm of another version", where=name, next_step="write it with npm 7 or newer")
        rows = [(key.rpartition("node_modules/")[2], row) for key, row in packages.items() if key]
        return _collected(((key, _version(row, key, name)) for key, row in rows), name)
    if "dependencies" not in tree:
        raise BadInput(
            "neither a package-lock.json nor `npm ls --json`",
            where=name,
            next_step="write it with `npm ls --all --json`",
        )
    return _collected(_npm_tree(tree, name), name)


def _npm_tree(tree: Settings, name: str) -> Iterator[tuple[str, Setting]]:
    pending = [tree]
    while pending:
        below = pending.pop().get("dependencies")
        for key, row in below.items() if isinstance(below, Mapping) else ():
            yield key, _version(row, key, name)
            if isinstance(row, Mapping):
                pending.append(row)


def _version(row: Setting, key: str, name: str) -> Setting:
    if isinstance(row, Mapping) and row.get("link") is True:
        return "linked"
    version = row.get("version") if isinstance(row, Mapping) else None
    if not isinstance(version, str):
        raise BadInput(f"`{key}` has no version", where=name, next_step="install it, then list again")
    return version


def read_cyclonedx_parts(data: bytes, name: str) -> Settings:
    """A CycloneDX parts list, JSON, 1.x."""
    tree = named(json_value(data, name), name)
    version = tree.get("specVersion")
    if tree.get("bomFormat") != "CycloneDX" or not isinstance(version, str) or not version.startswith("1."):
        raise BadInput(
            "no CycloneDX parts list of version 1", where=name, next_step="correct the format, or write it again"
        )
    return _collected(_cyclonedx(tree.get("components"), name), name)


def _cyclonedx(rows: Setting, name: str) -> Iterator[tuple[str, Setting]]:
    yield from _name_version(rows, "name", "version", name, str)
    for row in rows if isinstance(rows, Sequence) and not isinstance(rows, str) else ():
        if isinstance(row, Mapping) and row.get("components"):
            yield from _cyclonedx(row["components"], name)


def read_spdx_parts(data: bytes, name: str) -> Settings:
    """An SPDX parts list, JSON, 2.x."""
    tree = named(json_value(data, name), name)
    version = tree.get("spdxVersion")
    if not isinstance(version, str) or not version.startswith("SPDX-2."):
        raise BadInput("no SPDX parts list of version 2", where=name, next_step="correct the format, or write it again")
    return _collected(_name_version(tree.get("packages"), "name", "versionInfo", name, str), name)


def read_images(data: bytes, name: str) -> Settings:
    """Images, one a line: `NAME@sha256:...` or `NAME:TAG@sha256:...`; or a JSON list of them, or names to digests."""
    if data.lstrip()[:1] in (b"[", b"{"):
        tree = json_value(data, name)
        rows = (
            tree.items()
            if isinstance(tree, Mapping)
            else [(str(number), line) for number, line in enumerate(_items(tree))]
        )
        lines = [f"{key}@{value}" if isinstance(tree, Mapping) else str(value) for key, value in rows]
        return _collected((_image(line, name) for line in lines), name)
    return _collected(_lines(data, name, _image), name)


def _image(line: str, where: str) -> tuple[str, Setting]:
    found = _IMAGE.fullmatch(line)
    if found is None or not (found[2] or found[3]):
        raise BadInput("not an image (NAME@sha256:DIGEST)", where=where, next_step="list images with their digests")
    return found[1], found[3] or MUTABLE


def _items(value: Setting) -> Sequence[Setting]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def _lines(data: bytes, name: str, read: Callable[[str, str], tuple[str, Setting]]) -> Iterator[tuple[str, Setting]]:
    for number, line in enumerate(decoded(bounded(data, name), name).splitlines(), start=1):
        text = line.strip()
        if text and not text.startswith("#"):
            yield read(text, f"{name}:{number}")


def _name_version(
    rows: Setting, label: str, version: str, name: str, spelt: Callable[[str], str]
) -> Iterator[tuple[str, Setting]]:
    if isinstance(rows, str) or not isinstance(rows, Sequence):
        raise BadInput("a list of packages is missing", where=name, next_step="let the tool write it again")
    for row in rows:
        text = row.get(label) if isinstance(row, Mapping) else None
        if not isinstance(row, Mapping) or not isinstance(text, str) or not text:
            raise BadInput(f"an entry has no `{label}`", where=name, next_step="let the tool write it again")
        found = row.get(version)
        yield spelt(text), found if isinstance(found, str) and found else Unknown("its version is not known")


def _normal(text: str) -> str:
    """A package name as the index spells it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", text).lower()


def _collected(pairs: Iterator[tuple[str, Setting]], name: str) -> Settings:
    """Names with their versions; several versions of one name as one sorted text."""
    found: dict[str, set[str]] = {}
    unknown: dict[str, Setting] = {}
    for key, value in pairs:
        if isinstance(value, str):
            found.setdefault(key, set()).add(value)
        else:
            unknown[key] = value
    if not found and not unknown:
        raise BadInput("no package is listed", where=name, next_step="let the tool list what is installed")
    return {**{key: ", ".join(sorted(values)) for key, values in found.items()}, **unknown}
