"""What machines said: one statement for each judgement and deployment, one place in the log of the site; none is missed."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from test_evil_packages import asked_of_python, later
from trust_world import Run, private_key, sealed, ssh_key, whole_run, zipped

from gonogo.evidence.attesting import attested
from gonogo.evidence.canonical import write_json
from gonogo.evidence.envelope import envelope_line, signing_bytes
from gonogo.evidence.packing import PackageFacts
from gonogo.evidence.verifying import verify_package
from gonogo.library import verify


def statements(facts: PackageFacts) -> list[dict]:
    return [json.loads(base64.b64decode(json.loads(line)["payload"])) for line in facts.attestations.splitlines()]


def restated(facts: PackageFacts, said: list[dict], signer: str = "engine") -> PackageFacts:
    key = private_key(signer)
    payloads = [write_json(statement) for statement in said]
    lines = [envelope_line(data, key.sign(signing_bytes(data)), ssh_key(key)) for data in payloads]
    return replace(facts, attestations=b"".join(lines))


def of_kind(said: list[dict], kind: str) -> dict:
    return next(one for one in said if one["predicateType"].endswith(f":{kind}:v1"))


def verdicts(run: Run, facts: PackageFacts, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[set[str], int, str]:
    """The checks by which gonogo refuses, the answer of the stand-alone verifier, and its words."""
    package, trust = zipped(sealed(facts)), run.trust(run.anchor())
    found = verify_package(package, trust, run.now + later(run))
    code = verify.main(asked_of_python(package, trust, tmp_path))
    return {check.name for check in found.checks if not check.ok}, code, capsys.readouterr().out


Change = Callable[[PackageFacts], PackageFacts]


def without(kind: str) -> Change:
    return lambda facts: restated(facts, [one for one in statements(facts) if f":{kind}:" not in one["predicateType"]])


def saying(kind: str, **fields: object) -> Change:
    def change(facts: PackageFacts) -> PackageFacts:
        said = statements(facts)
        of_kind(said, kind)["predicate"].update(fields)
        return restated(facts, said)

    return change


def of_another_release(facts: PackageFacts) -> PackageFacts:
    said = statements(facts)
    of_kind(said, "gate-judgement")["subject"][0]["digest"]["sha256"] = "c" * 64
    return restated(facts, said)


def twice(facts: PackageFacts) -> PackageFacts:
    said = statements(facts)
    return restated(facts, [*said, of_kind(said, "gate-judgement")])


MACHINES: dict[str, Change] = {
    "a judgement is not stated": without("gate-judgement"),
    "a deployment is not stated": without("deployment"),
    "nothing is stated": lambda facts: replace(facts, attestations=b""),
    "another verdict is stated": saying("gate-judgement", verdict="waived"),
    "another attempt is stated": saying("gate-judgement", attempt=2),
    "another run is stated": saying("deployment", run_id="other"),
    "another report is stated": saying("deployment", report_sha256="d" * 64),
    "another place in the log is stated": saying("gate-judgement", checkpoint={"size": 1}),
    "another release is stated": of_another_release,
    "a judgement is stated twice": twice,
    "a stranger states it": lambda facts: restated(facts, statements(facts), "mallory"),
}


@pytest.mark.req("EVS-16", "R3")
@pytest.mark.parametrize("name", sorted(MACHINES))
def test_a_machine_statement_that_is_missing_foreign_or_different_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = whole_run()
    checks, code, words = verdicts(run, MACHINES[name](run.package_facts()), tmp_path, capsys)
    assert checks == {"machines"}, name
    assert code == 2, words
    assert "machines" in words.splitlines()[0]


def proof_with(old: bytes, new: bytes) -> Change:
    def change(facts: PackageFacts) -> PackageFacts:
        proof = facts.proofs["opened.tlog-proof"]
        assert old in proof
        return replace(facts, proofs={"opened.tlog-proof": proof.replace(old, new)})

    return change


def other_node(facts: PackageFacts) -> PackageFacts:
    lines = facts.proofs["opened.tlog-proof"].split(b"\n")
    lines[3] = base64.b64encode(bytes(32))
    return replace(facts, proofs={"opened.tlog-proof": b"\n".join(lines)})


def another_end(facts: PackageFacts) -> PackageFacts:
    """The proof of a run's beginning, shown as that of its end."""
    return replace(facts, proofs={**facts.proofs, "closed.tlog-proof": facts.proofs["opened.tlog-proof"].replace(b"index 4", b"index 5")})


def half_a_run_before(facts: PackageFacts) -> PackageFacts:
    return replace(facts, proofs={**facts.proofs, "readiness-closed.tlog-proof": facts.proofs["opened.tlog-proof"]})


POPULATION: dict[str, Change] = {
    "no proof is here": lambda facts: replace(facts, proofs={}),
    "another number": proof_with(b"index 4", b"index 3"),
    "another form": proof_with(b"tlog-proof@v1", b"tlog-proof@v2"),
    "another size": proof_with(b"\n6\n", b"\n7\n"),
    "another node": other_node,
    "the seal says another number": lambda facts: replace(facts, sequence=5),
    "the end of something else": another_end,
    "only half of the run before": half_a_run_before,
}


@pytest.mark.req("P9", "t09_hidden_run")
@pytest.mark.parametrize("name", sorted(POPULATION))
def test_a_run_that_is_not_shown_to_stand_in_the_log_of_the_site_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = whole_run()
    checks, code, words = verdicts(run, POPULATION[name](run.package_facts()), tmp_path, capsys)
    assert checks == {"population"}, name
    assert code == 2, words
    assert "population" in words.splitlines()[0]


def test_a_package_that_states_everything_verifies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = whole_run()
    facts = run.package_facts()
    checks, code, words = verdicts(run, restated(facts, statements(facts)), tmp_path, capsys)
    assert (checks, code) == (set(), 0), words
    assert attested(facts, ssh_key(private_key("engine")), private_key("engine").sign) == facts
