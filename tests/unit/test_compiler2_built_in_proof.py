"""The built-in protocols, compiled: no way to production round any guard, whichever is taken away."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib import resources

import pytest

from gonogo.plan.compiling import compile_plan
from gonogo.plan.sources import Source, Sources
from gonogo.plan.graph import Edge, EdgeKind, Graph, StateKind, graph_of
from gonogo.plan.lock import graph_digest
from gonogo.plan.model import Effect
from gonogo.plan.proof import Claim, prove
from gonogo.plan.proof_check import recheck
from gonogo.protocol.guardrail import guardrail_parts
from gonogo.terms import digest_of

NAMES = ("pre-deployment", "production-deployment", "deployment-automation")
LAUNCHING = ("production-deployment", "deployment-automation")
MANIFEST = b"""{"release": {"id": "shop-v2", "version": "2.0.0"}, "services": [{"name": "web", "artifact": "web.tar",
"digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "version": "2.0.0", "owner": "sam",
"rollback": "scripts/rollback_web.sh"}], "changes": [{"id": "c1", "title": "search", "security_impact": "no"}]}"""


def stored(name: str) -> Source:
    """A file of the library."""
    return Source(name, resources.files("gonogo.library").joinpath(name).read_bytes())


@cache
def graph(name: str) -> Graph:
    """The graph of a built-in protocol bound to the example project."""
    sources = Sources(
        document=stored(f"{name}.md"),
        sidecar=stored(f"{name}.gonogo.yaml"),
        project=stored("gonogo.example.yaml"),
        manifest=Source("release-manifest.json", MANIFEST),
        approvers=stored("release-approvers.example.yaml"),
        scripts={"scripts/deploy_web.sh": digest_of(b"deploy"), "scripts/rollback_web.sh": digest_of(b"rollback")},
    )
    plan = compile_plan(sources).plan
    assert plan is not None
    return graph_of(plan)


@pytest.mark.req("RGD-03", "RGD-04")
@pytest.mark.parametrize("name", NAMES)
def test_every_guard_of_a_built_in_protocol_holds(name: str) -> None:
    proof = prove(graph(name))
    assert proof.findings == ()
    assert recheck(graph(name), proof.certificate) == ()


@pytest.mark.parametrize("name", LAUNCHING)
def test_production_is_reached_by_the_rollout_and_by_the_rollback_only(name: str) -> None:
    effects = {state.kind for state in graph(name).states if state.effect is Effect.PRODUCTION}
    assert effects == {StateKind.STEP, StateKind.ROLLOUT, StateKind.ROLLBACK}


def test_the_rehearsal_touches_no_production() -> None:
    assert {state.effect for state in graph("pre-deployment").states} == {Effect.NONE, Effect.STAGING}


def opened(whole: Graph, guard: str) -> Graph:
    """The graph with ways round one guard: from each state before it to each state after it."""
    before = [edge.source for edge in whole.edges if edge.target == guard and edge.source != guard]
    after = [edge.target for edge in whole.edges if edge.source == guard and edge.kind is EdgeKind.NEXT]
    around = tuple(Edge(source, target, EdgeKind.NEXT) for source in before for target in after)
    return replace(whole, edges=(*whole.edges, *around))


@pytest.mark.req("RGD-03", "RGD-04")
@pytest.mark.parametrize("name", LAUNCHING)
def test_each_guard_that_is_gone_round_is_found_every_time(name: str) -> None:
    whole = graph(name)
    certificate = prove(whole).certificate
    guards = sorted({cut.guard for cut in certificate.cuts})
    assert len(guards) > 10
    for guard in guards:
        gap = opened(whole, guard)
        assert any(f.code == "GN0801" and f"without `{guard}`" in f.message for f in prove(gap).findings), guard
        assert recheck(gap, certificate), guard


@pytest.mark.req("RGD-03")
def test_the_production_approval_guards_every_act_on_production() -> None:
    cuts = prove(graph("production-deployment")).certificate.cuts
    approval = next(cut.guard for cut in cuts if cut.guard.endswith("#decide") and "approval" in cut.guard)
    effects = {state.id for state in graph("production-deployment").states if state.effect is Effect.PRODUCTION}
    assert {cut.effect for cut in cuts if cut.guard == approval} == effects


def test_a_guardrail_part_bound_to_a_late_state_is_no_guard() -> None:
    whole = graph("production-deployment")
    closing = next(state for state in whole.states if state.kind is StateKind.CLOSING)
    claims = [Claim(part, closing.id, closing.origin) for part in guardrail_parts("DO NOT deploy unless a and b")]
    assert [finding.code for finding in prove(whole, claims).findings] == ["GN0802", "GN0802"]


def test_the_same_plan_has_the_same_graph() -> None:
    again = replace(graph(NAMES[0]), edges=tuple(reversed(graph(NAMES[0]).edges)))
    assert graph_digest(again) == graph_digest(graph(NAMES[0]))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (
            "DO NOT relight unless the horn sounds and two keepers have signed.",
            ("the horn sounds", "two keepers have signed"),
        ),
        ("NEVER deploy without approval, tests, and a plan", ("approval", "tests", "a plan")),
        ("DO NOT touch the lamp.", ("DO NOT touch the lamp",)),
        ("**DO NOT go until** x or y!", ("x", "y")),
        ("", ()),
    ],
)
def test_a_guardrail_sentence_has_parts(text: str, parts: tuple[str, ...]) -> None:
    assert guardrail_parts(text) == parts
