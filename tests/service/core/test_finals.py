"""Races of finalists, and the test split that only a winner is shown on, over the rows of both databases."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from search.results.leaderboard import LEADING, REPLICATED
from search.results.racing import final_seeds
from search.spec.spec import SearchSpec
from service.api.app import create_app
from service.api.context import build_context
from service.api.routes.searches import show_all
from tests.service.fleet import SPEC, Fleet, Lease

RACE: dict[str, Any] = {"trials": 4, "finalists": {"count": 3, "seeds": 3, "max_seeds": 6}, "seed": 7}
MEANS = {0: 0.80, 1: 0.90, 2: 0.91, 3: 0.50}  # trial 3 is no finalist, 0 is clearly worse, 1 and 2 are close
NOISE = (0.002, -0.003, 0.001, 0.004, -0.002, 0.003)


def accuracy(lease: Lease, seeds: tuple[int, ...]) -> float:
    """Of a final run: its trial's mean, and what its seed does to it, another thing for each trial."""
    at = seeds.index(lease.seed)
    return MEANS[lease.number] + NOISE[(at + 2 * lease.number) % len(NOISE)] * (1 + lease.number)


def begin(fleet: Fleet, **changes: Any) -> tuple[str, tuple[int, ...]]:
    """A search up to its finals, and all seeds of those."""
    search = fleet.submit(**{**RACE, **changes})
    for _ in MEANS:
        lease = fleet.must_lease()
        fleet.finish(lease, MEANS[lease.number])
    return search, final_seeds(SearchSpec.model_validate({**SPEC, **RACE, **changes}))


def progress(fleet: Fleet, search: str) -> dict[str, Any]:
    """The search's document."""
    with fleet.context.read() as session:
        return show_all(session, fleet.context, [fleet.search(search)])[0]


def test_a_race_gives_more_seeds_to_those_not_told_apart(fleet: Fleet) -> None:
    search, seeds = begin(fleet)
    trained: dict[int, list[int]] = {0: [], 1: [], 2: []}
    shares = [progress(fleet, search)["progress"]]
    while lease := fleet.lease():
        assert lease.role == "final"
        assert fleet.search(search).state == "finalizing"
        trained[lease.number].append(lease.seed)
        fleet.finish(lease, accuracy(lease, seeds), test_accuracy=0.9)
        shares.append(progress(fleet, search)["progress"])
    assert fleet.search(search).state == "succeeded"
    assert {number: tuple(found) for number, found in trained.items()} == {0: seeds[:3], 1: seeds, 2: seeds}
    assert shares == sorted(shares)
    assert progress(fleet, search)["runs"] == {"planned": 4 + 15, "finished": 4 + 15}
    rows = fleet.trials(search)
    assert [row.standing for row in rows[:3]] == [REPLICATED, LEADING, LEADING]
    assert [row.ties for row in rows[:3]] == [False, True, None]
    rounds = [event.data for event in fleet.events(search) if event.type == "finals.round"]
    assert [(each["seeds"], each["inside"], each["left"]) for each in rounds] == [
        (count, [1, 2], [0]) for count in (4, 5, 6, 6)
    ]
    states = [event.type for event in fleet.events(search)]
    assert states.count("search.finalizing") == states.count("search.succeeded") == 1


def test_a_race_goes_on_across_a_restart_and_a_pause_as_if_nothing_had_been(fleet: Fleet) -> None:
    outcomes = []
    for broken in (False, True):
        search, seeds = begin(fleet, name=str(broken))
        driver = fleet
        for step in range(100):
            if broken and step % 6 == 4:  # in the first round, and in a later one
                driver = Fleet(build_context(fleet.context.settings, fleet.context.clock))
                driver.change(search, "pause")
                assert driver.lease() is None
                driver.change(search, "resume")
            lease = driver.lease()
            if lease is None:
                break
            driver.finish(lease, accuracy(lease, seeds))
            if driver is not fleet:
                driver.context.engine.dispose()
                driver = fleet
        assert fleet.search(search).state == "succeeded"
        outcomes.append([(row.number, row.seeds, row.accuracy, row.ties) for row in fleet.trials(search)])
    assert outcomes[0] == outcomes[1]


