"""Verifies a gonogo package with Python 3.8 or later and ssh-keygen (9.1 or later); nothing of gonogo is needed.

Usage: python3 -I verify.py PACKAGE [--trust DIR] [--no-anchor-needed] [--json]

DIR holds what you got by another way than the package: policy.json, allowed_signers, revoked_keys, anchors/* (checkpoints).
Without it the copies inside the package are used, and the best answer is 3. Exit: 0 verified, 2 refused, 3 consistent but
incomplete, 1 failure of the verifier, 64 usage. The rules A1 to A17 bear the numbers of the documentation.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import calendar
import hashlib
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from decimal import Decimal
from typing import Any, Callable, Iterable, NoReturn

SEAL_FILES = {"seal.json", "seal.json.sig", "seal.dsse.json", "SHA256SUMS"}
LOGGED = ("evidence/", "claims/", "gates/", "approvals/")
SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,100}")
DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
ENTRY = re.compile(
    rb'\{"actor":"[^"\\\x00-\x20\x7f-\xff]{1,128}","data":\{.*\},"prev":"([0-9a-f]{64})","seq":(0|[1-9][0-9]*),'
    rb'"ts":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)","type":"[a-z_]+(?:\.[a-z_]+)*","v":1\}\n'
)


class Refused(Exception):
    """The package is not what it should be."""


def no(what: str) -> NoReturn:
    """Refuse the package."""
    raise Refused(what)


def sha(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


# Ed25519 (RFC 8032, section 5.1), for machine signatures.
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
Point = Any


def add(one: Point, other: Point) -> Point:
    """The sum of two points in extended coordinates."""
    a, b = (one[1] - one[0]) * (other[1] - other[0]) % P, (one[1] + one[0]) * (other[1] + other[0]) % P
    c, d = 2 * one[3] * other[3] * D % P, 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(scalar: int, point: Point) -> Point:
    """A multiple of a point."""
    found: Point = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            found = add(found, point)
        point, scalar = add(point, point), scalar >> 1
    return found


def point_of(data: bytes) -> Point:
    """The point with this encoding, or None."""
    number = int.from_bytes(data, "little")
    y, sign = number & ((1 << 255) - 1), number >> 255
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - square) % P or (not x and sign):
        return None
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


BASE = point_of((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def ed25519(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether `signature` is one of `message` by `public`."""
    if len(public) != 32 or len(signature) != 64:
        return False
    a, r, s = point_of(public), point_of(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= ORDER:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    left, right = times(s, BASE), add(r, times(h, a))
    return not ((left[0] * right[2] - right[0] * left[2]) % P or (left[1] * right[2] - right[1] * left[2]) % P)


# The zip file: one way to read it, everything checked before anything is unpacked.


def unpacked(data: bytes) -> dict[str, bytes]:
    """All files of the package."""
    count, size, start, end = ending(data)
    files: dict[str, bytes] = {}
    folded: set[str] = set()
    position, offset, total = start, 0, 0
    for _ in range(count):
        position, offset, name, content = member(data, position, offset, start)
        total += len(content)
        if name.lower() in folded:
            no("two names are one file: %r" % name)
        files[name] = content
        folded.add(name.lower())
    if position != end or offset != start or end != start + size or total > 16 << 30:
        no("entries, directory and end record do not tile the file")
    return files


def ending(data: bytes) -> tuple[int, int, int, int]:
    """Number of entries, size and start of the directory, and where it has to end."""
    if len(data) < 22:
        no("the file is too short")
    mark, disk, first, here, count, size, start, comment = struct.unpack("<IHHHHIIH", data[-22:])
    if mark != 0x06054B50 or disk or first or here != count or comment:
        no("the file does not end with one plain end record")
    end = len(data) - 22
    if count == 0xFFFF or 0xFFFFFFFF in (size, start):
        end = len(data) - 98
        if end < 0:
            no("the zip64 records are missing")
        count, size, start = struct.unpack("<QQQ", data[end + 32 : end + 56])
        record = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 0x314, 45, 0, 0, count, count, size, start)
        if data[end:-22] != record + struct.pack("<IIQI", 0x07064B50, 0, end, 1):
            no("the zip64 records are not plain")
    if not 0 < count <= 200000:
        no("the package has %d entries" % count)
    return count, size, start, end


def member(data: bytes, position: int, offset: int, start: int) -> tuple[int, int, str, bytes]:
    """One entry: its directory record at `position`, its bytes at `offset`."""
    if len(data) < position + 46:
        no("the directory ends inside an entry")
    head = struct.unpack("<IHHHHHHIIIHHHHHII", data[position : position + 46])
    method, crc, packed, size, length = head[4], head[7], head[8], head[9], head[10]
    name = data[position + 46 : position + 46 + length].decode("ascii", "replace")
    plain = (0x02014B50, 0x314, 20, 0, method, 0, 0x21, crc, packed, size, length, 0, 0, 0, 0, 0o100644 << 16, offset)
    if head != plain or method not in (0, 8) or unsound(name):
        no("the entry %r is not in the one plain form (byte %d)" % (name[:60], position))
    local = struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, method, 0, 0x21, crc, packed, size, length, 0)
    body = offset + 30 + length
    if data[offset:body] != local + name.encode() or body + packed > start:
        no("the header of %r differs from its directory entry (byte %d)" % (name, offset))
    if size > packed * (1100 if size < 1 << 20 else 200) or (method == 0 and size != packed):
        no("%r would grow too much" % name)
    content = data[body : body + packed]
    if method == 8:
        engine = zlib.decompressobj(-15)
        content = engine.decompress(content, size + 1)
        if not engine.eof or engine.unused_data:
            no("%r cannot be unpacked" % name)
    if len(content) != size or zlib.crc32(content) != crc:
        no("%r is damaged" % name)
    return position + 46 + length, body + packed, name, content


