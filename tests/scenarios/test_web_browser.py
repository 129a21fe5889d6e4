"""The dashboard in a real Chromium: a passkey decides and is verified offline, a bad canary is watched, pages are usable."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from gonogo.evidence.verifying import verify_package
from gonogo.run.choosing import choices
from gonogo.terms import RunId
from gonogo.web.memory import FRESH_S
from tests.prepared import Rehearsed
from tests.projects import Project
from tests.scenarios.test_deployment_windows import plan_windows, until_it_waits
from tests.scenarios.test_waivers import GATE, failing_at_the_gate
from tests.worlds_http import place
from web_browser import Window, chromium
from web_world import Served, served, shop_served, signed_in


KEEPS_TOLD = """() => { const place = document.querySelector("[data-stream]");
    new MutationObserver(() => { sessionStorage.told = place.dataset.told; }).observe(place, { attributes: true }); }"""
"""How often a page was told is kept beyond the moment in which it is loaded again by itself, which nobody can foresee."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


def shop(root: Path) -> AbstractContextManager[Served]:
    """A project whose approvers file lets passkeys of this very server count."""
    return shop_served(root, passkeys=True)


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
        window.keep("approvals")
        page.get_by_role("link", name="readiness", exact=True).click()
        page.get_by_text("What changed since the last signature").wait_for()
        window.keep("decision")
        page.get_by_role("radio", name="Go", exact=True).check()
        page.get_by_role("button", name="Show me exactly what I sign").click()
        shown = page.locator("#statement").inner_text()
        assert json.loads(shown)["predicate"]["signer"]["person"] == "po1"
        window.keep("exactly-these-bytes")
        page.get_by_role("button", name="Sign with my passkey").click()
        page.get_by_text("Your signature is recorded and verified").wait_for()
        window.keep("run")
        moment = page.locator("time").first
        assert moment.get_attribute("title").endswith(" UTC"), "the viewer's zone on the page, UTC on hover"
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
        page.evaluate(KEEPS_TOLD)
        here.site.drivers.drive(run)
        page.get_by_text("Taken back:").wait_for(timeout=60_000)
        window.keep("live")
        page.get_by_text("abort at 1 :").wait_for()  # The bound at which the judge aborts is drawn.
        assert int(page.evaluate("sessionStorage.told")) >= 2, "the page was not loaded again: the server told it"
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


def decide(window: Window, run: RunId, round: str, answer: str = "", reason: str = "") -> None:
    """Open a request, say what is said, see the bytes, sign with the passkey of this window."""
    page = window.open(f"/runs/{run}/requests/{round}")
    for _ in range(100):
        if page.locator("aside.sign").count():
            break
        page.wait_for_timeout(100)  # So long a page may be behind the journal.
        page.reload()
    if answer:
        page.get_by_role("radio", name=answer, exact=True).check()
    if reason:
        page.get_by_role("textbox", name=re.compile("^(Reason|Why no machine)")).fill(reason)
    page.get_by_role("button", name="Show me exactly what I sign").click()
    assert window.served.project.state(run).rounds[round].kind in page.locator("#statement").inner_text()
    page.get_by_role("button", name="Sign with my passkey").click()
    page.wait_for_url("**?done=signed")


