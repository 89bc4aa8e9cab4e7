"""Nobody who waits misses news, and nobody is woken without any."""

import asyncio
import threading
import time

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from service.api.context import ServiceContext
from service.api.routes import leases as routes
from service.api.wakeups import Wakeups
from service.core import searches
from service.store import runs
from service.store.tables import SearchRow
from tests.service.fleet import Fleet

LONG = 60.0  # seconds; a test that waits as long has failed


def test_a_ring_between_a_look_and_the_wait_is_not_missed() -> None:
    wakeups = Wakeups()
    seen = wakeups.count
    wakeups.wake_all()
    asyncio.run(asyncio.wait_for(wakeups.wait(seen, LONG), LONG / 2))


def test_a_ring_from_another_thread_wakes_everyone() -> None:
    wakeups = Wakeups()

    async def wait_all() -> None:
        seen = wakeups.count
        waiting = [asyncio.create_task(wakeups.wait(seen, LONG)) for _ in range(10)]
        await asyncio.sleep(0)  # all of them wait now
        threading.Thread(target=wakeups.wake_all).start()
        await asyncio.wait_for(asyncio.gather(*waiting), LONG / 2)

    asyncio.run(wait_all())


def test_no_ring_of_many_is_missed_by_a_reader() -> None:
    """The reader looks, then waits; whatever was rung before it has stopped waiting it sees at its next look."""
    wakeups, rings, news = Wakeups(), 2000, []

    def ring() -> None:
        for number in range(rings):
            news.append(number)
            wakeups.wake_all()

    async def read() -> int:
        writer = threading.Thread(target=ring)
        writer.start()
        looks = 0
        while True:
            seen = wakeups.count
            looks += 1
            if len(news) == rings:
                writer.join()
                return looks
            await asyncio.wait_for(wakeups.wait(seen, LONG), LONG / 2)

    assert asyncio.run(read()) >= 1


def test_who_waited_in_vain_is_forgotten() -> None:
    wakeups = Wakeups()

    async def wait() -> None:
        await wakeups.wait(wakeups.count, 0.01)
        task = asyncio.create_task(wakeups.wait(wakeups.count, LONG))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(wait())
    assert wakeups._waiting == set()
    wakeups.wake_all()  # the loop that waited is closed


def test_only_a_transaction_that_changed_something_rings(context: ServiceContext, fleet: Fleet) -> None:
    search = fleet.submit()
    lease = fleet.must_lease()
    before = context.wakeups.count
    with context.write() as (session, _now):
        assert len(session.scalars(select(SearchRow)).all()) == 1
    with context.read() as session:
        assert session.get(SearchRow, search) is not None
    context.sweep()
    assert context.wakeups.count == before
    with context.write() as (session, now):
        searches.pause(session, session.get_one(SearchRow, search), now)
    assert context.wakeups.count == before + 1
    with context.write() as (session, now):
        assert runs.renew(session, lease.id, lease.epoch, now)  # a statement of its own, without the unit of work
    assert context.wakeups.count == before + 2


def test_an_idle_worker_does_not_keep_the_service_busy(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    look = routes._try_lease

    def counted(*arguments: object) -> object:
        looks.append(arguments)
        return look(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(routes, "_try_lease", counted)
    began = time.monotonic()
    answer = client.post("/v1/leases", json={"worker": "w", "process": "p", "wait_seconds": 1.0})
    assert answer.status_code == 204
    assert time.monotonic() - began >= 1.0
    assert len(looks) <= 3


def test_an_idle_worker_is_woken_by_a_submission(client: TestClient, fleet: Fleet) -> None:
    answers = []

    def ask() -> None:
        answers.append(client.post("/v1/leases", json={"worker": "w", "process": "p", "wait_seconds": 30.0}))

    asking = threading.Thread(target=ask)
    asking.start()
    while not fleet.context.wakeups._waiting:
        time.sleep(0.01)  # until it waits
    search = fleet.submit()
    asking.join(20)
    assert not asking.is_alive()
    assert (answers[0].status_code, answers[0].json()["search_id"]) == (200, search)