def unsound(path: str) -> bool:
    """Whether a path is outside the grammar."""
    parts = path.split("/")
    fine = [SEGMENT.fullmatch(part) and not part.endswith(".") and not DEVICE.fullmatch(part) for part in parts]
    return not all(fine) or len(parts) > 9 or len(path) > 240


# Lists, JSON, log.


def strict(data: bytes, name: str) -> Any:
    """The JSON in `data`: no repeated keys, no NaN, no floats."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in pairs}) != len(pairs):
            no("%s says a key twice" % name)
        return dict(pairs)

    def constant(word: str) -> NoReturn:
        no("%s holds %s" % (name, word))

    try:
        text = data.decode("utf-8")
        return json.loads(text, object_pairs_hook=unique, parse_float=Decimal, parse_constant=constant)
    except (ValueError, RecursionError, ArithmeticError) as error:
        raise Refused("%s cannot be read: %s" % (name, error)) from error


def sums(data: bytes, name: str) -> dict[str, str]:
    """Path to digest, from a list as sha256sum writes it."""
    found: dict[str, str] = {}
    for line in data.decode("ascii", "replace").splitlines():
        if not re.fullmatch(r"[0-9a-f]{64}  [!-~]+", line) or unsound(line[66:]):
            no("%s has a line that is not digest and path" % name)
        found[line[66:]] = line[:64]
    if "".join("%s  %s\n" % (found[path], path) for path in sorted(found)).encode() != data:
        no("%s is not sorted, or names a file twice" % name)
    return found


def read_log(data: bytes) -> list[dict[str, Any]]:
    """The entries of the log; each has its own line under `line`."""
    before, entries, last = "0" * 64, [], b""
    for number, line in enumerate(data.splitlines(keepends=True)):
        found = ENTRY.fullmatch(line)
        if not found or found[1].decode() != before or int(found[2]) != number or found[3] < last:
            no("entry %d of the log does not follow from the one before it" % number)
        entry = strict(line, "entry %d" % number)
        text = json.dumps(entry, sort_keys=True, separators=(",", ":"), default=str)
        if text.encode() + b"\n" != line:
            no("entry %d is not in the one plain form" % number)
        entry["line"], last, before = line, found[3], sha(line)
        entries.append(entry)
    if not entries:
        no("the log is empty")
    return entries


def root_of(lines: Iterable[bytes]) -> str:
    """The Merkle root of log lines (RFC 6962), in base64."""
    level = [hashlib.sha256(b"\x00" + line[:-1]).digest() for line in lines]
    while len(level) > 1:
        pairs = [level[index : index + 2] for index in range(0, len(level), 2)]
        level = [hashlib.sha256(b"\x01" + pair[0] + pair[1]).digest() if pair[1:] else pair[0] for pair in pairs]
    return base64.b64encode(level[0]).decode()


def checkpoint(data: bytes) -> tuple[str, int, str]:
    """Origin, size and root of a checkpoint."""
    lines = data.decode("utf-8", "replace").split("\n")
    if len(lines) < 5 or lines[3] or not lines[1].isdigit():
        no("a checkpoint cannot be read")
    return lines[0], int(lines[1]), lines[2]


def moment(text: str) -> int:
    """Seconds since 1970 of a time in UTC."""
    return calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S"))


# People.


class Trust:
    """Policy, signers and anchors, from the verifier's own folder or from the package."""

    def __init__(self, folder: str) -> None:
        self.policy = strict(open_file(os.path.join(folder, "policy.json")), "policy.json")
        self.signers = os.path.join(folder, "allowed_signers")
        revoked = os.path.join(folder, "revoked_keys")
        self.revoked = ["-r", revoked] if os.path.exists(revoked) else []
        anchors = os.path.join(folder, "anchors")
        names = sorted(os.listdir(anchors)) if os.path.isdir(anchors) else []
        self.anchors = [open_file(os.path.join(anchors, name)) for name in names]
        listed = [base64.b64decode(engine["key"].split()[1]) for engine in self.policy["engines"]]
        self.engines = [blob[-32:] for blob in listed if blob[4:15] == b"ssh-ed25519"]

    def signed(self, who: str, space: str, signature: bytes, data: bytes, at: str) -> bool:
        """Whether stock ssh-keygen finds the signature good for `who` at time `at`."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(signature)
            file.flush()
            argv = ["ssh-keygen", "-Y", "verify", "-f", self.signers, "-I", who, "-n", space, "-s", file.name]
            when = re.sub("[-:T]", "", at[:19]) + "Z"
            argv += [*self.revoked, "-O", "verify-time=" + when]
            return subprocess.run(argv, input=data, capture_output=True, check=False).returncode == 0


def open_file(path: str) -> bytes:
    """The bytes of a file."""
    with open(path, "rb") as file:
        return file.read()


def strings(data: bytes) -> list[bytes]:
    """The length-prefixed strings of `data`, as long as they last."""
    found = []
    while len(data) >= 4 and len(data) >= 4 + int.from_bytes(data[:4], "big"):
        size = int.from_bytes(data[:4], "big")
        found.append(data[4 : 4 + size])
        data = data[4 + size :]
    return found


def device(signature: bytes) -> dict[str, Any]:
    """What a signature says about its device: type, flags, counter, application, origin (A1, strict armour)."""
    text = signature.decode("ascii", "replace")
    try:
        blob = base64.b64decode("".join(text.split("\n")[1:-2]), validate=True)
    except binascii.Error as error:
        raise Refused("a signature is not base64 (A1)") from error
    body = base64.b64encode(blob).decode()
    lines = "".join(body[start : start + 70] + "\n" for start in range(0, len(body), 70))
    if text != "-----BEGIN SSH SIGNATURE-----\n" + lines + "-----END SSH SIGNATURE-----\n" or len(text) > 16384:
        no("the armour of a signature was rewritten (A1)")
    parts = strings(blob[10:])
    if blob[:10] != b"SSHSIG\0\0\0\1" or len(parts) != 5 or parts[2] or parts[3] not in (b"sha256", b"sha512"):
        no("a signature is not a plain SSH signature (A1)")
    key, inner = strings(parts[0]), strings(parts[4])
    found: dict[str, Any] = {"type": inner[0].decode(), "flags": 0, "counter": 0, "key": sha(parts[0])}
    found["fingerprint"] = "SHA256:" + base64.b64encode(hashlib.sha256(parts[0]).digest()).decode().rstrip("=")
    if key[0].startswith(b"sk-"):
        place = 8 + len(inner[0]) + len(inner[1])
        found["flags"] = parts[4][place]
        found["counter"] = int.from_bytes(parts[4][place + 1 : place + 5], "big")
        found["application"] = key[-1].decode("ascii", "replace")
        if inner[0].startswith(b"webauthn-"):
            origin, client = strings(parts[4][place + 5 :])[:2]
            fields = strict(client, "client data")
            if fields.get("crossOrigin", False) is not False or "topOrigin" in fields or found["flags"] & 0x40:
                no("a passkey was asked from inside another page (A8)")
            if fields.get("type") != "webauthn.get" or fields.get("origin") != origin.decode("ascii", "replace"):
                no("a passkey signature names another origin (A8)")
            found["origin"] = fields["origin"]
    return found


def level_of(listed: dict[str, Any], said: dict[str, Any], policy: dict[str, Any]) -> int:
    """What a signature proves: 0, 1 or 2 (A7)."""
    flags = said["flags"]
    if not flags & 1:
        return 0
    claimed = int(listed["assurance"][1])
    if flags & 8:
        return min(claimed, int(policy["web"]["synced_passkeys"][1]), 1)
    return min(claimed, 2 if flags & 4 else 1)


class Package:
    """An opened package; each method is one check and refuses by raising."""

    def __init__(self, files: dict[str, bytes], trust: Trust) -> None:
        self.files, self.trust, self.policy = files, trust, trust.policy
        self.entries: list[dict[str, Any]] = []
        self.seal: dict[str, Any] = {}
        self.requests: dict[str, dict[str, Any]] = {}
        self.accepted: dict[int, dict[str, Any]] = {}
        self.notes: list[str] = []

    def file(self, path: str) -> bytes:
        """The bytes of a file that has to be here."""
        return self.files[path] if path in self.files else no("%s is missing" % path)

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The log entries of a type."""
        return [entry for entry in self.entries if entry["type"] == kind]

    def check_files(self) -> str:
        """Exactly the listed files, each with its digest."""
        listed = sums(self.file("SHA256SUMS"), "SHA256SUMS")
        missing = sorted((SEAL_FILES | set(listed)) - set(self.files))
        extra = sorted(set(self.files) - set(listed) - SEAL_FILES)
        changed = sorted(path for path in listed if path in self.files and sha(self.files[path]) != listed[path])
        for paths, what in ((missing, "missing"), (extra, "not listed"), (changed, "changed")):
            if paths:
                no("%s is %s" % (paths[0], what))
        return "%d listed, all here" % len(listed)

    def check_seal(self) -> str:
        """The list is sealed by an engine, twice."""
        payload = self.file("seal.json")
        statement, outer = strict(payload, "seal.json"), strict(self.file("seal.dsse.json"), "seal.dsse.json")
        self.seal = statement["predicate"]
        if statement["subject"] != [{"name": "SHA256SUMS", "digest": {"sha256": sha(self.file("SHA256SUMS"))}}]:
            no("the seal is about another list")
        message = b"DSSEv1 28 application/vnd.in-toto+json %d %s" % (len(payload), payload)
        if base64.b64decode(outer["payload"]) != payload or outer["payloadType"] != "application/vnd.in-toto+json":
            no("the envelope holds another seal")
        held = [base64.b64decode(item["sig"]) for item in outer["signatures"]]
        if not any(ed25519(key, raw, message) for key in self.trust.engines for raw in held):
            no("no engine signed the envelope")
        space, at = "gonogo/seal/v1/%s" % self.seal["environment"], self.seal["created_at"]
        names = ["engine:" + engine["name"] for engine in self.policy["engines"]]
        signature = self.file("seal.json.sig")
        device(signature)
        if not any(self.trust.signed(name, space, signature, payload, at) for name in names):
            no("no engine sealed it for %s" % self.seal["environment"])
        return "sealed for %s" % self.seal["environment"]

    def check_log(self) -> str:
        """The chain, and the seal and checkpoint over it."""
        self.entries = read_log(self.file("log/log.jsonl"))
        lines = [entry["line"] for entry in self.entries]
        origin = "%s/%s" % (self.policy["site"], self.seal["run_id"])
        wanted = {"origin": origin, "size": len(lines), "root": root_of(lines), "head": sha(lines[-1])}
        note = self.file("log/checkpoint")
        if self.seal["log"] != wanted or checkpoint(note) != (origin, len(lines), wanted["root"]):
            no("the log is not the one that seal and checkpoint name")
        body, _, tail = note.decode().partition("\n\n")
        held = [base64.b64decode(line.split(" ")[2])[4:] for line in tail.splitlines() if line.startswith("\u2014 ")]
        if not any(ed25519(key, raw, body.encode() + b"\n") for key in self.trust.engines for raw in held):
            no("the checkpoint is not signed by an engine")
        if moment(self.entries[-1]["ts"]) > time.time() + 600:
            no("the log ends in the future")
        return "%d entries" % len(lines)

    def check_evidence(self) -> str:
        """Every file that the log names is here, and nothing else poses as one."""
        wanted = [entry["data"]["sha256"] for entry in self.of("evidence.sealed")]
        wanted += [entry["data"]["judgement_sha256"] for entry in self.of("gate.judged")]
        for entry in self.of("approval.requested"):
            wanted += [entry["data"][name] for name in ("request_sha256", "shown_sha256", "evidence_sha256")]
        for entry in self.of("approval.recorded"):
            wanted += [entry["data"]["statement_sha256"], entry["data"]["signature_sha256"]]
        here = [sha(data) for path, data in self.files.items() if path.startswith(LOGGED)]
        if sorted(wanted) != sorted(here):
            no("files below %s are not exactly those of the log" % ", ".join(LOGGED))
        kinds = {entry["data"]["sha256"]: entry["data"]["status"] for entry in self.of("evidence.sealed")}
        listed = sums(self.file("EVIDENCE.SHA256SUMS"), "EVIDENCE.SHA256SUMS")
        evidence = {path: sha(data) for path, data in self.files.items() if path.startswith("evidence/")}
        if listed != evidence:
            no("EVIDENCE.SHA256SUMS is not the list of the evidence")
        self.check_manifest(kinds)
        claimed = [path for path in evidence if kinds.get(evidence[path]) == "claimed"]
        if claimed:
            no("%s is a claim, not evidence" % claimed[0])
        return "%d files" % len(here)

    def check_manifest(self, kinds: dict[str, str]) -> None:
        """The evidence manifest lists what was sealed and counts what is required."""
        manifest = strict(self.file("evidence-manifest.json"), "evidence-manifest.json")
        rows, coverage, missing = manifest["artifacts"], manifest["coverage"], set(manifest["missing"])
        wanted = [(entry["seq"], entry["data"]["sha256"], entry["data"]["status"]) for entry in self.of("evidence.sealed")]
        if [(row["sealed_seq"], row["sha256"], row["status"]) for row in rows] != [row for row in wanted if row[2] != "claimed"]:
            no("the evidence manifest lists other artifacts than the log")
        needed = {row["name"] for row in rows if row["required"]}
        if (coverage["present"], coverage["required"]) != (len(needed - missing), len(needed | missing)) or needed & missing:
            no("the evidence manifest counts wrongly")

    def check_gates(self) -> str:
        """Judgements say what the log says, and no pass stands on a clause that is none."""
        bodies = {sha(data): data for path, data in self.files.items() if path.startswith("gates/")}
        sealed: set[tuple[str, str]] = set()
        for entry in self.entries:
            facts = entry["data"]
            if entry["type"] == "evidence.sealed":
                sealed.add((facts["name"], facts["sha256"]))
            if entry["type"] == "gate.judged":
                body = strict(bodies[facts["judgement_sha256"]], facts["gate"])
                if (body["gate"], body["verdict"]) != (facts["gate"], facts["verdict"]):
                    no("the judgement of %s says another verdict" % facts["gate"])
                if any((row["name"], row["sha256"]) not in sealed for row in body["evidence"]):
                    no("the judgement of %s stands on a file that was not sealed before" % facts["gate"])
                failing = [row for row in body["clauses"] if row["result"] != "pass"] + body.get("lacking", [])
                if body["verdict"] == "pass" and (failing or not (body["clauses"] or body["evidence"])):
                    no("the gate %s passes although not every clause does" % facts["gate"])
        return "%d judgements" % len(self.of("gate.judged"))

    def check_protocol(self) -> str:
        """Document, lock, release and people are those of the run."""
        slug = self.seal["protocol"]["slug"]
        wanted = {
            "protocol/%s.md" % slug: self.seal["protocol"]["source_sha256"],
            "protocol/%s.gonogo.lock.json" % slug: self.seal["protocol"]["lock_sha256"],
            "release/release-manifest.json": self.seal["release"]["digest"],
        }
        for path, digest in wanted.items():
            if sha(self.file(path)) != digest:
                no("%s is not that of the seal" % path)
        pinned = {entry["data"]["approvers_sha256"] for entry in self.of("trust.pinned")}
        if pinned != {self.policy["source"]["sha256"]}:
            no("the run was bound to other people and rules than those of the trust files")
        for entry in self.of("run.opened"):
            facts = (entry["data"]["release_digest"], entry["data"]["environment"])
            if facts != (self.seal["release"]["digest"], self.seal["environment"]):
                no("the run was opened for another release or environment")
        return "as bound"

    def check_statements(self) -> str:
        """Every recorded statement by the rules of acceptance, as of its record."""
        for entry in self.of("approval.requested"):
            folder = "approvals/%s/" % entry["data"]["round"]
            if sha(self.file(folder + "request.json")) != entry["data"]["request_sha256"]:
                no("the request of %s is not the one that was asked with" % entry["data"]["round"])
            request = strict(self.files[folder + "request.json"], folder + "request.json")
            request["asked"], request["sums"] = entry, self.file(folder + "EVIDENCE.SHA256SUMS")
            self.requests[entry["data"]["round"]] = request
            self.check_round(folder, request)
        signatures = {sha(data): data for path, data in self.files.items() if path.endswith(".sig")}
        statements = {sha(data): data for path, data in self.files.items() if path.startswith("approvals/")}
        for entry in self.of("approval.recorded"):
            facts = entry["data"]
            statement, signature = statements[facts["statement_sha256"]], signatures[facts["signature_sha256"]]
            said = accepted(self, entry, statement, signature, entry)
            self.accepted[entry["seq"]] = dict(said, statement=statement, signature=signature, entry=entry)
            shown = "flags %02x, counter %d%s" % (
                said["device"]["flags"],
                said["device"]["counter"],
                ", origin " + said["device"]["origin"] if "origin" in said["device"] else "",
            )
            self.notes.append("%s as %s: %s (%s)" % (facts["person"], facts["role"], said["decision"], shown))
        return "%d signatures hold" % len(self.accepted)

    def check_round(self, folder: str, request: dict[str, Any]) -> None:
        """What was shown and listed is what was signed."""
        predicate, subjects = request["predicate"], {item["name"]: item["digest"]["sha256"] for item in request["subject"]}
        if predicate["shown_sha256"] != sha(self.file(folder + "shown.txt")):
            no("%s showed another text than was signed" % folder)
        if subjects.get("EVIDENCE.SHA256SUMS") != sha(request["sums"]):
            no("%s is about another evidence list (A11)" % folder)
        listed = sums(self.files["EVIDENCE.SHA256SUMS"], "EVIDENCE.SHA256SUMS")
        if any(listed.get(path) != digest for path, digest in sums(request["sums"], folder).items()):
            no("%s was about evidence with other bytes" % folder)
        scope, seal = predicate["scope"], self.seal
        found = (scope["run_id"], scope["release"]["digest"], scope["environment"], predicate["policy"]["sha256"])
        if found != (seal["run_id"], seal["release"]["digest"], seal["environment"], self.policy["source"]["sha256"]):
            no("%s is about another run, release, environment or policy" % folder)
        protocol = {name: seal["protocol"][name] for name in ("slug", "source_sha256", "lock_sha256")}
        if predicate["protocol"] != protocol:
            no("%s is about another protocol" % folder)

    def check_decisions(self) -> str:
        """Every approval that was used was complete at that instant; nothing was moved without one."""
        for used in self.of("approval.consumed"):
            request = self.requests.get(used["data"]["round"]) or no("a used round is not here")
            lacking = quorum(self, request, list(self.standing(used)))
            if lacking:
                no("the round %s was used and not complete: %s (A17)" % (used["data"]["round"], lacking))
        first = min([entry["seq"] for entry in self.of("approval.consumed")] or [len(self.entries)])
        ours = {
            entry["data"]["task"]
            for entry in self.of("task.intended")
            if entry["data"]["environment"] == self.seal["environment"]
        }
        if any(entry["data"]["task"] in ours and entry["seq"] < first for entry in self.of("traffic.moved")):
            no("traffic was moved before any approval was used")
        fits = {"released": ("go",), "ready": ("go", "pending"), "rolled_back": ("rolled_back",), "aborted": ("aborted", "no_go")}
        for entry in self.of("run.closed"):
            if self.seal["decision"] not in fits.get(entry["data"]["outcome"], ()):
                no("the seal says %s, the log %s" % (self.seal["decision"], entry["data"]["outcome"]))
        return "%d used approvals were complete" % len(self.of("approval.consumed"))

    def standing(self, used: dict[str, Any]) -> Iterable[dict[str, Any]]:
        """The statements of a round that still count at the instant of its use (A18)."""
        for seq, item in self.accepted.items():
            if seq < used["seq"] and item["entry"]["data"]["round"] == used["data"]["round"]:
                try:
                    yield accepted(self, item["entry"], item["statement"], item["signature"], used)
                except Refused as reason:
                    self.notes.append("no longer counted at its use: %s" % reason)

    def check_anchors(self) -> str:
        """The log agrees with checkpoints kept elsewhere."""
        best, lines = 0, [entry["line"] for entry in self.entries]
        for data in self.trust.anchors:
            origin, size, root = checkpoint(data)
            if origin == self.seal["log"]["origin"]:
                if size > len(lines) or root_of(lines[:size]) != root:
                    no("the log differs from what was anchored at entry %d" % size)
                best = max(best, size)
        return "intact, anchored up to entry %d of %d" % (best - 1, len(lines) - 1) if best else ""


