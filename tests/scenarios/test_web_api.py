"""The HTTP API: tokens by scope, every call answers as it is described, hooks count once, figures for Prometheus."""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import booleans, just
from schemathesis.checks import not_a_server_error
from urllib3.exceptions import HTTPError

from gonogo.control.agents.tokens import create_token, revoke_tokens
from gonogo.control.door import Door
from gonogo.control.seen import VARIABLE, MovedOn
from gonogo.engine.stating import OwnWord
from gonogo.errors import BadInput
from gonogo.evidence.ledger import actor_text
from gonogo.evidence.signers import Kind, namespace
from gonogo.evidence.sshsig import sign
from gonogo.run.agents import Scope, TokenWish
from gonogo.terms import Person, RunId
from gonogo.web.api import CALLS
from gonogo.web.api_verbs import verb_calls
from gonogo.web.hooks import signature
from gonogo.web.sessions import Rate
from tests.command_line import gonogo
from tests.projects import add_release, small_project
from tests.worlds_http import place
from web_world import Client, Page, Served, served, signed_in

WAIT_S = 30
"""So long a call is waited for; what takes longer answers 202, which is no error either."""
AGENT_DOORS = ("/mcp", "/agents/v1/tools/run_list")
SECRET = "a secret of sixteen letters or more"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    root = tmp_path_factory.mktemp("api")
    with place(root / "staging") as staging, place(root / "production") as production:
        project = small_project(root / "shop", staging, production)
        object.__setattr__(project, "environ", {"GONOGO_HOOK_CI": SECRET})
        with served(project) as site:
            yield site


@pytest.fixture(scope="module")
def run(here: Served) -> RunId:
    found = here.project.begin("pre-deployment")
    here.project.go_until(found, "readiness")
    return found


def token(here: Served, *scopes: Scope, protocols: tuple[str, ...] = ("*",), name: str = "reader", environments: tuple[str, ...] = ("*",)) -> str:
    wish = TokenWish(name, "rm1", frozenset(scopes), protocols, environments, timedelta(hours=1))
    return create_token(here.project.door(), wish, Person("rm1"))[1].reveal()


class Api:
    """A program with a token."""

    def __init__(self, here: Served, text: str) -> None:
        self.client = Client(here, headers={"authorization": f"Bearer {text}", "accept": "application/json"})

    def get(self, path: str) -> Page:
        return self.client.get(f"/api/v1{path}")

    def post(self, path: str, **body: str) -> Page:
        return self.client.post(f"/api/v1{path}", json.dumps(body).encode(), **{"content-type": "application/json"})


def test_every_call_that_reads_answers_and_says_what_the_pages_say(here: Served, run: RunId) -> None:
    api = Api(here, token(here, Scope.READ))
    digest = here.project.state(run).evidence["staging-parity-report.json"].digest
    values = {"run": run, "gate": "intake-confirmation-gate", "sha256": digest}
    people_only = {"/audit", "/keys"}
    for path in [call.path for call in CALLS if call.method == "GET" and call.path not in people_only]:
        query = "?protocol=pre-deployment&release=v2" if path.endswith("/plan") else ""
        answer = api.get(path.format(**values) + query)
        assert answer.status == 200, (path, answer.text)
    assert json.loads(api.get(f"/runs/{run}").text)["status"] == "waiting for people"
    assert json.loads(api.get(f"/runs/{run}/trail").text)["problems"] == []
    person = signed_in(here, "rm1")
    assert all(person.get(f"/api/v1{path}", accept="application/json").status == 200 for path in people_only)


def test_a_verb_answers_by_call_what_the_command_prints_with_its_exit_code(here: Served, run: RunId) -> None:
    api = Api(here, token(here, *Scope, name="caller"))
    printed = gonogo("handoff", run, "--project", here.project.root, "--json").json()
    said = json.loads(api.get(f"/runs/{run}/handoff").text)
    assert said == {"exit_code": 2, "result": printed}
    noted = api.post(f"/runs/{run}/feedback", text="--as rm1 <b>fine</b>", kind="praise")
    assert noted.status == 200, noted.text
    entry = json.loads(api.get(f"/runs/{run}/feedback").text)["result"]["entries"][-1]
    assert (entry["person"], entry["text"]) == ("agent:caller", "--as rm1 <b>fine</b>")
    wrong = api.post(f"/runs/{run}/feedback", text="x", kind="../../etc/passwd")
    assert (wrong.status, wrong.headers["content-type"]) == (400, "application/problem+json")
    for path in ("/protocols/..%2f..%2fetc%2fpasswd/proof", "/protocols/none/proof", "/runs/no-such-run/report", f"/runs/{run[:-2]}/report"):
        assert api.get(path).status == 404, path
    for release in ("a%00b", "%ff", "..%2f..%2fetc", "x" * 3000):
        said = api.get(f"/check?release={release}")
        assert said.status in {200, 400, 404, 409}, (release[:20], said.text)
    assert "holds what is no text" in api.get("/check?release=a%00b").text
    reader = Api(here, token(here, Scope.READ, protocols=("pre-*",), name="part"))
    assert reader.get("/figures/gates").status == 409, "figures are over all runs"
    assert reader.get(f"/runs/{run}/review").status == 200
    assert reader.post(f"/runs/{run}/lessons", insight="x").status == 409
    assert api.get("/agents").status == 409, "tokens are shown to people"


