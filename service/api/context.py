"""What every request needs: settings, database, artifacts, clock and wakeups, in one value."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from service.api.idle_workers import IdleWorkers
from service.api.version_cache import VersionCache
from service.api.wakeups import Wakeups
from service.core import leases, run_endings
from service.core.leases import Terms
from service.settings import Settings
from service.store import runs
from service.store.artifacts import Artifacts
from service.store.database import database_time, open_engine, reading, transaction, watch


@dataclass(frozen=True, slots=True)
class ServiceContext:
    """The running service without its HTTP face.

    `clock` gives seconds since 1970. Without one the database decides leases: PostgreSQL's own clock, or for SQLite
    that of this process, the only one that writes it.
    """

    settings: Settings
    engine: Engine
    artifacts: Artifacts
    clock: Callable[[], float] | None = None
    wakeups: Wakeups = field(default_factory=Wakeups)
    idle_workers: IdleWorkers = field(default_factory=IdleWorkers)
    cache: VersionCache = field(default_factory=VersionCache)
    concluding: threading.Lock = field(default_factory=threading.Lock)  # held while findings are computed

    def time(self) -> float:
        """Seconds since 1970 for what is only shown or compared with days: key expiry, `as_of`."""
        return time.time() if self.clock is None else self.clock()

    def now(self, session: Session) -> float:
        """Seconds since 1970 by the one clock that decides leases."""
        return database_time(session) if self.clock is None else self.clock()

    @property
    def terms(self) -> Terms:
        """What leases are granted on."""
        return Terms(self.settings.lease_seconds, self.settings.max_attempts)

    @contextmanager
    def write(self) -> Iterator[tuple[Session, float]]:
        """A transaction and the time it counts with; if it changed anything, everyone who waits is woken after it."""
        with transaction(self.engine) as session:
            changed = watch(session)
            yield session, self.now(session)
            swept = [(at, run) for at, run in session.info.get(run_endings.SWEPT, ()) if not runs.resumes(session, run)]
        for search_id, run_id in swept:
            self.artifacts.keep(search_id, run_id, set())
        if changed():
            self.wakeups.wake_all()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A consistent view."""
        with reading(self.engine) as session:
            yield session

    def sweep(self) -> int:
        """End the leases of workers that went silent; how many there were."""
        with self.read() as session:
            silent = runs.expired(session, self.now(session))
        ended = 0
        for search_id, run_id in silent:
            with self.write() as (session, at):
                ended += leases.expire(session, search_id, run_id, self.terms, at)
                resumes = runs.resumes(session, run_id)
            if not resumes:
                self.artifacts.keep(search_id, run_id, set())
        return ended


def build_context(settings: Settings, clock: Callable[[], float] | None = None) -> ServiceContext:
    """The context for these settings; connects to nothing yet."""
    return ServiceContext(settings, open_engine(settings.url), Artifacts(settings.data_dir / "checkpoints"), clock)
