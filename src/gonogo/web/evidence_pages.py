"""Evidence of a run: what is on file with its digest, the chain of its log, one file shown as text, or taken away."""

from __future__ import annotations

import re
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from gonogo.document.display import shown
from gonogo.errors import BadInput, Refused
from gonogo.evidence.ledger import check_chain
from gonogo.terms import Digest
from gonogo.web.memory import Known
from gonogo.web.pages import Slice, said_of
from gonogo.web.run_pages import frame, run_named
from gonogo.web.showing import Sheet, page
from gonogo.web.site import Site, session_of

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
MOST_SHOWN: Final = 256 * 1024
MOST_TAKEN: Final = 1 << 26


def evidence_page(_request: Request, site: Site, known: Known) -> Sheet:
    """Everything on file, and whether the log's chain is whole."""
    entries = known.opened.entries
    problems = check_chain(entry.line for entry in entries)
    about = {
        "files": tuple(known.opened.state.evidence.values()),
        "packages": tuple(known.opened.state.packages.values()),
        "problems": problems,
        "head_digest": entries[-1].digest,
        "count": len(entries),
    }
    return Sheet("evidence.html", {**frame(site, known, "/evidence"), **about})


def file_page(request: Request) -> Response:
    """One object of the run, as text; what is no text is only offered to be taken away."""
    site, known = run_named(request)
    digest, name = _named(request, site, known)
    data = site.door.world.vault.read(digest, limit=MOST_TAKEN)
    text = _text_of(data)
    about = {"name": name, "digest": digest, "size": len(data), "text": text, "cut": len(data) > MOST_SHOWN}
    return page(request, "file.html", {**frame(site, known, "/evidence"), **about})


def take_page(request: Request) -> Response:
    """The very bytes, never shown by the browser itself: evidence is foreign content."""
    site, known = run_named(request)
    digest, name = _named(request, site, known)
    data = site.door.world.vault.read(digest, limit=MOST_TAKEN)
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name.rpartition("/")[2])[:80] or "evidence"
    headers = {
        "content-disposition": f'attachment; filename="{plain}"',
        "content-security-policy": "default-src 'none'; sandbox",
        "x-sha256": digest,
    }
    return Response(data, media_type="application/octet-stream", headers=headers)


def trail_page(request: Request, site: Site, known: Known) -> Sheet:
    """The log of the run, entry by entry, newest first."""
    wanted = request.query_params.get("type", "")[:60].strip()
    entries = known.opened.entries
    found = [entry for entry in reversed(entries) if not wanted or entry.type.startswith(wanted)]
    part = Slice.of(request.query_params.get("page", "1"), len(found))
    rows = [said_of(entry) for entry in found[part.first : part.first + 50]]
    kinds = sorted({entry.type for entry in entries})
    about = {"rows": rows, "part": part, "kinds": kinds, "wanted": wanted}
    return Sheet("trail.html", {**frame(site, known, "/trail"), **about})


def _named(request: Request, site: Site, known: Known) -> tuple[Digest, str]:
    """The digest in the address, which has to be one that the run's own log names: the vault is no file server."""
    text = str(request.path_params["sha256"])
    if not _DIGEST.fullmatch(text):
        site.trail.refused("evidence_path", session_of(request).person)
        raise Refused("evidence is named by its SHA-256", next_step="open it from the page of its run")
    for item in known.opened.state.evidence.values():
        if item.digest == text:
            return Digest(text), item.name
    for sealed in known.opened.state.packages.values():
        if sealed.sha256 == text:
            return Digest(text), sealed.name
    for entry in known.opened.entries:
        for name, value in entry.data.items():
            if value == text:
                return Digest(text), f"{entry.type}-{entry.seq}-{name}"
    raise BadInput("there is no such evidence in this run", next_step="look at the list of its evidence")


def _text_of(data: bytes) -> str | None:
    """The text of a file with everything hidden made visible; None where it is none."""
    try:
        text = data[:MOST_SHOWN].decode("utf-8", "strict" if len(data) <= MOST_SHOWN else "ignore")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else "\n".join(shown(line) for line in text.split("\n"))
