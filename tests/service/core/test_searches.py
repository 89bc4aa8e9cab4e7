"""The life of a search: which runs there are, in what order they are given out, and how it ends."""

from typing import Any

import pytest
from sqlalchemy import select

from search.results.racing import final_seeds
from search.spec.spec import SearchSpec
from service.api.context import build_context
from service.errors import Conflict, IdempotencyMismatch, LeaseLost
from service.store.tables import Table
from tests.conftest import Clock
from tests.service.fleet import SPEC, Fleet, Lease


def test_finals_train_the_best_again_on_common_seeds(fleet: Fleet) -> None:
    search = fleet.submit(trials=5, finalists={"count": 2, "seeds": 3}, seed=7)
    for number in range(5):
        fleet.finish(fleet.must_lease(f"w{number}"), 0.5 + (number % 3) / 10)
    assert fleet.search(search).state == "finalizing"
    finals: list[Lease] = []
    while lease := fleet.lease("final"):
        assert lease.role == "final"
        finals.append(lease)
        fleet.finish(lease, 0.6 + lease.seed / 1000)
    seeds = final_seeds(SearchSpec.model_validate({**SPEC, "seed": 7, "finalists": {"count": 2, "seeds": 3}}))
    assert 7 not in seeds  # it chose the finalists
    # trial 2 had 0.7, trials 1 and 4 had 0.6: the earlier one goes on
    assert [(lease.number, lease.seed) for lease in finals] == [(number, seed) for number in (1, 2) for seed in seeds]
    assert fleet.search(search).state == "succeeded"
    finalists = [trial for trial in fleet.trials(search) if trial.finalist]
    assert [(trial.number, trial.seeds) for trial in finalists] == [(1, 3), (2, 3)]
    for trial in finalists:
        assert trial.accuracy == pytest.approx(0.6 + sum(seeds) / 3000)
        assert trial.ci_low is not None
        assert trial.accuracy is not None
        assert trial.ci_low < trial.accuracy


def test_a_search_fails_when_nothing_was_trained_to_the_end(fleet: Fleet) -> None:
    search = fleet.submit(trials=3)
    fleet.finish(fleet.must_lease(), 0.5, "pruned")
    fleet.finish(fleet.must_lease(), None, "infeasible")
    fleet.finish(fleet.must_lease(), None, "failed")
    row = fleet.search(search)
    assert (row.state, row.reason) == ("failed", "no-trial-completed")
    assert row.message is not None
    assert "1 failed, 1 infeasible, 1 pruned" in row.message
    assert fleet.events(search)[-1].type == "search.failed"


def test_no_trial_is_begun_once_the_device_time_is_spent(fleet: Fleet) -> None:
    search = fleet.submit(trials=10, max_device_seconds=5.0, parallelism=1)
    for expected in (0, 1, 2):  # 2 s each: the third begins at 4 s
        lease = fleet.must_lease()
        assert lease.number == expected
        fleet.finish(lease, seconds=2.0)
    assert fleet.lease() is None
    row = fleet.search(search)
    assert (row.state, row.device_seconds, row.proposed) == ("succeeded", 6.0, 3)


@pytest.mark.parametrize("limit", [0.3, 0.6, 0.7, 1.0])
def test_device_time_spent_to_the_last_digit_ends_a_search(fleet: Fleet, limit: float) -> None:
    """Ten times 0.1 is less than 1.0 summed one way and not another: the search must not wait for ever."""
    search = fleet.submit(trials=20, max_device_seconds=limit, parallelism=3)
    while leases := [lease for worker in "abc" if (lease := fleet.lease(worker))]:
        for lease in leases:
            fleet.finish(lease, seconds=0.1)
    assert fleet.search(search).state == "succeeded"


def test_higher_priority_first_then_the_older(fleet: Fleet, clock: Clock) -> None:
    names = {}
    for name, priority in (("old", 0), ("urgent", 5), ("young", 0), ("lazy", -1)):
        names[fleet.submit(name=name, priority=priority, trials=1)] = name
        clock.advance(1)
    assert [names[lease.search] for lease in fleet.run_dry()] == ["urgent", "old", "young", "lazy"]


def test_parallelism_bounds_the_runs_at_a_time(fleet: Fleet) -> None:
    search = fleet.submit(trials=6, parallelism=2, finalists={"count": 2, "seeds": 2})
    finished = []
    while leases := [lease for number in range(5) if (lease := fleet.lease(f"w{number}"))]:
        assert len(leases) <= 2
        for lease in leases:
            fleet.finish(lease)
            finished.append(lease.role)
    assert finished == ["search"] * 6 + ["final"] * 4
    assert fleet.search(search).state == "succeeded"


def test_a_full_search_does_not_keep_workers_from_the_next(fleet: Fleet) -> None:
    first = fleet.submit(trials=3, parallelism=1, priority=9)
    second = fleet.submit(trials=3, parallelism=1)
    assert fleet.must_lease("a").search == first
    assert fleet.must_lease("b").search == second
    assert fleet.lease("c") is None


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_equal_searches_propose_equal_networks_even_across_a_restart(fleet: Fleet, sampler: str) -> None:
    """Also whether the trials come back one by one or in another order is nothing that a proposal depends on."""
    changes: dict[str, Any] = {
        "trials": 12,
        "seed": 3,
        "parallelism": 1,
        "sampler": {"name": sampler, "startup_trials": 3},
    }
    first = fleet.submit(name="first", **changes)
    _train(fleet, 12)
    second = fleet.submit(name="second", **changes)
    _train(fleet, 6)
    restarted = build_context(fleet.context.settings, fleet.context.clock)
    _train(Fleet(restarted), 6)
    restarted.engine.dispose()
    keys = [[trial.key for trial in fleet.trials(search)] for search in (first, second)]
    assert keys[0] == keys[1]
    assert len(set(keys[0])) == 12
    other = fleet.submit(name="other seed", **{**changes, "seed": 4})
    _train(fleet, 12)
    assert [trial.key for trial in fleet.trials(other)] != keys[0]


