"""Packages by somebody who has the engine's key and tries to get by the people: devices, keys, times, waivers, runs."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from attacks import Attack, Evil, evil, in_zip, named, packed_with, recorded, whole_entries, with_members
from trust_devices import device_blob, device_signature, passkey_blob, passkey_signature, ring_with, statement_of
from trust_world import GO, Run, approved_run, measured_run, packed, private_key, sealed, ssh_key, whole_run, zipped

from gonogo.evidence import package as form
from gonogo.evidence.acceptance import Asked
from gonogo.evidence.canonical import write_line
from gonogo.evidence.ledger import Entry, time_text
from gonogo.evidence.package import Placed
from gonogo.evidence.packing import Member
from gonogo.evidence.signers import Assurance, Revocation, RevocationReason, Ring
from gonogo.evidence.sshkeys import open_key
from gonogo.evidence.sshsig import armour, wrapped
from gonogo.evidence.wire import string
from gonogo.terms import digest_of

SPACE = "gonogo/approval/v1/production"


def by_device(ring: Ring, blob: bytes, sign: Callable[[bytes], bytes], flags: int) -> Callable[[], Evil]:
    """A launch that the lead approved with a device, recorded by an engine that looks at nothing."""

    def build() -> Evil:
        run = measured_run()
        run.ring = ring
        asked = run.ask()
        run.wait(minutes=5)
        key = open_key(blob).key
        words = statement_of(run, asked, key)
        run.append(
            "approval.recorded",
            {
                "kind": "approval",
                "round": run.round,
                "statement_sha256": run.put(words),
                "signature_sha256": run.put(sign(words)),
                "person": "sre1",
                "role": "sre_lead",
                "fingerprint": key.fingerprint,
                "decision": "go",
                "level": "H2",
                "flags": flags,
                "counter": 1,
            },
        )
        second(run, asked)
        return launched(run)

    return build


def second(run: Run, asked: Asked) -> None:
    """The other approver, as honest as can be."""
    words = run.statement(asked, "po1", "product_owner")
    recorded(run, words, run.sign(words, "po1"), "po1")


def launched(run: Run) -> Evil:
    run.use()
    run.close()
    return evil(run, packed(run))


def agent_socket() -> Evil:
    """An agent signs with the person's own key, through the socket of their key agent: nobody touched anything."""
    run = measured_run()
    rule = replace(run.ring.decisions["production"], min_assurance={"production": Assurance.H1})
    run.ring = replace(run.ring, decisions={"production": rule})
    asked = run.ask()
    run.wait(minutes=5)
    words = run.statement(asked, "sre1", "sre_lead")
    recorded(run, words, run.sign(words, "sre1"), "sre1")
    second(run, asked)
    return launched(run)


def weak_hash(name: str) -> Callable[[], Evil]:
    """A signature over a digest for which two messages can be found."""

    def signature(words: bytes) -> bytes:
        key = private_key("sre1")
        digest = hashlib.new(name, words, usedforsecurity=False).digest()
        data = b"SSHSIG" + string(SPACE.encode()) + string(b"") + string(name.encode()) + string(digest)
        public = string(b"ssh-ed25519") + string(key.public_key().public_bytes_raw())
        inner = string(b"ssh-ed25519") + string(key.sign(data))
        return armour(wrapped(public, SPACE, inner, name))

    def build() -> Evil:
        run = measured_run()
        asked = run.ask()
        run.wait(minutes=5)
        words = run.statement(asked, "sre1", "sre_lead")
        recorded(run, words, signature(words), "sre1")
        second(run, asked)
        return launched(run)

    return build


def withdrawn(reason: RevocationReason) -> Callable[[], Evil]:
    """A key that its owner lost, used on, with whatever date its finder writes into the statement."""

    def build() -> Evil:
        run = measured_run()
        mark = ssh_key(private_key("sre1")).fingerprint
        run.ring = replace(run.ring, revoked=(Revocation(mark, run.now - timedelta(days=1), reason),))
        asked = run.ask()
        run.wait(minutes=5)
        words = run.statement(asked, "sre1", "sre_lead")
        recorded(run, words, run.sign(words, "sre1"), "sre1")
        second(run, asked)
        return launched(run)

    return build


def clock_back() -> Evil:
    """The clock is set back to bring an expired approval to life; the log says so, because its times fall."""
    run = measured_run()
    asked = run.ask()
    run.wait(hours=80)
    run.append("exported", {})
    before = run.entries[-1]
    fields = {"actor": "engine:eu1", "data": {}, "prev": before.digest, "seq": before.seq + 1}
    line = write_line(fields | {"ts": time_text(before.ts - timedelta(hours=70)), "type": "exported", "v": 1})
    run.entries.append(Entry(before.seq + 1, before.ts - timedelta(hours=70), "exported", before.actor, {}, before.digest, line, digest_of(line)))
    run.now = run.entries[-1].ts
    words = run.statement(asked, "sre1", "sre_lead")
    recorded(run, words, run.sign(words, "sre1"), "sre1")
    second(run, asked)
    return launched(run)