def test_no_further_round_is_begun_once_the_device_time_is_spent(fleet: Fleet) -> None:
    search, seeds = begin(fleet, max_device_seconds=27.0)  # 2 s each: four trials and the first nine finals take 26 s
    count = 0
    while lease := fleet.lease():
        fleet.finish(lease, accuracy(lease, seeds))
        count += 1
    assert count == 9 + 2
    assert fleet.search(search).state == "succeeded"
    assert [row.ties for row in fleet.trials(search)[:3]] == [False, True, None]


@pytest.mark.parametrize("race", [None, 6])
def test_only_the_winner_is_shown_on_the_test_split_and_only_at_the_end(fleet: Fleet, race: int | None) -> None:
    search, seeds = begin(fleet, finalists={"count": 3, "seeds": 3, "max_seeds": race})
    with TestClient(create_app(fleet.context), base_url="http://127.0.0.1") as client:

        def shown() -> dict[int, Any]:
            """What the trials and their runs show, by number; nothing where they show none."""
            found = {}
            for trial in client.get(f"/v1/searches/{search}/trials").json()["items"]:
                detail = client.get(f"/v1/searches/{search}/trials/{trial['number']}").json()
                assert detail["test_accuracy"] == trial["test_accuracy"]
                of_runs = [run["test_accuracy"] for run in detail["runs"] if run["test_accuracy"] is not None]
                if of_runs or trial["test_accuracy"] is not None:
                    found[trial["number"]] = trial["test_accuracy"], len(of_runs)
            return found

        while lease := fleet.lease():
            assert lease.number != 1 or shown() == {}
            fleet.finish(lease, accuracy(lease, seeds), test_accuracy=0.7 + lease.number / 10)
        assert shown() == {2: (pytest.approx(0.9), race or 3)}
        board = f"/v1/searches/{search}/leaderboard"
        for query in ({"sort": "test_accuracy"}, {"sort": "-test_accuracy"}, {"where": "test_accuracy > 0.5"}):
            assert client.get(board, params=query).status_code == 422
        config = client.get(f"/v1/searches/{search}/export").json()
        assert config["evidence"]["test_accuracy"] == pytest.approx(0.9)
        assert {trial["test_accuracy"] for trial in config["ties"]} <= {None}


def half_widths(fleet: Fleet, search: str) -> list[float]:
    """Of the intervals of the finalists 0 to 2, in standard errors."""
    found = []
    for row in fleet.trials(search)[:3]:
        values = [run.accuracy for run in fleet.runs(search) if run.number == row.number and run.role == "final"]
        known = [value for value in values if value is not None]
        mean = sum(known) / 3
        error = (sum((value - mean) ** 2 for value in known) / 2 / 3) ** 0.5
        assert row.ci_high is not None
        found.append((row.ci_high - mean) / error)
    return found


def test_intervals_are_made_for_the_best_of_those_that_it_was_chosen_among(fleet: Fleet) -> None:
    """Of all finalists as long as the finals last, then of those that tie with it. t of two degrees."""
    search, seeds = begin(fleet, finalists={"count": 3, "seeds": 3}, transfer={"phi": 1.5, "count": 2, "seeds": 2})
    while lease := fleet.lease():
        if lease.role == "probe" and fleet.search(search).state != "succeeded":
            assert half_widths(fleet, search) == pytest.approx([5.3386] * 3, rel=1e-3)  # 5 % / 3 a tail
        fleet.finish(lease, 0.9 if lease.role == "probe" else accuracy(lease, seeds))
    assert fleet.search(search).state == "succeeded"
    assert [row.ties for row in fleet.trials(search)[:3]] == [False, True, None]
    assert half_widths(fleet, search) == pytest.approx([5.3386, 4.3027, 4.3027], rel=1e-3)  # 5 % / 2 a tail
