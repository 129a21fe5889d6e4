"""The names by which people are listed, apart from everything about keys: who only lists runs loads no cryptography."""

from __future__ import annotations

import re
from typing import Final

HANDLE: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,31}")
