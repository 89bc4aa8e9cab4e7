"""The same network, recipe, data and seed is trained once; other searches of its owner take the result over."""

from typing import Any

from sqlalchemy import select

from service.api import documents
from service.api.settlement import settle
from service.store import leaderboard as board
from service.store import searches
from service.store import trials as rows
from service.store.tables import EpochRow, RunRow
from tests.service.fleet import Fleet, Lease

SHARED: dict[str, Any] = {"trials": 3, "reuse": True, "parallelism": 1}
FINALS: dict[str, Any] = {**SHARED, "finalists": {"count": 1, "seeds": 2}}


def train(fleet: Fleet, lease: Lease, accuracy: float = 0.9) -> None:
    """To the end, over two epochs, as a worker that does what is asked."""
    for epoch in (1, 2):
        fleet.report(lease, epoch, accuracy - 0.1 * (2 - epoch))
    more = {"test_accuracy": 0.8, "latency_ms": 1.5} if lease.role == "final" else {}
    fleet.finish(lease, accuracy, compile_seconds=3.0, programs_compiled=1, dataset_hash="a" * 64, **more)


def work_off(fleet: Fleet, worker: str = "w") -> list[Lease]:
    """Train whatever there is to train; the leases."""
    done = []
    while lease := fleet.lease(worker):
        train(fleet, lease, 0.5 + lease.number / 1000)
        done.append(lease)
    return done


def submit(fleet: Fleet, count: int, **fields: Any) -> list[str]:
    """Equal searches of one trial, one second after the other: the first is served first."""
    found = []
    for _ in range(count):
        found.append(fleet.submit(**SHARED | {"trials": 1}, **fields))
        fleet.context.clock.advance(1)  # type: ignore[union-attr]
    return found


def states(fleet: Fleet, search: str) -> list[str]:
    return [trial.state for trial in fleet.trials(search)]


def places(fleet: Fleet, search: str) -> list[str | None]:
    return [run.cached_from for run in fleet.runs(search)]


def epochs(fleet: Fleet, run: RunRow) -> list[tuple[int, dict[str, float]]]:
    with fleet.context.read() as session:
        statement = select(EpochRow.epoch, EpochRow.metrics).where(EpochRow.run_id == run.id, EpochRow.role == run.role)
        return [(epoch, metrics) for epoch, metrics in session.execute(statement.order_by(EpochRow.epoch))]


def test_an_equal_search_succeeds_without_training_and_says_the_same(fleet: Fleet) -> None:
    first = fleet.submit(**FINALS)
    assert len(work_off(fleet)) == 3 + 2
    second = fleet.submit(**FINALS, name="again")
    assert work_off(fleet) == []
    assert fleet.search(second).state == "succeeded"
    assert states(fleet, second) == ["cached"] * 3
    for ours, theirs in zip(fleet.trials(second), fleet.trials(first), strict=True):
        for name in ("key", "accuracy", "ci_low", "seeds", "test_accuracy", "best_epoch", "latency_ms", "diagnosis"):
            assert getattr(ours, name) == getattr(theirs, name), name
        assert (ours.standing, ours.finalist, ours.ties) == (theirs.standing, theirs.finalist, theirs.ties)
        assert ours.cached_from == f"{first}/{theirs.number}/0"
        assert (ours.attempts, ours.device_seconds, ours.compile_seconds, ours.programs_compiled) == (0, 0, 0, 0)
    assert places(fleet, second) == [f"{first}/{run.number}/{run.seed}" for run in fleet.runs(first)]
    assert fleet.search(second).device_seconds == 0
    assert fleet.search(first).device_seconds == 5 * 2.0


def test_known_networks_are_settled_without_a_worker_and_the_next_one_waits_for_it(fleet: Fleet) -> None:
    fleet.submit(**FINALS)
    work_off(fleet)
    second, longer = fleet.submit(**FINALS), fleet.submit(**FINALS | {"trials": 4})
    settle(fleet.context, [second, longer, "gone"])
    assert fleet.search(second).state == "succeeded"
    row = fleet.search(longer)
    assert (row.state, row.proposed, row.active, row.waiting) == ("running", 3, 0, 0)
    before = fleet.dump()
    settle(fleet.context, [second, longer])
    assert fleet.dump() == before
    assert (fleet.must_lease().search, fleet.trials(longer)[3].state) == (longer, "running")


