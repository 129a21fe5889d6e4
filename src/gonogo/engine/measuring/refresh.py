"""What the bound command brought up to date in staging: data sets, flags, stubs, as it lists them (REF-01..REF-03)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from gonogo.engine.bench import Bench, Looked
from gonogo.engine.runs_seen import command_run, left_behind
from gonogo.errors import BadInput
from gonogo.evidence.canonical import read_object
from gonogo.measure.data_refresh import (
    KINDS,
    RESULTS,
    RefreshedItem,
    RefreshSeen,
    data_refresh_body,
    data_refresh_markdown,
)
from gonogo.measure.stored_fields import Fields

LIST = "refreshed.json"
EXAMPLE = '{"refreshed": [{"kind": "data_set", "name": "orders", "source": "dump-7", "version": "7", "count": 120}]}'


def refresh(bench: Bench) -> Looked:
    """The record of the refresh and its page; a bound command that does not say what it did is no success."""
    environment = bench.environment("staging")
    try:
        items, fault = tuple(_items(bench)), ""
    except BadInput as error:
        place = f"{error.where}: " if error.where else ""
        items, fault = (), f"{place}{error.what}\n  next: {error.next_step}"
    bound = bench.plan.project.refresh is not None
    body = data_refresh_body(RefreshSeen(environment.kind, str(bench.actor), items, bound))
    failed = [item.name for item in items if item.result != "success"]
    if failed:
        fault = f"the refresh did not bring up to date: {', '.join(failed)}"
    page = data_refresh_markdown(body, bench.plan.release.version)
    files = (bench.text("staging-data-refresh.md", page), bench.json("staging-data-refresh.json", body))
    return Looked(ok=not fault, files=files, detail=fault)


def _items(bench: Bench) -> Iterator[RefreshedItem]:
    command = bench.plan.project.refresh
    if command is None:
        return
    runs = bench.commands_run("refresh")
    left = left_behind(bench, command, LIST) if runs else None
    if left is None:
        raise BadInput(
            f"the refresh left no {LIST}, so that nobody knows what it brought up to date",
            where=f"command `{command}`",
            next_step=f"let it write into GONOGO_OUT: {EXAMPLE}",
        )
    rows = Fields(read_object(left.data, name=LIST)).rows("refreshed")
    if not rows:
        raise BadInput(f"{LIST} lists nothing", where=f"command `{command}`", next_step=f"list what it did: {EXAMPLE}")
    run = command_run(bench, *runs[-1])
    for row in rows:
        yield _item(row, run.started_at, run.ended_at or bench.now)


def _item(row: Fields, began: datetime, ended: datetime) -> RefreshedItem:
    return RefreshedItem(
        kind=row.word("kind", KINDS),
        name=row.text("name"),
        source=row.text("source"),
        version=row.text("version"),
        started_at=row.maybe_moment("started_at") or began,
        ended_at=row.maybe_moment("ended_at") or ended,
        result=row.word("result", RESULTS) if row.has("result") else "success",
        count=row.count("count") if row.has("count") else None,
    )