def _train(fleet: Fleet, count: int) -> None:
    for _ in range(count):
        lease = fleet.must_lease()
        fleet.finish(lease, round(0.5 + (lease.number * 7919 % 100) / 250, 4))


def test_the_networks_run_out_before_the_trials_do(fleet: Fleet) -> None:
    search = fleet.submit(trials=50, target={"tolerance": 0.05}, space={"resolution_multiple": 8})
    feasible = fleet.search(search).plan["catalogue"]["feasible"]
    assert 1 < feasible < 50
    assert len(fleet.run_dry()) == feasible
    assert fleet.search(search).state == "succeeded"


def test_an_idempotency_key_gives_one_search_and_refuses_another_body(fleet: Fleet) -> None:
    first = fleet.submit(key="k", name="a")
    assert fleet.submit(key="k", name="a") == first
    assert fleet.submit(key="k", name="a", owner="somebody else") != first
    assert fleet.submit(key="other", name="a") != first
    with pytest.raises(IdempotencyMismatch):
        fleet.submit(key="k", name="b")


@pytest.mark.parametrize("ending", ["succeeded", "failed", "cancelled"])
def test_terminal_states_never_change(fleet: Fleet, ending: str) -> None:
    search = fleet.submit(trials=1)
    if ending == "cancelled":
        fleet.change(search, "cancel")
    else:
        fleet.finish(
            fleet.must_lease(), None if ending == "failed" else 0.9, "completed" if ending[0] == "s" else "failed"
        )
    assert fleet.search(search).state == ending
    before = fleet.dump()
    for what in ("pause", "resume", "cancel"):
        if ending == what + "led":  # repeating is harmless
            fleet.change(search, what)
            continue
        with pytest.raises(Conflict, match=ending):
            fleet.change(search, what)
    assert fleet.dump() == before


def test_pausing_the_finals_goes_on_with_the_finals(fleet: Fleet) -> None:
    search = fleet.submit(trials=2, finalists={"count": 1, "seeds": 2})
    for _ in range(2):
        fleet.finish(fleet.must_lease())
    final = fleet.must_lease()
    fleet.change(search, "pause")
    fleet.release(final, "drain")
    fleet.change(search, "resume")
    assert fleet.search(search).state == "finalizing"
    assert {lease.role for lease in fleet.run_dry()} == {"final"}
    assert fleet.search(search).state == "succeeded"
    assert fleet.search(search).proposed == 2


def test_the_last_final_may_end_during_a_pause(fleet: Fleet) -> None:
    search = fleet.submit(trials=1, finalists={"count": 1, "seeds": 2})
    fleet.finish(fleet.must_lease())
    finals = [fleet.must_lease("a"), fleet.must_lease("b")]
    fleet.change(search, "pause")
    for final in finals:
        fleet.finish(final)
    fleet.change(search, "resume")
    assert fleet.search(search).state == "succeeded"


def test_a_deleted_search_leaves_no_row(fleet: Fleet) -> None:
    kept = fleet.submit(name="kept", key="kept", trials=1)
    before = {table: len(rows) for table, rows in fleet.dump().items()}
    search = fleet.submit(name="gone", key="gone", trials=2, priority=1, finalists={"count": 1, "seeds": 2})
    held = fleet.must_lease()
    fleet.report(held, 1, 0.5)
    fleet.release(held, "crashed")
    while (lease := fleet.must_lease()).search == search:
        fleet.report(lease, 1, 0.5)
        fleet.finish(lease)
    fleet.release(lease, "drain")
    fleet.remove(search)
    with fleet.context.read() as session:
        for table in Table.metadata.sorted_tables:
            if "search_id" in table.c:
                found = session.execute(select(table.c.search_id)).scalars()
                assert search not in set(found), table.name
    assert len(fleet.dump()["effscale_attempts"]) == 1  # of the one that was kept
    assert fleet.search(kept).state == "running"
    assert before["effscale_searches"] == len(fleet.dump()["effscale_searches"])
    with pytest.raises(LeaseLost):
        fleet.heartbeat(held)


def test_event_ids_grow_and_are_never_given_twice(fleet: Fleet) -> None:
    first = fleet.submit(trials=2)
    fleet.run_dry()
    ids = [event.id for event in fleet.events(first)]
    assert ids == sorted(set(ids))
    fleet.remove(first)
    second = fleet.submit(trials=1)
    fleet.run_dry()
    assert min(event.id for event in fleet.events(second)) > max(ids)


def test_events_tell_the_whole_story_in_order(fleet: Fleet) -> None:
    search = fleet.submit(trials=1, finalists={"count": 1, "seeds": 2})
    lease = fleet.must_lease()
    fleet.report(lease, 1, 0.5)
    fleet.release(lease, "crashed", "exit 1")
    fleet.run_dry()
    assert [event.type for event in fleet.events(search)] == [
        "search.queued",
        "search.running",
        "trial.started",
        "trial.epoch",
        "run.requeued",
        "trial.started",
        "trial.finished",
        "search.finalizing",
        "trial.started",
        "trial.finished",
        "trial.started",
        "trial.finished",
        "search.succeeded",
    ]
