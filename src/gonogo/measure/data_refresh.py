"""Refreshed staging data: body of `staging-data-refresh.json` and its Markdown twin (F51, REF-01..03)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, TypeAlias

from gonogo.errors import Refused
from gonogo.evidence.canonical import Tree
from gonogo.measure.derived import Derived, filled
from gonogo.measure.figures import Body, time_text, without_none
from gonogo.measure.markdown import cell, page, table
from gonogo.measure.stored_fields import Fields
from gonogo.values import dataclass

RefreshedKind: TypeAlias = Literal["data_set", "feature_flag", "stub"]
RefreshResult: TypeAlias = Literal["success", "failure", "unknown"]

KINDS: tuple[RefreshedKind, ...] = ("data_set", "feature_flag", "stub")
RESULTS: tuple[RefreshResult, ...] = ("success", "failure", "unknown")
STAGING = "staging"


@dataclass(frozen=True, slots=True)
class RefreshedItem:
    """One thing that was brought to the state of the release candidate."""

    kind: RefreshedKind
    name: str
    source: str
    version: str
    started_at: datetime
    ended_at: datetime
    result: RefreshResult
    count: int | None = None


@dataclass(frozen=True, slots=True)
class RefreshSeen:
    """Everything that one refresh touched, who started it, and whether any is bound at all."""

    environment: str
    actor: str
    items: tuple[RefreshedItem, ...]
    bound: bool = True


def require_staging(environment: str) -> None:
    """Refused for every environment but staging, before anything is touched (REF-03)."""
    if environment != STAGING:
        raise Refused(
            f"test data are never refreshed in `{environment}`", next_step="run the refresh with --env staging"
        )


def data_refresh_body(seen: RefreshSeen) -> Body:
    """Body of the refresh record (F51)."""
    require_staging(seen.environment)
    raw: Body = {
        "environment": seen.environment,
        "actor": seen.actor,
        "bound": seen.bound,
        "refreshed": [
            without_none(
                {
                    "kind": item.kind,
                    "name": item.name,
                    "source": item.source,
                    "version": item.version,
                    "count": item.count,
                    "started_at": time_text(item.started_at),
                    "ended_at": time_text(item.ended_at),
                    "result": item.result,
                }
            )
            for item in seen.items
        ],
    }
    return filled(raw, derived_data_refresh(raw))


def derived_data_refresh(body: Mapping[str, Tree]) -> Derived:
    """Status over all items (III.2); nothing refreshed has none."""
    results = [row.text("result") for row in Fields(body).rows("refreshed")]
    if not results:
        return {"/status": None}
    return {"/status": "success" if set(results) == {"success"} else "failure"}


def data_refresh_markdown(body: Mapping[str, Tree], version: str) -> str:
    """The twin `staging-data-refresh.md`, rendered from the body, for the release `version` (REF-02)."""
    fields = Fields(body)
    rows = [
        (
            row.text("kind"),
            row.text("name"),
            row.text("source"),
            row.text("version"),
            row.count("count") if row.has("count") else None,
            row.text("started_at"),
            row.text("ended_at"),
            row.text("result"),
        )
        for row in fields.rows("refreshed")
    ]
    titles = ("Kind", "Name", "Source", "Version", "Count", "Started at", "Ended at", "Result")
    if not fields.flag("bound"):
        what = "No refresh is bound for this project; staging data, flags and stubs were left as they are."
    else:
        what = f"Status: {fields.maybe_text('status') or 'not known'}."
    about = f"Release: {cell(version)}. Environment: {fields.text('environment')}. Actor: {cell(fields.text('actor'))}."
    return page("Staging data refresh", about, what, table(titles, rows) if rows else "")