@pytest.mark.slow
@pytest.mark.req("REV-07", "REV-08", "APR-02", "APR-03")
def test_every_kind_of_statement_is_made_with_a_passkey_and_an_objection_stops_nothing(browser: Browser, tmp_path: Path) -> None:
    with shop(tmp_path) as here:
        project = here.project
        windows = {handle: Window(browser, here) for handle in ("rm1", "po1", "sre1")}
        for handle, window in windows.items():
            window.enrol(handle)
        rm1, po1, sre1 = windows.values()
        project.release("pre-deployment")
        run = project.begin("production-deployment")
        project.go_until(run, "scope_confirmation")
        decide(po1, run, "scope_confirmation-1", "Yes", "only a person knows")
        project.go_until(run, "freeze")
        decide(rm1, run, "freeze-1")
        decide(sre1, run, "freeze-1")
        project.go_until(run, "production")
        page = sre1.open(f"/runs/{run}")
        page.get_by_text("Object on record").click()
        page.get_by_role("button", name="Write an objection").click()
        page.get_by_role("button", name="Show me exactly what I sign").wait_for()
        decide(sre1, run, page.url.rpartition("/")[2], reason="nobody is awake at that hour")
        decide(po1, run, "production-1", "Go", "as it should be")
        assert "nobody is awake at that hour" in sre1.open(f"/runs/{run}/requests/production-1").locator("main").inner_text()
        rounds = project.state(run).rounds.values()
        signed = {(item.kind, answer.person) for item in rounds for answer in item.answers if answer.in_browser}
        assert signed == {("attestation", "po1"), ("freeze-ack", "rm1"), ("freeze-ack", "sre1"), ("dissent", "sre1"), ("approval", "po1")}
        assert project.state(run).halted is None, "an objection stops nothing"

        page = rm1.open(f"/runs/{run}")
        page.get_by_text("Halt", exact=True).first.click()
        page.get_by_role("textbox", name="Why").first.fill("somebody called")
        page.get_by_role("button", name="Halt").last.click()
        page.get_by_role("heading", name="Halted").wait_for()
        page.get_by_text("Ways on, with what speaks").click()
        page.get_by_role("button", name="Choose one on record").click()
        page.get_by_role("radio", name=re.compile("^A repair the cause")).check()
        page.get_by_role("textbox", name="Why this one").fill("it is known by now")
        page.get_by_role("button", name="Show me exactly what I sign").click()
        page.get_by_role("button", name="Sign with my passkey").click()
        page.wait_for_url("**?done=signed")
        assert [(asked.point, answer.in_browser) for asked, answer in choices(project.state(run))] == [("resume_way", True)]
        page = rm1.open(f"/runs/{run}")
        page.get_by_text("Sign this release off").click()
        page.get_by_label("I sign it off").select_option("owner")
        page.get_by_role("button", name="Sign it off").click()
        page.get_by_role("button", name="Show me exactly what I sign").wait_for()
        decide(rm1, run, page.url.rpartition("/")[2], "Go", "it is mine")
        page = rm1.open(f"/runs/{run}")
        page.get_by_role("button", name="Resume with a signature").click()
        decide(rm1, run, page.url.rpartition("/")[2], reason="it was nothing")
        here.site.drivers.join(60)
        assert project.view(run).halt == ""
        assert [window.complaints for window in windows.values()] == [[], [], []]


@pytest.mark.slow
@pytest.mark.req("WVR-01")
def test_a_waiver_is_asked_for_and_granted_with_passkeys(browser: Browser, tmp_path: Path) -> None:
    with place(tmp_path / "staging") as staging, place(tmp_path / "production") as production:
        project = failing_at_the_gate(tmp_path, staging, production)
        with served(project, passkeys=True) as here:
            windows = {handle: Window(browser, here) for handle in ("rm1", "po1", "sre1")}
            for handle, window in windows.items():
                window.enrol(handle)
            run = project.release("pre-deployment")
            page = windows.pop("rm1").open(f"/runs/{run}/gates/{GATE}")
            page.get_by_text("Ask for a waiver").click()
            page.get_by_label("Why the gate may be left as it is").fill("the shell is never reached in production")
            page.get_by_label("What may happen").fill("low")
            page.get_by_label("What is done instead").fill("the port is closed")
            page.get_by_label("Ticket").fill("T-1")
            page.get_by_role("button", name="Ask for the waiver").click()
            page.get_by_text("What changed since the last signature").wait_for()
            name = page.url.rpartition("/")[2]
            for window in windows.values():
                decide(window, run, name, "Grant", "the port is closed")
            assert project.door().is_waived(run)
            assert [(answer.person, answer.in_browser) for answer in project.state(run).rounds[name].answers] == [("po1", True), ("sre1", True)]


@pytest.mark.slow
@pytest.mark.req("WIN-02", "DG1-04")
def test_the_glass_is_broken_on_a_phone_for_a_reason_and_the_release_begins(browser: Browser, rehearsal: Rehearsed, tmp_path: Path) -> None:
    project = rehearsal.copy(tmp_path / "project")
    opens = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    plan_windows(project, f"{{start: {opens.isoformat()}, end: {(opens + timedelta(hours=1)).isoformat()}}}")
    project.edit("config/release-approvers.yaml", "  resume:", "  break_glass: {all_of: [release_manager]}\n  resume:")
    with served(project, passkeys=True) as here:
        window = Window(browser, here, 360, 740)
        window.enrol("rm1")
        run, _ = until_it_waits(project)
        page = window.open(f"/runs/{run}")
        window.keep("360-waits-for-its-window")
        assert window.overflow() == 0
        page.get_by_text("Begin outside the deployment window").click()
        page.get_by_role("button", name="Break the glass").click()
        page.get_by_role("radio", name="Go", exact=True).check()
        page.get_by_role("button", name="Show me exactly what I sign").click()
        assert page.get_by_label("Reason").evaluate("field => field.validity.valueMissing"), "nobody's silence is a reason"
        page.get_by_label("Reason").fill("customers wait for it")
        page.get_by_role("button", name="Show me exactly what I sign").click()
        assert "begin in production outside its deployment window" in page.locator("#statement").inner_text()
        page.get_by_role("button", name="Sign with my passkey").click()
        page.get_by_role("button", name="Let it go on").click()
        page.get_by_text("The run goes on").wait_for()
        here.site.drivers.join(60)
        asked = project.state(run).rounds["break_glass-1"]
        assert (asked.status, [(item.person, item.in_browser) for item in asked.answers]) == ("used", [("rm1", True)])
        assert project.state(run).outcome == "released"
        assert window.complaints == []


