"""Verifies a gonogo package with Python 3.8 or later and ssh-keygen (9.1 or later); nothing of gonogo is needed.

Usage: python3 -I verify.py PACKAGE [--trust DIR] [--no-anchor-needed] [--json]

DIR holds what you got by another way than the package: policy.json, allowed_signers, revoked_keys, and anchors/* with
checkpoints. Without it the copies inside the package are used, and the best answer is 3. Exit: 0 verified, 2 refused,
3 consistent but incomplete, 1 failure of the verifier, 64 usage. The rules A1 to A17 bear the documentation's numbers.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import calendar
import hashlib
import json
import re
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from decimal import Decimal
from pathlib import Path
from typing import Any, Dict, Iterable, NoReturn, Tuple

SEAL_FILES = {"seal.json", "seal.json.sig", "seal.dsse.json", "SHA256SUMS"}
LOGGED = ("evidence/", "claims/", "gates/", "approvals/")
REPORTS = ("production-deployment-report.json", "production-deployment.json", "staging-deployment.json")
SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,100}")
DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
LINE = re.compile(
    rb'\{"actor":"[^"\\\x00-\x20\x7f-\xff]{1,128}","data":\{.*\},"prev":"([0-9a-f]{64})","seq":(0|[1-9][0-9]*),'
    rb'"ts":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)","type":"[a-z_]+(?:\.[a-z_]+)*","v":1\}\n'
)


Entry = Dict[str, Any]
Result = Tuple[str, bool, str]


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
            no(f"two names are one file: {name!r}")
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
        no(f"the package has {count} entries")
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
        no(f"the entry {name[:60]!r} is not in the one plain form (byte {position})")
    local = struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, method, 0, 0x21, crc, packed, size, length, 0)
    body = offset + 30 + length
    if data[offset:body] != local + name.encode() or body + packed > start:
        no(f"the header of {name!r} differs from its directory entry (byte {offset})")
    if size > packed * (1100 if size < 1 << 20 else 200) or (method == 0 and size != packed):
        no(f"{name!r} would grow too much")
    content = data[body : body + packed]
    if method == 8:
        engine = zlib.decompressobj(-15)
        content = engine.decompress(content, size + 1)
        if not engine.eof or engine.unused_data:
            no(f"{name!r} cannot be unpacked")
    if len(content) != size or zlib.crc32(content) != crc:
        no(f"{name!r} is damaged")
    return position + 46 + length, body + packed, name, content


def unsound(path: str) -> bool:
    """Whether a path is outside the grammar."""
    parts = path.split("/")
    fine = [SEGMENT.fullmatch(part) and not part.endswith(".") and not DEVICE.fullmatch(part) for part in parts]
    return not all(fine) or len(parts) > 9 or len(path) > 240


# Lists, JSON, log.


def strict(data: bytes, name: str) -> Any:
    """The JSON in `data`: no repeated keys, no NaN, no floats."""

    def unique(pairs: list[tuple[str, Any]]) -> Entry:
        if len({key for key, _ in pairs}) != len(pairs):
            no(f"{name} says a key twice")
        return dict(pairs)

    def constant(word: str) -> NoReturn:
        no(f"{name} holds {word}")

    try:
        text = data.decode("utf-8")
        return json.loads(text, object_pairs_hook=unique, parse_float=Decimal, parse_constant=constant)
    except (ValueError, RecursionError, ArithmeticError) as error:
        raise Refused(f"{name} cannot be read: {error}") from error


def sums(data: bytes, name: str) -> dict[str, str]:
    """Path to digest, from a list as sha256sum writes it."""
    found: dict[str, str] = {}
    for line in data.decode("ascii", "replace").splitlines():
        if not re.fullmatch(r"[0-9a-f]{64}  [!-~]+", line) or unsound(line[66:]):
            no(f"{name} has a line that is not digest and path")
        found[line[66:]] = line[:64]
    if "".join(f"{found[path]}  {path}\n" for path in sorted(found)).encode() != data:
        no(f"{name} is not sorted, or names a file twice")
    return found


def read_log(data: bytes) -> list[Entry]:
    """The entries of the log; each has its own line under `line`."""
    before, entries, last = "0" * 64, [], b""
    for number, line in enumerate(data.splitlines(keepends=True)):
        found = LINE.fullmatch(line)
        if not found or found[1].decode() != before or int(found[2]) != number or found[3] < last:
            no(f"entry {number} of the log does not follow from the one before it")
        entry = strict(line, f"entry {number}")
        text = json.dumps(entry, sort_keys=True, separators=(",", ":"), default=str)
        if text.encode() + b"\n" != line:
            no(f"entry {number} is not in the one plain form")
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


def under(leaf: bytes, index: int, size: int, nodes: list[bytes]) -> str:
    """The root, in base64, under which leaf `index` of `size` stands by these nodes (RFC 9162, section 2.1.3.2)."""
    position, last, node = index, size - 1, hashlib.sha256(b"\x00" + leaf).digest()
    for step in nodes:
        if last == 0:
            no("a proof has too many nodes")
        if position & 1 or position == last:
            node = hashlib.sha256(b"\x01" + step + node).digest()
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            node = hashlib.sha256(b"\x01" + node + step).digest()
        position, last = position >> 1, last >> 1
    return base64.b64encode(node).decode() if not last and 0 <= index < size else ""


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

    def __init__(self, folder: Path) -> None:
        self.policy = strict((folder / "policy.json").read_bytes(), "policy.json")
        self.signers, revoked = str(folder / "allowed_signers"), folder / "revoked_keys"
        self.revoked = ["-r", str(revoked)] if revoked.exists() else []
        self.anchors = [path.read_bytes() for path in sorted((folder / "anchors").glob("*"))]
        listed = [base64.b64decode(engine["key"].split()[1]) for engine in self.policy["engines"]]
        self.engines = [blob[-32:] for blob in listed if blob[4:15] == b"ssh-ed25519"]

    def signed(self, who: str, space: str, signature: bytes, data: bytes, at: str) -> bool:
        """Whether stock ssh-keygen finds the signature good for `who` at time `at`."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(signature)
            file.flush()
            argv = ["ssh-keygen", "-Y", "verify", "-f", self.signers, "-I", who, "-n", space, "-s", file.name]
            argv += [*self.revoked, "-O", "verify-time=" + re.sub("[-:T]", "", at[:19]) + "Z"]
            return subprocess.run(argv, input=data, capture_output=True, check=False).returncode == 0


