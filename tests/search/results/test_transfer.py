from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from models.scaling.cost import cost
from search.planning import lifecycle
from search.planning.lifecycle import Probe, Succeed, Wait, next_step
from search.results import leaderboard, transfer
from search.results.trial_records import TrialRecord, aside_state, summarise
from search.space import catalogue
from search.space.solved_family import searched_family
from search.spec.spec import SearchSpec
from tests.search.records import WIDE, final_run, probe_run, search_run, spec, trial

ASKED = spec(
    **WIDE, trials=4, finalists={"count": 3, "seeds": 2}, transfer={"phi": 2.0, "count": 2, "seeds": 2}, seed=10
)
FEASIBLE = catalogue.of(ASKED).feasible


def asking(transfer: Any, **fields: Any) -> SearchSpec:
    """`ASKED` with another probe."""
    return SearchSpec.model_validate({**ASKED.document(), "transfer": transfer, **fields})


def searched(means: Sequence[float]) -> list[TrialRecord]:
    """Finalists 0, 1, 2 with these final accuracies on the seeds 11 and 12, of networks far from each other."""
    chosen = (FEASIBLE[0], FEASIBLE[len(FEASIBLE) // 2], FEASIBLE[-1], FEASIBLE[5])
    finals = [(search_run(), final_run(11, mean), final_run(12, mean + 0.01)) for mean in means]
    found = [
        trial(number, runs=runs, finalist=True, candidate=candidate)
        for number, (runs, candidate) in enumerate(zip(finals, chosen, strict=False))
    ]
    return [*found, trial(3, candidate=chosen[3])]


def with_probes(asked: SearchSpec, trials: list[TrialRecord], *accuracies: Sequence[float | None]) -> list[TrialRecord]:
    """The probes of the best finalists, in that order, with these accuracies on the probe's seeds."""
    for each, row in zip(transfer.probed(asked, trials), accuracies, strict=True):
        shape = each.network
        runs = tuple(
            probe_run(seed, value, "completed" if value is not None else "running")
            for seed, value in enumerate(row, start=11)
        )
        probe = trial(len(trials), aside_state(runs), runs=runs)
        identity = shape.depths, (shape.stem, *shape.widths, shape.head), shape.resolution
        trials = [*trials, replace(probe, identity=identity)]
    return trials


def test_after_the_finals_come_the_probes_of_the_best_and_then_the_end() -> None:
    trials = searched((0.8, 0.9, 0.85))
    assert next_step(ASKED, 30, trials) == Probe(((1, 11), (1, 12), (2, 11), (2, 12)))
    begun = with_probes(ASKED, trials, (0.9, None), (0.9, 0.9))
    assert next_step(ASKED, 30, begun) == Wait()
    assert next_step(ASKED, 30, with_probes(ASKED, trials, (0.9, 0.8), (0.9, 0.9))) == Succeed()
    assert next_step(asking(None), 30, trials) == Succeed()


def test_no_probe_is_begun_once_the_device_time_is_spent_and_one_that_is_begun_goes_on() -> None:
    limited = asking({"phi": 2.0, "count": 2, "seeds": 2}, max_device_seconds=1.0)
    trials = searched((0.8, 0.9, 0.85))
    spent = [replace(trials[0], runs=(search_run(device_seconds=2.0), *trials[0].runs[1:])), *trials[1:]]
    assert next_step(limited, 30, spent) == Succeed()
    assert next_step(limited, 30, with_probes(limited, spent, (0.9, None), (0.9, 0.9))) == Wait()


def test_one_replicated_finalist_is_no_ranking() -> None:
    alone = searched((0.8,))
    assert transfer.probed(ASKED, alone) == []
    assert next_step(ASKED, 30, alone) == Succeed()


def test_the_probes_network_is_the_familys_at_that_phi() -> None:
    best, second = transfer.probed(ASKED, searched((0.8, 0.9, 0.85)))
    assert (best.finalist.number, second.finalist.number) == (1, 2)
    base = cost(ASKED.network.unscaled(ASKED.data.classes)).macs
    for each in (best, second):
        depths, widths, pixels = each.finalist.identity
        own = ASKED.network.build(depths, widths, pixels, classes=ASKED.data.classes)
        rows = searched_family(ASKED.network, each.finalist.coefficients, own, ASKED.document())
        (row,) = (row for row in rows if row["phi"] == 2)
        assert (row["depths"], row["resolution"]) == (list(each.network.depths), each.network.resolution)
        assert cost(each.network).macs / base == pytest.approx(4, rel=ASKED.target.tolerance)  # the ratio squared


def test_probes_stand_in_no_rank_and_change_none() -> None:
    trials = searched((0.8, 0.9, 0.85))
    more = with_probes(ASKED, trials, (0.99, 0.99), (0.99, 0.99))
    assert [each.number for each in leaderboard.rank(more)] == [1, 2, 0, 3, 4, 5]
    assert leaderboard.standing(more[-1]) == leaderboard.PROBE
    assert leaderboard.winner(more) == leaderboard.winner(trials)
    assert leaderboard.ties(more) == leaderboard.ties(trials)
    assert summarise(more[-1].runs).accuracy == pytest.approx(0.99)
    shared = replace(trials[0], runs=(*trials[0].runs, probe_run(11, 0.1)))
    assert summarise(shared.runs).accuracy == summarise(trials[0].runs).accuracy


@pytest.mark.parametrize(
    ("probes", "transfers", "said"),
    [
        (((0.95, 0.95), (0.90, 0.90)), True, "At phi 2 trial 1's coefficients lead as well; Kendall's tau-b of 2"),
        (((0.80, 0.81), (0.90, 0.91)), False, "The winner does not transfer: at phi 2 trial 2's coefficients are"),
        (
            ((0.80, 0.91), (0.90, 0.85)),
            None,
            "At phi 2 trial 2's coefficients lead, but are not significantly better than the",
        ),
    ],
)
def test_what_is_said_of_a_probe(probes: Any, transfers: bool | None, said: str) -> None:
    found = transfer.document(ASKED, with_probes(ASKED, searched((0.8, 0.9, 0.85)), *probes))
    assert found is not None
    assert found["transfers"] is transfers
    assert found["message"].startswith(said)
    assert found["tau_b"] == (1 if transfers else -1)
    assert [row["number"] for row in found["networks"]] == [1, 2]


def test_nothing_is_said_before_all_probes_are_over_or_where_one_failed() -> None:
    trials = searched((0.8, 0.9, 0.85))
    for more in (trials, with_probes(ASKED, trials, (0.9, None), (0.9, 0.9))):
        found = transfer.document(ASKED, more)
        assert found is not None
        assert (found["tau_b"], found["transfers"], found["message"]) == (None, None, None)
    failed = with_probes(ASKED, trials, (0.9, 0.9), (0.9, 0.9))
    failed[-1] = replace(failed[-1], runs=(probe_run(11, None, "failed"), probe_run(12, None, "failed")))
    assert next_step(ASKED, 30, failed) == Succeed()
    assert (transfer.document(ASKED, failed) or {})["message"] is None
    assert transfer.document(spec(), trials) is None


def test_the_states_of_a_probe() -> None:
    assert aside_state([probe_run(1, None, "queued"), probe_run(2, None, "queued")]) == "queued"
    assert aside_state([probe_run(1, 0.9), probe_run(2, None, "queued")]) == "running"
    assert aside_state([probe_run(1, 0.9), probe_run(2, None, "failed")]) == "completed"
    assert aside_state([probe_run(1, None, "failed"), probe_run(2, None, "quarantined")]) == "quarantined"


def test_probes_share_the_seeds_of_the_finals() -> None:
    assert lifecycle.common_seeds(ASKED, 2) == lifecycle.final_seeds(ASKED) == (11, 12)
