"""Parity in whole runs: pause, plan, request, mark, review, sources of all kinds, and no secret anywhere (PAR-01..PAR-13)."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from gonogo.engine.bench import Bench
from gonogo.engine.commanding import command_spec
from gonogo.engine.crash_points import MEASURED
from gonogo.errors import Refused
from gonogo.evidence.sshsig import sign
from gonogo.plan.model import Effect, Execute, task_of
from gonogo.plan.parity_binding import REVIEW_NAMESPACE
from gonogo.ports import EffectKey
from gonogo.run.machine import Over, Parked
from gonogo.terms import Engine, RunId
from tests.command_line import files_below, gonogo, importing
from tests.projects import SIGNERS, Project, small_project
from tests.worlds_http import place

PRE = "pre-deployment"
PARITY = "intake-validation-and-staging-alignment/validate-staging-parity"
GATE = "intake-confirmation-gate"
SECRET = "correct-horse-9f2c-battery"


def slow(*values: str) -> object:
    """A case that runs under `make test-full` only."""
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with place(tmp_path / "w" / "staging") as staging, place(tmp_path / "w" / "production") as production:
        yield small_project(tmp_path / "project", staging, production)


def drifted(project: Project) -> RunId:
    project.edit("config/production.env", "WORKERS=4", "WORKERS=8")
    run = project.begin(PRE)
    assert isinstance(project.go_on(run), Parked)
    assert project.state(run).halted.resume_at == PARITY
    return run


def plan_for(path: str, *, due: str = "2999-01-01T00:00:00Z") -> str:
    return (
        "schema: gonogo/parity-remediation/1\n"
        f"plans:\n  - {{path: {path}, owner: sre1, action: set WORKERS to 4, due: {due}}}\n"
    )


def messages(project: Project) -> list[str]:
    lines = (project.root / ".gonogo/announcements.jsonl").read_text().splitlines()
    return [" ".join((row["prefix"], row["text"])) for row in map(json.loads, lines)]


@pytest.mark.req("PAR-05", "PG1-06", "C15")
def test_a_plan_lifts_the_pause_and_the_gate_still_fails(project: Project) -> None:
    run = drifted(project)
    project.write("config/parity-remediation.yaml", plan_for("/configuration/WORKERS"))
    project.lift(run)
    assert isinstance(project.go_on(run), Parked)
    body = project.evidence(run, "staging-parity-report.json")
    assert body["differences"][-1]["plan"]["owner"] == "sre1"
    assert body["staging_parity"]["unplanned"] == 0
    assert project.state(run).judgements[GATE].verdict == "fail"
    assert project.executions() == []


@pytest.mark.slow
@pytest.mark.req("PAR-05")
def test_a_plan_that_is_overdue_lifts_nothing(project: Project) -> None:
    run = drifted(project)
    project.write("config/parity-remediation.yaml", plan_for("/configuration/*", due="2020-01-01T00:00:00Z"))
    project.lift(run)
    assert isinstance(project.go_on(run), Parked)
    assert project.state(run).halted.resume_at == PARITY
    assert GATE not in project.state(run).judgements


@pytest.mark.req("PAR-07", "C20")
def test_a_late_answer_can_be_marked_and_the_mark_never_passes_the_gate(project: Project) -> None:
    project.edit("gonogo.yaml", "parity:\n", "parity_files: {answer_within: 1ms, owner: sre_lead}\nparity:\n")
    mark = "schema: gonogo/parity-remediation/1\nmarks:\n  - {path: '*', by: rm1, reason: vendor answers on Monday}\n"
    project.write("config/parity-remediation.yaml", mark)
    run = drifted(project)
    first = project.evidence(run, "staging-parity-report.json")["remediation_requests"][0]
    assert (first["owner"], first["state"]) == ("sre_lead", "open")
    project.lift(run)
    assert isinstance(project.go_on(run), Parked)
    body = project.evidence(run, "staging-parity-report.json")
    row = next(row for row in body["differences"] if row["path"] == "/configuration/WORKERS")
    assert row["mark"]["mark"] == "REQUIRES_REMEDIATION"
    assert body["remediation_requests"][0]["state"] == "late"
    assert body["remediation_requests"][0]["first_seen"] == first["first_seen"]
    assert project.state(run).judgements[GATE].verdict == "fail"
    assert "staging-data-refresh.md" in project.state(run).evidence
    assert not any("rehearse-the-deployment" in stage for stage in project.began(run))


@pytest.mark.req("PAR-07", "PAR-11")
def test_the_comparison_is_announced_and_drift_is_reported_to_who_owes_the_remedy(project: Project) -> None:
    drifted(project)
    said = messages(project)
    assert any("Comparing staging with production" in text for text in said)
    drift = next(text for text in said if "REMEDIATION REQUEST" in text)
    assert "/configuration/WORKERS (medium)" in drift
    assert "devops_lead: plan a remedy until 2" in drift


@pytest.mark.req("PAR-08")
def test_after_the_remedy_both_attempts_are_on_file_and_the_newest_is_judged(project: Project) -> None:
    run = drifted(project)
    old = project.state(run).evidence["staging-parity-report.json"]
    project.edit("config/production.env", "WORKERS=8", "WORKERS=4")
    project.lift(run)
    assert project.go_on(run) == Over("ready")
    new = project.state(run).evidence["staging-parity-report.json"]
    vault = project.door().world.vault
    before, after = (json.loads(vault.read(item.digest)) for item in (old, new))
    assert [(body["attempt"], body["staging_parity"]["drift_severity"]) for body in (before, after)] == [(1, "medium"), (2, "none")]
    judged = json.loads(vault.read(project.state(run).judgements[GATE].digest))
    assert new.digest in json.dumps(judged)
    assert old.digest not in json.dumps(judged)


@pytest.mark.req("PAR-13")
def test_status_shows_open_parity_items_with_age_and_owner(project: Project) -> None:
    run = drifted(project)
    said = gonogo("status", run, "-C", project.root)
    assert "1 settings still differ; devops_lead may need time" in said.out
    assert "/configuration/WORKERS (medium), devops_lead, open for 0 hours, open" in said.out
    listed = gonogo("status", run, "-C", project.root, "--json").json()["parity"]
    assert listed == [{"path": "/configuration/WORKERS", "severity": "medium", "owner": "devops_lead", "age_hours": 0, "state": "open"}]


UNKNOWN = "environment: {name}\nconfiguration: {{WORKERS: 4}}\nsecrets:\n  - {{name: TOKEN}}\n"


def reviewed(project: Project, handle: str = "sec1") -> None:
    text = (
        "schema: gonogo/parity-reviews/1\nreviews:\n"
        "  - {path: /secrets/TOKEN, finding: both rotated on Monday, until: 2999-01-01T00:00:00Z}\n"
    )
    project.write("config/parity-reviews.yaml", text)
    signature = sign(project.keys[handle], text.encode(), REVIEW_NAMESPACE)
    project.write("config/parity-reviews.yaml.sig", signature.decode())


@pytest.mark.req("PAR-09")
def test_what_nobody_can_compare_pauses_until_a_listed_person_reviewed_it_by_signature(project: Project) -> None:
    for name in ("staging", "production"):
        project.write(f"config/{name}-env.yaml", UNKNOWN.format(name=name))
        project.edit("gonogo.yaml", f"settings: [config/{name}.env]", f"settings: {{environment: [config/{name}-env.yaml]}}")
    run = project.begin(PRE)
    assert isinstance(project.go_on(run), Parked)
    assert "/secrets/TOKEN: not comparable: the store gives no fingerprint" in project.view(run).halt
    reviewed(project)
    good = (project.root / "config/parity-reviews.yaml.sig").read_text()
    project.edit("config/parity-reviews.yaml", "Monday", "Tuesday")
    project.lift(run)
    assert isinstance(project.go_on(run), Parked)
    assert "signature" in project.view(run).halt
    project.edit("config/parity-reviews.yaml", "Tuesday", "Monday")
    assert (project.root / "config/parity-reviews.yaml.sig").read_text() == good
    project.lift(run)
    assert project.go_on(run) == Over("ready")
    row = project.evidence(run, "staging-parity-report.json")["not_comparable"][0]
    assert row["reviewed_by"] == "sec1"


@pytest.mark.req("PAR-09")
def test_a_review_that_nobody_signed_stops_the_comparison(project: Project) -> None:
    reviewed(project)
    (project.root / "config/parity-reviews.yaml.sig").unlink()
    said = gonogo("parity", "-C", project.root)
    assert said.code == 2
    assert "nobody signed this review" in said.err
    assert f"ssh-keygen -Y sign -n {REVIEW_NAMESPACE}" in said.err


@pytest.mark.req("PAR-10")
def test_without_a_bound_source_the_baseline_of_staging_is_taken_and_a_missing_one_is_named(project: Project) -> None:
    for name in ("staging", "production"):
        project.edit("gonogo.yaml", f"    settings: [config/{name}.env]\n", "")
    said = gonogo("parity", "-C", project.root)
    assert said.code == 3
    assert "/staging: config/staging-env.yaml: is missing (put the file there, or correct the path)" in said.out
    assert "no source of settings is bound for production" in said.out
    project.write("config/staging-env.yaml", "configuration: {WORKERS: 4}\n")
    again = gonogo("parity", "-C", project.root, "--json").json()
    assert again["sources"]["staging"]["name"] == "config/staging-env.yaml"
    assert [row["path"] for row in again["not_comparable"]] == ["/production"]


@pytest.mark.req("PAR-12")
def test_a_versioned_rule_file_rates_and_is_named_in_the_report(project: Project) -> None:
    rules = "schema: gonogo/parity-rules/1\nversion: 3\nrules:\n  - {path: /configuration/WORKERS, severity: low}\n"
    project.write("config/parity-rules.yaml", rules)
    project.edit("gonogo.yaml", "parity:\n", "parity_files: {rules: config/parity-rules.yaml}\nparity:\n")
    project.edit("config/production.env", "WORKERS=4", "WORKERS=8")
    said = gonogo("parity", "-C", project.root, "--json")
    assert said.code == 0
    assert said.json()["staging_parity"]["drift_severity"] == "low"
    assert said.json()["sources"]["rules"]["name"] == "gonogo.yaml+config/parity-rules.yaml version 3"


COMMAND = """commands:
  tell: {{run: [bash, scripts/tell.sh, "{{environment}}"], timeout: {limit}, secrets: [RECORD]}}
