"""All gates of a run judged again, with a report (CMD-14, CMD-27, CMD-44, CMD-71, C22, F39).

`strict` takes no waiver; `standard` takes a valid one and still calls its gate waived; `relaxed` only advises: its
report carries no GO, and nothing that decides reads it.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Final

from gonogo.control.opening import Opened
from gonogo.control.scripted.gates import Checked, every_gate, note, outcome, report_file
from gonogo.control.scripted.workplace import Asked, Ended, after_success, file_away, needed_run, results_of
from gonogo.engine.writing import view_paths, views_of
from gonogo.errors import Tampered
from gonogo.evidence.copies import Difference
from gonogo.run.waiving import WAIVED
from gonogo.terms import Json, Verdict

REPORT: Final = "validation-report"
FIRST_COMMANDS: Final = ("validate_prerequisites", "run_protocol", "aggregate_evidence")


def gates(asked: Asked) -> Ended:
    """Judge every gate of the newest run in order, one line each, and write the report."""
    opened = needed_run(asked)
    after_success(asked, opened.run, "validate_prerequisites")
    found = every_gate(asked, opened)
    note(asked, opened, found)
    body = report(asked, opened, found, "strict")
    code = max((each.code for each in found), key=lambda each: (each == 1, each), default=2)
    return _ended(asked, opened, found, body, code)


def validate(asked: Asked) -> Ended:
    """Judge everything again from the store; 0 all pass, 1 a gate does not, 2 nothing could be judged."""
    opened = needed_run(asked)
    _same_folder(asked)
    mode = asked.given["quality-gates"]
    found = every_gate(asked, opened)
    note(asked, opened, found)
    body = report(asked, opened, found, mode)
    return _ended(asked, opened, found, body, 0 if body["result"] == "PASS" else 1)


def _same_folder(asked: Asked) -> None:
    """Tampered where the folder that was named is not a folder of this protocol's views."""
    folders = {path.rpartition("/")[0] for path in view_paths(asked.about, "x")}
    given = asked.defaults.artifacts.strip("/").removeprefix("./").removeprefix(".artifacts/")
    if given not in folders:
        raise Tampered(
            f"`{asked.defaults.artifacts}` holds no evidence of {asked.about}",
            next_step=f"--artifacts-dir .artifacts/{max(folders)}/",
        )


def report(asked: Asked, opened: Opened, found: Sequence[Checked], mode: str) -> dict[str, Json]:
    """The body of F39: the verdicts, and whether all of it amounts to a PASS in this mode."""
    waived = {name for name, known in opened.state.judgements.items() if known.verdict == WAIVED}
    satisfied = [_satisfies(each, waived, mode) for each in found]
    errors = sum(each.judgement.verdict is Verdict.ERROR for each in found)
    edited = _unequal(asked, opened)
    passed = bool(found) and all(satisfied)
    return {
        "result": "PASS" if passed else "ERROR" if errors else "FAIL",
        "mode": mode,
        "advisory": mode == "relaxed",
        "gates": [_row(each, waived) for each in found],
        "manifest_verified": not edited and "evidence-manifest.json" in _aggregated(asked, opened),
        "log_errors": errors,
        "success_criteria": [{"name": name, "met": met} for name, met in _criteria(asked, opened, passed=passed)],
    }


def _satisfies(each: Checked, waived: set[str], mode: str) -> bool:
    passed = each.judgement.verdict is Verdict.PASS
    return passed or (mode != "strict" and each.judgement.rule.id in waived)


def _row(each: Checked, waived: set[str]) -> dict[str, Json]:
    rule = each.judgement.rule
    passed = each.judgement.verdict is Verdict.PASS
    return {
        "gate": rule.id,
        "name": rule.name,
        "verdict": WAIVED if rule.id in waived and not passed else each.judgement.verdict.word,
        "judged": each.judgement.verdict.word,
        "failed": [result.clause.text for result in each.judgement.clauses if result.verdict is not Verdict.PASS],
    }


def _unequal(asked: Asked, opened: Opened) -> tuple[Difference, ...]:
    return asked.door.world.views.differences(views_of(opened.plan, opened.state))


def _aggregated(asked: Asked, opened: Opened) -> set[str]:
    good = [name for name, code in results_of(asked, opened.run).items() if name.startswith("aggregate") and not code]
    return {"evidence-manifest.json"} if good else set()


def _criteria(asked: Asked, opened: Opened, *, passed: bool) -> tuple[tuple[str, bool], ...]:
    """The six of CMD-61, each from a record."""
    results = results_of(asked, opened.run)
    ran = {part: [code for name, code in results.items() if name.startswith(part)] for part in FIRST_COMMANDS}
    exits = all(codes and not any(codes) for codes in ran.values())
    stored = not _unequal(asked, opened)
    aggregated = bool(_aggregated(asked, opened))
    return (
        ("every command ended with 0", exits),
        ("every gate passes", passed),
        ("manifest built and checksums verified", aggregated and stored),
        ("all artifacts stored", stored),
        ("no error in the logs", not any(any(codes) for codes in ran.values()) and not opened.state.halted),
        ("ready for handoff", passed and stored and opened.state.outcome in {"ready", "released"}),
    )


def _ended(asked: Asked, opened: Opened, found: Sequence[Checked], body: Mapping[str, Json], code: int) -> Ended:
    folder = asked.defaults.artifacts if asked.script.act == "validate" else _folder(asked)
    data = report_file(asked, opened, body).data
    files = [file_away(asked, data, f"{folder}{REPORT}.json")]
    form = asked.given.get("report", "json")
    if form != "json":
        text = _as_html(body) if form == "html" else _as_text(body)
        files.append(file_away(asked, text.encode(), f"{folder}{REPORT}.{'html' if form == 'html' else 'txt'}"))
    lines = [line for each in found for line in (outcome(each), *each.said)]
    word = f"{body['result']}{' (advisory, carries no GO)' if body['advisory'] else ''}"
    return Ended(code, word, tuple(lines), tuple(files), body)


def _folder(asked: Asked) -> str:
    return f".artifacts/{view_paths(asked.about, 'x')[-1].rpartition('/')[0]}/"


def _rows(body: Mapping[str, Json]) -> list[tuple[str, str]]:
    rows = body["gates"]
    assert isinstance(rows, list)
    return [(str(row["name"]), str(row["verdict"])) for row in rows if isinstance(row, dict)]


def _as_text(body: Mapping[str, Json]) -> str:
    lines = [f"result: {body['result']}  mode: {body['mode']}  advisory: {body['advisory']}"]
    return "\n".join([*lines, *(f"{verdict.upper():12} {name}" for name, verdict in _rows(body))]) + "\n"


def _as_html(body: Mapping[str, Json]) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{html.escape(verdict)}</td></tr>" for name, verdict in _rows(body)
    )
    advice = "<p>Advisory: carries no GO.</p>" if body["advisory"] else ""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Validation</title>'
        f"<h1>{html.escape(str(body['result']))}</h1>{advice}<table>{rows}</table></html>\n"
    )