def strings(data: bytes) -> list[bytes]:
    """The length-prefixed strings of `data`, as long as they last."""
    found = []
    while len(data) >= 4 and len(data) >= 4 + int.from_bytes(data[:4], "big"):
        size = int.from_bytes(data[:4], "big")
        found.append(data[4 : 4 + size])
        data = data[4 + size :]
    return found


def device(signature: bytes) -> Entry:
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
    blob, inner = parts[0], strings(parts[4])
    found: Entry = {"type": inner[0].decode(), "flags": 0, "counter": 0, "key": sha(parts[0])}
    if blob[4 : 4 + int.from_bytes(blob[:4], "big")].endswith(CERTIFICATE):
        found["certificate"], blob = certificate(blob)
    key = strings(blob)
    found["fingerprint"] = "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
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


CERTIFICATE = b"-cert-v01@openssh.com"
PLAIN = {b"ssh-ed25519": 1, b"sk-ssh-ed25519@openssh.com": 2, b"sk-ecdsa-sha2-nistp256@openssh.com": 3}


def certificate(blob: bytes) -> Tuple[Entry, bytes]:
    """Issuer and lifetime of an SSH certificate, and the key that it is about; ssh-keygen checks all of its rest."""
    name = strings(blob)[0][: -len(CERTIFICATE)]
    size = PLAIN.get(name, 2)
    whole = strings(blob)[: size + 2]
    plain = b"".join(len(part).to_bytes(4, "big") + part for part in [name, *whole[2:]])
    rest = blob[sum(4 + len(part) for part in whole) + 12 :]
    named = strings(rest)[:2]
    rest = rest[sum(4 + len(part) for part in named) :]
    begin, end = int.from_bytes(rest[:8], "big"), int.from_bytes(rest[8:16], "big")
    tail = strings(rest[16:])
    if len(tail) != 5 or tail[0] or tail[2]:
        no("a certificate has critical options, or is cut (A1)")
    return {"authority": base64.b64encode(tail[3]).decode(), "seconds": end - begin}, plain