"""


def told(project: Project, script: str, *, limit: str = "20s", form: str = "env") -> None:
    """Bind the output of a command as a source of secrets on both sides."""
    project.write("scripts/tell.sh", script)
    project.edit("gonogo.yaml", "commands:\n", COMMAND.format(limit=limit))
    for name in ("staging", "production"):
        source = f"settings: {{configuration: [config/{name}.env], secrets: [{{command: tell, format: {form}}}]}}"
        project.edit("gonogo.yaml", f"settings: [config/{name}.env]", source)


def leaked(project: Project, secret: str, *, but: str = "scripts/tell.sh") -> list[str]:
    """Files of the project that hold the secret, other than the one that it comes from."""
    return [name for name, data in files_below(project.root).items() if secret.encode() in data and name != but]


@pytest.mark.req("PAR-01", "PAR-02")
def test_what_a_command_tells_is_compared_and_no_byte_of_it_is_written(project: Project) -> None:
    told(project, f'echo "TOKEN={SECRET}-$1"; echo "read {SECRET}" >&2\n')
    run = project.begin(PRE)
    assert isinstance(project.go_on(run), Parked)
    assert "/secrets/TOKEN" in project.view(run).halt
    assert project.evidence(run, "staging-parity-report.json")["sources"]["staging"]["keyed"] is True
    assert leaked(project, SECRET) == []
    assert leaked(project, "RECORD") != leaked(project, SECRET)


@pytest.mark.req("PAR-02")
@pytest.mark.parametrize(
    ("script", "words"),
    [
        (f'echo "TOKEN={SECRET}"; echo "denied {SECRET}" >&2; exit 3\n', "ended with exit status 3; "),
        (f'echo "TOKEN={SECRET}" >&2\n', "printed nothing on stdout; "),
        (f'echo "TOKEN={SECRET}"; echo "}}{{ {SECRET}"\n', "not a NAME=value line"),
        slow(f'echo "TOKEN={SECRET}"; kill -9 $$\n', "was ended by signal 9"),
        slow(f'printf "TOKEN=%s\\377\\n" "{SECRET}"\n', "not UTF-8"),
        slow(f'echo "TOKEN={SECRET}"; echo "TOKEN={SECRET}"\n', "TOKEN stands twice"),
    ],
)
def test_a_command_that_fails_is_never_equal_and_its_words_are_not_quoted(project: Project, script: str, words: str) -> None:
    told(project, script)
    run = project.begin(PRE)
    assert isinstance(project.go_on(run), Parked)
    assert words in project.view(run).halt
    assert "tell" in project.view(run).halt
    assert "drift_severity" not in project.evidence(run, "staging-parity-report.json")["staging_parity"]
    assert leaked(project, SECRET) == []


@pytest.mark.parametrize(
    ("script", "limit", "words"),
    [
        ("sleep 60\n", "500ms", "did not end within 0.5 s and was killed"),
        ("sleep 60 & echo A=1\n", "5s", None),
        ("yes | head -c 200000000\n", "60s", "printed more than 33554432 bytes and was killed"),
    ],
)
def test_a_command_that_hangs_or_floods_is_bounded(project: Project, script: str, limit: str, words: str | None) -> None:
    told(project, script, limit=limit)
    said = gonogo("parity", "-C", project.root, RECORD="x")
    assert (words or "compared") in said.out
    assert said.code == (3 if words else 0)


def test_a_command_that_is_not_there_is_named(project: Project) -> None:
    told(project, "true\n")
    project.edit("gonogo.yaml", "[bash, scripts/tell.sh", "[no-such-program-anywhere, scripts/tell.sh")
    said = gonogo("parity", "-C", project.root, RECORD="x")
    assert said.code == 3
    assert "the program 'no-such-program-anywhere' is not found in PATH" in said.out


@pytest.mark.req("PAR-02")
def test_a_crash_right_after_the_comparison_leaves_no_secret_behind(project: Project) -> None:
    told(project, f'echo "TOKEN={SECRET}-$1"\n')
    run = project.begin(PRE)
    for _ in SIGNERS:
        # In the process that goes past the last signature, intake is measured first and parity second.
        done = subprocess.run(
            [sys.executable, "-m", "gonogo.cli.main", "resume", run, "-C", project.root],
            env=importing(GONOGO_CRASH_AT=f"{MEASURED}@2", RECORD=str(project.record)),
            capture_output=True,
            check=False,
        )
        if not project.sign_all(run):
            break
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert "staging-parity-report.json" not in project.state(run).evidence
    assert "intake-validation-report.json" in project.state(run).evidence
    assert leaked(project, SECRET) == []
    assert SECRET.encode() not in done.stderr + done.stdout


@pytest.mark.req("PAR-02")
def test_the_digest_of_a_file_with_secrets_is_keyed_everywhere(project: Project) -> None:
    for name in ("staging", "production"):
        project.write(f"config/{name}.env", f"NAME={name}\nWORKERS=4\nDB_PASSWORD={SECRET}\n")
    run = project.release(PRE)
    assert project.state(run).outcome == "ready", project.view(run).halt
    plain = {
        sha256((project.root / f"config/{name}.env").read_bytes()).hexdigest()
        for name in ("staging", "production")
    }
    assert [name for digest in plain for name in leaked(project, digest)] == []
    assert leaked(project, SECRET, but="") == ["config/production.env", "config/staging.env"]


REFRESH = """commands:
  refresh: {run: [bash, scripts/refresh.sh], timeout: 20s, secrets: [RECORD]}
