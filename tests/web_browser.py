"""A real Chromium on the dashboard, with a virtual device for passkeys; one browser, one window for each person."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import axe_playwright_python
from browser import MISSING, found
from playwright.sync_api import Browser, Error, Page, sync_playwright

from web_world import Served

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's browser, without a window."""
    program = found()
    assert program is not None, MISSING
    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*flags, "--disable-component-update", "--disable-sync"])
        yield browser
        browser.close()


class Window:
    """A person's window: cookies and device of its own; what the page complains about is kept."""

    def __init__(self, browser: Browser, served: Served, width: int = 1200, height: int = 800) -> None:
        self.served = served
        self.context = browser.new_context(viewport={"width": width, "height": height})
        self.context.set_default_timeout(60_000)
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.asked: set[str] = set()
        self.page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.asked.add(request.url.split("/")[2]))
        device = self.context.new_cdp_session(self.page)
        device.send("WebAuthn.enable")
        device.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})

    def open(self, path: str) -> Page:
        """Go to an address of the dashboard; a page that is just loading itself again gives way."""
        for _ in range(20):
            try:
                self.page.goto(self.served.base + path)
            except Error as error:
                if "interrupted by another navigation" not in error.message:
                    raise
                self.page.wait_for_load_state()
            else:
                return self.page
        raise AssertionError(f"{path} was never reached")

    def enrol(self, handle: str) -> None:
        """Come in by a link and add a passkey of this device."""
        site = self.served.site
        page = self.open(f"/welcome/{site.links.put(handle, site.now())}")
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("button", name="Add a passkey of this device").click()
        page.get_by_text("The key is listed").wait_for()

    def sign_in(self) -> None:
        """Sign in with the passkey of this device."""
        page = self.open("/sign-in")
        page.get_by_role("button", name="Sign in with a passkey").click()
        page.get_by_role("button", name="Sign out").wait_for()

    def serious(self) -> list[str]:
        """What axe-core finds on the page that is serious or worse."""
        # The policy of the page forbids foreign scripts; the channel of the debugger does not ask it.
        session = self.context.new_cdp_session(self.page)
        session.send("Runtime.evaluate", {"expression": AXE.read_text(encoding="utf-8") + ";0"})
        said = session.send(
            "Runtime.evaluate",
            {"expression": "axe.run(document, {resultTypes: ['violations']}).then(found => JSON.stringify(found.violations.filter(one => ['serious', 'critical'].includes(one.impact)).map(one => one.id + ': ' + one.nodes[0].html)))", "awaitPromise": True, "returnByValue": True},
        )
        assert "exceptionDetails" not in said, said
        return json.loads(said["result"]["value"])

    def keep(self, name: str) -> None:
        """A picture of what is seen now, below $GONOGO_PICTURES where that is set (CI keeps them)."""
        folder = os.environ.get("GONOGO_PICTURES")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(folder) / f"{name}.png")

    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
