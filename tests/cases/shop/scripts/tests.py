"""Three cases against the environment's public address, written as JUnit XML."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from pathlib import Path

front, release = os.environ["GONOGO_FRONT_URL"], os.environ["GONOGO_RELEASE"]


def said(path: str) -> tuple[int, str | None]:
    """Status and version of one answer."""
    try:
        with urllib.request.urlopen(front + path, timeout=3) as answer:
            return answer.status, answer.headers["x-version"]
    except urllib.error.HTTPError as error:
        return error.code, error.headers["x-version"]
    except OSError:
        return 0, None


cases = {
    "home": said("/")[0] == 200,
    "health": said("/healthz")[0] == 200,
    "version": said("/")[1] == release,
}
rows = "".join(
    f'<testcase classname="shop" name="{name}" time="0.01">{"" if ok else "<failure/>"}</testcase>'
    for name, ok in cases.items()
)
failed = sum(not ok for ok in cases.values())
(Path(os.environ["GONOGO_OUT"]) / "junit.xml").write_text(
    f'<testsuites><testsuite name="shop" tests="{len(cases)}" failures="{failed}" errors="0" skipped="0">{rows}</testsuite></testsuites>\n'
)
