"""How fast trust is, each figure beside the tool that people would use instead.

    python benchmarks/bench_trust.py            all figures, about a minute and a half
    python benchmarks/bench_trust.py --quick    smaller inputs, some seconds

Prints one line a figure with its bar and ends with 1 when a bar is missed. Ratios are taken on the same machine from the
best of interleaved runs, because absolute times say little on a shared machine. What runs in one thread is told in
processor time (with that of the programs it starts), which neighbours disturb least; sealing and single signatures in time
as it passes. Files lie in memory (/dev/shm) where there is such a place, so that the disk is not what is measured.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import json
import os
import random
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ed25519

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "evil"), str(ROOT)]

from test_evil_packages import trust_folder  # noqa: E402 - the path has to be set first
from trust_world import Run, measured_run, packed  # noqa: E402

from gonogo.adapters.folder_sums import folder_sums  # noqa: E402
from gonogo.adapters.journals.sqlite import SqliteJournal  # noqa: E402
from gonogo.adapters.vault import FolderVault  # noqa: E402
from gonogo.evidence.ledger import Entry, check_chain, next_entry  # noqa: E402
from gonogo.evidence.merkle import root_over  # noqa: E402
from gonogo.evidence.package import codec, write_package  # noqa: E402
from gonogo.evidence.sshsig import sign, verify  # noqa: E402
from gonogo.evidence.verifying import verify_package  # noqa: E402
from gonogo.evidence.wire import string  # noqa: E402
from gonogo.ports import Draft  # noqa: E402
from gonogo.terms import Engine, RunId  # noqa: E402

NAMESPACE = "gonogo/approval/v1/production"
MESSAGE = b'{\n "x": 1\n}\n' * 100
START = datetime(2026, 3, 2, tzinfo=UTC)
ACTOR = Engine("eu1")
LIBRARY = ROOT / "src" / "gonogo" / "library"
MEASURED = """
import atexit, runpy, sys
def peak():
    print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1], file=sys.stderr)
atexit.register(peak)
sys.argv = sys.argv[1:]
runpy.run_module("gonogo", run_name="__main__") if sys.argv[0] == "gonogo" else runpy.run_path(sys.argv[0], run_name="__main__")
"""


@dataclass(frozen=True)
class Figure:
    """What was measured, with the bar it has to clear; without a bar it is told for comparison only."""

    name: str
    value: float
    unit: str
    bar: float | None = None
    at_least: bool = False

    @property
    def holds(self) -> bool:
        if self.bar is None:
            return True
        return self.value >= self.bar if self.at_least else self.value <= self.bar

    def __str__(self) -> str:
        bar = "" if self.bar is None else f"({'≥' if self.at_least else '≤'} {self.bar:g})"
        mark = "    " if self.bar is None else "ok  " if self.holds else "MISS"
        return f"{mark} {self.name:<66} {self.value:>9.3f} {self.unit:<3} {bar}"


def processor() -> float:
    """Processor time so far, of this process and of the programs that it started."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def best(*acts: Callable[[], object], rounds: int = 3, clock: Callable[[], float] = processor) -> list[float]:
    """Seconds of the fastest run of each act; the acts take turns, so that all of them meet the same weather."""
    times: list[list[float]] = [[] for _ in acts]
    for _ in range(rounds):
        for act, found in zip(acts, times, strict=True):
            began = clock()
            act()
            found.append(clock() - began)
    return [min(column) for column in times]


def signatures(_quick: bool, folder: Path) -> Iterator[Figure]:
    key = ed25519.Ed25519PrivateKey.generate()
    signature = sign(key, MESSAGE, NAMESPACE)
    blob = string(b"ssh-ed25519") + string(key.public_key().public_bytes_raw())
    (folder / "s.sig").write_bytes(signature)
    (folder / "allowed").write_bytes(b"rm1 ssh-ed25519 " + base64.b64encode(blob) + b"\n")
    argv = ["ssh-keygen", "-Y", "verify", "-f", f"{folder}/allowed", "-I", "rm1", "-n", NAMESPACE, "-s", f"{folder}/s.sig"]
    ours, stock = best(
        lambda: [verify(signature, MESSAGE, NAMESPACE) for _ in range(50)],
        lambda: subprocess.run(argv, input=MESSAGE, capture_output=True, check=True),
        rounds=5,
        clock=time.perf_counter,
    )
    yield Figure("verify one SSH signature", ours / 50 * 1000, "ms", 1.0)
    yield Figure("  times as fast as one ssh-keygen -Y verify", stock / ours * 50, "x", 5, at_least=True)


