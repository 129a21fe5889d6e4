"""`gonogo prove` on the built-in protocols, whole and with a hole planted: each hole is found and named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

import pytest
from command_line import gonogo

LIBRARY = resources.files("gonogo.library")
NAMES = ("pre-deployment", "production-deployment", "deployment-automation")
APPROVAL = "1. **`[MUST]` Request Production Approval:**"


@cache
def stored(name: str) -> str:
    """A text of the library."""
    return LIBRARY.joinpath(name).read_text(encoding="utf-8")


def step(document: str, title: str) -> str:
    """The whole text of a step, from its number to the next step or heading."""
    start = document.index(title)
    start = document.rindex("\n", 0, start) + 1
    ends = [at for mark in ("\n1. **", "\n2. **", "\n3. **", "\n### ", "\n## ") if (at := document.find(mark, start)) > 0]
    return document[start : min(ends) + 1]


def moved_behind(document: str, first: str, second: str) -> str:
    """The document with step `first` after step `second`."""
    one, other = step(document, first), step(document, second)
    return document.replace(one, "").replace(other, other.rstrip("\n") + "\n\n" + one)


def demoted(document: str, title: str) -> str:
    """The document with a MUST step made a guideline."""
    one = step(document, title)
    return document.replace(one, one.replace("[MUST]", "[GUIDELINE]", 1))


@dataclass(frozen=True)
class Hole:
    """A planted hole: in which protocol, how document and bindings are changed, and what has to be found."""

    protocol: str
    document: Callable[[str], str] = str
    sidecar: Callable[[str], str] = str
    code: str = "GN0802"
    words: str = ""


def without(text: str) -> Callable[[str], str]:
    """Take one line out of the bindings."""
    return lambda sidecar: "".join(line for line in sidecar.splitlines(keepends=True) if text not in line)


def instead(old: str, new: str) -> Callable[[str], str]:
    """Another text in its place; the old one has to be there."""

    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    return change


PRODUCTION, SMALL = "production-deployment", "deployment-automation"
HOLES = {
    "the approval is only a guideline": Hole(
        PRODUCTION, lambda text: demoted(text, "Request Production Approval"), words="a signed approval"
    ),
    "the approval comes after the rollout": Hole(
        PRODUCTION,
        lambda text: moved_behind(text, "Request Production Approval", "Execute the Production Deployment"),
        words="does not guard",
    ),
    "the approval of the small pipeline is only a guideline": Hole(
        SMALL, lambda text: demoted(text, "Request Production Approval"), words="an approval is signed"
    ),
    "the approval of the small pipeline comes after the rollout": Hole(
        SMALL, lambda text: moved_behind(text, "Request Production Approval", "Deploy to Production"), words="not guard"
    ),
    "nothing is asked of people before the small pipeline deploys": Hole(
        SMALL,
        sidecar=lambda text: instead("request-production-approval: {does: approval}", "request-production-approval: {does: health_checks}")(text),
        code="GN0702",
        words="approval production, which does not exist",
    ),
    "a guardrail part is guarded by nothing": Hole(
        PRODUCTION, sidecar=without("text: a signed approval"), words='"a signed approval" is guarded by nothing'
    ),
    "a guardrail part is guarded by a gate behind the rollout": Hole(
        PRODUCTION,
        sidecar=instead("by: gate approval-change-freeze-gate", "by: gate production-launch-gate"),
        words="does not guard",
    ),
    "a guardrail part is guarded by a step behind the rollout": Hole(
        SMALL,
        sidecar=instead("by: gate environment-readiness-gate", "by: step post-deployment-validation/execute-smoke-tests"),
        words="does not guard",
    ),
    "the guardrail asks for one more thing than anything guards": Hole(
        SMALL,
        instead("unless an approval is signed and", "unless an approval is signed and the moon is full and"),
        words='"the moon is full" is guarded by nothing',
    ),
    "a step that only shows deploys to production before anybody was asked": Hole(
        SMALL,
        sidecar=instead(
            "environment-validation/verify-environment-connectivity: {does: connectivity}",
            "environment-validation/verify-environment-connectivity: {command: deploy, effect: production}",
        ),
        code="GN0801",
        words="no approval stands before it",
    ),
}


def planted(hole: Hole, folder: Path) -> Path:
    """A mutated copy of a built-in protocol with its bindings."""
    document, sidecar = stored(f"{hole.protocol}.md"), stored(f"{hole.protocol}.gonogo.yaml")
    path = folder / f"{hole.protocol}.md"
    path.write_text(hole.document(document), encoding="utf-8")
    path.with_name(f"{hole.protocol}.gonogo.yaml").write_text(hole.sidecar(sidecar), encoding="utf-8")
    assert (hole.document(document), hole.sidecar(sidecar)) != (document, sidecar)
    return path


@pytest.mark.req("RGD-03", "RGD-04", "DOC-27")
@pytest.mark.parametrize("name", NAMES)
def test_every_built_in_protocol_is_proved(name: str, tmp_path: Path) -> None:
    said = gonogo("prove", name, "-C", tmp_path, "--json")
    (found,) = said.json()["protocols"]
    assert (said.code, found["proved"], found["findings"], found["doubts"]) == (0, True, [], [])
    assert found["states"] > 40
    assert bool(found["cuts"]) is (name != "pre-deployment")


@pytest.mark.req("RGD-03", "RGD-04")
def test_there_are_ten_planted_holes() -> None:
    assert len(HOLES) >= 10


@pytest.mark.req("RGD-03", "RGD-04")
@pytest.mark.parametrize("name", HOLES)
def test_each_planted_hole_is_found(name: str, tmp_path: Path) -> None:
    hole = HOLES[name]
    path = planted(hole, tmp_path)
    said = gonogo("prove", path, "-C", tmp_path, "--json")
    (found,) = said.json()["protocols"]
    assert said.code == 2
    assert found["proved"] is False
    messages = [each["message"] for each in found["findings"] if each["code"] == hole.code]
    assert any(hole.words in message for message in messages), found["findings"]


def test_the_words_say_property_states_and_certificate(tmp_path: Path) -> None:
    said = gonogo("prove", PRODUCTION, "-C", tmp_path)
    assert "65 states" in said.out or "states," in said.out
    assert "every act on production lies behind" in said.out
    assert "certificate sha256" in said.out


def test_a_document_without_bindings_is_one_finding_and_not_proved(tmp_path: Path) -> None:
    path = tmp_path / "bare.md"
    path.write_text(stored(f"{PRODUCTION}.md"), encoding="utf-8")
    said = gonogo("prove", path, "-C", tmp_path)
    assert said.code == 2
    assert "there is no bare.gonogo.yaml beside it" in said.err
    assert said.err.count("error[") == 1


@pytest.mark.parametrize("target", ["no-such-protocol", "missing.md"])
def test_what_is_not_there_is_said(target: str, tmp_path: Path) -> None:
    said = gonogo("prove", target, "-C", tmp_path)
    assert said.code in {2, 64}
    assert target in said.err
    assert gonogo("prove").code == 64


@pytest.mark.req("IOP-07")
def test_prerequisites_that_go_round_are_no_proof(tmp_path: Path) -> None:
    text = stored(f"{PRODUCTION}.md")
    sidecar = stored(f"{PRODUCTION}.gonogo.yaml")
    names = {"alpha": "beta", "beta": "alpha"}
    for name, other in names.items():
        changed = text.replace("PRODUCTION DEPLOYMENT", name.upper(), 1)
        needed = f"- [ ] `{other}.zip` from {other.title()} – round and round\n"
        made = f"- **{other.title()}**: `{name}.zip`\n"
        changed = changed.replace("### Required Artifacts\n", f"### Required Artifacts\n{needed}", 1)
        changed = changed.replace("### Outputs To:\n", f"### Outputs To:\n{made}", 1)
        (tmp_path / f"{name}.md").write_text(changed, encoding="utf-8")
        bound = sidecar.replace("protocol: production-deployment", f"protocol: {name}")
        (tmp_path / f"{name}.gonogo.yaml").write_text(bound, encoding="utf-8")
    said = gonogo("prove", tmp_path / "alpha.md", tmp_path / "beta.md", "-C", tmp_path, "--json")
    assert said.code == 2
    rounds = said.json()["rounds"]
    assert [each["code"] for each in rounds] == ["GN0505"], said.json()