SIGNED = "statement_id request_sha256 signer comment client signed_at"
ANSWERED = {
    "approval": "decision reason conditions risks_accepted",
    "waiver": "decision reason",
    "freeze-ack": "exceptions",
    "attestation": "answer observed_at reason_no_automation attachments",
    "signoff": "decision reason",
    "acceptance": "decision reason",
    "resume": "reason mitigation",
    "dissent": "reason",
}
UNRANKED = ("freeze-ack", "dissent")
ALONE = {"all_of": [{"role": "release_manager"}], "any_of": [], "quorum": 1, "valid_for_s": 259200, "min_age_s": 0}
ALONE.update(not_author=False, not_requester=True, distinct_people=True, unmapped_authors_block=True, allow_owner=False)
ALONE.update(cli_at_least=0, min_assurance={})
WITHOUT_RULE = ("rollback", "resume", "acceptance", "signoff", "retention", "dissent")


def rule_of(policy: dict[str, Any], point: str, kind: str) -> dict[str, Any]:
    """The rule of a decision point; kinds that need no entry fall back to one release manager."""
    if kind == "freeze-ack":
        return dict(ALONE, not_requester=False)
    if point in policy["decisions"]:
        return policy["decisions"][point]
    if point.startswith("attest-"):
        return dict(ALONE, all_of=[{"role": point[7:]}], not_author=True)
    return ALONE if point.split("_")[0] in WITHOUT_RULE else no("no rule permits %s" % point)