def test_curves_come_along_and_the_ending_is_told_once(fleet: Fleet) -> None:
    first = fleet.submit(**FINALS)
    work_off(fleet)
    second = fleet.submit(**FINALS)
    work_off(fleet)
    for ours, theirs in zip(fleet.runs(second), fleet.runs(first), strict=True):
        assert epochs(fleet, ours) == epochs(fleet, theirs) != []
        assert ours.result is not None
        assert theirs.result is not None
        assert ours.result["history"] == theirs.result["history"]
        assert ours.diagnosis == theirs.diagnosis is not None
    told = [event for event in fleet.events(second) if event.type.startswith("trial")]
    assert [(event.type, event.data["state"]) for event in told] == [("trial.finished", "cached")] * 5
    assert [event.data["cached_from"] for event in told] == places(fleet, second)
    story = [event.type for event in fleet.events(second) if event.type.startswith("search")]
    assert story == ["search.queued", "search.running", "search.finalizing", "search.succeeded"]


def test_the_document_counts_cached_trials_as_finished(fleet: Fleet) -> None:
    first = fleet.submit(**SHARED)
    work_off(fleet)
    second = fleet.submit(**SHARED | {"trials": 4})
    lease = fleet.must_lease()
    assert (lease.search, lease.number) == (second, 3)
    with fleet.context.read() as session:
        trial = rows.get(session, second, 2)
        document = documents.trial_detail(trial, rows.detail(session, trial.id))
        front = board.page(
            session, board.on_front(session, board.Selection(second), ["macs"]), sort=None, after=None, limit=9
        )
    assert (document["state"], document["reason"]) == ("cached", "trained-before")
    assert document["cached_from"] == document["runs"][0]["cached_from"] == f"{first}/2/0"
    assert document["runs"][0]["attempts"] == []
    assert len(document["runs"][0]["history"]) == 2
    assert 2 in [row.number for row in front]
    row = fleet.search(second)
    assert (row.proposed, row.active, row.waiting) == (4, 1, 0)


def test_nobody_is_served_the_results_of_others(fleet: Fleet) -> None:
    fleet.submit(**SHARED, owner="ann")
    assert len(work_off(fleet)) == 3
    stranger = fleet.submit(**SHARED, owner="bob")
    assert len(work_off(fleet)) == 3
    assert states(fleet, stranger) == ["completed"] * 3


def test_a_search_may_neither_take_nor_give(fleet: Fleet) -> None:
    alone = fleet.submit(**SHARED | {"reuse": False})
    fleet.submit(**SHARED)
    assert len(work_off(fleet)) == 3 + 3
    fleet.submit(**SHARED | {"reuse": False})
    assert len(work_off(fleet)) == 3
    assert {run.cache_key for run in fleet.runs(alone)} == {None}


def test_another_recipe_or_seed_is_another_training(fleet: Fleet) -> None:
    fleet.submit(**SHARED)
    assert len(work_off(fleet)) == 3
    fleet.submit(**SHARED, recipe={"epochs": 9})
    assert len(work_off(fleet)) == 3
    fleet.submit(**SHARED, seed=1)
    assert len(work_off(fleet)) == 3


def test_searches_with_other_ranges_share_what_they_have_in_common(fleet: Fleet) -> None:
    near = {**SHARED, "trials": 12, "target": {"tolerance": 0.1}}
    first = fleet.submit(**near)
    work_off(fleet)
    second = fleet.submit(**near | {"trials": 16, "space": {"resolution_multiple": 1, "gamma": [1.0, 1.4]}})
    work_off(fleet)
    known = {trial.key for trial in fleet.trials(first)} & {trial.key for trial in fleet.trials(second)}
    assert 1 < len(known) < 16
    assert {trial.key for trial in fleet.trials(second) if trial.state == "cached"} == known


def test_pruned_and_failed_runs_serve_nobody(fleet: Fleet) -> None:
    fleet.submit(**SHARED)
    for outcome in ("pruned", "failed", "infeasible"):
        lease = fleet.must_lease()
        fleet.report(lease, 1, 0.5)
        fleet.finish(lease, 0.5, outcome)
    second = fleet.submit(**SHARED)
    assert [lease.number for lease in work_off(fleet)] == [0, 1, 2]
    assert states(fleet, second) == ["completed"] * 3