def manifests(quick: bool, folder: Path) -> Iterator[Figure]:
    top, count = folder / "many", 10_000 if quick else 100_000
    for number in range(count):
        place = top / f"step-{number // 1000:03d}" / "logs"
        if number % 1000 == 0:
            place.mkdir(parents=True)
        (place / f"file-{number}.json").write_bytes(b'{"n": %d}\n' % number * 20)
    piped = "find . -type f | sed 's|^\\./||' | LC_ALL=C sort | xargs sha256sum"

    def stock() -> bytes:
        return subprocess.run(["sh", "-c", piped], cwd=top, capture_output=True, check=True).stdout

    assert folder_sums(top) == stock(), "the lists differ"
    ours, theirs = best(lambda: folder_sums(top), stock, rounds=5)
    yield Figure(f"list {count:,} small files", ours, "s")
    yield Figure("  times as fast as find | sort | xargs sha256sum, same bytes", theirs / ours, "x", 1.5, at_least=True)


def sealing(quick: bool, folder: Path) -> Iterator[Figure]:
    out = folder / "out"
    out.mkdir()
    for number in range(3):
        (out / f"{number}.bin").write_bytes(os.urandom((16 if quick else 96) << 20))

    def raw() -> None:
        buffer = bytearray(1 << 20)
        view = memoryview(buffer)
        for path in sorted(out.iterdir()):
            found = hashlib.sha256()
            with path.open("rb", buffering=0) as file:
                while size := file.readinto(buffer):
                    found.update(view[:size])

    def seal() -> None:
        FolderVault(folder / "vault").seal(out)
        shutil.rmtree(folder / "vault")

    hashing, sealed = best(raw, seal, rounds=7, clock=time.perf_counter)
    yield Figure("seal large files: share of raw hashlib speed", hashing / sealed, "", 0.8, at_least=True)
    shutil.rmtree(out)


