"""What people state of their own accord in a browser: each form opens a request, shows the bytes, takes the signature."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from itertools import count

import pytest

from gonogo.evidence.sayings import AttestationSaying
from gonogo.evidence.signers import namespace
from gonogo.evidence.sshsig import sign
from gonogo.evidence.statements import read_statement
from gonogo.plan.model import Execute
from gonogo.ports import Draft
from gonogo.run.events import RunHalted, TaskIntended, TaskSettled, data_of, type_of
from gonogo.run.state import Answer, Round
from gonogo.terms import Engine, Person, RunId, digest_of
from tests.projects import Project, add_release
from web_world import Client, Page, Served, shop_served, signed_in


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with shop_served(tmp_path_factory.mktemp("words")) as site:
        yield site


@pytest.fixture(scope="module")
def client(here: Served) -> Client:
    return signed_in(here, "rm1")


@pytest.fixture(scope="module")
def numbers() -> Iterator[int]:
    return count(10)


@pytest.fixture
def run(here: Served, numbers: Iterator[int]) -> RunId:
    release = f"v{next(numbers)}"
    add_release(here.project.root, release)
    return here.project.begin("pre-deployment", release)


def asked(client: Client, run: RunId, **form: str) -> str:
    """Send a form of the page of a run; gives the address of the request that it opened."""
    page = client.get(f"/runs/{run}")
    sent = client.send(f"/runs/{run}/ask", page, **form)
    assert sent.status == 303, sent.text
    return sent.location


def prepared(client: Client, place: str, **said: str) -> Page:
    page = client.get(place)
    key = re.search(r'<option value="(SHA256:[^"]+)">', page.text)
    assert key, page.text
    return client.send(place, page, **{"comment": "", "key": html.unescape(key[1]), **said})


def stated(here: Served, client: Client, place: str, kind: str, **said: str) -> tuple[Round, Answer]:
    """Answer a request: what is signed is what the page shows, byte for byte."""
    ready = prepared(client, place, **said)
    assert ready.status == 303, ready.text
    shown = client.get(ready.location)
    statement = client.get(f"{ready.location}/statement.json").text
    assert html.unescape(shown.text).count(statement) == 1
    signature = sign(here.project.keys["rm1"], statement.encode(), namespace(kind, "staging")).decode()
    done = client.send(ready.location, shown, signature=signature)
    assert done.status == 303, done.text
    _, _, run, _, name = place.split("/")
    found = here.project.state(RunId(run)).rounds[name]
    assert here.project.door().world.vault.read(found.answers[-1].statement) == statement.encode()
    return found, found.answers[-1]


def words(project: Project, answer: Answer) -> AttestationSaying:
    saying = read_statement(project.door().world.vault.read(answer.statement)).saying
    assert isinstance(saying, AttestationSaying)
    return saying


@pytest.mark.req("HND-08")
@pytest.mark.parametrize(("about", "decision", "recorded"), [("completeness", "go", "go"), pytest.param("downstream", "no_go", "no_go", marks=pytest.mark.slow)])
def test_a_release_is_signed_off_or_not_on_its_page(here: Served, client: Client, run: RunId, about: str, decision: str, recorded: str) -> None:
    place = asked(client, run, kind="sign-off", about=about)
    found, answer = stated(here, client, place, "signoff", decision=decision, reason="looked at all of it")
    assert (found.point, answer.person, answer.decision) == (f"signoff_{about}", "rm1", recorded)


@pytest.mark.req("HND-09")
def test_what_is_weaker_than_asked_for_is_accepted_line_by_line(here: Served, client: Client, run: RunId) -> None:
    place = asked(client, run, kind="consent", about="finding", lines="F-1 is open\nF-2 is open")
    assert "F-2 is open" in client.get(place).text, "what is accepted stands on the page that is signed"
    found, answer = stated(here, client, place, "acceptance", decision="go", reason="both are known")
    assert (found.point, answer.decision) == ("acceptance_finding", "go")
    page = client.get(f"/runs/{run}")
    assert client.send(f"/runs/{run}/ask", page, kind="consent", about="finding", lines=" ").status == 400
    assert client.send(f"/runs/{run}/ask", page, kind="sign-off", about="nothing").status == 409
    assert client.send(f"/runs/{run}/ask", page, kind="approval").status == 404


@pytest.mark.req("MAN-06")
def test_a_step_is_recorded_by_hand_with_an_answer_to_each_of_its_questions(here: Served, client: Client, run: RunId) -> None:
    step = here.project.door().load(run).plan.stages[0].id
    place = asked(client, run, kind="by-hand", step=step)
    questions = re.findall(r'<textarea name="(answer-\d+)"', client.get(place).text)
    assert questions
    said = {name: f"seen, says {name}" for name in questions}
    lacking = prepared(client, place, reason="the probe is down", **{**said, questions[-1]: " "})
    assert (lacking.status, "every question" in lacking.text) == (409, True)
    _, answer = stated(here, client, place, "attestation", reason="the probe is down", **said)
    assert f"{len(questions)}. seen, says {questions[-1]}" in words(here.project, answer).answer
    assert "manual-validation-log.json" in here.project.state(run).evidence, "the record is sealed, as manual"


@pytest.mark.req("COM-13")
def test_people_choose_on_record_how_a_halted_run_goes_on(here: Served, client: Client, run: RunId) -> None:
    here.project.door().halt(run, "look first", Person("sre1"))
    client.post(f"/runs/{run}/drive", {})  # An act of ours: the next page looks at the journal.
    page = client.get(f"/runs/{run}").text
    assert "repair the cause and repeat the step" in page and "end the run" in page
    place = asked(client, run, kind="choice")
    letters = re.findall(r'name="answer" value="([A-E])"', client.get(place).text)
    assert letters == ["A", "B", "C"]
    assert prepared(client, place, answer="D", reason="none of them").status == 409
    assert prepared(client, place, reason="none of them").status == 409
    _, answer = stated(here, client, place, "attestation", answer="B", reason="too late for today")
    assert words(here.project, answer).answer == "B"
    assert here.project.state(run).halted is not None, "a choice moves nothing by itself"


def lost(project: Project, run: RunId) -> str:
    """Let an act be begun of which nobody knows what became of it, and the run halt for that; gives its title."""
    door = project.door()
    opened = door.load(run)
    task = next(task for stage in opened.plan.stages for task in stage.tasks if isinstance(task.act, Execute))
    stage = next(stage.id for stage in opened.plan.stages if task in stage.tasks)
    events = (
        TaskIntended(task.id, 1, 1, "staging", 1, "host", digest_of(b"an act")),
        TaskSettled(task.id, 1, 1, "unknown", "probe", None),
        RunHalted("outcome_unknown", "stop", stage, stage, None),
    )
    with door.world.journal.write(run, opened.state.seq, actor=Engine("local"), now=door.world.clock.now()) as transaction:
        for event in events:
            transaction.append(Draft(type_of(event), data_of(event)))
    return task.title


def test_what_became_of_an_act_is_stated_by_whoever_looked_and_no_is_no_answer_to_it(here: Served, client: Client, run: RunId) -> None:
    title = lost(here.project, run)
    client.post(f"/runs/{run}/drive", {})
    page = html.unescape(client.get(f"/runs/{run}").text)
    assert f"Nobody knows what became of <strong>{title}</strong>" in page
    assert "Resume with a signature" not in page, "there is nothing to repeat before that is known"
    place = asked(client, run, kind="outcome", outcome="applied")
    assert f"applied: {title} (start 1): it took effect" in html.unescape(client.get(place).text)
    _, answer = stated(here, client, place, "attestation", decision="no_go", reason="it did not, as I see it")
    assert answer.decision == "no_go"
    state = here.project.state(run)
    assert state.halted is not None and state.halted.cause == "outcome_unknown", "a no settles nothing"
    place = asked(client, run, kind="outcome", outcome="not_applied")
    stated(here, client, place, "attestation", decision="go", reason="no process, no file, port 80 silent")
    entries = here.project.door().world.journal.entries(run)
    settled = [entry.data for entry in entries if entry.type == "task.settled"]
    assert [(item["outcome"], item["by"]) for item in settled] == [("unknown", "probe"), ("not_applied", "person")]
    assert "run.resumed" in [entry.type for entry in entries], "the halt was lifted by that very statement"
    assert client.send(f"/runs/{run}/ask", client.get(f"/runs/{run}"), kind="outcome", outcome="applied").status == 409
