"""Smoke tests of @SERVICE@ with nothing but Python: asks the address that gonogo gives, writes a JUnit file.

    python tests/smoke_@SERVICE@.py OUT/junit.xml

Add a function `check_...` for each thing that has to work; it fails by raising. pytest, or any other runner that writes
JUnit XML, does as well: bind it under `commands.smoke` in gonogo.yaml.
"""

import os
import sys
import time
import traceback
import urllib.request
from xml.etree import ElementTree

URL = os.environ.get("GONOGO_URL", "http://127.0.0.1:8101")
RELEASE = os.environ.get("GONOGO_RELEASE", "")


def get(path: str):
    """The answer to a request; an HTTP error raises."""
    return urllib.request.urlopen(URL + path, timeout=5)


def check_health():
    """The service says that it is well."""
    assert get("/healthz").status == 200


def check_version():
    """It is the version that was released."""
    answered = get("/healthz").headers.get("x-version")
    assert answered == RELEASE, f"{URL} runs {answered}, released is {RELEASE}"


def main(path: str) -> int:
    """Run every check, write one test case each; 1 where one failed."""
    suite = ElementTree.Element("testsuite", name="smoke")
    checks = [(name, found) for name, found in sorted(globals().items()) if name.startswith("check_")]
    failures = 0
    for name, check in checks:
        began = time.monotonic()
        case = ElementTree.SubElement(suite, "testcase", classname="smoke", name=name)
        try:
            check()
        except Exception:
            failures += 1
            ElementTree.SubElement(case, "failure", message=name).text = traceback.format_exc()
        case.set("time", f"{time.monotonic() - began:.3f}")
    suite.attrib.update(tests=str(len(checks)), failures=str(failures), errors="0", skipped="0")
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
    print(f"{len(checks) - failures} of {len(checks)} passed at {URL}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