def test_what_takes_longer_is_an_operation_that_only_its_caller_can_ask_for(here: Served) -> None:
    api, other = Api(here, token(here, Scope.READ, name="patient")), Api(here, token(here, Scope.READ, name="curious"))
    begun = api.client.get("/api/v1/graph", prefer="respond-async")
    assert begun.status == 202, begun.text
    place = begun.location
    assert other.client.get(place).status == 404
    assert api.client.get(f"{place[:-1]}0").status == 404 or place.endswith("0")
    deadline = time.monotonic() + 60
    while (found := api.client.get(place, prefer="wait=5")).status == 202:
        assert time.monotonic() < deadline, found.text
    assert json.loads(found.text)["result"]["drawing"]["title"] == "Protocols and artifacts"


def test_an_act_with_a_key_is_done_once_and_an_act_on_an_old_view_not_at_all(here: Served, run: RunId) -> None:
    api = Api(here, token(here, Scope.READ, Scope.EVIDENCE, name="twice"))
    words = json.dumps({"text": "said once"}).encode()

    def say(key: str, said: bytes = words, **more: str) -> Page:
        headers = {"content-type": "application/json", "idempotency-key": key, **more}
        return api.client.post(f"/api/v1/runs/{run}/feedback", said, **headers)

    first, again = say("one"), say("one")
    assert (again.status, again.text) == (200, first.text)
    assert again.headers["idempotency-replayed"] == "true"
    assert say("one", b'{"text": "something else"}').status == 409
    assert say("").status == 200, "without a key every call is an act of its own"
    assert say("\u00e9").status == 400
    said = [item["text"] for item in json.loads(api.get(f"/runs/{run}/feedback").text)["result"]["entries"]]
    assert said.count("said once") == 2
    seq = json.loads(api.get(f"/runs/{run}").text)["seq"]
    assert say("two", **{"if-match": str(seq - 1)}).status == 412
    assert say("two", **{"if-match": f'"{seq}"'}).status == 200, "a key whose act was refused may be used again"
    noted = [entry for entry in here.project.door().world.journal.site() if entry.type == "web.called"]
    phases = [entry.data["phase"] for entry in noted if actor_text(entry.actor) == "agent:twice"]
    assert phases == ["begun", "answered", "begun", "refused", "begun", "answered"]


def test_of_callers_who_saw_the_same_and_act_at_once_one_acts_and_the_others_are_told_that_it_moved_on(here: Served) -> None:
    project = here.project
    text = token(here, Scope.READ, Scope.DRIVE, name="racers")
    api = Api(here, text)
    add_release(project.root, "v8")
    own = project.begin("pre-deployment", "v8")
    seq = json.loads(api.get(f"/runs/{own}").text)["seq"]
    together = threading.Barrier(6)

    def act(number: int) -> Page:
        # An act that asks people, and one that orders: neither looks at what the other wrote, both are held to what was seen.
        what, said = ("halt", {"reason": f"caller {number}"}) if number % 2 else ("requests", {"kind": "dissent"})
        body, headers = json.dumps(said).encode(), {"content-type": "application/json", "if-match": str(seq)}
        client = Api(here, text).client
        together.wait(60)
        return client.post(f"/api/v1/runs/{own}/{what}", body, **headers)

    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(act, range(6)))
    assert sorted(page.status for page in found) == [200, 412, 412, 412, 412, 412], [page.text for page in found]
    after = [entry.type for entry in project.door().world.journal.entries(own, seq)]
    # What follows from the one act (a message, say) is on record, too; how much of it a late caller was told, depends on the moment.
    assert len([name for name in after if name in {"run.halted", "approval.requested"}]) == 1, after
    for page in found:
        if page.status == 412:
            said = re.fullmatch(rf"the run is not where you saw it: its last entry was {seq}, and is (\d+) now; nothing was done", json.loads(page.text)["detail"])
            assert said, page.text
            assert seq < int(said[1]) <= seq + len(after)


