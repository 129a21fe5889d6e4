"""The five documents that gonogo was first built for, against reviewed findings.

Their texts belong to their authors and are not kept here; the findings are, under the digest of the bytes that
they were found in. `GONOGO_GIVEN_DOCUMENTS=FOLDER` says where the texts lie; without it only the shape is tested.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from tests.command_line import gonogo

REVIEWED = sorted((Path(__file__).parent.parent / "cases/given").glob("*.txt"))
FOLDER = os.environ.get("GONOGO_GIVEN_DOCUMENTS", "")


def test_every_list_of_reviewed_findings_names_the_document_by_its_digest() -> None:
    assert len(REVIEWED) == 5
    for path in REVIEWED:
        first, *lines = path.read_text().splitlines()
        assert len(bytes.fromhex(first.removeprefix("sha256 "))) == 32
        assert lines == sorted(lines, key=lambda line: int(line.split()[1]))
        assert all(line.split()[0].startswith("GN") for line in lines)


if FOLDER:

    @pytest.mark.parametrize("path", REVIEWED, ids=lambda path: path.stem)
    def test_exactly_the_reviewed_findings_are_found_at_their_lines(path: Path, tmp_path: Path) -> None:
        digest, *reviewed = path.read_text().splitlines()
        data = {hashlib.sha256(data).hexdigest(): data for data in (p.read_bytes() for p in Path(FOLDER).iterdir())}
        document = tmp_path / f"{path.stem}.md"
        document.write_bytes(data[digest.removeprefix("sha256 ")])
        body = json.loads(gonogo("lint", document, "--json").out)
        found = [(each["primary"]["line"], each["code"]) for each in body["findings"]]
        assert [f"{code} {line}" for line, code in sorted(found)] == reviewed
