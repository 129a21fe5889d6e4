"""What lies in the readiness package: body of `pre-deployment-manifest.json` (F7, PKG-01..06, C80)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from gonogo.evidence.canonical import Tree
from gonogo.measure.derived import Derived, filled
from gonogo.measure.figures import Body, maybe_time, share, without_none
from gonogo.measure.stored_fields import Fields
from gonogo.terms import Digest
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class PackageItem:
    """One item that the package should hold; `sha256` is None where it is absent. `validator` says who checked it."""

    name: str
    path: str
    required: bool
    sha256: Digest | None
    size: int | None
    produced_at: datetime | None
    validator: str
    gate: str | None = None


@dataclass(frozen=True, slots=True)
class PackageSeen:
    """The sealed package, what it should hold, and the figures that gate 4 shows (PG4-05)."""

    name: str
    sha256: Digest
    size: int
    members: tuple[str, ...]
    items: tuple[PackageItem, ...]
    approval_latency_hours: Decimal | None = None
    checklist_coverage: Decimal | None = None


def package_body(seen: PackageSeen) -> Body:
    """Body of the manifest of the readiness package (F7)."""
    raw: Body = {
        "package": {"name": seen.name, "sha256": seen.sha256, "size": seen.size, "members": len(seen.members)},
        "items": [_item_row(item, frozenset(seen.members)) for item in seen.items],
        "unlisted": list(unlisted(seen.members, seen.items)),
        "metrics": without_none(
            {"approval_latency_hours": seen.approval_latency_hours, "checklist_coverage": seen.checklist_coverage}
        ),
    }
    return filled(raw, derived_package(raw))


def derived_package(body: Mapping[str, Tree]) -> Derived:
    """Completeness of required and of all items, and their number (III.2). An unlisted member leaves both out."""
    fields = Fields(body)
    items = fields.rows("items")
    required = [row for row in items if row.flag("required")]
    sound = not fields.texts("unlisted") and fields.part("package").count("members") >= sum(map(_is_there, items))
    return {
        "/item_count": len(items),
        "/completeness/required": share(sum(map(_is_there, required)), len(required)) if sound else None,
        "/completeness/all": share(sum(map(_is_there, items)), len(items)) if sound else None,
    }


def unlisted(members: Iterable[str], items: Iterable[PackageItem]) -> tuple[str, ...]:
    """Members of the archive that no item of the manifest names (PKG-02, EVS-12)."""
    paths = {item.path for item in items}
    return tuple(sorted(set(members) - paths))


def _item_row(item: PackageItem, members: frozenset[str]) -> Body:
    return without_none(
        {
            "name": item.name,
            "path": item.path,
            "sha256": item.sha256,
            "size": item.size,
            "required": item.required,
            "present": item.sha256 is not None and item.path in members,
            "gate": item.gate,
            "produced_at": maybe_time(item.produced_at),
            "validator": item.validator,
        }
    )


def _is_there(row: Fields) -> bool:
    return row.flag("present") and row.filled("sha256") and row.has("size")