def level_of(listed: Entry, said: Entry, policy: Entry) -> int:
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
        self.entries: list[Entry] = []
        self.seal: Entry = {}
        self.requests: dict[str, Entry] = {}
        self.accepted: dict[int, Entry] = {}
        self.notes: list[str] = []

    def file(self, path: str) -> bytes:
        """The bytes of a file that has to be here."""
        return self.files[path] if path in self.files else no(f"{path} is missing")

    def of(self, kind: str) -> list[Entry]:
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
                no(f"{paths[0]} is {what}")
        return f"{len(listed)} listed, all here"

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
        space, at = "gonogo/seal/v1/{}".format(self.seal["environment"]), self.seal["created_at"]
        names = ["engine:" + engine["name"] for engine in self.policy["engines"]]
        signature = self.file("seal.json.sig")
        device(signature)
        if not any(self.trust.signed(name, space, signature, payload, at) for name in names):
            no("no engine sealed it for {}".format(self.seal["environment"]))
        return "sealed for {}".format(self.seal["environment"])

    def check_log(self) -> str:
        """The chain, and the seal and checkpoint over it."""
        self.entries = read_log(self.file("log/log.jsonl"))
        lines = [entry["line"] for entry in self.entries]
        origin = "{}/{}".format(self.policy["site"], self.seal["run_id"])
        wanted = {"origin": origin, "size": len(lines), "root": root_of(lines), "head": sha(lines[-1])}
        note = self.file("log/checkpoint")
        if self.seal["log"] != wanted or checkpoint(note) != (origin, len(lines), wanted["root"]):
            no("the log is not the one that seal and checkpoint name")
        self.signed_note(note)
        if moment(self.entries[-1]["ts"]) > time.time() + 600:
            no("the log ends in the future")
        return f"{len(lines)} entries"

    def signed_note(self, note: bytes) -> None:
        """Refuses a checkpoint that no engine signed."""
        body, _, tail = note.decode().partition("\n\n")
        held = [base64.b64decode(line.split(" ")[2])[4:] for line in tail.splitlines() if line.startswith("\u2014 ")]
        if not any(ed25519(key, raw, body.encode() + b"\n") for key in self.trust.engines for raw in held):
            no("a checkpoint is not signed by an engine")

    def check_machines(self) -> str:
        """Every judgement and deployment of the log is stated by an engine, and nothing else under their names."""
        said: dict[str, list[Any]] = {"gate-judgement": [], "deployment": []}
        lines, origin = [entry["line"] for entry in self.entries], self.seal["log"]["origin"]
        for line in self.file("attestations.intoto.jsonl").splitlines():
            outer = strict(line, "a machine statement")
            payload = base64.b64decode(outer["payload"], validate=True)
            message = b"DSSEv1 28 application/vnd.in-toto+json %d %s" % (len(payload), payload)
            held = [base64.b64decode(item["sig"]) for item in outer["signatures"]]
            if not any(ed25519(key, raw, message) for key in self.trust.engines for raw in held):
                no("no engine signed a machine statement")
            statement = strict(payload, "a machine statement")
            kind, words = statement["predicateType"].split(":")[-2], statement["predicate"]
            if kind in said and statement["predicateType"] == f"urn:gonogo:predicate:{kind}:v1":
                if statement["subject"][0]["digest"]["sha256"] != self.seal["release"]["digest"]:
                    no("a machine statement is about another release")
                names = ("gate", "attempt", "verdict", "judgement_sha256", "run_id", "checkpoint", "report_sha256")
                said[kind].append([words.get(name) for name in names])
        wanted = []
        for entry in self.of("gate.judged"):
            size, facts = entry["seq"], entry["data"]
            log = {"origin": origin, "size": size, "root": root_of(lines[:size]), "head": sha(lines[size - 1])}
            row = [facts[name] for name in ("gate", "attempt", "verdict", "judgement_sha256")]
            wanted.append([*row, self.seal["run_id"], log, None])
        newest = {e["data"]["name"]: e for e in self.of("evidence.sealed") if e["data"]["status"] != "claimed"}
        reports = sorted((newest[name] for name in newest if name in REPORTS), key=lambda entry: entry["seq"])
        ends = [(self.seal["run_id"], entry["data"]["sha256"]) for entry in reports]
        if said["gate-judgement"] != wanted or [(row[4], row[6]) for row in said["deployment"]] != ends:
            no("the machine statements are not those of the log")
        return f"{len(wanted)} judgements, {len(ends)} deployments"

    def proven(self, name: str) -> Entry:
        """The entry that a proof places in the log of the site."""
        head, _, note = self.file(f"proofs/{name}.tlog-proof").partition(b"\n\n")
        parts, (origin, size, root) = head.decode().split("\n"), checkpoint(note)
        line, index = base64.b64decode(parts[1][6:]), int(parts[2][6:])
        self.signed_note(note)
        entry: Entry = strict(line, name)
        right = (parts[0], parts[1][:6], parts[2][:6]) == ("c2sp.org/tlog-proof@v1", "extra ", "index ")
        found = under(line, index, size, [base64.b64decode(text) for text in parts[3:]])
        if not right or origin != self.policy["site"] or found != root or entry["seq"] != index:
            no(f"{name} is not shown to be in the log of the site")
        return entry

    def check_population(self) -> str:
        """The run stands in the log of the site, under the number of the seal."""
        opened, first, run = self.proven("opened"), self.entries[0]["data"], self.seal["run_id"]
        same = all(opened["data"][name] == first[name] for name in ("release_digest", "environment", "protocol"))
        if (opened["type"], opened["data"]["run"], opened["seq"]) != ("run.opened", run, self.seal["sequence"]):
            no("the log of the site has another run under this number")
        if not same or self.seal["site_log"] != {"origin": self.policy["site"], "index": opened["seq"]}:
            no("the log of the site says something else about this run")
        if "proofs/closed.tlog-proof" in self.files and self.proven("closed")["data"].get("run") != run:
            no("the end of another run is shown")
        if any(f"proofs/readiness-{end}.tlog-proof" in self.files for end in ("opened", "closed")):
            before, end = self.proven("readiness-opened")["data"], self.proven("readiness-closed")
            wanted = ("run.closed", before["run"], "ready", first["release_digest"])
            if (end["type"], end["data"]["run"], end["data"]["outcome"], before["release_digest"]) != wanted:
                no("the run before is not one that found this release ready")
        return "entry {} of {}".format(opened["seq"], self.policy["site"])

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
            no("files below {} are not exactly those of the log".format(", ".join(LOGGED)))
        kinds = {entry["data"]["sha256"]: entry["data"]["status"] for entry in self.of("evidence.sealed")}
        listed = sums(self.file("EVIDENCE.SHA256SUMS"), "EVIDENCE.SHA256SUMS")
        evidence = {path: sha(data) for path, data in self.files.items() if path.startswith("evidence/")}
        if listed != evidence:
            no("EVIDENCE.SHA256SUMS is not the list of the evidence")
        for entry in self.of("evidence.sealed"):
            facts = entry["data"]
            folder = "{}/{}/".format("claims" if facts["status"] == "claimed" else "evidence", facts["stage"])
            places = [folder + facts["name"], folder + "at-{}/{}".format(entry["seq"], facts["name"])]
            held = [sha(self.files[place]) for place in places if place in self.files]
            if held and facts["sha256"] not in held:
                no("{} is not what the log sealed under this name".format(facts["name"]))
        self.check_manifest(kinds)
        claimed = [path for path in evidence if kinds.get(evidence[path]) == "claimed"]
        if claimed:
            no(f"{claimed[0]} is a claim, not evidence")
        return f"{len(here)} files"

    def check_manifest(self, kinds: dict[str, str]) -> None:
        """The evidence manifest lists what was sealed and counts what is required."""
        manifest = strict(self.file("evidence-manifest.json"), "evidence-manifest.json")
        rows, coverage, missing = manifest["artifacts"], manifest["coverage"], set(manifest["missing"])
        sealed = [(entry["seq"], entry["data"]["sha256"]) for entry in self.of("evidence.sealed")]
        wanted = [pair for pair in sealed if kinds[pair[1]] != "claimed"]
        lying = any(kinds[row["sha256"]] != row["status"] for row in rows if row["sha256"] in kinds)
        if lying or [(row["sealed_seq"], row["sha256"]) for row in rows] != wanted:
            no("the evidence manifest lists other artifacts than the log")
        needed = {row["name"] for row in rows if row["required"]}
        counted = (coverage["present"], coverage["required"])
        if counted != (len(needed), len(needed | missing)) or needed & missing:
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
                    no("the judgement of {} says another verdict".format(facts["gate"]))
                if any((row["name"], row["sha256"]) not in sealed for row in body["evidence"]):
                    no("the judgement of {} stands on a file that was not sealed before".format(facts["gate"]))
                failing = [row for row in body["clauses"] if row["result"] != "pass"] + body.get("lacking", [])
                founded = body["clauses"] or body["evidence"] or body.get("manual")
                if body["verdict"] == "pass" and (failing or not founded):
                    no("the gate {} passes although not every clause does".format(facts["gate"]))
        return f"{len(self.of('gate.judged'))} judgements"

    def check_protocol(self) -> str:
        """Document, lock, release and people are those of the run."""
        slug = self.seal["protocol"]["slug"]
        wanted = {
            f"protocol/{slug}.md": self.seal["protocol"]["source_sha256"],
            f"protocol/{slug}.gonogo.lock.json": self.seal["protocol"]["lock_sha256"],
            "release/release-manifest.json": self.seal["release"]["digest"],
        }
        for path, digest in wanted.items():
            if sha(self.file(path)) != digest:
                no(f"{path} is not that of the seal")
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
            folder = "approvals/{}/".format(entry["data"]["round"])
            if sha(self.file(folder + "request.json")) != entry["data"]["request_sha256"]:
                no("the request of {} is not the one that was asked with".format(entry["data"]["round"]))
            request = strict(self.files[folder + "request.json"], folder + "request.json")
            request["asked"], request["sums"] = entry, self.file(folder + "EVIDENCE.SHA256SUMS")
            self.requests[entry["data"]["round"]] = request
            self.check_round(folder, request)
        signatures = {sha(data): data for path, data in self.files.items() if path.endswith(".sig")}
        statements = {sha(data): data for path, data in self.files.items() if path.startswith("approvals/")}
        for entry in self.of("approval.recorded"):
            facts = entry["data"]
            statement, signature = statements[facts["statement_sha256"]], signatures[facts["signature_sha256"]]
            said = Claim(self, entry, (statement, signature), entry).accepted()
            self.accepted[entry["seq"]] = dict(said, signed=(statement, signature), entry=entry)
            touch = said["device"]
            shown = f"flags {touch['flags']:02x}, counter {touch['counter']} {touch.get('origin', '')}".rstrip()
            self.notes.append(f"{facts['person']} as {facts['role']}: {said['decision']} ({shown})")
        return f"{len(self.accepted)} signatures hold"

    def check_round(self, folder: str, request: Entry) -> None:
        """What was shown and listed is what was signed."""
        predicate, subjects = (
            request["predicate"],
            {item["name"]: item["digest"]["sha256"] for item in request["subject"]},
        )
        if predicate["shown_sha256"] != sha(self.file(folder + "shown.txt")):
            no(f"{folder} showed another text than was signed")
        if subjects.get("EVIDENCE.SHA256SUMS") != sha(request["sums"]):
            no(f"{folder} is about another evidence list (A11)")
        listed = sums(self.files["EVIDENCE.SHA256SUMS"], "EVIDENCE.SHA256SUMS")
        if any(listed.get(path) != digest for path, digest in sums(request["sums"], folder).items()):
            no(f"{folder} was about evidence with other bytes")
        scope, seal = predicate["scope"], self.seal
        found = (scope["run_id"], scope["release"]["digest"], scope["environment"], predicate["policy"]["sha256"])
        if found != (seal["run_id"], seal["release"]["digest"], seal["environment"], self.policy["source"]["sha256"]):
            no(f"{folder} is about another run, release, environment or policy")
        protocol = {name: seal["protocol"][name] for name in ("slug", "source_sha256", "lock_sha256")}
        if predicate["protocol"] != protocol:
            no(f"{folder} is about another protocol")

    def check_decisions(self) -> str:
        """Every approval that was used was complete at that instant; nothing was moved without one."""
        for used in self.of("approval.consumed"):
            request = self.requests.get(used["data"]["round"]) or no("a used round is not here")
            lacking = quorum(self, request, list(self.standing(used)))
            if lacking:
                no("the round {} was used and not complete: {} (A17)".format(used["data"]["round"], lacking))
        kinds = {entry["data"]["round"]: entry["data"]["kind"] for entry in self.of("approval.requested")}
        uses = [entry for entry in self.of("approval.consumed") if kinds.get(entry["data"]["round"]) == "approval"]
        first = min([entry["seq"] for entry in uses] or [len(self.entries)])
        self.check_gates_passed()
        ours = {
            entry["data"]["task"]
            for entry in self.of("task.intended")
            if "production" in (entry["data"].get("effect"), entry["data"]["environment"])
        }
        guarded = self.seal["environment"] == "production"
        if guarded and any(
            entry["data"]["task"] in ours and entry["seq"] < first for entry in self.of("traffic.moved")
        ):
            no("traffic was moved before any approval was used")
        fits = {
            "released": ("go",),
            "ready": ("go", "pending"),
            "rolled_back": ("rolled_back",),
            "aborted": ("aborted", "no_go"),
        }
        for entry in self.of("run.closed"):
            if self.seal["decision"] not in fits.get(entry["data"]["outcome"], ()):
                no("the seal says {}, the log {}".format(self.seal["decision"], entry["data"]["outcome"]))
        return f"{len(self.of('approval.consumed'))} used approvals were complete"

    def check_gates_passed(self) -> None:
        """A run goes on from a gate that was judged `pass`, or that a used waiver carries."""
        judged: dict[tuple[str, int], str] = {}
        used: set[tuple[str, str]] = set()
        for entry in self.entries:
            data = entry["data"]
            if entry["type"] == "gate.judged":
                judged["gate/{}#judge".format(data["gate"]), data["attempt"]] = data["verdict"]
            if entry["type"] == "approval.consumed":
                used.add((data["task"], data["round"]))
            if entry["type"] == "task.finished" and data["outcome"] == "ok":
                task = data["task"]
                gate = task.startswith("gate/") and task.endswith("#judge")
                if (
                    gate
                    and judged.get((task, data["attempt"])) != "pass"
                    and (task, data["facts"].get("waived")) not in used
                ):
                    no(f"the run went on although {task} did not pass")

    def standing(self, used: Entry) -> Iterable[Entry]:
        """The statements of a round that still count at the instant of its use (A18)."""
        for seq, item in self.accepted.items():
            if seq < used["seq"] and item["entry"]["data"]["round"] == used["data"]["round"]:
                try:
                    yield Claim(self, item["entry"], item["signed"], used).accepted()
                except Refused as reason:
                    self.notes.append(f"no longer counted at its use: {reason}")

    def check_anchors(self) -> str:
        """The log agrees with checkpoints kept elsewhere, by as many as the trust files ask for."""
        rules, lines = self.policy.get("anchors", {}), [entry["line"] for entry in self.entries]
        kept = [(data, *checkpoint(data)) for data in self.trust.anchors]
        ours = [(data, size, root) for data, origin, size, root in kept if origin == self.seal["log"]["origin"]]
        here, best = len(lines) in [size for _, size, _ in ours], {"": 0}
        for data, size, root in ours:
            if size <= len(lines) or not here:
                if size > len(lines) or root_of(lines[:size]) != root:
                    no(f"the log differs from what was anchored at entry {size}")
                found = witnesses(data, rules.get("witnesses", [])) if rules.get("witnesses") else ["you"]
                if len(found) >= rules.get("witness_quorum", 1):
                    best.update({name: max(size, best.get(name, 0)) for name in found})
        reach = sorted(best.values(), reverse=True)[max(1, rules.get("require", 1)) - 1 :]
        return f"intact, anchored up to entry {reach[0] - 1} of {len(lines) - 1}" if reach and reach[0] else ""