@pytest.mark.slow
def test_a_tab_that_nobody_sees_gives_its_stream_back_and_a_page_that_is_no_longer_told_says_so(browser: Browser, tmp_path: Path) -> None:
    with shop(tmp_path) as here:
        window = Window(browser, here)
        window.enrol("rm1")
        page = window.open("/")

        def streams(count: int) -> None:
            for _ in range(600):
                if here.watch.streams == count:
                    return
                page.wait_for_timeout(50)
            raise AssertionError(f"{here.watch.streams} streams are open")

        def turn(state: str) -> None:
            page.evaluate("state => { Object.defineProperty(document, 'visibilityState', { value: state, configurable: true }); document.dispatchEvent(new Event('visibilitychange')); }", state)

        streams(1)
        turn("hidden")
        streams(0)
        turn("visible")
        streams(1)
        assert page.locator(".lost").is_hidden()
        page.route("**/stream", lambda route: route.abort())
        here.watch.end()
        page.get_by_text("Not live since").wait_for()
        assert (window.serious(), window.overflow()) == ([], 0)


XSS = (
    "<script>window.pwned=1</script>",
    '"><img src=x onerror="window.pwned=1">',
    "'><svg/onload=window.pwned=1>",
    "</textarea><script>window.pwned=1</script>",
    "</pre></code><iframe srcdoc='<script>parent.pwned=1</script>'>",
    "javascript:window.pwned=1//",
    "{{ cycler.__init__.__globals__ }}{{ 7919*7907 }}${7919*7907}<%= 7919*7907 %>",
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
        paths += [f"/{page}?q={text}&actor={text}&type={text}&next={text}&done={text}" for text in XSS for page in ("", "audit", "search", "sign-in")]
        for path in paths:
            window.open(path)
            opened.wait_for_timeout(30)
            assert opened.evaluate("window.pwned") is None, path
            assert str(7919 * 7907) not in opened.content(), "no template works out what a text says"
        assert window.complaints == [], "the policy had nothing to stop: nothing was injected at all"
        assert XSS[0] in window.open(f"/runs/{run}").locator("main").inner_text(), "the text itself is shown"


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_readable_on_a_phone_and_a_desk_and_axe_finds_nothing_serious(browser: Browser, tmp_path: Path, scheme: str, width: int) -> None:
    with shop(tmp_path) as here:
        run = waiting_at(here.project, "pre-deployment", "readiness")
        window = Window(browser, here, width, 800)
        window.page.emulate_media(color_scheme=scheme)
        window.open("/sign-in")
        assert (window.serious(), window.overflow()) == ([], 0)
        window.enrol("rm1")
        paths = ["/", "/approvals", "/rollbacks", "/history", "/search?q=none", "/audit", "/you", "/nowhere"]
        paths += [f"/runs/{run}{below}" for below in ("", "/live", "/parity", "/rollback", "/evidence", "/trail", "/requests/readiness-1")]
        paths += [f"/runs/{run}/gates/{gate}" for gate in here.project.door().load(run).plan.gates]
        found = {}
        for path in paths:
            window.open(path)
            window.keep(f"{width}-{scheme}-{path.replace(f'/runs/{run}', 'run').strip('/').replace('/', '-') or 'releases'}")
            problems = (window.serious(), window.overflow())
            if width > 800:
                window.page.set_viewport_size({"width": 800, "height": 800})
                problems = (problems[0], problems[1] + window.overflow())
                window.page.set_viewport_size({"width": width, "height": 800})
            if problems != ([], 0):
                found[path] = problems
        assert found == {}
