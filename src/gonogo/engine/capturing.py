"""What a finished command left behind, taken into the vault: its output by digest, its files, scan reports redacted.

Scanners print the code around a finding, and secret scanners the secret itself. Of a scan only the declared reports are
stored, redacted, and nothing of what it printed (SC-06, SEC-11, NB-05).
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from gonogo.engine.bench import Bench
from gonogo.engine.runs_seen import PRINTED
from gonogo.errors import BadInput, Refused
from gonogo.measure.scan_redaction import redacted_scan
from gonogo.plan.model import Execute
from gonogo.ports import EffectKey, Ended, Output, Sealed
from gonogo.terms import Digest, digest_of
from gonogo.values import dataclass

MOST_REPORT = 1 << 26


@dataclass(frozen=True, slots=True)
class Captured:
    """Digests of both outputs as stored, the stored files, and what is wrong with them."""

    stdout: Digest
    stderr: Digest
    files: tuple[Sealed, ...]
    faults: tuple[str, ...]
    last_lines: str


def captured(bench: Bench, key: EffectKey, ended: Ended) -> Captured:
    """Store what the command `key` left. Output that is not what its supervisor recorded is a fault."""
    quoting = isinstance(bench.task.act, Execute) and bench.task.act.purpose == "scan"
    faults: list[str] = []
    printed = {
        name: _printed(name, output, faults) for name, output in (("stdout", ended.stdout), ("stderr", ended.stderr))
    }
    folder = bench.world.commands.folder(key)
    files = _reports(bench, folder, printed[PRINTED], faults) if quoting else _sealed(bench, folder, faults)
    kept = {name: _withheld(name, data) if quoting else data for name, data in printed.items()}
    digests = {name: bench.world.vault.put(data) for name, data in kept.items()}
    lines = "" if quoting else _tail(printed["stderr"], printed["stdout"])
    return Captured(digests["stdout"], digests["stderr"], files, tuple(faults), lines)


def _sealed(bench: Bench, folder: Path, faults: list[str]) -> tuple[Sealed, ...]:
    """The files of the folder in the vault; what no vault takes (a link, a device) is a fault of the command."""
    try:
        return bench.world.vault.seal(folder)
    except (Refused, BadInput) as error:
        where = error.where.removeprefix(f"{folder}/")
        faults.append(f"what it left is not kept: {where}: {error.what}; {error.next_step}")
        return ()


def _printed(name: str, output: Output, faults: list[str]) -> bytes:
    try:
        data = output.path.read_bytes()
    except OSError as error:
        faults.append(f"its {name} cannot be read any more: {error.strerror or error}")
        return b""
    if digest_of(data) != output.digest:
        faults.append(f"its {name} in {output.path} was changed after it had been recorded")
    return data


def _withheld(name: str, data: bytes) -> bytes:
    text = f"{len(data)} bytes of {name} are not stored: scanners quote what they find\n" if data else ""
    return text.encode()


def _reports(bench: Bench, folder: Path, printed: bytes, faults: list[str]) -> tuple[Sealed, ...]:
    """The reports that bound scans expect of this command, redacted; the measurement names one that is absent."""
    found = []
    for report in _bound(bench):
        try:
            data = printed if report == PRINTED else _regular_file(folder, report)
            if data is None:
                continue
            redacted = redacted_scan(data, report)
        except BadInput as error:
            faults.append(f"{report}, which it wrote, is not usable JSON: {error.what}")
            continue
        found.append(Sealed(report, bench.world.vault.put(redacted), len(redacted), report))
    return tuple(found)


def _bound(bench: Bench) -> tuple[str, ...]:
    """Every file that the scans of this command bind: their reports, and what states the age of their advisories."""
    assert isinstance(bench.task.act, Execute)
    own = [scan for scan in bench.plan.project.scans if scan.command == bench.task.act.command]
    return tuple(dict.fromkeys(name for scan in own for name in (scan.report, scan.database) if name))


def _regular_file(folder: Path, name: str) -> bytes | None:
    """The bytes of a file that lies in `folder` itself, None for no file; BadInput for links and large files."""
    path = folder / name
    if not path.parent.resolve().is_relative_to(folder.resolve()):
        raise BadInput(f"{name} leads out of the output folder", next_step="write reports into GONOGO_OUT")
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadInput(f"it cannot be opened: {error.strerror or error}", where=name) from error
    seen = os.fstat(descriptor)
    if not stat.S_ISREG(seen.st_mode) or seen.st_nlink != 1:
        os.close(descriptor)
        raise BadInput("it is no regular file of its own", where=name, next_step="write the report itself there")
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(MOST_REPORT + 1)
    if len(data) > MOST_REPORT:
        raise BadInput(f"it has more than {MOST_REPORT} bytes", where=name, next_step="scan less at a time")
    return data


def _tail(stderr: bytes, stdout: bytes) -> str:
    text = (stderr or stdout).decode("utf-8", "replace").strip().splitlines()
    return "\n  last lines: " + "\n              ".join(text[-5:]) if text else ""