def witnesses(note: bytes, vkeys: list[str]) -> list[str]:
    """Which of the listed witnesses cosigned a checkpoint."""
    body, _, tail = note.decode().partition("\n\n")
    found = []
    for name, mark, encoded in (vkey.split("+", 2) for vkey in vkeys):
        for raw in (base64.b64decode(line.split(" ")[2]) for line in tail.splitlines() if f"\u2014 {name} " in line):
            message = b"cosignature/v1\ntime %d\n%s\n" % (int.from_bytes(raw[4:12], "big"), body.encode())
            if raw[:4].hex() == mark and ed25519(base64.b64decode(encoded)[1:], raw[12:], message):
                found.append(name)
    return sorted(set(found))


SIGNED = "statement_id request_sha256 signer comment client signed_at"
ANSWERED = {
    "approval": "decision reason conditions risks_accepted action_items",
    "waiver": "decision reason",
    "freeze-ack": "exceptions",
    "attestation": "answer observed_at reason_no_automation attachments",
    "signoff": "decision reason",
    "acceptance": "decision reason",
    "resume": "reason mitigation",
    "dissent": "reason",
}
ALONE = {"all_of": [{"role": "release_manager"}], "any_of": [], "quorum": 1, "valid_for_s": 259200, "min_age_s": 0}
ALONE.update(not_author=False, not_requester=True, distinct_people=True, unmapped_authors_block=True, allow_owner=False)
ALONE.update(cli_at_least=0, min_assurance={})
WITHOUT_RULE = ("rollback", "resume", "acceptance", "signoff", "retention", "dissent", "manual")