def test_whoever_comes_between_the_look_and_the_act_of_a_caller_wins(here: Served) -> None:
    project = here.project
    add_release(project.root, "v9")
    own = project.begin("pre-deployment", "v9")
    door, seq = project.door(), project.state(own).seq
    caller = door.seen(own, seq)
    door.halt(own, "in between", Person("sre1"))
    acts = (
        lambda: caller.halt(own, "too late", Person("rm1")),
        lambda: caller.abort(own, "too late", Person("rm1")),
        lambda: caller.ask_resume(own, "", Person("rm1")),
        lambda: caller.ask_own(own, OwnWord(Kind.DISSENT, "release"), Person("rm1")),
    )
    for act in acts:
        with pytest.raises(MovedOn, match=f"was {seq}, and is {seq + 1} now; nothing was done"):
            act()
    assert project.state(own).seq == seq + 1
    name = door.seen(own, seq + 1).ask_resume(own, "", Person("rm1"))
    assert project.state(own).rounds[name].status == "open", "who saw what is there acts"
    told = Api(here, token(here, Scope.READ, Scope.DRIVE, name="aside")).client.post(f"/api/v1/runs/{own}/break-glass", b"{}", **{"content-type": "application/json", "if-match": str(seq)})
    assert told.status == 412, told.text
    with pytest.raises(MovedOn, match="nothing was done"):
        Door.at(project.root, {**project.environ, VARIABLE: f"{seq}@{own}"}).abort(own, "by the process of a call", Person("rm1"))
    with pytest.raises(BadInput, match="no SEQ@RUN"):
        Door.at(project.root, {**project.environ, VARIABLE: "now"})


@pytest.mark.req("REV-08")
def test_a_halt_is_lifted_by_a_signature_that_is_handed_in_and_by_nothing_else(here: Served) -> None:
    api, project = Api(here, token(here, Scope.READ, Scope.DRIVE, name="carries")), here.project
    add_release(project.root, "v7")
    own = project.begin("pre-deployment", "v7")
    assert api.post(f"/runs/{own}/halt", reason="somebody called").status == 200
    asked = api.post(f"/runs/{own}/requests", kind="resume")
    name = json.loads(asked.text)["round"]
    assert api.post(f"/runs/{own}/requests", kind="approval").status == 400, "nobody opens the request of a gate"
    key = project.door().world.ring().person("rm1").keys[0].key.fingerprint  # type: ignore[union-attr]
    made = json.loads(api.post(f"/runs/{own}/requests/{name}/statement", person="rm1", key=key, reason="it was nothing").text)
    path, statement = f"/runs/{own}/requests/{name}/signatures", base64.b64decode(made["statement"])
    forged = sign(project.keys["sre1"], statement, made["namespace"]).decode()
    assert api.post(path, statement=made["statement"], signature=forged).status == 409
    assert project.state(own).halted is not None
    real = sign(project.keys["rm1"], statement, made["namespace"]).decode()
    assert json.loads(api.post(path, statement=made["statement"], signature=real).text)["lifted"] is True
    assert project.state(own).halted is None
    wrong = api.client.get("/api/v1/no/such/call")
    assert (wrong.status, wrong.headers["content-type"]) == (404, "application/problem+json")


def test_a_token_drives_production_only_as_far_apart_as_its_maker_asked(here: Served) -> None:
    api = Api(here, token(here, Scope.READ, Scope.DRIVE, name="driver"))
    answer = api.post("/runs", protocol="production-deployment", release="v2")
    assert answer.status == 409
    assert "kept apart" in answer.text
    assert [name for name in here.project.door().runs() if name.startswith("production")] == []


