"""No failure without a next step: what people read at 02:00 says what, where, and what to do now (CFG-11)."""

from __future__ import annotations

from gonogo.engine.bench import Bench
from gonogo.engine.writing import blob
from gonogo.terms import Digest

_NEXT = "\n  next:"


def fault(bench: Bench, text: str) -> Digest | None:
    """Store why an act failed; a text that says no next step gets the one that always helps."""
    return blob(bench, text if not text or _NEXT in text else f"{text}{_NEXT} {_next_step(bench)}")


def _next_step(bench: Bench) -> str:
    if bench.stage.kind != "rollback":
        return f"repair what is named, then lift the halt: gonogo resume {bench.run}"
    before = bench.seen("production")
    hands = f"send all traffic to `{before.get('stable')}` and stop `{before.get('candidate')}`"
    return f"production is not restored; by hand: {hands}, then gonogo resume {bench.run}"