def rule_of(policy: Entry, point: str, kind: str) -> Entry:
    """The rule of a decision point; a strict site asks for H1 in production where nothing else is written."""
    if kind == "freeze-ack":
        return dict(ALONE, not_requester=False)
    found = written_rule(policy["decisions"], point)
    if policy.get("strict") and "production" not in found["min_assurance"]:
        return dict(found, min_assurance=dict(found["min_assurance"], production="H1"))
    return found


def written_rule(decisions: Entry, point: str) -> Entry:
    """The entry of a decision point, else `default`; kinds that need no entry fall back to one release manager."""
    usual: Any = None if point.startswith("waiver_") else decisions.get("default")
    if point in decisions:
        found: Entry = decisions[point]
        return found
    if point.startswith("attest-"):
        start = usual or dict(ALONE, not_author=True)
        return dict(start, all_of=[{"role": point[7:]}], any_of=[], quorum=1, fast_path=None)
    if usual:
        return dict(usual)
    return ALONE if point.partition("_")[0] in WITHOUT_RULE else no(f"no rule permits {point}")


def people_needed(rule: Entry, facts: Entry) -> int:
    """How many people have to sign: fewer where the release is stated to be of low risk."""
    path = rule.get("fast_path")
    return int(path["quorum"] if path and facts.get(path["fact"]) in path["values"] else rule["quorum"])