def test_a_result_serves_those_who_ask_for_no_more(fleet: Fleet) -> None:
    """Search runs have no test accuracy: a final run on their seed is trained; the other way round it is not."""
    one = {**FINALS, "trials": 1, "finalists": {"count": 1, "seeds": 2}}
    fleet.submit(**one | {"seed": 0})
    assert [(lease.role, lease.seed) for lease in work_off(fleet)] == [("search", 0), ("final", 1), ("final", 2)]
    later = fleet.submit(**one | {"seed": 1})
    assert [(lease.role, lease.seed) for lease in work_off(fleet)] == [("final", 3)]
    search_run = fleet.runs(later)[0]
    assert (search_run.state, search_run.seed) == ("cached", 1)
    assert search_run.result is not None
    assert (search_run.result["test_accuracy"], search_run.result["latency_ms"]) == (None, None)  # not asked for
    sooner = fleet.submit(**one | {"seed": 2**31 - 1})  # its first final run has seed 0, as the first search run had
    assert [(lease.role, lease.seed) for lease in work_off(fleet)] == [("search", 2**31 - 1), ("final", 0)]
    assert [run.state for run in fleet.runs(sooner)] == ["completed", "completed", "cached"]


def test_a_time_that_is_asked_for_must_be_there(fleet: Fleet) -> None:
    fleet.submit(**SHARED)
    work_off(fleet)
    timed = fleet.submit(**SHARED, measure_latency="all")
    while lease := fleet.lease():
        fleet.finish(lease, latency_ms=2.0)
    assert states(fleet, timed) == ["completed"] * 3
    again = fleet.submit(**SHARED, measure_latency="all")
    assert work_off(fleet) == []
    assert [trial.latency_ms for trial in fleet.trials(again)] == [2.0] * 3


def test_seeds_that_are_known_or_trained_elsewhere_are_in_no_pack(fleet: Fleet) -> None:
    one = {"trials": 1, "reuse": True, "finalists": {"count": 1, "seeds": 2}}
    fleet.submit(**one, seed=2)  # its final runs have the seeds 3 and 4
    assert len(work_off(fleet)) == 3
    ours = fleet.submit(**one | {"finalists": {"count": 1, "seeds": 3}}, seed=0)
    train(fleet, fleet.must_lease())
    given = fleet.pack(3)
    assert [lease.seed for lease in given] == [1, 2]  # 3 is known
    theirs = fleet.submit(**one | {"finalists": {"count": 1, "seeds": 4}}, seed=0)
    assert fleet.pack(4, "other") == []  # 1 and 2 are trained, 3 and 4 are known
    for lease in given:
        train(fleet, lease)
    assert fleet.lease() is None
    assert {fleet.search(search).state for search in (ours, theirs)} == {"succeeded"}
    assert [run.state for run in fleet.runs(ours)] == ["completed", "completed", "completed", "cached"]
    assert {run.state for run in fleet.runs(theirs)} == {"cached"}


def test_probes_at_another_phi_are_trained_once_too(fleet: Fleet) -> None:
    wide = {**SHARED, "finalists": {"count": 2, "seeds": 2}, "transfer": {"phi": 1.5, "count": 2, "seeds": 2}}
    first = fleet.submit(**wide)
    assert {lease.role for lease in work_off(fleet)} == {"search", "final", "probe"}
    second = fleet.submit(**wide)
    settle(fleet.context, [second])
    assert fleet.search(second).state == "succeeded"
    assert {(run.role, run.state) for run in fleet.runs(second)} == {
        (role, "cached") for role in ("search", "final", "probe")
    }
    accuracies = [[trial.accuracy for trial in fleet.trials(search)] for search in (first, second)]
    assert accuracies[0] == accuracies[1]


def test_copies_outlive_their_source_and_serve_others(fleet: Fleet) -> None:
    first = fleet.submit(**FINALS)
    work_off(fleet)
    second = fleet.submit(**FINALS)
    work_off(fleet)
    before = [(run.result, run.accuracy, epochs(fleet, run)) for run in fleet.runs(second)]
    fleet.remove(first)
    assert [(run.result, run.accuracy, epochs(fleet, run)) for run in fleet.runs(second)] == before
    third = fleet.submit(**FINALS)
    assert work_off(fleet) == []
    assert [(run.result, run.accuracy, epochs(fleet, run)) for run in fleet.runs(third)] == before
    assert places(fleet, third) == places(fleet, second)
    assert all(place.startswith(first) for place in places(fleet, third) if place)


