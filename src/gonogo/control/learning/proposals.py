"""The repairs that were proposed for a halt, as they are shown: nothing here carries one out (ERR-12)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from gonogo.control.opening import Opened
from gonogo.engine.bench import World
from gonogo.evidence.canonical import Tree, read_object
from gonogo.measure.stored_fields import Fields

MOST_BYTES: Final = 1 << 20


def proposal_of(world: World, opened: Opened) -> Mapping[str, Tree]:
    """The proposal for the present halt of a run; empty where it is not halted, or nothing was proposed yet."""
    halted = opened.state.halted
    digest = opened.state.proposals.get(halted.seq) if halted else None
    if digest is None:
        return {}
    return read_object(world.vault.read(digest), name="repair proposal", limit=MOST_BYTES)


def proposal_lines(body: Mapping[str, Tree]) -> Iterator[str]:
    """The proposal for people; nothing for an empty one."""
    if not body:
        return
    fields = Fields(body)
    yield f"diagnosis: {fields.text('diagnosis')}: {fields.text('finding')}"
    for number, row in enumerate(fields.rows("recovery"), start=1):
        yield f"  recovery {number}. {row.text('step')}: {row.text('result')} ({row.text('detail')})"
    repairs = body.get("repairs")
    for number, text in enumerate(repairs if isinstance(repairs, list | tuple) else (), start=1):
        yield f"  proposed {number}. {text}"
    yield f"  nothing of this was done; to accept: {fields.text('accept')}; or: {fields.text('abort')}"