class Claim:
    """A recorded statement, judged at `instant`: at its own record, or at the entry of its use."""

    def __init__(self, package: Package, entry: Entry, signed: tuple[bytes, bytes], instant: Entry) -> None:
        self.package, self.policy, self.entry, self.instant = package, package.policy, entry, instant
        self.statement, self.signature = signed
        self.facts, self.name = entry["data"], f"the statement of {entry['data']['person']}"
        self.request = package.requests.get(self.facts["round"]) or no("a statement without request (A12)")
        self.asked, self.kind = self.request["predicate"], kind_of(self.request)
        self.rule = rule_of(self.policy, self.asked["decision_point"], self.kind)
        self.ranked = self.kind not in ("freeze-ack", "dissent")

    def accepted(self) -> Entry:
        """Who says what; refuses where a rule does not hold."""
        said = device(self.signature)
        space = f"gonogo/{self.kind}/v1/{self.asked['scope']['environment']}"
        roles = [] if "certificate" in said else ["role:" + self.facts["role"]]
        for who in (self.facts["person"], *roles):
            if not self.package.trust.signed(who, space, self.signature, self.statement, self.entry["ts"]):
                no(f"the signature does not hold for {who} in {space} (A2, A3, A5)")
        predicate = self.check_words()
        found = {"person": self.facts["person"], "role": self.facts["role"], "device": said}
        found["decision"] = decision_of(self.kind, predicate)
        signer = dict(predicate["signer"], decision=found["decision"])
        if any(signer[name] != self.facts[name] for name in ("person", "role", "fingerprint", "decision")):
            no(f"entry {self.entry['seq']} records something else than was signed (A5)")
        self.check_person(said)
        self.check_device(said)
        self.check_independence()
        self.check_round()
        self.check_time(predicate)
        self.check_evidence()
        return found

    def check_words(self) -> Entry:
        """A4 and A10: known fields, and the request repeated unchanged."""
        tree = strict(self.statement, self.name)
        predicate: Entry = tree["predicate"]
        allowed = set(self.asked) | set(SIGNED.split()) | set(ANSWERED[self.kind].split())
        if set(predicate) - allowed or set(tree) != {"_type", "subject", "predicateType", "predicate"}:
            no(f"{self.name} has unknown fields (A4)")
        same = [tree[name] == self.request[name] for name in ("_type", "subject", "predicateType")]
        same += [repr(predicate.get(name)) == repr(self.asked[name]) for name in self.asked]
        if not all(same) or predicate["request_sha256"] != self.request["asked"]["data"]["request_sha256"]:
            no(f"{self.name} changes the request (A10)")
        return predicate

    def check_person(self, said: Entry) -> None:
        """A5, A6, A7: a listed person, role and key; and what the signature proves."""
        who, role, policy = self.facts["person"], self.facts["role"], self.policy
        person = next((one for one in policy["people"] if one["id"] == who), None) or no(f"{who} is not listed (A6)")
        keys = [key for key in person["keys"] if key["fingerprint"] == said["fingerprint"] == self.facts["fingerprint"]]
        keys = self.certified(said["certificate"]) if "certificate" in said else keys
        if not keys or role not in person["roles"]:
            no(f"{who} is not listed with this key and role (A5)")
        if self.kind == "freeze-ack" and who not in policy["freeze_stakeholders"]:
            no(f"{who} is no stakeholder (A5)")
        if self.ranked and role not in [need["role"] for need in self.rule["all_of"]] + self.rule["any_of"]:
            no(f"a {role} does not decide this (A5)")
        needed = self.rule["min_assurance"].get(self.asked["scope"]["environment"], "H0")
        if self.ranked and level_of(keys[0], said, policy) < int(needed[1]):
            no(f"the signature of {who} proves too little (A7)")

    def certified(self, said: Entry) -> list[Entry]:
        """What a certificate stands for: a plain key, where an authority of the policy vouches for this person."""
        found = [one for one in self.policy.get("cert_authorities", []) if one["key"].split()[1] == said["authority"]]
        fits = found and self.facts["person"] in found[0]["people"] and 0 < said["seconds"] <= found[0]["max_lifetime_s"]
        return [{"assurance": "H0"}] if fits else []

    def check_device(self, said: Entry) -> None:
        """A8, A9: where a device is bound to, and that its counter grows."""
        if "application" not in said:
            return
        web = self.policy["web"]
        plain = "origin" not in said and said["application"].startswith("ssh:")
        if not plain and (said.get("origin") not in web["origins"] or said["application"] not in web["rp_ids"]):
            no(f"the device of {self.facts['person']} is bound elsewhere (A8)")
        before = self.package.entries[: self.entry["seq"]]
        same = [other["data"] for other in before if other["data"].get("fingerprint") == said["fingerprint"]]
        highest = max([facts["counter"] for facts in same] or [-1])
        if said["counter"] < highest or (said["counter"] == highest and highest):
            no("the counter of a device stood still (A9)")

    def check_independence(self) -> None:
        """A16: not their own change, not their own request."""
        who, authors, rule = self.facts["person"], self.asked["change_authors"], self.rule
        asking = [self.asked["requested_by"], self.package.entries[0]["data"].get("requested_by")]
        unknown = rule["unmapped_authors_block"] and any(author.startswith("unmapped:") for author in authors)
        if self.ranked and rule["not_author"] and (who in authors or unknown):
            no(f"{who} made changes, or nobody knows who did (A16)")
        if self.ranked and rule["not_requester"] and who in asking:
            no(f"{who} asked for it (A16)")
        if self.ranked and not rule["allow_owner"] and who == self.asked.get("requester_owner"):
            no(f"{who} owns the agent that asked for it (A16)")

    def check_round(self) -> None:
        """A12, A15: asked once, in this log, and still open."""
        entries, asked, seen = self.package.entries, self.request["asked"], self.asked["checkpoint"]
        asking = self.package.of("approval.requested")
        if [other for other in asking if other["data"]["challenge"] == self.asked["challenge"]] != [asked]:
            no("the challenge was not issued once (A12)")
        for other in entries[asked["seq"] : self.instant["seq"]]:
            ended = other["type"] in ("approval.voided", "approval.expired", "approval.consumed")
            if other["type"] == "run.closed" or (ended and other["data"].get("round") == self.facts["round"]):
                no("the round was over (A12)")
        lines = [other["line"] for other in entries[: seen["size"]]]
        if not 0 < seen["size"] <= asked["seq"] or sha(lines[-1]) != seen["head"] or root_of(lines) != seen["root"]:
            no("the log that was signed is not this one (A15)")

    def check_time(self, predicate: Entry) -> None:
        """A13, A14: in time, by the log."""
        now, begin, end = (
            moment(text) for text in (self.instant["ts"], self.asked["not_before"], self.asked["expires_at"])
        )
        if not begin <= now < end or end > moment(self.asked["requested_at"]) + self.rule["valid_for_s"]:
            no("outside of the time of the request (A13)")
        if abs(moment(predicate["signed_at"]) - moment(self.entry["ts"])) > 600:
            no("signed at another time than recorded (A13)")
        if now - moment(self.request["asked"]["ts"]) < self.rule["min_age_s"]:
            no("answered too early (A14)")

    def check_evidence(self) -> None:
        """A11: nothing was kept from the approvers, and nothing they saw was measured again.

        But what was to be done again when they were asked: it has a later attempt, and no step began again since.
        """
        current: dict[str, str] = {}
        attempts: dict[str, int] = {}
        again = False
        asked, listed = self.request["asked"]["seq"], set(sums(self.request["sums"], "evidence list").values())
        for other in self.package.entries[: self.instant["seq"]]:
            facts = other["data"]
            again |= other["seq"] > asked and other["type"] in {"run.resumed", "abort.requested", "rollback.begun"}
            if other["type"] != "evidence.sealed" or facts["status"] == "claimed":
                continue
            name, attempt = facts["name"], facts["attempt"]
            if other["seq"] > asked and current.get(name) in listed - {facts["sha256"]}:
                if again or attempt <= attempts[name]:
                    no(f"{name} was measured again after the request (A11)")
            if other["seq"] < asked:
                current[name], attempts[name] = facts["sha256"], attempt
        if set(current.values()) - listed:
            no("evidence was kept from the approvers (A11)")


