"""docs/protocols.md: every block of it is run, in order, in an empty folder."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from command_line import gonogo

from gonogo.plan.gate_limits import read_gate_limits
from gonogo.protocol.codes_binding import EVERY_CODE

PAGE = Path(__file__).resolve().parents[2] / "docs/protocols.md"
FENCE = re.compile(r"^(?P<mark>`{3,})(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=mark)$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the rest of its first line, its text."""

    language: str
    rest: str
    body: str


def blocks() -> Iterator[Block]:
    for found in FENCE.finditer(PAGE.read_text(encoding="utf-8")):
        language, _, rest = found["info"].partition(" ")
        yield Block(language, rest, found["body"])


def run(block: Block) -> tuple[int, str]:
    """Run the commands of a block; the last exit code, and everything that was said."""
    code, said = 0, []
    for line in block.body.splitlines():
        if line.startswith("gonogo "):
            answer = gonogo(*line.split()[1:])
            code = answer.code
            said += [answer.out, answer.err]
        else:
            subprocess.run(["bash", "-c", line], check=True)
    return code, "".join(said)


def test_every_block_does_what_the_page_says(tmp_path: Path) -> None:
    said = ""
    ran = 0
    with contextlib.chdir(tmp_path):
        for block in blocks():
            match block.language:
                case "markdown" | "yaml" if block.rest:
                    Path(block.rest).write_text(block.body, encoding="utf-8")
                case "yaml":
                    assert read_gate_limits(block.body.encode(), "limits.yaml").findings == ()
                case "bash":
                    code, said = run(block)
                    assert code == int(block.rest.removeprefix("exit=") or 0), said
                    ran += 1
                case "text":
                    for line in block.body.splitlines():
                        assert line in said
                case other:
                    raise AssertionError(f"a block of an unknown kind: {other}")
    assert ran >= 6
    assert shutil.which("sed")


def test_every_code_on_the_page_exists() -> None:
    named = set(re.findall(r"GN\d{4}", PAGE.read_text(encoding="utf-8")))
    assert named
    assert named <= EVERY_CODE.keys()
