"""Packages with exactly one thing wrong, each made by somebody with certain powers.

`WITHOUT_KEY` attackers can change files; `ENGINE_KEY` attackers hold the engine's key and can seal what they like; what
they cannot do is sign for people. `shell` says whether verify.sh, which sees form and not meaning, has to see it too.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from trust_world import (
    DOCUMENT,
    GO,
    NO_GO,
    Run,
    approved_run,
    measured_run,
    packed,
    person,
    private_key,
    resealed,
    sealed,
    ssh_key,
    whole_run,
    zipped,
)

from gonogo.evidence import package as form
from gonogo.evidence.acceptance import Asked
from gonogo.evidence.ledger import Entry, next_entry
from gonogo.evidence.manifest import write_sums
from gonogo.evidence.package import Content, Placed
from gonogo.evidence.packing import Member, package_files
from gonogo.evidence.signers import DecisionRule, Kind, RequiredRole
from gonogo.evidence.sshsig import sign
from gonogo.evidence.verifying import TrustFiles
from gonogo.terms import digest_of


@dataclass(frozen=True)
class Evil:
    """A package to be judged, with what the judge knows by another way."""

    package: bytes
    trust: TrustFiles
    run: Run


@dataclass(frozen=True)
class Attack:
    """What is wrong, the checks that see it (the one that is there for it first, no other), and the answer."""

    name: str
    build: Callable[[], Evil]
    checks: str
    exit_code: int = 2
    shell: bool = False


def evil(run: Run, package: bytes, *, anchored: bool = True) -> Evil:
    return Evil(package, run.trust(*([run.anchor()] if anchored else [])), run)


def files_of(run: Run) -> dict[str, Content]:
    return sealed(run.package_facts())


def edited(path: str, change: Callable[[bytes], bytes], *, resum: bool = False) -> Evil:
    run = whole_run()
    files = files_of(run)
    content = files[path]
    assert isinstance(content, bytes)
    files[path] = change(content)
    if resum:
        resummed(files)
    return evil(run, zipped(files))


def resummed(files: dict[str, Content]) -> None:
    """Make both lists fit the files again."""
    held = {path: data for path, data in files.items() if isinstance(data, bytes)}
    digests = {path: digest_of(data) for path, data in held.items()}
    listed = write_sums({path: digests[path] for path in digests if path.startswith("evidence/")})
    files["EVIDENCE.SHA256SUMS"] = listed
    digests["EVIDENCE.SHA256SUMS"] = digest_of(listed)
    own = {"SHA256SUMS", "seal.json", "seal.json.sig", "seal.dsse.json"}
    files["SHA256SUMS"] = write_sums({path: digests[path] for path in digests if path not in own})


def with_members(run: Run, change: Callable[[dict[str, Member]], None]) -> Evil:
    """A package sealed with the engine's key after its files were changed."""
    facts = run.package_facts()
    members = dict(package_files(facts))
    change(members)
    listed = write_sums({path: member.digest for path, member in members.items() if path.startswith("evidence/")})
    members["EVIDENCE.SHA256SUMS"] = Member(listed, digest_of(listed))
    sums = write_sums({path: member.digest for path, member in members.items() if path != "SHA256SUMS"})
    members["SHA256SUMS"] = Member(sums, digest_of(sums))
    return evil(run, zipped(resealed(members, facts)))


def put(members: dict[str, Member], path: str, data: bytes) -> None:
    members[path] = Member(data, digest_of(data))


def rewritten(run: Run, change: Callable[[Entry], Mapping[str, object] | None]) -> Run:
    """The same run with its log written anew: `change` gives other data for an entry, or None to leave it out."""
    entries: list[Entry] = []
    for entry in run.entries:
        data = change(entry)
        if data is not None:
            previous = entries[-1] if entries else None
            entries.append(next_entry(previous, ts=entry.ts, type=entry.type, actor=entry.actor, data=data))  # type: ignore[arg-type]  # attackers write what they like
    run.entries = entries
    return run


# Attackers without a key.


def swapped_evidence() -> Evil:
    return edited("evidence/checks/staging-test-results.json", lambda data: data.replace(b"pass", b"fail"))


def swapped_and_resummed() -> Evil:
    path = "evidence/checks/staging-test-results.json"
    return edited(path, lambda data: data.replace(b"pass", b"fail"), resum=True)


