"""The lock: same input, same bytes; anything changed is another lock."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from gonogo.errors import BadInput
from gonogo.findings import Finding, Level, Origin
from gonogo.plan.graph import Edge, EdgeKind, Graph, State, StateKind
from gonogo.plan.lock import LockFacts, graph_digest, lock_bytes, stale
from gonogo.plan.model import Effect
from gonogo.plan.proof import prove
from gonogo.protocol.change import Change, Direction
from gonogo.terms import Digest

HERE = Origin("lamp.md", 7)
START, SIGN, LIGHT, END = (
    State("s", "start", StateKind.EDGE, Effect.NONE, must=False, origin=HERE),
    State("sign", "two keepers sign", StateKind.APPROVAL, Effect.NONE, must=True, origin=HERE),
    State("light", "relight", StateKind.STEP, Effect.PRODUCTION, must=True, origin=HERE),
    State("e", "end", StateKind.EDGE, Effect.NONE, must=False, origin=HERE),
)
GRAPH = Graph(
    (START, SIGN, LIGHT, END),
    (Edge("s", "sign", EdgeKind.NEXT), Edge("sign", "light", EdgeKind.NEXT), Edge("light", "e", EdgeKind.NEXT)),
    "s",
    "e",
)
FACTS = LockFacts(
    slug="lamp-change",
    number="42",
    compiler="0.1.0",
    encoding="utf-8",
    source=Digest("a" * 64),
    sidecar=Digest("b" * 64),
    graph=GRAPH,
    certificate=prove(GRAPH).certificate,
    coverage={"structure": 12, "note": 3},
    findings=(Finding("GN0306", Level.WARNING, "m", HERE),),
    waived=(),
    scripts={"scripts/strike.sh": Digest("c" * 64)},
)


@pytest.mark.req("DOC-27")
def test_the_same_facts_give_the_same_bytes_whatever_the_order() -> None:
    turned = replace(FACTS, coverage={"note": 3, "structure": 12}, graph=replace(GRAPH, edges=GRAPH.edges[::-1]))
    assert lock_bytes(turned) == lock_bytes(FACTS)
    assert b"." not in lock_bytes(FACTS).replace(b"0.1.0", b"").replace(b"strike.sh", b"")


@pytest.mark.req("DOC-27")
def test_a_lock_is_not_stale_for_its_own_facts() -> None:
    assert stale(lock_bytes(FACTS), "lamp.lock", FACTS) == ()


@pytest.mark.req("DOC-27")
@pytest.mark.parametrize(
    ("changed", "word"),
    [
        (replace(FACTS, source=Digest("d" * 64)), "document"),
        (replace(FACTS, sidecar=Digest("d" * 64)), "sidecar"),
        (replace(FACTS, scripts={}), "scripts"),
        (replace(FACTS, graph=replace(GRAPH, edges=GRAPH.edges[:-1])), "graph"),
        (replace(FACTS, certificate=prove(replace(GRAPH, states=(START, END), edges=())).certificate), "proof"),
    ],
)
def test_any_changed_input_makes_the_lock_stale(changed: LockFacts, word: str) -> None:
    (finding,) = stale(lock_bytes(FACTS), "lamp.lock", changed)
    assert (finding.code, finding.level) == ("GN0701", Level.ERROR)
    assert word in finding.message


def test_a_stale_lock_says_how_many_rules_became_weaker() -> None:
    looser = Change(Direction.WEAKER, "darkness-gate", "threshold", "100%", "95%", HERE, HERE)
    (finding,) = stale(lock_bytes(FACTS), "lamp.lock", replace(FACTS, source=Digest("d" * 64)), [looser])
    assert finding.message == "lock is stale: document changed, 1 rule weaker"
    assert finding.notes[0] == "darkness-gate: threshold 100% → 95%  weaker"


def test_an_edited_lock_is_stale_even_when_its_digests_are_kept() -> None:
    edited = json.loads(lock_bytes(FACTS))
    edited["graph"]["states"][1]["must"] = False
    assert stale(json.dumps(edited).encode(), "lamp.lock", FACTS)


def test_places_do_not_change_the_graph() -> None:
    moved = replace(GRAPH, states=tuple(replace(one, origin=Origin("x.md", 99)) for one in GRAPH.states))
    assert graph_digest(moved) == graph_digest(GRAPH)


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"format": "other"}', b"\xff"])
def test_what_is_no_lock_is_refused(data: bytes) -> None:
    with pytest.raises(BadInput):
        stale(data, "lamp.lock", FACTS)
