"""Proposals as the service makes them: from few columns, waiting for results that count, warm from earlier searches."""

import random
from typing import Any

import pytest
from sqlalchemy import event

from search.errors import InvalidSpec
from search.proposals import history, study
from search.space import catalogue
from service.core import proposals
from service.store import outcomes, trials
from service.store.searches import spec_of
from tests.service.core.test_fidelity import train
from tests.service.fleet import Fleet, Lease

LEARNS: dict[str, Any] = {"name": "tpe", "startup_trials": 2, "window": 3}


def end(fleet: Fleet, lease: Lease) -> None:
    """Some are pruned, some fail, most complete: by trial number alone."""
    outcome = ("completed", "completed", "pruned", "failed", "completed")[lease.number % 5]
    accuracy = round(0.5 + (lease.number * 7919 % 100) / 250, 4)
    fleet.report(lease, 1, accuracy)
    fleet.finish(lease, None if outcome == "failed" else accuracy, outcome)


def keys(fleet: Fleet, search: str) -> list[str]:
    return [trial.key for trial in fleet.trials(search)]


def work_off(fleet: Fleet, workers: int, order: int) -> None:
    """Train all there is with so many workers, whose trials end in any order."""
    chance, held = random.Random(order), dict[str, Lease]()
    while True:
        for worker in (f"w{at}" for at in range(workers)):
            if worker not in held and (lease := fleet.lease(worker)):
                held[worker] = lease
        if not held:
            return
        end(fleet, held.pop(chance.choice(sorted(held))))


@pytest.mark.parametrize("sampler", ["tpe", "gp"])
def test_any_number_of_workers_trains_the_same_networks(fleet: Fleet, sampler: str) -> None:
    found = []
    for workers in (1, 4, 7):
        search = fleet.submit(trials=14, sampler={**LEARNS, "name": sampler}, parallelism=workers)
        work_off(fleet, workers, workers)
        assert fleet.search(search).state == "succeeded"
        found.append(keys(fleet, search))
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("pruner", ["asha", "curve"])
def test_with_pruning_the_same_networks_come_to_the_same_ends(fleet: Fleet, pruner: str) -> None:
    """Trials wait at rungs for each other, proposals wait for trials: nobody waits for ever, and all is as it was."""
    chosen = {"sampler": LEARNS, "pruner": {"name": pruner, "min_epochs": 1, "reduction_factor": 2}}
    found = []
    for workers in (1, 3, 8):
        search, _ = train(fleet, workers, random.Random(workers), **chosen)
        found.append([(trial.key, trial.state, trial.epochs, trial.accuracy) for trial in fleet.trials(search)])
    assert found[0] == found[1] == found[2]
    assert {state for _, state, *_ in found[0]} == {"completed", "pruned", "failed"}


def test_a_proposal_waits_for_the_results_that_count_and_for_no_others(fleet: Fleet) -> None:
    fleet.submit(trials=20, sampler=LEARNS, parallelism=20)
    held = [fleet.must_lease(f"w{number}") for number in range(3)]  # 0 and 1 start; 2 looks at results up to -1
    assert fleet.lease("next") is None
    end(fleet, held[2])
    assert fleet.lease("next") is None
    end(fleet, held[0])
    assert fleet.must_lease("next").number == 3
    assert fleet.lease("other") is None


@pytest.mark.parametrize("sampler", ["random", "qmc", "grid"])
def test_a_sampler_that_uses_no_results_waits_for_nobody(fleet: Fleet, sampler: str) -> None:
    fleet.submit(trials=9, sampler={"name": sampler, "window": 1}, parallelism=9)
    assert [fleet.must_lease(f"w{number}").number for number in range(9)] == list(range(9))


@pytest.mark.parametrize("sampler", ["tpe", "gp", "nsga2"])
def test_columns_say_what_whole_records_say(fleet: Fleet, sampler: str) -> None:
    search = fleet.submit(trials=24, sampler={**LEARNS, "name": sampler})
    work_off(fleet, 3, 0)
    with fleet.context.read() as session:
        row = fleet.search(search)
        spec = spec_of(row)
        records = trials.records(session, search)
        for number in (5, 12, 24):
            asked = study.propose(spec, catalogue.of(spec), records, number)
            assert proposals.network(session, row, spec, number) == asked
        assert outcomes.unsettled(session, search) == []


