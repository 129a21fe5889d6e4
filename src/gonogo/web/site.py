"""Everything that a request needs, in one place, made once at the start."""

from __future__ import annotations

from dataclasses import field, replace
from functools import lru_cache
from urllib.parse import urlsplit

from starlette.requests import Request

from gonogo.adapters.run_lock import RunLocks
from gonogo.control.door import Door
from gonogo.control.served_verbs import Calls, Verb
from gonogo.control.stores.project_root import STATE_FOLDER
from gonogo.engine.bench import World
from gonogo.errors import GonogoError
from gonogo.terms import Digest, Person, RunId
from gonogo.values import dataclass
from gonogo.web.credentials import Credentials
from gonogo.web.drawings import Drawings
from gonogo.web.driving import Drivers
from gonogo.web.memory import Memory, Row
from gonogo.web.people import People
from gonogo.web.recent_views import RecentViews
from gonogo.web.repeating import Repeats
from gonogo.web.sessions import Once, Rate, Session, Sessions
from gonogo.web.trail import Trail

MINUTE = 60.0


@dataclass(slots=True)
class Site:
    """One project, served. `hosts` are the names under which this server answers, `bound` those of its own socket.

    `verbs` are what the command line offers through the API.
    `shown` is the world as pages see it: what files on disk say may be two seconds old there. Acts take `door`. `cards`
    are those of the list of releases, by the row and the engine that they were drawn from.
    """

    door: Door
    shown: World
    judged: set[tuple[RunId, str, Digest]]
    memory: Memory
    people: People
    credentials: Credentials
    drivers: Drivers
    trail: Trail
    bound: frozenset[str]
    work: Calls
    repeats: Repeats
    verbs: tuple[Verb, ...] = ()
    sessions: Sessions = field(default_factory=Sessions)
    challenges: Once = field(default_factory=lambda: Once(5 * MINUTE))
    links: Once = field(default_factory=lambda: Once(24 * 60 * MINUTE))
    cards: dict[RunId, tuple[tuple[Row, bool], str]] = field(default_factory=dict)
    drawings: Drawings = field(default_factory=Drawings)
    prepared: Once = field(default_factory=lambda: Once(30 * MINUTE))
    attempts: Rate = field(default_factory=lambda: Rate(20, MINUTE))
    writes: Rate = field(default_factory=lambda: Rate(120, MINUTE))
    pace: Rate = field(default_factory=lambda: Rate(600, MINUTE))

    @classmethod
    def of(cls, door: Door, bound: frozenset[str], verbs: tuple[Verb, ...] = ()) -> Site:
        """The site of a project that is open."""
        root = door.workspace.root
        people = People(root / door.workspace.project.approvers, door.world.ring)
        return cls(
            door=door,
            shown=replace(door.world, views=RecentViews(door.world.views, door.world.clock)),
            judged=set(),
            memory=Memory(door, people.mark),
            people=people,
            credentials=Credentials(root / STATE_FOLDER / "web" / "credentials.json"),
            drivers=Drivers(door, RunLocks(root / STATE_FOLDER / "runs", door.world.clock)),
            trail=Trail(door.world),
            bound=bound,
            work=Calls.of(root, door.world.environ, door.world.clock),
            repeats=Repeats(door.world),
            verbs=verbs,
        )

    @property
    def name(self) -> str:
        """The project's name."""
        return self.door.workspace.project.name

    def now(self) -> float:
        """Seconds of a clock that never jumps."""
        return self.door.world.clock.monotonic()

    def origins(self) -> frozenset[str]:
        """The addresses under which pages may be open: those of the approvers file, and this machine's own."""
        try:
            listed = self.people.ring().web.origins
        except (GonogoError, OSError):
            listed = frozenset()
        return _with_own(listed, self.bound)

    def hosts(self) -> frozenset[str]:
        """The values of `Host` that are answered; any other is somebody's trick."""
        return _hosts(self.origins())


@lru_cache(maxsize=64)
def _with_own(listed: frozenset[str], bound: frozenset[str]) -> frozenset[str]:
    return listed | {f"http://{host}" for host in bound}


@lru_cache(maxsize=64)
def _hosts(origins: frozenset[str]) -> frozenset[str]:
    return frozenset(urlsplit(origin).netloc.lower() for origin in origins)


def site_of(request: Request) -> Site:
    """The site that a request is for."""
    found = request.app.state.site
    assert isinstance(found, Site)
    return found


def session_of(request: Request) -> Session:
    """Who asks; the guard lets nobody through to a page without."""
    found = request.scope.get("gonogo.session")
    assert isinstance(found, Session)
    return found


def actor_of(request: Request) -> Person:
    """The person who asks, as the door knows them."""
    return Person(session_of(request).person)