def foreign_seal() -> Evil:
    run = whole_run()
    return evil(run, zipped(sealed(run.package_facts(), private_key("mallory"))))


def cut_log() -> Evil:
    return edited("log/log.jsonl", lambda data: data[: data.rindex(b"\n", 0, -1) + 1], resum=True)


def dropped(path: str) -> Callable[[], Evil]:
    def build() -> Evil:
        run = whole_run()
        files = files_of(run)
        del files[path]
        return evil(run, zipped(files))

    return build


def added_file() -> Evil:
    run = whole_run()
    return evil(run, zipped(files_of(run) | {"evidence/checks/extra.json": b"{}\n"}))


def respelled_armour() -> Evil:
    def change(data: bytes) -> bytes:
        body = b"".join(data.split(b"\n")[1:-2])
        return b"-----BEGIN SSH SIGNATURE-----\n" + body + b"\n-----END SSH SIGNATURE-----\n"

    return edited("seal.json.sig", change)


def other_envelope() -> Evil:
    run = whole_run()
    other = sealed(replace(run.package_facts(), sequence=5))
    return evil(run, zipped(files_of(run) | {"seal.dsse.json": other["seal.dsse.json"]}))


def staging_seal() -> Evil:
    run = whole_run()
    files = files_of(run)
    payload = files["seal.json"]
    assert isinstance(payload, bytes)
    files["seal.json.sig"] = sign(private_key("engine"), payload, "gonogo/seal/v1/staging")
    return evil(run, zipped(files))


# Attackers with the engine's key.


def engine_edits_evidence() -> Evil:
    run = whole_run()
    data = b'{"test_execution": {"status": "perfect"}}\n'
    digest = run.put(data)

    def change(entry: Entry) -> Mapping[str, object]:
        return {**entry.data, "sha256": digest, "size": len(data)} if entry.data.get("name") == TESTS else entry.data

    TESTS = "staging-test-results.json"
    rewritten(run, change)
    return evil(run, packed(run))


def engine_rewrites_history() -> Evil:
    run = whole_run()

    def change(entry: Entry) -> Mapping[str, object]:
        return {**entry.data, "host": "h2"} if entry.type == "run.opened" else entry.data

    rewritten(run, change)
    return evil(run, packed(run))


def cut_tail(*, anchored: bool) -> Callable[[], Evil]:
    def build() -> Evil:
        run = whole_run()
        run.append("rollback.begun", {"trigger": "judge", "cause": "errors", "detail": None})
        anchor = run.anchor()
        run.entries.pop()
        return Evil(packed(run), run.trust(*([anchor] if anchored else [])), run)

    return build


def split_view() -> Evil:
    run, other = whole_run(), whole_run()
    other.entries.pop()
    other.wait(seconds=9)
    other.close()
    return Evil(packed(run), run.trust(other.anchor()), run)


def other_artifact() -> Evil:
    run = whole_run()
    run.release = run.release.replace(b'"web.tar"', b'"evil.tar"')
    return evil(run, packed(run))


def other_document() -> Evil:
    run = whole_run()
    facts = replace(run.package_facts(), document=DOCUMENT + b"One gate less.\n")
    return evil(run, zipped(sealed(facts)))


def recorded_anyway(
    statement: Callable[[Run, Asked], bytes], signer: str, space: str = "gonogo/approval/v1/production"
) -> Callable[[], Evil]:
    """An engine that records and uses a statement that does not count."""

    def build() -> Evil:
        run = measured_run()
        asked = run.ask()
        run.wait(minutes=5)
        run.approve(asked, "po1", "product_owner")
        words = statement(run, asked)
        recorded(run, words, sign(private_key(signer), words, space), signer)
        run.use()
        run.close()
        return evil(run, packed(run))

    return build


def recorded(run: Run, statement: bytes, signature: bytes, signer: str) -> None:
    said = json.loads(statement)["predicate"]
    run.append(
        "approval.recorded",
        {
            "kind": "approval",
            "round": run.round,
            "statement_sha256": run.put(statement),
            "signature_sha256": run.put(signature),
            "person": said["signer"]["person"],
            "role": said["signer"]["role"],
            "fingerprint": ssh_key(private_key(signer)).fingerprint,
            "decision": said["decision"],
            "level": "H0",
            "flags": 0,
            "counter": 0,
        },
    )