def kind_of(request: Entry) -> str:
    """The kind of statement that a request asks for."""
    return str(request["predicateType"].split(":")[3])


def decision_of(kind: str, predicate: Entry) -> str:
    """What a statement decides."""
    if kind == "approval" and predicate["decision"] == "go" and predicate.get("conditions"):
        return "withheld"
    words = {"approved": "go", "rejected": "no_go", "yes": "go", "no": "no_go", "go": "go", "no_go": "no_go"}
    said = predicate.get("decision") or predicate.get("answer") or ("stated" if kind == "dissent" else "go")
    return words.get(said, "stated")


def quorum(package: Package, request: Entry, voices: list[Entry]) -> str:
    """What a round lacks; empty when it is complete (A17)."""
    kind = kind_of(request)
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
    enough = len({voice["person"] for voice in go}) >= people_needed(rule, facts) and len(terminal) >= rule["cli_at_least"]
    return "" if go and enough and not held else "people"


def seated(places: list[set[str]], voices: list[Entry], taken: set[str], *, distinct: bool) -> bool:
    """Whether every place is filled, by different people where that is asked for."""
    if not places:
        return True
    able = {voice["person"] for voice in voices if voice["role"] in places[0]} - (taken if distinct else set())
    return any(seated(places[1:], voices, taken | {person}, distinct=distinct) for person in able)


