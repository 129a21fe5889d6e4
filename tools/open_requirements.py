"""Writes tests/open_requirements.txt anew: the requirements that no test bears yet."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.unit.test_requirements import OPEN, known, marked  # noqa: E402 - the path has to be set first

left = sorted(known() - set(marked()))
OPEN.write_text("\n".join(left) + "\n", encoding="utf-8")
print(f"{len(known()) - len(left)} of {len(known())} requirements are shown by a test, {len(left)} are open")
