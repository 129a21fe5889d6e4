"""The dashboard in a real Chromium: a passkey decides and is verified offline, a bad canary is watched, pages are usable."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from gonogo.evidence.verifying import verify_package
from gonogo.terms import RunId
from gonogo.web.memory import FRESH_S
from tests.projects import Project, small_project
from tests.worlds_http import place
from web_browser import Window, chromium
from web_world import Served, served, signed_in


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@contextmanager
def shop(root: Path) -> Iterator[Served]:
    """A project whose approvers file lets passkeys of this very server count."""
    with place(root / "staging") as staging, place(root / "production") as production:
        with served(small_project(root / "shop", staging, production), passkeys=True) as site:
            yield site


def waiting_at(project: Project, protocol: str, point: str) -> RunId:
    run = project.begin(protocol)
    project.go_until(run, point)
    return run


@pytest.mark.req("REV-03", "APR-02", "REV-08")
def test_a_release_is_approved_with_a_passkey_and_its_package_verifies_offline(browser: Browser, tmp_path: Path) -> None:
    with shop(tmp_path) as here:
        project, window = here.project, Window(browser, here)
        window.enrol("po1")
        page = window.page
        page.get_by_role("button", name="Sign out").click()
        window.sign_in()
        run = waiting_at(project, "pre-deployment", "readiness")
        time.sleep(2 * FRESH_S)  # so long a page may be behind the journal
        window.open("/approvals")
        page.get_by_role("link", name="readiness", exact=True).click()
        page.get_by_text("What changed since the last signature").wait_for()
        window.keep("decision")
        page.get_by_role("radio", name="Go", exact=True).check()
        page.get_by_role("button", name="Show me exactly what I sign").click()
        shown = page.locator("#statement").inner_text()
        assert json.loads(shown)["predicate"]["signer"]["person"] == "po1"
        page.get_by_role("button", name="Sign with my passkey").click()
        page.get_by_text("Your signature is recorded and verified").wait_for()
        answer = project.state(run).rounds["readiness-1"].answers[0]
        assert (answer.person, answer.decision, answer.in_browser) == ("po1", "go", True)
        assert project.door().world.vault.read(answer.statement).decode() == shown, "what was shown is what was signed"
        assert window.complaints == []
        assert window.asked == {f"localhost:{here.port}"}, "nothing comes from another host"
        project.go_on(run)
        sealed = next(iter(project.state(run).packages.values()))
        data = project.door().world.vault.read(sealed.sha256)
        found = verify_package(data, project.trust(), datetime.now(UTC), anchor_needed=False)
        assert found.exit_code == 0, found


@pytest.mark.slow
@pytest.mark.req("REV-07")
def test_a_release_is_refused_with_a_passkey_and_the_run_halts_with_the_reason_on_record(browser: Browser, tmp_path: Path) -> None:
    with shop(tmp_path) as here:
        window = Window(browser, here, 360, 740)
        window.enrol("rm1")
        run = waiting_at(here.project, "pre-deployment", "readiness")
        page = window.open(f"/runs/{run}/requests/readiness-1")
        page.get_by_role("radio", name="No-go", exact=True).check()
        page.get_by_label("Reason").fill("the migration was not rehearsed")
        page.get_by_role("button", name="Show me exactly what I sign").click()
        page.get_by_role("button", name="Sign with my passkey").click()
        page.get_by_role("button", name="Let it go on").click()
        page.get_by_role("heading", name="Halted").wait_for(timeout=30_000)
        assert "no_go" in here.project.view(run).halt
        assert window.overflow() == 0


@pytest.mark.slow
@pytest.mark.req("ARB-01", "RGD-06")
def test_a_canary_that_goes_bad_is_watched_live_and_rolls_back_before_ones_eyes(browser: Browser, tmp_path: Path) -> None:
    with shop(tmp_path) as here:
        project = here.project
        project.release("pre-deployment")
        (project.production.root / "faults.json").write_text(json.dumps({"v2": 0.3}))
        run = waiting_at(project, "production-deployment", "production")
        project.sign_all(run)
        window = Window(browser, here)
        window.enrol("sre1")
        page = window.open(f"/runs/{run}/live")
        page.get_by_text("No traffic has been moved").wait_for()
        here.site.drivers.drive(run)
        page.get_by_text("Taken back:").wait_for(timeout=60_000)
        told = int(page.locator("[data-stream]").get_attribute("data-told") or "0")
        assert told >= 2, "the page was not loaded again: the server told it"
        window.keep("live")
        assert page.get_by_text("abort at 1 :").count() == 1, "the bound at which the judge aborts is drawn"
        here.site.drivers.join(60)
        page.get_by_text("rolled back").first.wait_for()  # The page is loaded again by itself when the run is over.
        assert project.state(run).outcome == "rolled_back"
        assert project.production.version(project.production.front()) == "v1"
        assert window.complaints == []


@pytest.mark.slow
@pytest.mark.req("ARB-04")
def test_one_big_abort_ends_a_run_by_keyboard_alone(browser: Browser, tmp_path: Path) -> None:
    with shop(tmp_path) as here:
        run = waiting_at(here.project, "pre-deployment", "readiness")
        window = Window(browser, here)
        window.enrol("rm1")
        page = window.open("/")
        keys = page.keyboard

        def reach(name: str) -> None:
            for _ in range(60):
                keys.press("Tab")
                words = page.evaluate("(document.activeElement.labels?.[0] || document.activeElement).innerText.trim()")
                if words == name:
                    return
            raise AssertionError(f"no way to {name} by keyboard")

        reach("v2")
        keys.press("Enter")
        page.get_by_role("heading", name="Where it stands").wait_for()
        reach("ABORT")
        keys.press("Enter")
        reach("Why (may be left empty)")
        keys.type("the night is over")
        reach("Abort and roll back")
        keys.press("Enter")
        page.get_by_text("The abort is recorded").wait_for()
        here.site.drivers.join(60)
        assert here.project.state(run).outcome == "aborted"
        asked = here.project.state(run)
        assert asked.closed_at is not None


XSS = (
    "<script>window.pwned=1</script>",
    '"><img src=x onerror="window.pwned=1">',
    "'><svg/onload=window.pwned=1>",
    "</textarea><script>window.pwned=1</script>",
    "</pre></code><iframe srcdoc='<script>parent.pwned=1</script>'>",
    "javascript:window.pwned=1//",
    "{{ cycler.__init__.__globals__ }}${7*7}<%= 7 %>",
    "<!--<img src='--><img src=x onerror=window.pwned=1//'>",
    "\u202e\u2066 <a href=javascript:window.pwned=1>click</a>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=window.pwned=1>",
)
"""Free texts that would run something on a page that does not escape them."""


@pytest.mark.slow
@pytest.mark.req("t68_web", "t27_hostile_text")
def test_no_free_text_runs_anything_on_any_page(browser: Browser, tmp_path: Path) -> None:
    with shop(tmp_path) as here:
        project = here.project
        texts = "\n".join(XSS)
        project.edit("config/release-approvers.yaml", "  - id: sre1\n", f"  - id: sre1\n    name: {json.dumps(XSS[1])}\n")
        project.edit("docs/runbook.md", "Call somebody.", texts)
        window = Window(browser, here)
        window.enrol("rm1")
        run = waiting_at(project, "pre-deployment", "readiness")
        opened = window.open(f"/runs/{run}")
        opened.on("dialog", lambda dialog: pytest.fail(f"a page opened a dialog: {dialog.message}"))
        opened.get_by_text("Object on record").click()
        opened.get_by_role("button", name="Write an objection").click()
        opened.get_by_label("Reason").fill(texts)
        opened.get_by_role("button", name="Show me exactly what I sign").click()
        opened.get_by_role("button", name="Sign with my passkey").click()
        opened.get_by_text("Your signature is recorded").wait_for()
        client = signed_in(here, "rm1")
        client.post(f"/runs/{run}/halt", {"csrf": client.get(f"/runs/{run}").fields["csrf"], "reason": texts})
        detail = project.state(run).halted.detail
        paths = ["/", f"/runs/{run}", f"/runs/{run}/evidence", f"/runs/{run}/evidence/{detail}", f"/runs/{run}/trail", "/you", "/audit", "/history"]
        paths += [f"/runs/{run}/requests/readiness-1"]
        paths += [f"/{page}?q={text}&actor={text}&type={text}&next={text}&done={text}" for text in XSS for page in ("", "audit", "sign-in")]
        for path in paths:
            window.open(path)
            opened.wait_for_timeout(30)
            assert opened.evaluate("window.pwned") is None, path
        assert "49" not in opened.content()
        assert window.complaints == [], "the policy had nothing to stop: nothing was injected at all"
        assert XSS[0] in window.open(f"/runs/{run}").locator("main").inner_text(), "the text itself is shown"


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_readable_at_360_pixels_and_axe_finds_nothing_serious(browser: Browser, tmp_path: Path, scheme: str) -> None:
    with shop(tmp_path) as here:
        run = waiting_at(here.project, "pre-deployment", "readiness")
        window = Window(browser, here, 360, 740)
        window.page.emulate_media(color_scheme=scheme)
        window.open("/sign-in")
        assert (window.serious(), window.overflow()) == ([], 0)
        window.enrol("rm1")
        paths = ["/", "/approvals", "/rollbacks", "/history", "/audit", "/you", "/nowhere"]
        paths += [f"/runs/{run}{below}" for below in ("", "/live", "/parity", "/rollback", "/evidence", "/trail", "/requests/readiness-1")]
        paths += [f"/runs/{run}/gates/{gate}" for gate in here.project.door().load(run).plan.gates]
        found = {}
        for path in paths:
            window.open(path)
            problems = (window.serious(), window.overflow())
            if problems != ([], 0):
                found[path] = problems
        assert found == {}