def compact(quick: bool, _folder: Path) -> Iterator[Figure]:
    chance = random.Random(1)
    share = 10 if quick else 1

    def report(number: int) -> bytes:
        cases = [
            {"name": f"test_{chance.randrange(10**6)}", "status": chance.choice(["pass", "pass", "pass", "skip"]), "ms": chance.randrange(500)}
            for _ in range(80)
        ]
        return json.dumps({"suite": f"s{number}", "cases": cases}, indent=1).encode()

    def log() -> bytes:
        words = "the release was measured and the gate passed because every clause holds error rate latency".split()
        lines = (f"2026-11-21T10:{line % 60:02d}:00Z {' '.join(chance.choices(words, k=9))} {chance.randrange(10**6)}" for line in range(300))
        return "\n".join(lines).encode()

    files = {f"evidence/r/{number}.json": report(number) for number in range(2000 // share)}
    files |= {f"evidence/l/{number}.log": log() for number in range(1000 // share)}
    sizes: dict[str, int] = {}

    def ours() -> None:
        sizes["ours"] = write_package(files, io.BytesIO(), compact=True)

    def theirs() -> None:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        sizes["theirs"] = len(out.getvalue())

    mine, stock = best(ours, theirs)
    yield Figure(f"compact package ({codec()}): times as fast as zipfile deflate 6", stock / mine, "x", 5, at_least=True)
    yield Figure("  its size beside that of zipfile", sizes["ours"] / sizes["theirs"], "x")


def many_files(count: int) -> Run:
    run = measured_run()
    for number in range(count - 3):
        run.seal(f"file-{number}.json", b'{"n": %d, "status": "pass"}\n' % number * 10, f"step-{number % 50}")
    asked = run.ask()
    run.wait(minutes=5)
    run.approve(asked, "sre1", "sre_lead")
    run.approve(asked, "po1", "product_owner")
    run.use()
    run.close()
    return run


def packages(quick: bool, folder: Path) -> Iterator[Figure]:
    count = 2_000 if quick else 20_000
    scale = 20_000 / count
    run = many_files(count)
    (folder / "p.zip").write_bytes(packed(run))
    trust, now = run.trust(run.anchor()), run.now + timedelta(days=1)
    trust_folder(trust, folder / "trust")

    def verified() -> None:
        with (folder / "p.zip").open("rb") as file:
            assert verify_package(file, trust, now).exit_code == 0

    (ours,) = best(verified)
    yield Figure("verify a package of 20,000 files, in process", ours * scale, "s", 1.5)
    for name, program in (("gonogo verify", "gonogo verify"), ("verify.py", str(LIBRARY / "verify.py"))):
        argv = [sys.executable, "-c", MEASURED, *program.split(), str(folder / "p.zip"), "--trust", str(folder / "trust")]
        began = processor()
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
        yield Figure(f"  the same with `{name}`, a whole process", (processor() - began) * scale, "s")
        bar = 100 if program.startswith("gonogo") else None
        yield Figure("    its peak memory", int(done.stderr.split()[-1]) / 1024, "MB", bar)


def chain(count: int) -> Iterator[Entry]:
    last: Entry | None = None
    for number in range(count):
        data = {"name": f"file-{number}.json", "sha256": "a" * 64, "size": number, "status": "measured"}
        last = next_entry(last, ts=START + timedelta(milliseconds=number), type="evidence.sealed", actor=ACTOR, data=data)
        yield last


def appending(journal: SqliteJournal, run: RunId, after: int, moment: datetime) -> float:
    """The median time of one append, each a transaction of its own."""
    times = []
    for number in range(300):
        began = time.perf_counter()
        with journal.write(run, after + number, actor=ACTOR, now=moment + timedelta(seconds=1)) as transaction:
            transaction.append(Draft("exported", {}))
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def ledgers(quick: bool, folder: Path) -> Iterator[Figure]:
    count = 100_000 if quick else 1_000_000
    run, path = RunId("bench"), folder / "journal.db"
    with SqliteJournal(path) as journal:
        journal.open_run(run, [Draft("run.opened", {})], actor=ACTOR, now=START - timedelta(days=1))
        few = appending(journal, run, 0, START - timedelta(days=1))
    last = None
    with closing(sqlite3.connect(path)) as opened:
        opened.execute("insert into gonogo_head (run, seq, hash) values ('long', -1, '')")

        def rows() -> Iterator[tuple[str, int, bytes]]:
            nonlocal last
            for entry in chain(count):
                last = entry
                yield "long", entry.seq, entry.line

        opened.executemany("insert into gonogo_event (run, seq, line) values (?, ?, ?)", rows())
        assert last is not None
        opened.execute("update gonogo_head set seq = ?, hash = ? where run = 'long'", (last.seq, last.digest))
        opened.commit()

    def lines() -> Iterable[bytes]:
        with closing(sqlite3.connect(path)) as opened:
            for row in opened.execute("select line from gonogo_event where run = 'long' order by seq"):
                yield bytes(row[0])

    def checked() -> None:
        assert check_chain(lines()) == ()
        root_over(lines())

    (verified,) = best(checked, rounds=2)
    with SqliteJournal(path) as journal:
        many = appending(journal, RunId("long"), count - 1, START + timedelta(days=1))
    scale = 1_000_000 / count
    yield Figure("verify a ledger of 1,000,000 entries: form, chain, Merkle root", verified * scale, "s", 10)
    yield Figure("append to it, one transaction each", many * 1000, "ms")
    yield Figure(f"  beside appending to one of a few entries ({few * 1000:.3f} ms)", many / few, "x", 1.5)


PARTS = {
    "signatures": signatures,
    "manifests": manifests,
    "sealing": sealing,
    "compact": compact,
    "packages": packages,
    "ledgers": ledgers,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("parts", nargs="*", help=f"which: {', '.join(PARTS)}; all where none is named")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    memory = Path("/dev/shm")
    held = True
    for name, part in PARTS.items():
        if options.parts and name not in options.parts:
            continue
        with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
            for figure in part(options.quick, Path(folder)):
                print(figure, flush=True)
                held = held and figure.holds
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