def test_a_proposal_reads_trials_once_and_no_run(fleet: Fleet) -> None:
    search = fleet.submit(trials=9, sampler=LEARNS)
    work_off(fleet, 1, 0)
    row = fleet.search(search)
    heard: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        heard.append(statement)

    event.listen(fleet.context.engine, "before_cursor_execute", note)
    with fleet.context.read() as session:
        proposals.network(session, row, spec_of(row), 9)
    event.remove(fleet.context.engine, "before_cursor_execute", note)
    read = [statement for statement in heard if "_trials" in statement or "_runs" in statement]
    assert len(read) == 1
    assert "_runs" not in read[0]


def test_earlier_searches_become_known_results_of_a_new_one(fleet: Fleet) -> None:
    first = fleet.submit(trials=10)
    work_off(fleet, 1, 0)
    finished = [trial for trial in fleet.trials(first) if trial.state == "completed"]
    known = {"alpha": 1.0, "beta": 1.0, "gamma": 1.3, "accuracy": 0.4}
    second = fleet.submit(trials=4, warm_start={"searches": [first], "trials": [known]})
    stored = fleet.search(second).spec["warm_start"]
    assert stored["searches"] == []
    assert stored["trials"] == [
        known,
        *({"alpha": t.alpha, "beta": t.beta, "gamma": t.gamma, "accuracy": t.accuracy} for t in finished),
    ]
    fleet.change(second, "cancel")
    fleet.remove(first)
    again = fleet.submit(trials=4, warm_start=stored)
    work_off(fleet, 1, 0)
    assert fleet.search(again).state == "succeeded"
    assert not {trial.key for trial in fleet.trials(again)[1:]} & {trial.key for trial in finished}


def test_a_search_of_somebody_else_is_none(fleet: Fleet) -> None:
    theirs = fleet.submit(owner="somebody else")
    for named in (theirs, "s_none"):
        with pytest.raises(InvalidSpec, match=f"there is no search '{named}', or it is not yours") as caught:
            fleet.submit(warm_start={"searches": [named]})
        assert caught.value.pointer == "/warm_start/searches/0"


def test_enqueued_networks_are_trained_first(fleet: Fleet) -> None:
    first = fleet.submit(trials=6)
    work_off(fleet, 1, 0)
    wanted = fleet.trials(first)[3:6]
    enqueue = [{"alpha": trial.alpha, "beta": trial.beta, "gamma": trial.gamma} for trial in wanted]
    second = fleet.submit(trials=5, seed=9, warm_start={"enqueue": enqueue})
    work_off(fleet, 2, 0)
    assert [trial.key for trial in fleet.trials(second)[1:4]] == [trial.key for trial in wanted]


@pytest.mark.parametrize("sampler", ["tpe", "gp"])
def test_the_default_search_of_twelve_learns_from_what_it_saw_at_any_parallelism(fleet: Fleet, sampler: str) -> None:
    found = []
    for workers in (1, 4, 16):
        search, _ = train(fleet, workers, random.Random(workers), trials=12, sampler={"name": sampler})
        found.append(keys(fleet, search))
    assert found[0] == found[1] == found[2]
    with fleet.context.read() as session:
        spec, rows = spec_of(fleet.search(search)), outcomes.outcomes(session, search)
    space = catalogue.of(spec)
    worst_is_best = [row._replace(accuracy=None if row.accuracy is None else 1 - row.accuracy) for row in rows]
    seen, other = (history.build(spec, space, each) for each in (rows, worst_is_best))
    assert all(len(seen.before(number).observations) >= 3 for number in range(8, 12))
    proposed = [[study.propose(spec, space, each, number) for number in range(8, 12)] for each in (seen, other)]
    assert proposed[0] != proposed[1]  # results decide