def other_number() -> Evil:
    """A run that takes the number of another one in the log of the site, so that one of the two is not missed."""
    run = whole_run()
    return evil(run, zipped(sealed(replace(run.package_facts(), sequence=5))))


def unused_waiver() -> Evil:
    """The run goes on from a failed gate and names a waiver that nobody signed."""
    run = measured_run()
    run.judge("launch", "staging-test-results.json", verdict="fail", result="fail")
    run.append("task.finished", {"task": "gate/launch#judge", "attempt": 1, "outcome": "ok", "facts": {"waived": "waiver_launch-1"}})
    asked = run.ask()
    run.wait(minutes=5)
    run.approve(asked, "sre1", "sre_lead", GO)
    run.approve(asked, "po1", "product_owner", GO)
    return launched(run)


def overlapping() -> Evil:
    """Two names for the same bytes: a small file that becomes a large one."""
    entries = whole_entries()
    first = Placed(b"a", 0, zlib.crc32(b"x"), 1, 1, 0)
    body = form.local_header(first) + b"x"
    twin = replace(first, name=b"b")
    return evil(whole_run(), packed_with(entries, body, [first, twin]))


def fake_verifier() -> Evil:
    """Changed evidence, and a verifier inside that finds everything in order."""
    run = whole_run()
    files = {path: data for path, data in sealed(run.package_facts()).items() if isinstance(data, bytes)}
    files["verify.py"] = b"print('VERIFIED: intact, anchored up to entry 9 of 9')\n"
    path = "evidence/checks/staging-test-results.json"
    files[path] = files[path].replace(b"pass", b"fail")
    return evil(run, zipped(files))


def swapped_names() -> Evil:
    """Two files that were measured after the launch change their names; every list is made anew."""
    run = approved_run()
    run.use()
    run.seal("smoke-before.json", b'{"failed": 9}\n', "rollout")
    run.seal("smoke-after.json", b'{"failed": 0}\n', "rollout")
    run.close()

    def change(members: dict[str, Member]) -> None:
        one, other = "evidence/rollout/smoke-before.json", "evidence/rollout/smoke-after.json"
        members[one], members[other] = members[other], members[one]

    return with_members(run, change)


EVERYWHERE = "statements decisions"
PHISHED = "https://gonogo.acme.example.evil.example"

ATTACKS_ON_PEOPLE: tuple[Attack, ...] = (
    Attack("t09_hidden_run", other_number, "population"),
    Attack("t22_agent_socket", agent_socket, EVERYWHERE),
    Attack(
        "t23_fake_fido",
        by_device(ring_with(device_blob(), Assurance.H0), device_blob(), lambda words: device_signature(words, 5, 1), 5),
        EVERYWHERE,
    ),
    Attack(
        "t24_flags_zero",
        by_device(ring_with(device_blob()), device_blob(), lambda words: device_signature(words, 0, 1), 0),
        EVERYWHERE,
    ),
    Attack(
        "t25_phished_passkey",
        by_device(ring_with(passkey_blob()), passkey_blob(), lambda words: passkey_signature(words, PHISHED), 5),
        EVERYWHERE,
    ),
    Attack("t28_weak_hash_sha1", weak_hash("sha1"), EVERYWHERE, shell=True),
    Attack("t28_weak_hash_md5", weak_hash("md5"), EVERYWHERE, shell=True),
    Attack("t30_backdated_departed", withdrawn(RevocationReason.DEPARTED), EVERYWHERE, shell=True),
    Attack("t30_backdated_stolen", withdrawn(RevocationReason.COMPROMISED), EVERYWHERE, shell=True),
    Attack("t34_clock_back", clock_back, "log"),
    Attack("t37_swapped_names", swapped_names, "evidence"),
    Attack("t38_drive", named(b"C:evil"), "zip", shell=True),
    Attack("t39_pipe", in_zip(lambda data: _mode(data, 0o010644)), "zip"),
    Attack("t40_overlapping", overlapping, "zip", shell=True),
    Attack("t42_device_name", named(b"con.txt"), "zip"),
    Attack("t42_composed_and_decomposed", named("caf\u00e9".encode()), "zip", shell=True),
    Attack("t61_unused_waiver", unused_waiver, "decisions"),
    Attack("t69_fake_verifier", fake_verifier, "files", shell=True),
)


def _mode(data: bytes, mode: int) -> bytes:
    place = data.rindex(b"PK\x01\x02")
    return data[: place + 38] + (mode << 16).to_bytes(4, "little") + data[place + 42 :]
