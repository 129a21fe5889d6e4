"""Control lists of known standards: which gates answer a control, and which evidence shows it (SEC-08)."""

from __future__ import annotations

from collections.abc import Mapping

from gonogo.document.yaml_nodes import read_yaml
from gonogo.errors import BadInput
from gonogo.plan.reading import Findings, Section
from gonogo.values import dataclass

SCHEMA = "gonogo/control-lists/1"
LISTS = ("soc2", "iso27001", "gdpr", "ftc")
"""The lists that are shipped; a test compares them with the file."""


@dataclass(frozen=True, slots=True)
class ListedControl:
    """A control of a standard: its id and title, the gates that answer it, and the file that shows it, empty for none.

    One without a file is shown beside its gates and not scored.
    """

    id: str
    standard: str
    title: str
    gates: tuple[str, ...]
    evidence: str


def read_control_lists(data: bytes, file: str) -> Mapping[str, tuple[ListedControl, ...]]:
    """Controls by the id of their list; BadInput with file and line for anything else."""
    notes = Findings()
    top = Section(read_yaml(data, file), "", notes)
    top.choice("schema", (SCHEMA,))
    found = {}
    for section in top.sections("lists", required=True):
        name, standard = section.text("id"), section.text("standard")
        found[name] = tuple(_control(item, standard) for item in section.sections("controls", required=True))
        section.finish()
    top.finish()
    if notes.found:
        first = notes.found[0]
        raise BadInput(first.message, where=str(first.primary), next_step="write it as the shipped lists are written")
    return found


def _control(section: Section, standard: str) -> ListedControl:
    found = ListedControl(
        section.text("id"), standard, section.text("title"), section.texts("gates"), section.text("evidence", "")
    )
    section.finish()
    return found