def accepted(
    package: Package, entry: dict[str, Any], statement: bytes, signature: bytes, instant: dict[str, Any]
) -> dict[str, Any]:
    """Judge a statement at `instant`, its own record or the entry of its use, by A1 to A16."""
    facts, policy = entry["data"], package.policy
    request = package.requests.get(facts["round"]) or no("a statement without request (A12)")
    asked, kind = request["predicate"], request["predicateType"].split(":")[3]
    said, space = device(signature), "gonogo/%s/v1/%s" % (kind, asked["scope"]["environment"])
    for who in (facts["person"], "role:" + facts["role"]):
        if not package.trust.signed(who, space, signature, statement, entry["ts"]):
            no("the signature does not hold for %s in %s (A2, A3, A5)" % (who, space))
    tree = strict(statement, "the statement of %s" % facts["person"])
    predicate, rule = tree["predicate"], rule_of(policy, asked["decision_point"], kind)
    allowed = set(asked) | set(SIGNED.split()) | set(ANSWERED[kind].split())
    if set(predicate) - allowed or set(tree) != {"_type", "subject", "predicateType", "predicate"}:
        no("the statement of %s has unknown fields (A4)" % facts["person"])
    outer = {name: request[name] for name in ("_type", "subject", "predicateType")}
    repeated = {name: predicate.get(name) for name in asked}
    changed = repr([repeated[name] for name in sorted(asked)]) != repr([asked[name] for name in sorted(asked)])
    if changed or outer != {name: tree[name] for name in outer} or predicate["request_sha256"] != facts_digest(request):
        no("the statement of %s changes the request (A10)" % facts["person"])
    signer = predicate["signer"]
    if [signer["person"], signer["role"], signer["fingerprint"]] != [facts["person"], facts["role"], said["fingerprint"]]:
        no("entry %d records another signer than signed (A5)" % entry["seq"])
    check_signer(policy, rule, kind, signer, said, asked)
    check_counter(package, entry, said)
    check_moment(package, entry, predicate, rule, instant)
    decision = decision_of(kind, predicate)
    if decision != facts["decision"]:
        no("entry %d records another decision than was signed" % entry["seq"])
    return {"person": signer["person"], "role": signer["role"], "decision": decision, "device": said}


