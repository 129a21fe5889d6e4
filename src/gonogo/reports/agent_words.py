"""What agents say about a run to whoever is asked to sign: words and claims, which nobody measured.

They stand beside what is signed and never in it, cleaned, capped, each with the agent that said it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from gonogo.errors import GonogoError
from gonogo.evidence.ledger import Entry, time_text
from gonogo.reports.separation import lowest
from gonogo.reports.untrusted import cleaned
from gonogo.run.agent_acts import ACTED, act_of
from gonogo.terms import Digest, Json
from gonogo.values import dataclass

MOST_CLAIMS = 20
MOST_OF_A_CLAIM = 300
HEADING = "Words of AI agents. Nobody measured them, no gate counts them, and your signature does not cover them."


@dataclass(frozen=True, slots=True)
class Saying:
    """Something that an agent said: `about` is empty for its summary, and the name of the evidence for a claim."""

    agent: str
    at: str
    about: str
    sha256: str
    text: str


@dataclass(frozen=True, slots=True)
class AgentWords:
    """Everything that agents say about a run at one of its decision points, and how far they were kept apart."""

    summaries: tuple[Saying, ...]
    claims: tuple[Saying, ...]
    separation: str

    def __bool__(self) -> bool:
        """Whether an agent said anything."""
        return bool(self.summaries or self.claims)

    def lines(self) -> Iterator[str]:
        """The words for a terminal, every line of theirs behind a bar, so that none of them looks like one of ours."""
        if not self:
            return
        yield HEADING
        for said in self.summaries:
            yield f"  {said.agent} asks, {said.at}:"
            yield from _barred(said.text)
        for said in self.claims:
            yield f"  {said.agent} claims {said.about}, sha256 {said.sha256[:16]}:"
            yield from _barred(said.text)
        if self.separation:
            yield f"  agents that drove this run were kept apart: {self.separation}"

    def as_json(self) -> Json:
        """The words for `--json`; None where no agent said anything."""
        if not self:
            return None
        return {
            "note": HEADING,
            "separation": self.separation or None,
            "summaries": [_row(said, "untrusted_summary") for said in self.summaries],
            "claims": [{"name": said.about, **_row(said, "untrusted_claim")} for said in self.claims],
        }


def agent_words(site: Iterable[Entry], run: str, name: str, read: Callable[[Digest], bytes]) -> AgentWords:
    """What agents said about round `name` of a run, from the log of the site; the newest claims of a run only."""
    entries = [entry for entry in site if entry.type == ACTED and entry.data.get("run") == run]
    summaries, claims = [], []
    for entry in entries:
        act = act_of(entry)
        answer, at = {key: str(value) for key, value in act.answer.items()}, time_text(entry.ts)
        if act.tool == "approval_request" and answer.get("approval_id") == name:
            digest = answer.get("summary_sha256", "")
            summaries.append(Saying(act.agent, at, "", digest, _text(read, digest, 2000)))
        elif act.tool == "evidence_submit":
            about, digest = answer.get("contract", ""), answer.get("sha256", "")
            claims.append(Saying(act.agent, at, about, digest, _text(read, digest, MOST_OF_A_CLAIM)))
    return AgentWords(tuple(summaries[-3:]), tuple(claims[-MOST_CLAIMS:]), lowest(entries, run))


def _text(read: Callable[[Digest], bytes], digest: str, most: int) -> str:
    try:
        return cleaned(read(Digest(digest)).decode("utf-8", "replace"), most)
    except GonogoError as error:
        return f"(it cannot be read: {cleaned(error.what, 120)})"


def _barred(text: str) -> Iterator[str]:
    return (f"  | {line}" for line in text.split("\n"))


def _row(said: Saying, field: str) -> dict[str, Json]:
    return {"source": said.agent, "at": said.at, "sha256": said.sha256, field: said.text}