def verified(package: Package) -> list[Result]:
    """Run the checks in order, up to the first that refuses."""
    results: list[Result] = []
    for name in ("files", "seal", "log", "evidence", "gates", "protocol", "statements", "decisions", "machines",
                 "population", "anchors"):
        try:
            results.append((name, True, getattr(package, "check_" + name)()))
        except Refused as reason:
            return [*results, (name, False, str(reason))]
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            return [*results, (name, False, f"malformed: {error!r}")]
    return results


def main(argv: list[str]) -> int:
    """Verify and print; gives the exit code."""
    parser = argparse.ArgumentParser(description="Verify a gonogo package.")
    parser.add_argument("package", type=Path)
    parser.add_argument("--trust", type=Path, help="folder with policy.json, allowed_signers, revoked_keys, anchors/")
    parser.add_argument("--no-anchor-needed", action="store_true")
    parser.add_argument("--json", action="store_true")
    try:
        options = parser.parse_args(argv)
    except SystemExit as stop:
        return 64 if stop.code else 0
    notes: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            files = unpacked(options.package.read_bytes())
            for name in ("policy.json", "allowed_signers", "revoked_keys"):
                (Path(folder) / name).write_bytes(files.get("trust/" + name, b""))
            package = Package(files, Trust(options.trust or Path(folder)))
            results, notes = [("zip", True, f"{len(files)} files"), *verified(package)], package.notes
        except Refused as reason:
            results = [("zip", False, str(reason))]
        except OSError as error:
            print(f"the verifier cannot read: {error}", file=sys.stderr)
            return 1
    return report(options, results, notes)


def report(options: argparse.Namespace, results: list[Result], notes: list[str]) -> int:
    """Print the verdict and every check; gives the exit code."""
    failed = [result for result in results if not result[1]]
    code, verdict = 0, f"VERIFIED: {results[-1][2] or 'consistent; no anchor asked for'}"
    if failed:
        code, verdict = 2, f"REFUSED: {failed[0][0]}: {failed[0][2]}"
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
        print(f"  {'ok' if ok else 'FAIL':<4}  {name:<11} {detail}")
    for note in notes:
        print(f"        {note}")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