def facts_digest(request: dict[str, Any]) -> str:
    """The digest of a request, as the log says it."""
    return str(request["asked"]["data"]["request_sha256"])


def decision_of(kind: str, predicate: dict[str, Any]) -> str:
    """What a statement decides."""
    if kind == "approval" and predicate["decision"] == "go" and predicate.get("conditions"):
        return "withheld"
    words = {"approved": "go", "rejected": "no_go", "yes": "go", "no": "no_go"}
    said = predicate.get("decision") or predicate.get("answer") or ("stated" if kind == "dissent" else "go")
    return str(words.get(said, said if said in ("go", "no_go") else "stated"))


def check_signer(
    policy: dict[str, Any],
    rule: dict[str, Any],
    kind: str,
    signer: dict[str, Any],
    said: dict[str, Any],
    asked: dict[str, Any],
) -> None:
    """A5 to A8 and A16: person, role, level, device, independence."""
    who = signer["person"]
    person = next((one for one in policy["people"] if one["id"] == who), None) or no("%s is not listed (A6)" % who)
    listed = next((key for key in person["keys"] if key["fingerprint"] == said["fingerprint"]), None)
    if listed is None or signer["role"] not in person["roles"]:
        no("%s is not listed with this key and role (A5)" % who)
    if kind == "freeze-ack" and who not in policy["freeze_stakeholders"]:
        no("%s is no stakeholder (A5)" % who)
    if "application" in said:
        plain = "origin" not in said and said["application"].startswith("ssh:")
        page = said.get("origin") in policy["web"]["origins"] and said["application"] in policy["web"]["rp_ids"]
        if not (plain or page):
            no("the device of %s is bound elsewhere (A8)" % who)
    if kind in UNRANKED:
        return
    if signer["role"] not in [need["role"] for need in rule["all_of"]] + rule["any_of"]:
        no("a %s does not decide this (A5)" % signer["role"])
    if level_of(listed, said, policy) < int(rule["min_assurance"].get(asked["scope"]["environment"], "H0")[1]):
        no("the signature of %s proves too little (A7)" % who)
    authors, unknown = asked["change_authors"], rule["unmapped_authors_block"]
    if rule["not_author"] and (who in authors or (unknown and any(one.startswith("unmapped:") for one in authors))):
        no("%s made changes, or nobody knows who did (A16)" % who)
    if (rule["not_requester"] and who == asked["requested_by"]) or (
        not rule["allow_owner"] and who == asked.get("requester_owner")
    ):
        no("%s asked for it (A16)" % who)


