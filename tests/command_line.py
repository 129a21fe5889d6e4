"""Calling the command line as a user does, in this process, and comparing what it prints with files of expected text."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner

import gonogo as package
from gonogo.cli.main import answer

CASES = Path(__file__).parent / "cases" / "cli"
WRITE = "GONOGO_WRITE_CASES"
"""Set to 1 to write the expected texts anew; read the difference before you commit it."""


@dataclass(frozen=True)
class Said:
    """What a command line answered: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    def json(self) -> dict[str, object]:
        """The one JSON document on stdout; anything before or after it fails."""
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found


def gonogo(*arguments: str | Path, **environ: str) -> Said:
    """Run one command line; `environ` is added to the environment while it runs."""
    settings = {"NO_COLOR": None, "GONOGO_ACTOR": None, "GITHUB_ACTIONS": None, "GITLAB_CI": None, **environ}
    with CliRunner().isolation(env=settings) as streams:
        code = answer([str(argument) for argument in arguments])
        out, err = streams[0].getvalue().decode(), streams[1].getvalue().decode()
    return Said(code, out, err)


def spawned(*arguments: str | Path, **environ: str) -> subprocess.Popen[str]:
    """Start one command line as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "gonogo.cli.main", *(str(argument) for argument in arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=importing(**environ),
    )


def importing(**environ: str) -> dict[str, str]:
    """An environment in which a new interpreter finds this gonogo, installed or not."""
    here = str(Path(package.__file__ or "").parents[1])
    return {**os.environ, "PYTHONPATH": os.pathsep.join((here, os.environ.get("PYTHONPATH", ""))), **environ}


def same_as(name: str, text: str) -> None:
    """Fail where `text` is not what stands in the case file `name`."""
    path = CASES / f"{name}.txt"
    if os.environ.get(WRITE):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.exists(), f"{path} is missing; {WRITE}=1 writes it"
    assert text == path.read_text(encoding="utf-8"), f"{WRITE}=1 writes {path} anew"


def steady(text: str, *roots: Path) -> str:
    """`text` without what differs from run to run, or with each key that the schema gains: folders, ids, lines, times."""
    for root in roots:
        text = text.replace(str(root), "ROOT")
    text = re.sub(r"\b[0-9a-f]{64}\b", "SHA256", text)
    text = re.sub(r"\b[0-9a-f]{16}…", "SHA256…", text)
    text = re.sub(r"\b(deployment|automation)-(v\d+)-[0-9a-f]{6}\b", r"\1-\2-RUNID", text)
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text)
    text = re.sub(r"\.yaml:\d+(:\d+)?", ".yaml:LINE", text)
    text = re.sub(r"\(and \d+ more\)", "(and N more)", text)
    text = re.sub(r"known here: .*", "known here: ...", text)
    return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME", text)


def sentences(text: str) -> str:
    """The messages and notes of rendered findings, without the lines that they quote."""
    kept = [line.strip() for line in text.splitlines() if re.match(r"(error|warning|note)\[|\s+= |\d+ (error|warning)", line)]
    return "".join(f"{line}\n" for line in kept)


def files_below(root: Path) -> dict[str, bytes]:
    """Every file below `root` with its bytes."""
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