def plain(handle: str, role: str) -> Callable[[Run, Asked], bytes]:
    return lambda run, asked: run.statement(asked, handle, role)


def altered(before: bytes, after: bytes) -> Callable[[Run, Asked], bytes]:
    return lambda run, asked: run.statement(asked, "sre1", "sre_lead").replace(before, after)


def own_change() -> Evil:
    run = measured_run()
    run.authors = ("sre1",)
    return used_regardless(run, "sre1", "sre_lead")


def own_request() -> Evil:
    run = measured_run()
    run.requested_by = "sre1"
    return used_regardless(run, "sre1", "sre_lead")


def used_regardless(run: Run, handle: str, role: str) -> Evil:
    asked = run.ask()
    run.wait(minutes=5)
    run.approve(asked, "po1", "product_owner")
    statement = run.statement(asked, handle, role)
    recorded(run, statement, run.sign(statement, handle), handle)
    run.use()
    run.close()
    return evil(run, packed(run))


def expired_answer() -> Evil:
    run = measured_run()
    asked = run.ask()
    run.approve(asked, "po1", "product_owner")
    run.wait(hours=73)
    statement = run.statement(asked, "sre1", "sre_lead")
    recorded(run, statement, run.sign(statement, "sre1"), "sre1")
    run.use()
    run.close()
    return evil(run, packed(run))


def used_too_late() -> Evil:
    run = approved_run()
    run.wait(hours=73)
    run.use()
    run.close()
    return evil(run, packed(run))


def used_twice() -> Evil:
    run = approved_run()
    run.use()
    run.append("approval.consumed", {"round": run.round, "task": "rollout", "attempt": 2})
    run.close()
    return evil(run, packed(run))


def stale_evidence() -> Evil:
    run = approved_run()
    run.seal("staging-test-results.json", b'{"test_execution": {"status": "fail"}}\n')
    run.use()
    run.close()
    return evil(run, packed(run))


def hidden_evidence() -> Evil:
    run = measured_run()
    facts = run.facts("production", Kind.APPROVAL)
    run.seal("bad-news.json", b'{"open": 3}\n')
    asked = run.ask_with(facts)
    for handle, role in [("sre1", "sre_lead"), ("po1", "product_owner")]:
        statement = run.statement(asked, handle, role)
        recorded(run, statement, run.sign(statement, handle), handle)
    run.use()
    run.close()
    return evil(run, packed(run))


def one_approver() -> Evil:
    run = measured_run()
    asked = run.ask()
    run.approve(asked, "sre1", "sre_lead")
    run.use()
    run.close()
    return evil(run, packed(run))


def one_person_twice() -> Evil:
    run = measured_run()
    rule = DecisionRule(all_of=(RequiredRole("sre_lead"), RequiredRole("release_manager")), quorum=2)
    run.ring = replace(run.ring, decisions={"production": rule})
    asked = run.ask()
    run.approve(asked, "sre2", "sre_lead")
    run.wait(seconds=1)
    run.approve(asked, "sre2", "release_manager")
    run.use()
    run.close()
    return evil(run, packed(run))


def overridden_no() -> Evil:
    run = approved_run()
    asked = asked_again(run)
    run.approve(asked, "sre2", "sre_lead", NO_GO)
    run.use()
    run.close()
    return evil(run, packed(run))


def open_condition() -> Evil:
    run = measured_run()
    asked = run.ask()
    run.approve(asked, "sre1", "sre_lead", GO | {"conditions": ["repeat the load test"]})
    run.approve(asked, "po1", "product_owner")
    run.use()
    run.close()
    return evil(run, packed(run))


def asked_again(run: Run) -> Asked:
    entry = next(entry for entry in reversed(run.entries) if entry.type == "approval.requested")
    request, sums = run.blobs[entry.data["request_sha256"]], run.blobs[entry.data["evidence_sha256"]]  # type: ignore[index]  # digests
    assert isinstance(request, bytes)
    assert isinstance(sums, bytes)
    return Asked(request, sums)


def without_security_lead() -> Evil:
    run = measured_run()
    run.release = run.release.replace(b'"security_impact": "no"', b'"security_impact": "yes"')
    run.entries[0] = next_entry(
        None,
        ts=run.entries[0].ts,
        type="run.opened",
        actor=run.entries[0].actor,
        data={**run.entries[0].data, "release_digest": digest_of(run.release)},  # type: ignore[dict-item]  # as it was
    )
    rewritten(run, lambda entry: entry.data)
    return finished(run)