def check_counter(package: Package, entry: dict[str, Any], said: dict[str, Any]) -> None:
    """A9: the counter of a device grows."""
    before = [
        other["data"]["counter"]
        for other in package.of("approval.recorded")
        if other["seq"] < entry["seq"] and other["data"]["fingerprint"] == said["fingerprint"]
    ]
    if "application" in said and before and said["counter"] <= max(before) and (said["counter"] or max(before)):
        no("the counter of a device stood still (A9)")


def check_moment(
    package: Package, entry: dict[str, Any], predicate: dict[str, Any], rule: dict[str, Any], instant: dict[str, Any]
) -> None:
    """A11 to A16: the log around the statement."""
    request = package.requests[entry["data"]["round"]]
    asked, log = request["asked"], package.entries[: instant["seq"]]
    issued = [other for other in package.of("approval.requested") if other["data"]["challenge"] == predicate["challenge"]]
    if issued != [asked]:
        no("the challenge was not issued once (A12)")
    for other in log[asked["seq"] :]:
        ended = other["type"] in ("approval.voided", "approval.expired", "approval.consumed")
        if other["type"] == "run.closed" or (ended and other["data"].get("round") == entry["data"]["round"]):
            no("the round was over (A12)")
    now, begin, end = moment(instant["ts"]), moment(predicate["not_before"]), moment(predicate["expires_at"])
    if not begin <= now < end or end > moment(predicate["requested_at"]) + rule["valid_for_s"]:
        no("outside of the time of the request (A13)")
    if abs(moment(predicate["signed_at"]) - moment(entry["ts"])) > 600 or now - moment(asked["ts"]) < rule["min_age_s"]:
        no("signed at another time, or too early (A13, A14)")
    seen = predicate["checkpoint"]
    lines = [other["line"] for other in package.entries[: seen["size"]]]
    if not 0 < seen["size"] <= asked["seq"] or sha(lines[-1]) != seen["head"] or root_of(lines) != seen["root"]:
        no("the log that was signed is not this one (A15)")
    opener = package.entries[0]["data"].get("requested_by")
    if rule["not_requester"] and opener == entry["data"]["person"] and entry["data"]["kind"] not in UNRANKED:
        no("%s opened the run (A16)" % opener)
    current: dict[str, str] = {}
    listed = set(sums(request["sums"], "evidence list").values())
    for other in log:
        facts = other["data"]
        if other["type"] == "evidence.sealed" and facts["status"] != "claimed":
            if other["seq"] > asked["seq"] and current.get(facts["name"]) in listed - {facts["sha256"]}:
                no("%s was measured again after the request (A11)" % facts["name"])
            if other["seq"] < asked["seq"]:
                current[facts["name"]] = facts["sha256"]
    if set(current.values()) - listed:
        no("evidence was kept from the approvers (A11)")


