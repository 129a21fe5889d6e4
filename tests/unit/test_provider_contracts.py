"""The contract tests that third parties run, run on gonogo's own providers."""

from __future__ import annotations

import json

from gonogo.contracts import ParityContract, ScannerContract

PLANTED = "hunter2-in-a-report"


def dump(value: object) -> bytes:
    return json.dumps(value).encode()


class TestBandit(ScannerContract):
    name = "bandit"
    clean = dump({"errors": [], "metrics": {"_totals": {"loc": 1}, "app.py": {"loc": 1}}, "results": []})
    dirty = dump(
        {
            "errors": [],
            "metrics": {"_totals": {"loc": 1}, "app.py": {"loc": 1}},
            "results": [
                {
                    "test_id": "B105",
                    "issue_severity": "LOW",
                    "filename": "app.py",
                    "line_number": 3,
                    "issue_text": f"password {PLANTED}",
                    "code": PLANTED,
                    "more_info": "https://example.invalid/b105",
                }
            ],
        }
    )
    planted = PLANTED


class TestSarif(ScannerContract):
    name = "sarif"
    clean = dump({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "acme", "rules": []}}, "results": []}]})
    dirty = dump(
        {
            "version": "2.1.0",
            "runs": [
                {
                    "tool": {"driver": {"name": "acme", "rules": [{"id": "A1"}]}},
                    "results": [
                        {
                            "ruleId": "A1",
                            "level": "error",
                            "message": {"text": PLANTED},
                            "locations": [
                                {"physicalLocation": {"artifactLocation": {"uri": "app.py"}, "region": {"startLine": 3}}}
                            ],
                        }
                    ],
                }
            ],
        }
    )
    planted = PLANTED


class TestJson(ParityContract):
    name = "json"
    source = dump({"db": {"pool": 5, "password": PLANTED}})
    changed = source.replace(b"5", b"6")
    planted = PLANTED


class TestEnv(ParityContract):
    name = "env"
    source = f"WORKERS=4\nDB_PASSWORD={PLANTED}\n".encode()
    changed = source.replace(b"4", b"5")
    cut_shows = False
    planted = PLANTED


class TestToml(ParityContract):
    name = "toml"
    source = f'[db]\npool = 5\npassword = "{PLANTED}"\n'.encode()
    changed = source.replace(b"5", b"6")
    cut_shows = False
    planted = PLANTED


class TestYaml(ParityContract):
    name = "yaml"
    source = f"db:\n  pool: 5\n  password: {PLANTED}\n".encode()
    changed = source.replace(b"5", b"6")
    cut_shows = False
    planted = PLANTED