def test_a_token_opens_what_its_scope_and_its_reach_say_and_nothing_else(here: Served, run: RunId) -> None:
    for text in ("", "x", "gonogo_agent_000000000000_" + "A" * 43):
        assert Api(here, text).get("/runs").status == 401
    reader = Api(here, token(here, Scope.READ, name="only-reads"))
    assert reader.post(f"/runs/{run}/abort", reason="x").status == 409
    assert "runs:drive" in reader.post("/runs", protocol="pre-deployment", release="v2").text
    assert here.refusals()[-1] == "call_not_allowed"
    elsewhere = Api(here, token(here, Scope.READ, protocols=("other",), name="elsewhere"))
    assert elsewhere.get(f"/runs/{run}").status == 404
    assert json.loads(elsewhere.get("/runs").text)["runs"] == []
    assert reader.get("/audit").status == 409
    revoke_tokens(here.project.door(), "only-reads", Person("rm1"))
    assert reader.get("/runs").status == 401, "a token that was taken back opens nothing from the next call on"
    assert here.project.state(run).aborting is False


@pytest.mark.req("REV-03")
def test_a_statement_is_prepared_by_call_signed_by_a_person_elsewhere_and_handed_in(here: Served, run: RunId) -> None:
    api = Api(here, token(here, Scope.READ, name="carrier"))
    key = here.project.door().world.ring().person("po1").keys[0].key.fingerprint
    made = api.post(f"/runs/{run}/requests/readiness-1/statement", person="po1", key=key, decision="go", reason="measured")
    said = json.loads(made.text)
    statement = base64.b64decode(said["statement"])
    path = f"/runs/{run}/requests/readiness-1/signatures"
    forged = sign(here.project.keys["rm1"], statement, said["namespace"]).decode()
    assert api.post(path, statement=said["statement"], signature=forged).status == 409, "no program signs for a person"
    real = sign(here.project.keys["po1"], statement, namespace("approval", "staging")).decode()
    answer = api.post(path, statement=said["statement"], signature=real)
    assert json.loads(answer.text)["person"] == "po1", answer.text


def test_a_delivery_of_a_hook_counts_once_and_only_if_it_is_signed_and_fresh(here: Served, run: RunId) -> None:
    client = Client(here)
    body = json.dumps({"do": "drive", "run": run}).encode()

    def send(moment: float, delivery: str, secret: str = SECRET, said: bytes = body, name: str = "ci") -> Page:
        stamp = str(int(moment))
        headers = {"x-gonogo-timestamp": stamp, "x-gonogo-delivery": delivery, "x-gonogo-signature": signature(secret, stamp, delivery, body)}
        return client.post(f"/hooks/{name}", said, **headers)

    now = time.time()
    assert send(now, "delivery-1").status == 200
    assert send(now, "delivery-1").status == 409, "the same delivery again"
    assert send(now - 301, "delivery-2").status == 401
    assert send(now, "delivery-3", secret="another secret of some length").status == 401
    assert send(now, "delivery-4", said=body.replace(b"drive", b"abort")).status == 401
    assert send(now, "delivery-5", name="other", secret="").status == 401
    assert {"hook", "hook_replayed"} <= set(here.refusals())
    here.site.drivers.join(30)
    assert here.project.state(run).aborting is False


def test_prometheus_reads_figures_with_a_token(here: Served, run: RunId) -> None:
    assert Client(here).get("/metrics").status == 401
    page = Client(here, headers={"authorization": f"Bearer {token(here, Scope.READ, name='prometheus')}"}).get("/metrics")
    assert 'gonogo_open_runs{state="waiting_for_people"} 1.0' in page.text
    assert "gonogo_web_streams 0.0" in page.text


@pytest.mark.parametrize("reach", [{"environments": ("staging",)}, {"protocols": ("pre-deployment",)}])
def test_figures_of_all_runs_are_not_for_a_token_that_reaches_a_part_of_the_project(here: Served, run: RunId, reach: dict[str, tuple[str, ...]]) -> None:
    client = Client(here, headers={"authorization": f"Bearer {token(here, Scope.READ, name='scraper', **reach)}", "accept": "application/json"})
    refused = [client.get("/metrics"), client.get("/api/v1/figures/quality")]
    assert [page.status for page in refused] == [409, 409]
    assert refused[0].text == refused[1].text
    assert "this token is for a part of it" in refused[0].text