def finished(run: Run) -> Evil:
    asked = run.ask()
    run.approve(asked, "sre1", "sre_lead")
    run.approve(asked, "po1", "product_owner")
    run.use()
    run.close()
    return evil(run, packed(run))


def traffic_first() -> Evil:
    run = measured_run()
    run.append("task.intended", {"task": "rollout", "environment": "production"})
    run.append("traffic.moved", {"task": "rollout", "attempt": 1, "step": 0, "percent": 100, "weights": {}})
    return finished(run)


def go_after_rollback() -> Evil:
    run = approved_run()
    run.use()
    run.close("rolled_back")
    return evil(run, packed(run))


def rogue_signer() -> Evil:
    """The package brings its own people; the verifier knows better."""
    run = measured_run()
    known = run.trust()
    run.ring = replace(run.ring, people=(*run.ring.people, person("mallory", "sre_lead")))
    asked = run.ask()
    run.approve(asked, "mallory", "sre_lead")
    run.approve(asked, "po1", "product_owner")
    run.use()
    run.close()
    return Evil(packed(run), replace(known, anchors=(run.anchor(),)), run)


def older_policy() -> Evil:
    run = whole_run()
    trust = TrustFiles(replace(run.ring, version=8, digest=digest_of(b"a newer approvers file")), (run.anchor(),))
    return Evil(packed(run), trust, run)


def swapped_shown_text() -> Evil:
    """The engine signs off another text than the one whose digest people signed."""
    run = approved_run()
    rewritten(run, lambda entry: entry.data)
    asked = next(entry for entry in run.entries if entry.type == "approval.requested")
    other = run.put(b"something harmless")

    def change(entry: Entry) -> Mapping[str, object]:
        return {**entry.data, "shown_sha256": other} if entry.seq == asked.seq else entry.data

    rewritten(run, change)
    run.use()
    run.close()
    return evil(run, packed(run))


def replayed_release() -> Evil:
    """Statements of one run, recorded in the run of another release."""
    old = approved_run()
    run = measured_run()
    run.release = run.release.replace(b'"v2"', b'"v3"')
    run.entries.clear()
    run.open()
    run.seal("prerequisites-validation.json", b'{"status": "success"}\n', "prerequisites")
    run.ask()
    for entry in old.entries:
        if entry.type == "approval.recorded":
            for name in ("statement_sha256", "signature_sha256"):
                run.blobs[entry.data[name]] = old.blobs[entry.data[name]]  # type: ignore[index]  # digests
            run.append(entry.type, {**entry.data, "round": run.round}, entry.actor)
    run.use()
    run.close()
    return evil(run, packed(run))


def forged_gate() -> Evil:
    run = measured_run()
    run.judge("launch", "staging-test-results.json", verdict="pass", result="fail")
    return finished(run)


def gate_on_unsealed_file() -> Evil:
    run = measured_run()
    judgement = json.dumps(
        {"gate": "launch", "verdict": "pass", "clauses": [], "evidence": [{"name": "x.json", "sha256": "a" * 64}]}
    ).encode()
    facts = {"gate": "launch", "attempt": 1, "verdict": "pass", "judgement_sha256": run.put(judgement)}
    run.append("gate.judged", facts)
    return finished(run)


def empty_gate() -> Evil:
    run = measured_run()
    judgement = json.dumps({"gate": "launch", "verdict": "pass", "clauses": [], "evidence": []}).encode()
    facts = {"gate": "launch", "attempt": 1, "verdict": "pass", "judgement_sha256": run.put(judgement)}
    run.append("gate.judged", facts)
    return finished(run)


def claim_as_evidence() -> Evil:
    def change(members: dict[str, Member]) -> None:
        members["evidence/checks/notes.txt"] = members.pop("claims/checks/notes.txt")

    return with_members(whole_run(), change)


def evidence_beside_the_log() -> Evil:
    return with_members(whole_run(), lambda members: put(members, "evidence/checks/late.json", b"{}\n"))


def missing_statement() -> Evil:
    run = whole_run()
    path = next(path for path in package_files(run.package_facts()) if path.endswith(".sig"))

    def change(members: dict[str, Member]) -> None:
        del members[path], members[path.removesuffix(".sig")]

    return with_members(run, change)


