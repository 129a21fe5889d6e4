"""The HTTP API: tokens by scope, every call answers as it is described, hooks count once, figures for Prometheus."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import booleans
from schemathesis.checks import not_a_server_error

from gonogo.control.agent_tokens import create_token, revoke_tokens
from gonogo.evidence.signers import namespace
from gonogo.evidence.sshsig import sign
from gonogo.run.agents import Scope, TokenWish
from gonogo.terms import Person, RunId
from gonogo.web.hooks import signature
from tests.projects import small_project
from tests.worlds_http import place
from web_world import Client, Page, Served, served, signed_in

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


def token(here: Served, *scopes: Scope, protocols: tuple[str, ...] = ("*",), name: str = "reader") -> str:
    wish = TokenWish(name, "rm1", frozenset(scopes), protocols, ("*",), timedelta(hours=1))
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
    description = json.loads(api.get("/openapi.json").text)
    digest = here.project.state(run).evidence["staging-parity-report.json"].digest
    values = {"run": run, "gate": "intake-confirmation-gate", "sha256": digest}
    people_only = {"/api/v1/audit", "/api/v1/keys"}
    for path, operations in description["paths"].items():
        if "get" in operations and path not in people_only:
            query = "?protocol=pre-deployment&release=v2" if path.endswith("/plan") else ""
            answer = api.client.get(path.format(**values) + query)
            assert answer.status == 200, (path, answer.text)
    assert json.loads(api.get(f"/runs/{run}").text)["status"] == "waiting for people"
    assert json.loads(api.get(f"/runs/{run}/trail").text)["problems"] == []
    person = signed_in(here, "rm1")
    assert all(person.get(path, accept="application/json").status == 200 for path in people_only)


def test_a_token_opens_what_its_scope_and_its_reach_say_and_nothing_else(here: Served, run: RunId) -> None:
    for text in ("", "x", "gonogo_agent_000000000000_" + "A" * 43):
        assert Api(here, text).get("/runs").status == 401
    reader = Api(here, token(here, Scope.READ, name="only-reads"))
    assert reader.post(f"/runs/{run}/abort", reason="x").status == 409
    assert "runs:drive" in reader.post("/runs", protocol="pre-deployment", release="v2").text
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


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_schemathesis_finds_no_server_error(here: Served, run: RunId) -> None:
    headers = {"authorization": f"Bearer {token(here, *Scope, name='fuzzer')}"}
    schema = schemathesis.openapi.from_url(f"{here.base}/api/v1/openapi.json", headers=headers)
    asked: dict[str, int] = {}
    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(max_examples=20, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(), real=booleans())
        def tried(case: schemathesis.Case, real: bool) -> None:
            if real and "run" in case.path_parameters:
                case.path_parameters["run"] = run
            asked[case.path] = asked.get(case.path, 0) + 1
            case.call_and_validate(headers=headers, checks=[not_a_server_error])

        tried()
    assert len(asked) >= 20, asked


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
