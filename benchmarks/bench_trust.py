"""How fast trust is: signatures, logs, packages, each beside what people would use instead.

    python benchmarks/bench_trust.py            all figures, about 20 seconds
    python benchmarks/bench_trust.py --quick    smaller inputs

Prints one line a figure with its bar and ends with 1 when a bar is missed. Ratios are taken on the same machine from the
best of interleaved runs, because absolute times say little on a shared machine.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ed25519

from gonogo.evidence.canonical import Tree, read_json, write_json
from gonogo.evidence.ledger import Entry, check_chain, next_entry
from gonogo.evidence.manifest import read_sums, write_sums
from gonogo.evidence.merkle import leaf_digest, root_of
from gonogo.evidence.package import write_package
from gonogo.evidence.package_reading import open_package
from gonogo.evidence.sshsig import sign, verify
from gonogo.evidence.wire import string
from gonogo.terms import Engine, digest_of

NAMESPACE = "gonogo/approval/v1/production"
MESSAGE = b'{\n "x": 1\n}\n' * 100
START = datetime(2026, 3, 2, tzinfo=UTC)


@dataclass(frozen=True)
class Figure:
    """What was measured, with the bar it has to clear."""

    name: str
    value: float
    unit: str
    bar: float
    at_least: bool = False

    @property
    def holds(self) -> bool:
        return self.value >= self.bar if self.at_least else self.value <= self.bar

    def __str__(self) -> str:
        sign_ = "≥" if self.at_least else "≤"
        return f"{'ok  ' if self.holds else 'MISS'} {self.name:<58} {self.value:>9.3f} {self.unit:<6} ({sign_} {self.bar:g})"


def best(act: Callable[[], object], rounds: int = 3) -> float:
    """Seconds of the fastest of some runs."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        act()
        times.append(time.perf_counter() - began)
    return min(times)


def signatures() -> list[Figure]:
    key = ed25519.Ed25519PrivateKey.generate()
    signature = sign(key, MESSAGE, NAMESPACE)
    ours = best(lambda: [verify(signature, MESSAGE, NAMESPACE) for _ in range(50)]) / 50
    figures = [Figure("verify one SSH signature", ours * 1000, "ms", 1.0)]
    keygen = shutil.which("ssh-keygen")
    if keygen:
        with tempfile.TemporaryDirectory() as folder:
            blob = string(b"ssh-ed25519") + string(key.public_key().public_bytes_raw())
            (Path(folder) / "s.sig").write_bytes(signature)
            (Path(folder) / "allowed").write_bytes(b"rm1 ssh-ed25519 " + base64.b64encode(blob) + b"\n")
            argv = [keygen, "-Y", "verify", "-f", f"{folder}/allowed", "-I", "rm1", "-n", NAMESPACE]
            argv += ["-s", f"{folder}/s.sig"]
            stock = best(lambda: subprocess.run(argv, input=MESSAGE, capture_output=True, check=True), 5)
        figures.append(Figure("times faster than a run of ssh-keygen", stock / ours, "x", 5, at_least=True))
    return figures


def chain(count: int) -> list[bytes]:
    entries: list[Entry] = []
    last: Entry | None = None
    for number in range(count):
        last = next_entry(
            last,
            ts=START + timedelta(milliseconds=number),
            type="evidence.sealed",
            actor=Engine("eu1"),
            data={"name": f"file-{number}.json", "sha256": "a" * 64, "size": number, "status": "measured"},
        )
        entries.append(last)
    return [entry.line for entry in entries]


def logs(count: int) -> list[Figure]:
    lines = chain(count)
    checked = best(lambda: (check_chain(lines), root_of([leaf_digest(line) for line in lines])))
    scale = 100_000 / count
    return [Figure("check chain and Merkle root of 100,000 entries", checked * scale, "s", 1.5)]


def packages(count: int) -> list[Figure]:
    files = {f"evidence/step-{number % 50}/file-{number}.json": b'{"n": %d}\n' % number * 20 for number in range(count)}
    packed = io.BytesIO()
    writing = best(lambda: write_package(files, io.BytesIO()), 2)
    write_package(files, packed)
    data = packed.getvalue()

    def verified() -> None:
        package = open_package(data)
        for path in package.members:
            package.digest(path)

    hashing = best(lambda: [hashlib.sha256(content).digest() for content in files.values()])
    reading = best(verified, 2)
    sums = write_sums({path: digest_of(content) for path, content in files.items()})
    listing = best(lambda: read_sums(sums, name="SHA256SUMS"))
    scale = 20_000 / count
    return [
        Figure("open and verify a package of 20,000 files", reading * scale, "s", 1.5),
        Figure("write a package of 20,000 files", writing * scale, "s", 1.5),
        Figure("read a list of 20,000 digests", listing * scale, "s", 0.5),
        Figure("verifying small files beside hashing them alone", reading / hashing, "x", 40),
    ]


def large_files(size: int) -> list[Figure]:
    content = bytes(range(256)) * (size // 256)
    hashing = best(lambda: hashlib.sha256(content).digest())
    packed = io.BytesIO()
    write_package({"evidence/large.bin": content}, packed)
    package = open_package(packed.getvalue())
    reading = best(lambda: package.digest("evidence/large.bin"))
    return [Figure("share of raw SHA-256 speed on one large file", hashing / reading, "", 0.5, at_least=True)]


def documents() -> list[Figure]:
    tree: Tree = {
        "artifacts": [{"name": f"n{number}", "size": number, "paths": [f"p/{number}"]} for number in range(5000)]
    }
    data = write_json(tree)
    reading = best(lambda: read_json(data, name="x.json", limit=64 << 20))
    return [Figure("strict reading of 5,000 manifest rows", reading, "s", 0.25)]


def memory() -> list[Figure]:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [Figure("peak memory of all of the above", peak, "MB", 400)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    parts = [
        signatures(),
        logs(10_000 if quick else 100_000),
        packages(2_000 if quick else 20_000),
        large_files((8 if quick else 64) << 20),
        documents(),
        memory(),
    ]
    figures = [figure for part in parts for figure in part]
    for figure in figures:
        print(figure)
    return 0 if all(figure.holds for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