"""
LISTED = """{"refreshed": [
 {"kind": "data_set", "name": "orders", "source": "dump-7", "version": "7", "count": 120},
 {"kind": "feature_flag", "name": "new_cart", "source": "flags.json", "version": "3"},
 {"kind": "stub", "name": "payments", "source": "stub-image", "version": "1.2"}]}"""


def with_refresh(project: Project, script: str) -> None:
    project.write("scripts/refresh.sh", script)
    project.edit("gonogo.yaml", "commands:\n", REFRESH)
    project.edit("gonogo.yaml", "tests:\n", "refresh: refresh\ntests:\n")


@pytest.mark.req("REF-01", "REF-02", "F51")
def test_the_refresh_brings_staging_up_to_date_and_its_record_lists_everything(project: Project) -> None:
    with_refresh(project, f"cat > \"$GONOGO_OUT/refreshed.json\" <<'JSON'\n{LISTED}\nJSON\necho \"refresh $GONOGO_ENVIRONMENT\" >> \"$RECORD\"\n")
    run = project.release(PRE)
    assert project.state(run).outcome == "ready", project.view(run).halt
    assert project.executions("refresh") == ["refresh staging"]
    body = project.evidence(run, "staging-data-refresh.json")
    assert body["status"] == "success"
    assert [row["kind"] for row in body["refreshed"]] == ["data_set", "feature_flag", "stub"]
    page = (project.root / ".artifacts/pre-deployment/staging-data-refresh.md").read_text()
    for words in ("orders", "dump-7", "120", "new\\_cart", "payments", "Actor: engine", "Status: success", "Release: v2"):
        assert words in page


@pytest.mark.req("REF-02")
@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("true\n", "left no refreshed.json"),
        slow('echo "{}" > "$GONOGO_OUT/refreshed.json"\n', "refreshed"),
        ('echo \'{"refreshed": []}\' > "$GONOGO_OUT/refreshed.json"\n', "lists nothing"),
        (
            'echo \'{"refreshed": [{"kind": "stub", "name": "pay", "source": "a", "version": "1", "result": "failure"}]}\' > "$GONOGO_OUT/refreshed.json"\n',
            "did not bring up to date: pay",
        ),
        slow('echo \'{"refreshed": [{"kind": "cloud"}]}\' > "$GONOGO_OUT/refreshed.json"\n', "`cloud` is none of"),
    ],
)
def test_a_refresh_that_does_not_say_what_it_did_is_no_success(project: Project, script: str, words: str) -> None:
    with_refresh(project, script)
    run = project.release(PRE)
    assert words in project.view(run).halt
    assert project.state(run).outcome != "ready"


@pytest.mark.req("REF-03")
def test_a_refresh_that_would_touch_production_is_refused_before_it_starts(project: Project) -> None:
    with_refresh(project, "echo \"refresh $GONOGO_ENVIRONMENT\" >> \"$RECORD\"\n")
    door = project.door()
    run = project.begin(PRE)
    opened = door.load(run)
    known = next(task.id for stage in opened.plan.stages for task in stage.tasks if isinstance(task.act, Execute) and task.act.purpose == "refresh")
    task = task_of(opened.plan, known)
    assert task.act.environment == "staging"
    bench = Bench(door.world, opened.plan, opened.state, run, Engine("test"), task, 1, door.world.clock.now())
    aimed = Execute("refresh", "production", Effect.NONE, "refresh", repeatable=True)
    with pytest.raises(Refused, match="never refreshed in `production`"):
        command_spec(bench, aimed, EffectKey(run, known, 1, 1), 0)
    assert project.executions() == []


CHECKS = "checks:\n  credentials: {{provider: {provider}, options: {options}}}\nparity:\n"


@pytest.mark.req("PRE-11")
@pytest.mark.parametrize(
    ("provider", "options", "words"),
    [
        ("tcp", '{host: 127.0.0.1, port: "9"}', "the check `tcp` says fail"),
        ('"plugin:nobody"', "{}", "no installed package brings the provider `nobody`"),
        ("http", "{path: /healthz}", None),
    ],
)
def test_a_check_of_a_provider_can_keep_a_run_from_beginning_and_never_helps_it(
    project: Project, provider: str, options: str, words: str | None
) -> None:
    project.edit("gonogo.yaml", "parity:\n", CHECKS.format(provider=provider, options=options))
    run = project.release(PRE)
    if words is None:
        assert project.state(run).outcome == "ready", project.view(run).halt
    else:
        assert words in project.view(run).halt
        assert project.executions() == []