def lying_manifest() -> Evil:
    def change(members: dict[str, Member]) -> None:
        content = members["evidence-manifest.json"].content
        assert isinstance(content, bytes)
        put(members, "evidence-manifest.json", content.replace(b'"required": true', b'"required": false'))

    return with_members(whole_run(), change)


def future_log() -> Evil:
    run = whole_run()
    run.now += timedelta(days=36500)
    run.append("exported", {})
    return evil(run, packed(run))


# Zip files that are read in two ways, or not at all.


def raw(entries: Iterable[tuple[bytes, bytes]]) -> bytes:
    return packed_with(entries, b"", [])


def packed_with(entries: Iterable[tuple[bytes, bytes]], out: bytes, placed: list[Placed]) -> bytes:
    """A zip file of `entries` behind the bytes `out`, which hold what `placed` says."""
    placed = list(placed)
    for name, content in entries:
        entry = Placed(name, 0, zlib.crc32(content), len(content), len(content), len(out))
        out += form.local_header(entry) + content
        placed.append(entry)
    directory = b"".join(map(form.central_header, placed))
    return out + directory + form.end_records(len(placed), len(directory), len(out))


def whole_entries() -> list[tuple[bytes, bytes]]:
    files = files_of(whole_run())
    return [(path.encode(), data) for path, data in sorted(files.items()) if isinstance(data, bytes)]


def in_zip(change: Callable[[bytes], bytes]) -> Callable[[], Evil]:
    def build() -> Evil:
        run = whole_run()
        return evil(run, change(packed(run)))

    return build


def named(name: bytes) -> Callable[[], Evil]:
    return lambda: evil(whole_run(), raw([*whole_entries(), (name, b"x")]))


def linked(data: bytes) -> bytes:
    """The last entry of the directory becomes a symbolic link."""
    place = data.rindex(b"PK\x01\x02")
    return data[: place + 38] + struct.pack("<I", 0o120777 << 16) + data[place + 42 :]


def commented(data: bytes) -> bytes:
    return data[:-2] + struct.pack("<H", 22) + data[-22:]


def prefixed(data: bytes) -> bytes:
    return b"#!/bin/sh\nexec something\n" + data


def doubled(data: bytes) -> bytes:
    return packed(measured_run()) + data


def local_name(data: bytes) -> bytes:
    place = data.index(b"evidence-manifest.json{")
    return data[:place] + b"evidence-manifest.jsom" + data[place + 22 :]


def bomb() -> Evil:
    squeezer = zlib.compressobj(9, zlib.DEFLATED, -15)
    content = bytes(8 << 20)
    body = squeezer.compress(content) + squeezer.flush()
    entry = Placed(b"bomb", 8, zlib.crc32(content), len(body), len(content), 0)
    head = form.local_header(entry) + body
    directory = form.central_header(entry)
    return evil(whole_run(), head + directory + form.end_records(1, len(directory), len(head)))


OTHER_KEY = ssh_key(private_key("po1")).fingerprint.encode()
ONE_KEY = ssh_key(private_key("sre1")).fingerprint.encode()

