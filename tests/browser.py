"""A real browser without a window, driven over a pipe (DevTools protocol), with a virtual authenticator in it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NAMES = ("chromium", "chromium-headless-shell", "google-chrome", "chromium-browser")
MISSING = "install chromium (Debian: chromium; tools/debian_packages.sh does)"


def found() -> str | None:
    """The browser of this machine."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """A page in a browser. Messages go over two pipes, each ended by a zero byte."""

    def __init__(self, writing: int, reading: int) -> None:
        self._writing, self._reading = writing, os.fdopen(reading, "rb")
        self._number, self._session, self._rest = 0, "", b""

    def open(self, url: str) -> None:
        """Go to `url` in a new page and attach to it."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Page.enable")
        self.call("Page.navigate", url=url)
        while self._message().get("method") != "Page.loadEventFired":
            pass

    def call(self, method: str, **params: object) -> dict:
        """One call and its result; an error of the browser is raised."""
        self._number += 1
        body = {"id": self._number, "method": method, "params": params}
        if self._session:
            body["sessionId"] = self._session
        os.write(self._writing, json.dumps(body).encode() + b"\0")
        while True:
            said = self._message()
            if said.get("id") == self._number:
                assert "error" not in said, said
                return said["result"]

    def run(self, script: str) -> str:
        """The text that an asynchronous script gives."""
        said = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in said, said["exceptionDetails"]
        return said["result"]["value"]

    def _message(self) -> dict:
        while b"\0" not in self._rest:
            more = os.read(self._reading.fileno(), 1 << 16)
            assert more, "the browser ended"
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\0")
        return json.loads(line)


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """A browser with its own empty profile; ended at the end."""
    program = found()
    assert program is not None, MISSING
    to_read, writing = os.pipe()
    reading, to_write = os.pipe()
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage"]
    options += ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-pipe"]
    script = f'exec "$@" 3<&{to_read} 4>&{to_write}'
    process = subprocess.Popen(
        ["bash", "-c", script, "bash", program, *options, f"--user-data-dir={folder}", "about:blank"],
        pass_fds=(to_read, to_write), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "HOME": str(folder)},
    )
    os.close(to_read)
    os.close(to_write)
    page = Browser(writing, reading)
    try:
        yield page
        page._session = ""
        page.call("Browser.close")
    finally:
        os.close(writing)
        page._reading.close()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