def quorum(package: Package, request: dict[str, Any], voices: list[dict[str, Any]]) -> str:
    """What a round lacks; empty when it is complete (A17)."""
    kind = request["predicateType"].split(":")[3]
    if kind == "freeze-ack":
        people = {voice["person"] for voice in voices}
        return ", ".join(one for one in package.policy["freeze_stakeholders"] if one not in people)
    rule = rule_of(package.policy, request["predicate"]["decision_point"], kind)
    if any(voice["decision"] == "no_go" for voice in voices):
        return "somebody said no"
    held = {voice["person"] for voice in voices if voice["decision"] != "go"}
    go = [voice for voice in voices if voice["person"] not in held]
    changes = strict(package.file("release/release-manifest.json"), "release manifest").get("changes", [])
    impact = {change.get("security_impact", "not_stated") for change in changes}
    facts = {"security_impact": "yes" if "yes" in impact else "no" if impact == {"no"} else "not_stated"}
    places = [
        {need["role"]}
        for need in rule["all_of"]
        if "when" not in need or facts.get(need["when"]["fact"]) in [None, *need["when"]["values"]]
    ]
    places += [set(rule["any_of"])] if rule["any_of"] else []
    if not seated(places, go, set(), distinct=rule["distinct_people"]):
        return "a role"
    terminal = {voice["person"] for voice in go if "origin" not in voice["device"]}
    enough = len({voice["person"] for voice in go}) >= rule["quorum"] and len(terminal) >= rule["cli_at_least"]
    return "" if go and enough and not held else "people"