def test_what_is_refused_before_a_call_is_looked_at_is_told_as_problem_details_to_programs_and_as_text_to_people(here: Served, run: RunId) -> None:
    person, stranger = signed_in(here, "rm1"), Client(here)

    def unasked(path: str) -> list[Page]:
        return [person.post(path, b"{}", origin=origin) for origin in ("", "https://evil.example")]

    def unfit(path: str) -> list[Page]:
        return [stranger.get(path, host="evil.example"), stranger.get(path, **{"content-length": str(2 << 20)})]

    to_agents = [stranger.post(path, b"{}", origin="https://evil.example") for path in AGENT_DOORS]
    assert here.refusals()[-2:] == ["foreign_origin"] * 2
    to_programs = [*to_agents, *unasked("/api/v1/runs"), *unfit("/api/v1/runs"), *unfit("/metrics"), *unfit("/mcp"), *unfit("/agents/v1/tools/run_list")]
    assert [page.status for page in to_programs] == [*[403] * 4, *[421, 413] * 4]
    for page in to_programs:
        assert page.headers["content-type"] == "application/problem+json"
        body = json.loads(page.text)
        assert body["status"] == page.status
        assert body["detail"]
        assert body["next_step"]
        assert page.headers["x-content-type-options"] == "nosniff"
    to_people = [*unasked(f"/runs/{run}/halt"), *unfit("/")]
    assert [page.status for page in to_people] == [403, 403, 421, 413]
    assert all(page.headers["content-type"].startswith("text/plain") for page in to_people)


@pytest.mark.parametrize("path", AGENT_DOORS)
def test_an_agent_that_sends_too_much_without_saying_so_beforehand_is_told_and_the_trail_has_it(here: Served, path: str) -> None:
    before = here.refusals().count("too_large")
    agent = {"authorization": f"Bearer {token(here, Scope.READ, name='sender')}", "accept": "application/json, text/event-stream"}
    sent = {**agent, "content-type": "application/json", "transfer-encoding": "chunked"}
    try:
        answer = Client(here).post(path, b'{"a": "' + b"a" * (1 << 20), **sent).status
    except HTTPError:
        answer = 413  # The server hung up while it was still being sent.
    assert answer == 413
    assert here.refusals().count("too_large") == before + 1


FILLED = {"gate": "intake-confirmation-gate", "environment": "staging", "figure": "quality", "schema": "project", "code": "GN0801"}
"""Names of paths that lead somewhere, so that calls are tried behind them, too; those of protocols cost most."""
DEEP = {**FILLED, "protocol": "pre-deployment"}


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("examples", [1, pytest.param(25, marks=pytest.mark.slow)])
def test_schemathesis_finds_no_server_error(here: Served, examples: int) -> None:
    headers = {"authorization": f"Bearer {token(here, *Scope, name='fuzzer')}"}
    schema = schemathesis.openapi.from_url(f"{here.base}/api/v1/openapi.json", headers=headers)
    add_release(here.project.root, f"v{examples}-fuzzed")
    own = here.project.begin("pre-deployment", f"v{examples}-fuzzed")
    here.project.door().halt(own, "whoever drives it does nothing", Person("rm1"))
    older = set() if examples > 1 else {f"/api/v1{call.path}" for call in CALLS}
    asked: set[str] = set()
    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(max_examples=examples, deadline=None, database=None, derandomize=examples < 10, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(), real=booleans() if examples > 1 else just(value=True))
        def tried(case: schemathesis.Case, real: bool) -> None:
            here.site.pace = Rate(600, 60)
            for name in case.path_parameters if real else ():
                case.path_parameters[name] = {"run": own, **(DEEP if examples > 1 else FILLED)}.get(name, case.path_parameters[name])
            asked.add(f"{case.method} {case.path}")
            case.call_and_validate(headers={**headers, "prefer": f"wait={WAIT_S}"}, checks=[not_a_server_error])

        if operation.path not in older:
            tried()
    tries = {f"{call.method} /api/v1{call.path}" for call in verb_calls(here.site.verbs)}
    assert asked >= tries, "every call was tried"


def test_the_door_of_agents_stands_beside_the_pages_and_its_tokens_open_no_page(here: Served, run: RunId) -> None:
    text = token(here, Scope.READ, name="beside")
    call = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
    assert Client(here).post("/mcp", b"{}", **call).status == 401
    assert Client(here).post("/agents/v1/tools/run_list", b"{}", **call).status in {401, 403}
    assert Client(here).get("/agents/v1/openapi.json", accept="*/*").status == 401
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    agent = Client(here, headers={"authorization": f"Bearer {text}"})
    listed = agent.post("/mcp", json.dumps(asked).encode(), **{**call, "mcp-protocol-version": "2025-06-18"})
    assert listed.status == 200, listed.text
    assert "approve" not in [tool["name"] for tool in json.loads(listed.text.partition("data: ")[2] or listed.text)["result"]["tools"]]
    assert agent.get("/").location == "/sign-in", "a token is no session"
    assert Client(here).post("/mcp", b"{}", host="evil.example", **call).status == 421
