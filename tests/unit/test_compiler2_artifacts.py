"""Artifacts over a set of protocols, and drawings of one protocol and of a set."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files
from xml.etree import ElementTree as ET

import pytest

from gonogo.document.reading import read_document
from gonogo.findings import Level, Origin
from gonogo.protocol.artifacts import follow
from gonogo.protocol.model import ArtifactRequired, Exchange, Handoff, Protocol, all_steps
from gonogo.protocol.references import Ambiguous, Named, Outside, number_of, resolve, words_of
from gonogo.reports.drawing import draw_protocol
from gonogo.reports.graph import mermaid, protocol_mermaid, protocol_svg, set_mermaid, set_svg

Wants = Sequence[tuple[str, str]]


def protocol(slug: str, number: str = "", *, wants: Wants = (), takes: Wants = (), gives: Wants = ()) -> Protocol:
    """A protocol with nothing but artifacts: `wants` are hard prerequisites, pairs are (artifact, protocol)."""
    here = Origin(f"{slug}.md", 1)
    return Protocol(
        slug, slug.replace("-", " ").title(), number, "", "", "", "", "", (),
        tuple(ArtifactRequired(name, source, "", optional=False, origin=here) for name, source in wants),
        (), (), (),
        tuple(Exchange(source, (name,), "", here) for name, source in takes),
        tuple(Exchange(target, (name,), "", here) for name, target in gives),
        (), (), (), (), Handoff(), (), (), here,
    )  # fmt: skip


STOCK = protocol("lamp-stock", "41", gives=[("LAMP-AUDIT.zip", "lamp-change")])
LAMP = protocol("lamp-change", "42", wants=[("LAMP-AUDIT.zip", "Protocol 41 (Lamp Stock)")])


def codes(protocols: Sequence[Protocol], external: frozenset[str] = frozenset()) -> list[str]:
    """The codes of what does not fit."""
    return [finding.code for finding in follow(protocols, external).findings]


def test_an_artifact_goes_from_its_maker_to_its_consumer() -> None:
    flow = follow([STOCK, LAMP])
    assert flow.findings == ()
    assert [(t.source, t.target, t.artifact, t.hard) for t in flow.transfers] == [
        ("lamp-stock", "lamp-change", "LAMP-AUDIT.zip", True)
    ]


@pytest.mark.req("IOP-07")
def test_a_renamed_bundle_is_found_with_the_name_that_was_meant() -> None:
    renamed = protocol("lamp-stock", "41", gives=[("LAMP-AUDITS.zip", "lamp-change")])
    flow = follow([renamed, LAMP])
    nobody = next(finding for finding in flow.findings if finding.code == "GN0504")
    assert "LAMP-AUDIT.zip" in nobody.message
    assert nobody.labels[0].text == "`lamp-stock` gives `LAMP-AUDITS.zip`"
    assert "GN0306" in [finding.code for finding in flow.findings]


@pytest.mark.req("IOP-07")
def test_prerequisites_that_go_round_are_found_with_the_whole_round() -> None:
    ring = [
        protocol("a", wants=[("c.zip", "c")], gives=[("a.zip", "b")]),
        protocol("b", wants=[("a.zip", "a")], gives=[("b.zip", "c")]),
        protocol("c", wants=[("b.zip", "b")], gives=[("c.zip", "a")]),
    ]
    found = [finding for finding in follow(ring).findings if finding.code == "GN0505"]
    assert len(found) == 1
    assert found[0].level is Level.ERROR
    assert found[0].message.count("→") == 3


def test_soft_inputs_may_go_round() -> None:
    pair = [
        protocol("a", takes=[("b.zip", "b")], gives=[("a.zip", "b")]),
        protocol("b", takes=[("a.zip", "a")], gives=[("b.zip", "a")]),
    ]
    assert codes(pair) == []


def test_an_artifact_from_outside_has_to_be_declared() -> None:
    assert codes([LAMP]) == ["GN0504"]
    assert codes([LAMP], frozenset({"LAMP-AUDIT.zip"})) == []


@pytest.mark.req("IOP-08")
def test_two_numberings_give_one_graph() -> None:
    other = protocol("lamp-stock", "7", gives=[("LAMP-AUDIT.zip", "Protocol 8 - Lamp Change")])
    third = protocol("lamp-change", "8", wants=[("LAMP-AUDIT.zip", "07-lamp-stock")])
    edges = [(t.source, t.target, t.artifact) for t in follow([other, third]).transfers]
    assert edges == [(t.source, t.target, t.artifact) for t in follow([STOCK, LAMP]).transfers]


@pytest.mark.req("IOP-08")
def test_a_bare_number_is_resolved_by_its_artifact_or_not_at_all() -> None:
    bare = protocol("lamp-change", wants=[("LAMP-AUDIT.zip", "Protocol 99")])
    assert [t.source for t in follow([STOCK, bare]).transfers] == ["lamp-stock"]
    twin = protocol("lamp-shop", "41", gives=[("LAMP-AUDIT.zip", "lamp-change")])
    assert "GN0503" in codes([STOCK, twin, bare])


@pytest.mark.parametrize(
    ("text", "words", "number"),
    [
        ("4-quality-audit", "quality-audit", "4"),
        ("04-quality-audit", "quality-audit", "4"),
        ("Protocol 4 (Quality Audit)", "quality-audit", "4"),
        ("**Protocol 4**", "", "4"),
        ("Quality Audit", "quality-audit", ""),
        ("@apply .cursor/x/04-quality-audit.md", "quality-audit", "4"),
        ("", "", ""),
    ],
)
def test_a_reference_has_words_and_a_number(text: str, words: str, number: str) -> None:
    assert (words_of(text), number_of(text)) == (words, number)


def test_a_reference_means_one_protocol_several_or_one_outside() -> None:
    known = [STOCK, LAMP]
    assert resolve("Lamp Stock", (), known, {}) == Named("lamp-stock")
    assert resolve("lamp", (), known, {}) == Ambiguous(("lamp-change", "lamp-stock"))
    assert resolve("Fog Horn", (), known, {}) == Outside("fog-horn")
    assert resolve("Protocol 41", (), known, {}) == Ambiguous(("lamp-stock",))


EVIL = protocol('lamp"]; click n0 "javascript:x"', "1", gives=[('<b>&"x".zip', "z")])


def test_a_document_cannot_write_drawing_code() -> None:
    text = protocol_mermaid(EVIL) + set_mermaid([EVIL], follow([EVIL]))
    for line in text.splitlines():
        assert not re.search(r'"\]; click|javascript:x"', line)


def test_drawings_are_well_formed_xml_without_outside_references() -> None:
    for text in (protocol_svg(EVIL), set_svg([STOCK, LAMP, EVIL], follow([STOCK, LAMP, EVIL]))):
        root = ET.fromstring(text)  # noqa: S314  our own output
        assert root.tag.endswith("svg")
        assert not re.search(r"(href|src)=|<script|url\((?!#)", text)


@pytest.mark.parametrize("name", ["pre-deployment", "production-deployment", "deployment-automation"])
def test_a_built_in_protocol_is_drawn_with_every_step_and_gate(name: str) -> None:
    data = files("gonogo.library").joinpath(f"{name}.md").read_bytes()
    read = read_document(data, f"{name}.md").protocol
    assert read is not None
    drawn = {box.id for box in draw_protocol(read).boxes}
    assert {step.id for step in all_steps(read) if not step.substeps} <= drawn
    assert {f"gate/{gate.id}" for gate in read.gates} <= drawn
    assert ET.fromstring(protocol_svg(read)).tag.endswith("svg")  # noqa: S314  our own output
    assert protocol_mermaid(read).count("subgraph") == len(read.phases) + 2


def test_a_set_is_drawn_with_its_artifacts() -> None:
    flow = follow([STOCK, LAMP])
    assert 'n0 -->|"LAMP-AUDIT.zip"| n1' in set_mermaid([STOCK, LAMP], flow)
    assert "<title>LAMP-AUDIT.zip</title>" in set_svg([STOCK, LAMP], flow)


def test_a_protocol_without_phases_is_still_drawn() -> None:
    assert [box.id for box in draw_protocol(STOCK).boxes] == ["start", "handoff"]
    assert mermaid(draw_protocol(STOCK)).startswith("flowchart TD\n")