def seated(places: list[set[str]], voices: list[dict[str, Any]], taken: set[str], *, distinct: bool) -> bool:
    """Whether every place is filled, by different people where that is asked for."""
    if not places:
        return True
    able = {voice["person"] for voice in voices if voice["role"] in places[0]} - (taken if distinct else set())
    return any(seated(places[1:], voices, taken | {person}, distinct=distinct) for person in able)


def verified(package: Package) -> list[tuple[str, bool, str]]:
    """Run the checks in order, up to the first that refuses."""
    checks: list[tuple[str, Callable[[], str]]] = [
        ("files", package.check_files),
        ("seal", package.check_seal),
        ("log", package.check_log),
        ("evidence", package.check_evidence),
        ("gates", package.check_gates),
        ("protocol", package.check_protocol),
        ("statements", package.check_statements),
        ("decisions", package.check_decisions),
        ("anchors", package.check_anchors),
    ]
    results = []
    for name, check in checks:
        try:
            results.append((name, True, check()))
        except Refused as reason:
            return [*results, (name, False, str(reason))]
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            return [*results, (name, False, "malformed: %r" % error)]
    return results


def main(argv: list[str]) -> int:
    """Verify and print; gives the exit code."""
    parser = argparse.ArgumentParser(description="Verify a gonogo package.")
    parser.add_argument("package")
    parser.add_argument("--trust", help="folder with policy.json, allowed_signers, revoked_keys, anchors/")
    parser.add_argument("--no-anchor-needed", action="store_true")
    parser.add_argument("--json", action="store_true")
    try:
        options = parser.parse_args(argv)
    except SystemExit as stop:
        return 64 if stop.code else 0
    notes: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            files = unpacked(open_file(options.package))
            for name in ("policy.json", "allowed_signers", "revoked_keys"):
                if options.trust is None:
                    with open(os.path.join(folder, name), "wb") as file:
                        file.write(files.get("trust/" + name, b""))
            package = Package(files, Trust(options.trust or folder))
            results, notes = [("zip", True, "%d files" % len(files)), *verified(package)], package.notes
        except Refused as reason:
            results = [("zip", False, str(reason))]
    return report(options, results, notes)


def report(options: argparse.Namespace, results: list[tuple[str, bool, str]], notes: list[str]) -> int:
    """Print the verdict and every check; gives the exit code."""
    failed = [result for result in results if not result[1]]
    code, verdict = 0, "VERIFIED: %s" % (results[-1][2] or "consistent; no anchor asked for")
    if failed:
        code, verdict = 2, "REFUSED: %s: %s" % (failed[0][0], failed[0][2])
    elif options.trust is None:
        code, verdict = 3, "CONSISTENT, judged by the people that the package itself names"
    elif not results[-1][2] and not options.no_anchor_needed:
        code, verdict = 3, "CONSISTENT, not anchored: entries after the last signature could have been cut"
    if options.json:
        checks = [{"name": name, "ok": ok, "detail": detail} for name, ok, detail in results]
        print(json.dumps({"verdict": verdict, "exit_code": code, "checks": checks, "signed": notes}))
        return code
    print(verdict)
    for name, ok, detail in results:
        print("  %-4s  %-11s %s" % ("ok" if ok else "FAIL", name, detail))
    for note in notes:
        print("        %s" % note)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
