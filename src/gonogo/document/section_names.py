"""The names of a document's sections as they stand, for the acceptance checklist (GEN-11)."""

from __future__ import annotations

from gonogo.document.outline import outline
from gonogo.document.scanning import scan
from gonogo.document.text import open_source


def section_names(data: bytes) -> tuple[str, ...]:
    """The level-2 headings of a document in order, without their numbers; none where it cannot be read."""
    source = open_source(data, "document").source
    if source is None:
        return ()
    return tuple(part.name for part in outline(source, scan(source)).parts if part.heading is not None)