def test_who_wants_the_same_waits_and_takes_it_over(fleet: Fleet) -> None:
    first, second = submit(fleet, 2)
    lease = fleet.must_lease("a")
    assert fleet.lease("b") is None
    (waiting,) = fleet.runs(second)
    assert (waiting.state, waiting.attempts, fleet.search(second).waiting) == ("queued", 0, 1)
    train(fleet, lease)
    assert fleet.lease("b") is None
    assert (states(fleet, first), states(fleet, second)) == (["completed"], ["cached"])
    assert fleet.search(second).state == "succeeded"


def test_waiting_is_no_work_to_ask_for(fleet: Fleet) -> None:
    """A worker that asks and asks changes nothing while an equal training goes on."""
    submit(fleet, 2)
    fleet.must_lease("a")
    assert fleet.lease("b") is None
    before = fleet.dump()
    with fleet.context.read() as session:
        assert searches.claimable(session) == []
    assert fleet.lease("b") is None
    assert fleet.dump() == before


def test_meanwhile_a_search_goes_on_with_others(fleet: Fleet) -> None:
    submit(fleet, 1)
    lease = fleet.must_lease("a")
    second = fleet.submit(**SHARED | {"trials": 2, "parallelism": 2})
    other = fleet.must_lease("b")
    assert (other.search, other.number) == (second, 1)
    train(fleet, other)
    train(fleet, lease)
    assert work_off(fleet) == []
    assert states(fleet, second) == ["cached", "completed"]


def test_when_the_first_comes_to_nothing_the_next_trains(fleet: Fleet) -> None:
    for end in ("failed", "pruned", "cancel", "expire", "drain"):
        first, second, third = submit(fleet, 3, owner=end)
        lease = fleet.must_lease("a")
        assert fleet.lease("b") is None, end
        if end == "cancel":
            fleet.change(first, "cancel")
        elif end == "expire":
            fleet.context.clock.advance(31)  # type: ignore[union-attr]
            fleet.context.sweep()
            fleet.change(first, "pause")
        elif end == "drain":
            fleet.change(first, "pause")
            fleet.release(lease, "drain")
        else:
            fleet.finish(lease, 0.5, end)
        lease = fleet.must_lease("b")
        assert lease.search == second, end
        assert fleet.lease("a") is None, end
        train(fleet, lease)
        assert fleet.lease("a") is None, end
        assert (states(fleet, second), states(fleet, third)) == (["completed"], ["cached"]), end
        if fleet.search(first).state == "paused":
            fleet.change(first, "resume")
            assert fleet.lease("a") is None, end
            assert states(fleet, first) == ["cached"], end
            assert fleet.trials(first)[0].attempts == 1


def test_a_run_that_had_begun_here_forgets_what_it_had(fleet: Fleet) -> None:
    """Its own epochs and checkpoints make way for those of the training that was finished first."""
    (first,) = submit(fleet, 1)
    lease = fleet.must_lease("a")
    fleet.report(lease, 1, 0.3)
    fleet.release(lease, "drain")
    fleet.change(first, "pause")
    (second,) = submit(fleet, 1)
    train(fleet, fleet.must_lease("a"))
    fleet.change(first, "resume")
    assert work_off(fleet) == []
    (ours,), (theirs,) = fleet.runs(first), fleet.runs(second)
    assert (ours.state, theirs.state) == ("cached", "completed")
    assert epochs(fleet, ours) == epochs(fleet, theirs)


def test_a_copy_says_nothing_of_who_else_was_trained_with_the_original(fleet: Fleet) -> None:
    fleet.submit(**FINALS | {"trials": 1})
    train(fleet, fleet.must_lease())
    for lease in fleet.pack(2):
        fleet.finish(lease, packed=2, test_accuracy=0.8, latency_ms=1.5)
    search = fleet.submit(**FINALS | {"trials": 1})
    assert fleet.lease() is None
    assert states(fleet, search) == ["cached"]
    assert [run.result["packed"] for run in fleet.runs(search)] == [1, 1, 1]  # type: ignore[index]