ATTACKS: tuple[Attack, ...] = (
    Attack("t01_edit_evidence", swapped_evidence, "files", shell=True),
    Attack("t02_edit_and_resum", swapped_and_resummed, "seal", shell=True),
    Attack("t03_rechain", foreign_seal, "seal", shell=True),
    Attack("t04_engine_key_edit", engine_edits_evidence, "statements gates rounds decisions", shell=True),
    Attack("t05_rewrite_log", engine_rewrites_history, "statements decisions", shell=True),
    Attack("t06_cut_tail", cut_log, "seal", shell=True),
    Attack("t07_cut_after_approval_anchored", cut_tail(anchored=True), "anchor"),
    Attack("t07_cut_after_approval", cut_tail(anchored=False), "", 3),
    Attack("t08_split_view", split_view, "anchor"),
    Attack("t10_swapped_artifact", other_artifact, "protocol rounds"),
    Attack("t12_replay_release", replayed_release, "statements decisions", shell=True),
    Attack("t13_replay_attempt", used_twice, "decisions"),
    Attack("t14_own_change", own_change, "statements decisions"),
    Attack("t14_own_request", own_request, "statements decisions"),
    Attack("t15_one_person_twice", one_person_twice, "decisions"),
    Attack("t17_expired_answer", expired_answer, "statements decisions"),
    Attack("t17_expired_use", used_too_late, "decisions"),
    Attack(
        "t18_other_environment",
        recorded_anyway(plain("sre1", "sre_lead"), "sre1", "gonogo/approval/v1/staging"),
        "statements decisions",
        shell=True,
    ),
    Attack(
        "t19_other_namespace",
        recorded_anyway(plain("sre1", "sre_lead"), "sre1", "gonogo/freeze-ack/v1/production"),
        "statements decisions",
        shell=True,
    ),
    Attack("t20_stale_evidence", stale_evidence, "decisions"),
    Attack("t20_hidden_evidence", hidden_evidence, "statements decisions"),
    Attack(
        "t21_unlisted_key", recorded_anyway(plain("sre1", "sre_lead"), "claude"), "statements decisions", shell=True
    ),
    Attack("t21_key_of_another", recorded_anyway(plain("sre1", "sre_lead"), "po1"), "statements decisions", shell=True),
    Attack(
        "t21_unlisted_person",
        recorded_anyway(plain("claude", "sre_lead"), "claude"),
        "statements decisions",
        shell=True,
    ),
    Attack(
        "t21_role_not_held", recorded_anyway(plain("sre1", "security_lead"), "sre1"), "statements decisions", shell=True
    ),
    Attack("t25_other_key_named", recorded_anyway(altered(ONE_KEY, OTHER_KEY), "sre1"), "statements decisions"),
    Attack("t26_shown_text", swapped_shown_text, "rounds"),
    Attack("t29_malleable", respelled_armour, "seal"),
    Attack("t31_policy_rollback", older_policy, "protocol rounds"),
    Attack("t32_rogue_signer", rogue_signer, "statements decisions", shell=True),
    Attack("t35_future_log", future_log, "log"),
    Attack("t36_dropped_statement", missing_statement, "evidence statements decisions", shell=True),
    Attack("t36_dropped_file", dropped("evidence/checks/staging-test-results.json"), "files", shell=True),
    Attack("t36_dropped_seal", dropped("seal.json.sig"), "files", shell=True),
    Attack("t37_extra_file", added_file, "files", shell=True),
    Attack("t37_evidence_beside_the_log", evidence_beside_the_log, "evidence"),
    Attack("t37_claim_as_evidence", claim_as_evidence, "evidence"),
    Attack("t38_zip_slip", named(b"../../etc/cron.d/x"), "zip", shell=True),
    Attack("t38_absolute", named(b"/tmp/x"), "zip", shell=True),
    Attack("t38_backslash", named(b"a\\b"), "zip", shell=True),
    Attack("t39_link", in_zip(linked), "zip", shell=True),
    Attack("t40_bomb", bomb, "zip", shell=True),
    Attack("t41_duplicate_entry", named(b"SHA256SUMS"), "zip", shell=True),
    Attack("t42_twin_names", named(b"sha256sums"), "zip", shell=True),
    Attack("t43_comment", in_zip(commented), "zip"),
    Attack("t43_prefixed", in_zip(prefixed), "zip", shell=True),
    Attack("t43_two_packages", in_zip(doubled), "zip", shell=True),
    Attack("t43_local_name", in_zip(local_name), "zip", shell=True),
    Attack("t43_other_envelope", other_envelope, "seal", shell=True),
    Attack("t43_staging_seal", staging_seal, "seal", shell=True),
    Attack("t46_forged_gate", forged_gate, "gates"),
    Attack("t47_empty_gate", empty_gate, "gates"),
    Attack("t48_gate_on_unsealed_file", gate_on_unsealed_file, "gates"),
    Attack("t50_lying_manifest", lying_manifest, "manifest"),
    Attack("t59_one_approver", one_approver, "decisions"),
    Attack("t59_overridden_no", overridden_no, "decisions"),
    Attack("t59_open_condition", open_condition, "decisions"),
    Attack("t59_without_security_lead", without_security_lead, "decisions"),
    Attack("t59_traffic_first", traffic_first, "decisions"),
    Attack("t59_go_after_rollback", go_after_rollback, "decisions"),
    Attack("t60_other_document", other_document, "rounds"),
    Attack(
        "t60_statement_of_other_terms",
        recorded_anyway(altered(b'"attempt": 1', b'"attempt": 2'), "sre1"),
        "statements decisions",
    ),
)
