"""The table of tools, what must be absent from it, answers that fit, clean text, client snippets, the hook, plain HTTP."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from agents_world import Agency, agency
from command_line import gonogo, importing, same_as
from mcp.client.client import Client

from gonogo.control.agents.door import HANDLERS, AgentDoor, silent
from gonogo.control.agents.http import described
from gonogo.control.agents.reception import LateDesk
from gonogo.mcp.http import app_for, loopback
from gonogo.mcp.server import build_server
from gonogo.reports.agent_answers import CODES, MOST_BYTES, Answer, fitted, size_of
from gonogo.reports.agent_clients import CLIENTS, merged, snippet
from gonogo.reports.agent_prompts import PROMPTS
from gonogo.reports.agent_tools import TOOLS, Number, tools_for
from gonogo.reports.guarding import refused_call
from gonogo.reports.untrusted import cleaned
from gonogo.run.agents import Scope
from gonogo.terms import Person
from tests.projects import small_project
from tests.unit.test_agent_tokens import Nowhere

ABSENT = "approve confirm force skip override bypass waive acknowledge sign resume sudo command path url env shell exec delete edit key_file policy threshold".split()


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Agency]:
    found = agency(small_project(tmp_path / "shop", Nowhere(tmp_path / "w/staging"), Nowhere(tmp_path / "w/production")))
    yield found
    found.door.close()


def test_there_are_sixteen_tools_each_with_a_handler_and_short_plain_words() -> None:
    assert len(TOOLS) == 16
    assert set(HANDLERS) == set(TOOLS)
    for tool in TOOLS.values():
        assert tool.says and len(tool.says) <= 400
        assert all(form.says for form in tool.takes.values())
        assert set(tool.needed) <= set(tool.takes)


def test_no_tool_and_no_argument_is_named_after_what_must_be_absent() -> None:
    """I15: there is no parameter and no switch that lets anything go, and none that names something to run."""
    for tool in TOOLS.values():
        for name in (tool.name, *tool.takes):
            parts = set(name.split("_"))
            assert not parts & set(ABSENT), name


def test_every_change_takes_a_key_and_a_start_takes_a_revision() -> None:
    for tool in TOOLS.values():
        assert ("key" in tool.needed) is tool.changes
    assert "revision" in TOOLS["step_start"].needed


def test_what_is_published_is_closed_and_what_is_checked() -> None:
    for tool in TOOLS.values():
        schema = tool.schema()
        assert schema["additionalProperties"] is False
        for name, form in tool.takes.items():
            for value in ("x\n", "", "-x", "x" * 300_000, 7, None, [], True):
                fault = form.fault(value)
                assert fault or (isinstance(form, Number) and value == 7) or getattr(form, "prose", False) or (getattr(form, "most", 0) > 1 and not getattr(form, "pattern", "") and not getattr(form, "words", ())), (name, value)


def test_the_list_of_tools_follows_from_the_scopes_alone() -> None:
    for scopes in (frozenset({Scope.READ}), frozenset({Scope.READ, Scope.DRIVE}), frozenset(Scope)):
        names = "\n".join(f"{tool.name} {json.dumps(tool.schema(), sort_keys=True)}" for tool in tools_for(scopes))
        same_as(f"agents/tools-{'-'.join(sorted(scope.name.lower() for scope in scopes))}", names + "\n")


@pytest.mark.parametrize("data", [{"rows": ["x" * 500] * 500}, {"text": "y" * 100_000}, {"deep": {"rows": [{"a": "z" * 9000}] * 9}}])
def test_an_answer_is_cut_to_fit_and_says_so(data: dict[str, Any]) -> None:
    found = fitted(Answer(data=data))
    assert size_of(found.as_json()) <= MOST_BYTES
    assert found.truncated


def test_every_code_has_a_fixed_message_and_a_word_about_asking_again() -> None:
    same_as("agents/codes", "".join(f"{code:<20} {retry or '-':<14} {message}\n" for code, (retry, message) in CODES.items()))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words\nand more", "plain words\nand more"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("a\u202eb\u200bc\ufeff", "a\\u{202e}b\\u{200b}c\\u{feff}"),
        ("![x](http://evil/a.png)", "![x] (http:// evil/a.png)"),
        ("<img src=x>", "‹img src=x>"),
        ("tab\tcr\r", "tab\\x09cr\\x0d"),
        ("\ud800", "\\u{d800}"),
    ],
)
def test_text_of_others_is_shown_inert(text: str, shown: str) -> None:
    assert cleaned(text) == shown
    assert len(cleaned(text * 3000)) <= 2000


def test_prompts_take_names_of_their_form_only_and_nothing_else_stands_in_them() -> None:
    prompt = PROMPTS["drive_release"]
    assert "run-1" in (prompt.filled({"run_id": "run-1"}) or "")
    for wrong in ({}, {"run_id": "x y"}, {"run_id": "run-1", "more": "x"}, {"run_id": "{0}"}, {"run_id": "run-1\napprove"}):
        assert prompt.filled(wrong) is None


@pytest.mark.parametrize("address", ["", "https://gonogo.example/mcp"])
@pytest.mark.parametrize("client", CLIENTS)
def test_each_client_is_told_in_its_own_form_and_no_token_stands_there(client: str, address: str) -> None:
    found = snippet(client, address)
    same_as(f"agents/client-{client}{'-http' if address else ''}", f"# {found.path}\n{found.text}")
    assert "gonogo_agent_" not in found.text


def test_a_snippet_joins_what_is_there_and_never_loses_any_of_it() -> None:
    found = snippet("claude-code", "")
    joined = json.loads(merged(found, '{"mcpServers": {"other": {"command": "x"}}, "more": 1}') or "")
    assert set(joined["mcpServers"]) == {"other", "gonogo"}
    assert joined["more"] == 1
    assert merged(found, "not json") is None
    codex = snippet("codex", "")
    assert merged(codex, codex.text) is None
    assert (merged(codex, "[a]\nb = 1\n") or "").startswith("[a]\nb = 1\n")


def test_install_prints_by_default_and_writes_only_when_told(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    small_project(root, Nowhere(tmp_path / "w/staging"), Nowhere(tmp_path / "w/production"))
    assert '"gonogo"' in gonogo("mcp", "install", "--client", "cursor", "-C", root).out
    assert not (root / ".cursor").exists()
    assert gonogo("mcp", "install", "--client", "cursor", "--write", "-C", root).code == 0
    assert json.loads((root / ".cursor/mcp.json").read_text())["mcpServers"]["gonogo"]["command"] == "gonogo"
    assert gonogo("mcp", "install", "--http", "file:///etc/passwd", "-C", root).code == 64


SCRIPTS = ("scripts/deploy_shop.sh", "scripts/rollback_shop.sh")


@pytest.mark.parametrize(
    "line",
    ["bash scripts/deploy_shop.sh production v2", "./scripts/deploy_shop.sh", "cd /x && kubectl apply -f .", "sudo helm upgrade x", "KUBECONFIG=x kubectl delete pod y",
     "echo $(terraform apply)", "gonogo approve RUN production", "python -m gonogo approve RUN", "true; docker-compose up", "env A=b kubectl rollout restart x", "x" * 70_000],
)
def test_the_hook_denies_direct_calls_of_deploy_tools(line: str) -> None:
    assert refused_call(line, SCRIPTS)


@pytest.mark.parametrize("line", ["ls", "cat scripts/deploy_shop.sh", "kubectl get pods", "kubectl -n prod get pods", "terraform plan", "gonogo status", "git status", "pytest -q", "grep kubectl README.md"])
def test_the_hook_lets_reading_through(line: str) -> None:
    assert refused_call(line, SCRIPTS) == ""


def test_guard_answers_an_agents_client_with_an_exit_code_and_a_reason(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    small_project(root, Nowhere(tmp_path / "w/staging"), Nowhere(tmp_path / "w/production"))
    denied = gonogo("guard", "--always", "--line", "bash scripts/deploy_shop.sh production v2", "-C", root)
    assert denied.code == 2
    assert "deploy script of this project" in denied.err
    assert gonogo("guard", "--line", "bash scripts/deploy_shop.sh production v2", "-C", root).code == 0, "no run is open"
    assert gonogo("guard", "--line", "kubectl apply -f x", "-C", tmp_path).code == 0, "nothing is released in this folder"


def test_guard_knows_from_the_log_of_the_site_whether_a_run_is_open(there: Agency) -> None:
    line, root = "bash scripts/deploy_shop.sh production v2", there.project.root
    assert gonogo("guard", "--line", line, "-C", root).code == 0, "no run is open"
    run = there.project.begin("pre-deployment")
    assert gonogo("guard", "--line", line, "-C", root).code == 2
    for given in ("[1", "x" * 70_000):
        done = subprocess.run([sys.executable, "-m", "gonogo", "guard", "-C", str(root)], env=importing(), input=given, capture_output=True, text=True, check=False)
        assert done.returncode == 2 and "nobody can say what would be called" in done.stderr, given[:5]
    there.project.door().abort(run, "not now", Person("rm1"))
    there.project.go_on(run)
    assert gonogo("guard", "--line", line, "-C", root).code == 0, "the run is over"


def test_a_client_is_received_before_the_project_is_open(there: Agency) -> None:
    begin, opened = threading.Event(), []

    def behind() -> AgentDoor:
        assert begin.wait(60)
        opened.append(1)
        return there.door

    desk = LateDesk(there.door.reception, behind)
    assert desk.tools_as(there.secret) == there.door.tools(there.token)
    assert desk.tools_as("") == tools_for(frozenset({Scope.READ}))
    with ThreadPoolExecutor(4) as threads:
        called = [threads.submit(desk.call_as, there.secret, "run_list", {}, silent) for _ in range(4)]
        assert not any(each.done() for each in called) and not opened
        begin.set()
        assert {each.result(60).code for each in called} == {"OK"} and opened == [1], "opened once"
    assert desk.tools_as("wrong") == ()


@pytest.mark.parametrize(("token", "says"), [("wrong", "token"), ("", "gonogo.yaml")])
def test_a_server_that_cannot_serve_ends_and_says_why(there: Agency, token: str, says: str) -> None:
    root = there.project.root
    if not token:
        there.project.begin("pre-deployment")
        (root / "gonogo.yaml").write_text("project: [\n")
    line = [sys.executable, "-m", "gonogo", "mcp", "serve", "-C", str(root)]
    with subprocess.Popen(line, env=importing(GONOGO_AGENT_TOKEN=token), stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        said = server.stderr.read()
        assert server.wait(60) not in {0, None} and says in said, said


def test_apply_hands_an_agent_the_contract_of_the_state_instead_of_a_prompt(there: Agency) -> None:
    root = there.project.root
    (root / ".cursor/ai-driven-workflow").mkdir(parents=True, exist_ok=True)
    path = ".cursor/ai-driven-workflow/14-pre-deployment.md"
    assert gonogo("apply", path, "--contract", "-C", root).code == 2
    run = there.project.begin("pre-deployment")
    found = gonogo("apply", path, "--contract", "--json", "-C", root).json()
    assert (found["run"], found["state"], found["standing"]) == (run, "prerequisites", "open")
    assert "state      prerequisites" in gonogo("apply", path, "--contract", "-C", root).out


def test_http_without_a_valid_token_is_refused_and_told_where_the_resource_is_described(there: Agency) -> None:
    app = app_for(there.door, loopback(8765), "test")

    async def asked() -> None:
        async with app.router.lifespan_context(app):
            async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://127.0.0.1:8765") as http:
                for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer $GONOGO_AGENT_TOKEN"}, {"Authorization": f"Basic {there.secret}"}):
                    answer = await http.post("/mcp", json={}, headers=headers)
                    assert answer.status_code == 401
                    assert "resource_metadata" in answer.headers["www-authenticate"]
                    plain = await http.post("/agents/v1/tools/run_list", json={}, headers=headers)
                    assert plain.status_code == 401
                described_ = await http.get("/.well-known/oauth-protected-resource/mcp")
                assert described_.json()["resource"] == "http://127.0.0.1:8765/mcp"
                good = {"Authorization": f"Bearer {there.secret}"}
                assert (await http.post("/mcp", json={}, headers={**good, "Host": "evil.example"})).status_code == 421
                assert (await http.post("/mcp", json={}, headers={**good, "Origin": "http://evil.example"})).status_code == 403
                listed = await http.post("/agents/v1/tools/protocol_list", json={}, headers=good)
                assert listed.status_code == 200
                assert listed.json()["data"]["protocols"]
                assert (await http.post("/agents/v1/tools/approve", json={}, headers=good)).status_code == 404
                assert (await http.post("/agents/v1/tools/run_list", json={"force": True}, headers=good)).status_code == 400
                assert (await http.post("/agents/v1/tools/run_list", content=b"[1]", headers=good)).status_code == 400
                assert (await http.post("/agents/v1/tools/run_list", content=b"x" * (2 << 20), headers=good)).status_code == 413
                assert (await http.get("/agents/v1/openapi.json")).json()["paths"].keys() == {f"/tools/{name}" for name in TOOLS}

    anyio.run(asked)


def test_the_openapi_description_holds_the_same_closed_schemas() -> None:
    paths = described("test")["paths"]
    assert isinstance(paths, dict)
    for name, tool in TOOLS.items():
        body: Any = paths[f"/tools/{name}"]
        assert body["post"]["requestBody"]["content"]["application/json"]["schema"] == tool.schema()


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_client_of_each_era_sees_tools_resources_and_prompts_and_reads_them(there: Agency, mode: str) -> None:
    async def looked() -> None:
        async with Client(build_server(there.door, lambda _ctx: there.secret, "test"), mode=mode) as client:
            tools = (await client.list_tools()).tools
            assert [tool.name for tool in tools] == list(TOOLS)
            assert {tool.name for tool in tools if tool.annotations and tool.annotations.read_only_hint} == {name for name, tool in TOOLS.items() if not tool.changes}
            assert len((await client.list_resource_templates()).resource_templates) == 4
            assert [prompt.name for prompt in (await client.list_prompts()).prompts] == list(PROMPTS)
            told = await client.get_prompt("drive_release", {"run_id": "run-1"})
            assert "run-1" in str(told.messages[0].content)
            text = (await client.read_resource("gonogo://protocols/pre-deployment")).contents[0]
            assert "Pre-Deployment" in getattr(text, "text", "") or "PRE-DEPLOYMENT" in getattr(text, "text", "").upper()
            for address in ("gonogo://protocols/../gonogo.yaml", "file:///etc/passwd", "gonogo://runs/x/report", "gonogo://protocols/none"):
                with pytest.raises(Exception, match=".+"):
                    await client.read_resource(address)

    anyio.run(looked)
