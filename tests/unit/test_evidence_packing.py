"""What goes into a package, where each file lies, and what is said about it."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from trust_world import Run, measured_run, packed, sealed, whole_run, zipped

from gonogo.errors import BadInput, Tampered
from gonogo.evidence.artifacts import ArtifactNote, Exchanged, Head, Lineage, Transformation, evidence_manifest, ratio
from gonogo.evidence.filing import evidence_list, expected_files, filed, short_mark, text_in
from gonogo.evidence.manifest import check_paths, read_sums
from gonogo.evidence.packing import package_files, seal_payload, wanted
from gonogo.terms import digest_of


@pytest.mark.req("PKG-01")
def test_the_same_run_gives_the_same_package_byte_for_byte() -> None:
    assert packed(whole_run()) == packed(whole_run())


@pytest.mark.req("PKG-03")
def test_a_package_with_a_missing_or_changed_file_is_not_made() -> None:
    facts = whole_run().package_facts()
    digest = sorted(facts.blobs)[0]
    with pytest.raises(BadInput, match="is not at hand"):
        package_files(replace(facts, blobs={key: value for key, value in facts.blobs.items() if key != digest}))
    with pytest.raises(BadInput, match="not those that were sealed"):
        package_files(replace(facts, blobs={**facts.blobs, digest: b"other"}))


def test_an_unknown_decision_and_an_empty_log_make_no_package() -> None:
    facts = whole_run().package_facts()
    for changed in (replace(facts, decision="maybe"), replace(facts, entries=())):
        with pytest.raises(BadInput):
            package_files(changed)


def test_a_report_cannot_take_the_place_of_evidence() -> None:
    facts = whole_run().package_facts()
    with pytest.raises(BadInput, match="filed twice"):
        package_files(replace(facts, verifiers={"evidence/checks/staging-test-results.json": b"x"}))


@pytest.mark.req("EVS-12")
def test_everything_that_the_log_names_is_wanted_and_nothing_else_is_evidence() -> None:
    run = whole_run()
    members = package_files(run.package_facts())
    assert wanted(run.log) == set(expected_files(run.log).values())
    logged = {path for path in members if path.startswith(("evidence/", "claims/", "gates/", "approvals/"))}
    assert logged == set(expected_files(run.log))


def test_a_file_measured_again_never_takes_the_place_of_the_first() -> None:
    run = measured_run()
    again = run.seal("staging-test-results.json", b"second\n")
    paths = [item.path for item in filed(run.log) if item.name == "staging-test-results.json"]
    assert paths == [
        "evidence/checks/staging-test-results.json",
        f"evidence/checks/at-{again.seq}/staging-test-results.json",
    ]
    listed = dict(read_sums(evidence_list(run.log), name="x"))
    assert listed[digest_of(b"second\n")] == paths[1]
    assert digest_of(b'{"test_execution": {"status": "pass"}}\n') not in listed


def test_claims_lie_apart_and_are_in_no_evidence_list() -> None:
    run = measured_run()
    (claim,) = [item for item in filed(run.log) if item.status == "claimed"]
    assert claim.path == "claims/checks/notes.txt"
    assert not claim.counts
    assert claim.digest not in dict(read_sums(evidence_list(run.log), name="x"))


def test_a_claim_does_not_supersede_a_measurement() -> None:
    run = measured_run()
    run.seal("staging-test-results.json", b"it went fine", status="claimed")
    measured = [item for item in filed(run.log) if item.counts]
    assert {item.name for item in measured} == {"prerequisites-validation.json", "staging-test-results.json"}


@pytest.mark.req("EVS-10", "EVS-11", "EVS-13", "EVS-14", "EVS-15")
def test_the_manifest_says_for_each_file_what_it_is_for() -> None:
    run = whole_run()
    name = "staging-test-results.json"
    lineage = Lineage(
        {name: ArtifactNote(required=True, gate="readiness", consumers=("monitoring",))},
        (Exchanged("uat", "uat-signoff.json", digest_of(b"u")),),
        (Exchanged("monitoring", name),),
        (Transformation("rehearsal", {"uat-signoff.json": digest_of(b"u")}, {name: digest_of(b"t")}),),
    )
    manifest = json.loads(evidence_manifest(filed(run.log), lineage, Head(13, run.log[-1].digest)))
    (row,) = [row for row in manifest["artifacts"] if row["name"] == name]
    assert row["sha256"] == digest_of(b'{"test_execution": {"status": "pass"}}\n')
    assert (row["size"], row["gate"], row["consumers"], row["required"]) == (39, "readiness", ["monitoring"], True)
    assert row["created_at"] == "2026-03-02T10:00:00Z"
    assert manifest["coverage"] == {"required": 1, "present": 1, "rate": 1.0}
    assert manifest["transformations"][0]["inputs"][0]["sha256"] == digest_of(b"u")
    assert manifest["audit_head"]["hash"] == run.log[-1].digest


@pytest.mark.req("EVS-12")
def test_one_missing_required_file_is_counted_and_never_rounded_away() -> None:
    run = measured_run()
    names = {f"r{number}.json": ArtifactNote(required=True) for number in range(20_000)}
    names["staging-test-results.json"] = ArtifactNote(required=True)
    manifest = json.loads(evidence_manifest(filed(run.log), Lineage(names), Head(run.log[-1].seq, run.log[-1].digest)))
    assert manifest["coverage"]["rate"] == 0
    assert ratio(19_999, 20_000) == Decimal("0.9999")
    assert ratio(3, 3) == 1
    assert ratio(0, 0) is None


def test_the_seal_says_what_is_in_the_package() -> None:
    run = whole_run()
    facts = run.package_facts()
    seal = json.loads(seal_payload(facts, package_files(facts)))["predicate"]
    assert seal["counts"] == {"claims": 1, "evidence": 3, "files": 27, "judgements": 1, "statements": 2}
    assert seal["log"]["size"] == 14
    assert seal["created_at"] == "2026-03-02T10:06:00Z"
    followed = replace(facts, previous_package=digest_of(b"the package before"))
    assert json.loads(seal_payload(followed, package_files(followed)))["predicate"]["previous_package"]


def test_a_large_file_may_come_as_a_stream() -> None:
    from_memory = packed(whole_run())
    assert zipped(sealed(whole_run().package_facts())) == from_memory


@pytest.mark.parametrize("fingerprint", ["SHA256:!", "x"])
def test_a_broken_record_is_tampered_with(fingerprint: str) -> None:
    with pytest.raises(Tampered):
        short_mark(fingerprint)
    run = Run().open()
    entry = run.append("evidence.sealed", {"name": 5})
    with pytest.raises(Tampered):
        filed([entry])
    with pytest.raises(Tampered):
        text_in(entry, "sha256")


@pytest.mark.parametrize(
    "data", [b"", b"x", b"a" * 64 + b"  b\n" + b"a" * 64 + b"  a\n", b"A" * 64 + b"  a\n", b"a" * 64 + b" a\n"]
)
def test_a_list_in_another_form_is_tampered_with(data: bytes) -> None:
    with pytest.raises(Tampered):
        read_sums(data, name="SHA256SUMS")


@pytest.mark.req("EVS-12")
def test_names_that_differ_only_in_case_are_one_name() -> None:
    with pytest.raises(BadInput):
        check_paths(["a/b", "a/B"])
