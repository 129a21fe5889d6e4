"""The pages of one run: overview with its map and gates, live rollout, parity, rollback, evidence, trail."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

from starlette.requests import Request

from gonogo.control.opening import Opened
from gonogo.control.parity_open import open_parity
from gonogo.control.run_reports import PARITY, body_of, card_of
from gonogo.control.viewing import StageView, edited_by_hand, halt_text, halted_by, head_of, stages_of, why_taken_back
from gonogo.engine.bench import World
from gonogo.engine.people import as_now
from gonogo.errors import BadInput
from gonogo.reports.live import Live, Look, lives
from gonogo.reports.standing import rules_in_force
from gonogo.run.asking import able_people, barred_from, standing
from gonogo.run.state import Round
from gonogo.terms import RunId
from gonogo.values import dataclass
from gonogo.web.asking_own import askable
from gonogo.web.memory import Known
from gonogo.web.showing import Sheet, rendered
from gonogo.web.site import Site, session_of, site_of

ROLLBACK = "rollback-verification-report.json"
TABS = (
    ("", "Overview"),
    ("/live", "Live"),
    ("/parity", "Parity"),
    ("/rollback", "Rollback"),
    ("/evidence", "Evidence"),
    ("/trail", "Trail"),
)


@dataclass(frozen=True, slots=True)
class Phase:
    """A phase of the protocol with its steps and gates; `here` is the one at which the run stands."""

    number: int
    title: str
    stages: tuple[StageView, ...]


@dataclass(frozen=True, slots=True)
class Asking:
    """An open round as it stands: who signed, who is missing, who could, and who cannot by which reason."""

    round: Round
    missing: tuple[str, ...]
    signed: tuple[tuple[str, str, str], ...]
    able: tuple[str, ...]
    met: bool
    no_go: tuple[str, ...]
    barred: Mapping[str, str]


def run_named(request: Request) -> tuple[Site, Known]:
    """The run that an address names; BadInput (404) where there is none."""
    site = site_of(request)
    run = RunId(str(request.path_params["run"]))
    if site.memory.head(run) < 0:
        # Before it is said that there is none, the journal is asked.
        site.memory.look_again()
    if site.memory.head(run) < 0:
        raise BadInput(f"there is no run {run}", next_step="look at the list of releases")
    return site, site.memory.known(run)


def frame(site: Site, known: Known, tab: str) -> dict[str, object]:
    """What every page of a run shows at its head."""
    opened = known.opened
    return {
        "run": head_of(site.shown, opened, driven=site.drivers.is_driven(opened.run)),
        "edited": edited_by_hand(site.shown, opened, site.judged),
        "tab": tab,
        "tabs": TABS,
        "drive_error": site.drivers.said(opened.run),
        "has_live": bool(opened.state.rollings),
    }


def asked_of(site: Site, known: Known, person: str) -> tuple[str, ...]:
    """The open rounds of a run that this person could sign, by name; what a page of a run says of who looks."""
    able = site.memory.of_run(known.opened.run, "able", lambda one: _able(site.door.world, one.opened))
    return tuple(name for name, people in able.items() if person in people)


def _able(world: World, opened: Opened) -> Mapping[str, tuple[str, ...]]:
    return {item.name: able_people(*as_now(world, opened.plan, item)) for item in _open_rounds(opened)}


def _open_rounds(opened: Opened) -> tuple[Round, ...]:
    if opened.state.outcome:
        return ()
    return tuple(item for item in opened.state.rounds.values() if item.status == "open")


def overview(request: Request, site: Site, known: Known) -> Sheet:
    """Where the run stands."""
    world, opened, state = site.door.world, known.opened, known.opened.state
    stages = stages_of(opened)
    about = {
        **frame(site, known, ""),
        "seq": known.seq,
        "protocol": opened.plan,
        "here": place_of(opened, stages),
        "phases": phases_of(stages),
        "gates": [card_of(site.door, opened, name) for name in opened.plan.gates],
        "asking": sorted((asking_of(world, opened, item) for item in _open_rounds(opened)), key=lambda item: item.met),
        "mine": asked_of(site, known, session_of(request).person),
        "halt": halt_text(site.door.world, opened),
        "halted_at": state.halted.at if state.halted else None,
        "halted_by": halted_by(opened),
        "taken_back": why_taken_back(world, opened),
        "ended_at": state.closed_at,
        "packages": tuple(state.packages.values()),
        "rules": rules_in_force(opened.plan, state.trust),
        "dissent": [item for item in state.rounds.values() if item.kind == "dissent" and item.answers],
        "askable": None if state.outcome else askable(known, site.door.world.clock.now()),
        "verdicts": {name: judged.verdict for name, judged in state.judgements.items()},
    }
    return Sheet("run.html", about)


def live_page(_request: Request, site: Site, known: Known) -> Sheet:
    """The rollout under way."""
    return Sheet("live.html", {**frame(site, known, "/live"), "fragment": live_fragment(site, known)})


def live_fragment(site: Site, known: Known) -> str:
    """What changes on the live page, without its frame: drawn once for everybody who watches."""
    driven = site.drivers.is_driven(known.opened.run)
    return rendered(
        "live_part.html",
        {
            "status": head_of(site.shown, known.opened, driven=driven).status,
            "lives": lives_of(site, known),
            "seq": known.seq,
            "outcome": known.opened.state.outcome,
            "now": site.door.world.clock.now(),
        },
    )


def lives_of(site: Site, known: Known) -> tuple[Live, ...]:
    """Every rollout and window of a run, drawn."""
    opened = known.opened
    world = site.door.world
    look = Look(world.clock.now(), why_taken_back(world, opened))
    return lives(opened.plan, opened.state, known.weighed, look)


def gate_page(request: Request, site: Site, known: Known) -> Sheet:
    """One gate."""
    name = str(request.path_params["gate"])
    if name not in known.opened.plan.gates:
        raise BadInput(f"there is no gate {name} in this run", next_step="look at the page of the run")
    return Sheet("gate.html", {**frame(site, known, ""), "gate": card_of(site.door, known.opened, name)})


def parity_page(_request: Request, site: Site, known: Known) -> Sheet:
    """Staging against production, as this run compared them."""
    body, digest = body_of(site.door, known.opened, PARITY)
    still = tuple(open_parity(site.door.world, known.opened, site.door.world.clock.now()))
    return Sheet("parity.html", {**frame(site, known, "/parity"), "body": body, "digest": digest, "open": still})


def rollback_page(_request: Request, site: Site, known: Known) -> Sheet:
    """The proof that this release can be taken back, and how old it is."""
    body, digest = body_of(site.door, known.opened, ROLLBACK)
    about = {"body": body, "digest": digest, "real": known.opened.state.rollback}
    return Sheet("rollback.html", {**frame(site, known, "/rollback"), **about})


def asking_of(world: World, opened: Opened, asked: Round) -> Asking:
    """How far a round is, and who can still sign it now."""
    plan, asked = as_now(world, opened.plan, asked)
    found = standing(plan, asked)
    signed = tuple((item.person, item.role, item.decision) for item in asked.answers)
    refused = tuple(item.person for item in asked.answers if item.decision == "no_go")
    able, barred = able_people(plan, asked), barred_from(plan, asked)
    return Asking(asked, found.missing, signed, able, found.met, refused, barred)


def phases_of(stages: tuple[StageView, ...]) -> tuple[Phase, ...]:
    """Stages by phase, in order; a phase is called as its steps' ids say."""
    found = []
    for number, group in groupby(stages, key=lambda stage: stage.phase):
        inside = tuple(group)
        named = next((one.id.partition("/")[0] for one in inside if "/" in one.id and one.kind != "gate"), "")
        title = named.replace("-", " ").capitalize() if named else inside[0].title
        found.append(Phase(number, title, inside))
    return tuple(found)


def place_of(opened: Opened, stages: tuple[StageView, ...]) -> str:
    """The stage at which a run stands: where it halted, what is running, or the first that is not done."""
    if opened.state.outcome:
        return ""
    if opened.state.halted is not None:
        return opened.state.halted.stage
    for word in ("running", "failed", "open"):
        found = next((stage.id for stage in stages if stage.state == word), "")
        if found:
            return found
    return ""
