"""What the benchmark of rungs computes, on curves that are made up: nothing is trained."""

import numpy as np
import pytest

from search.spec.spec import SearchSpec
from tests.benchmarks import rungs
from tests.benchmarks.figures import Figure
from tests.benchmarks.page import section
from tests.benchmarks.rungs import PRUNERS, Replay, Trained, correlations, regret

EPOCHS, NETWORKS = 8, 9
SPEC = SearchSpec.model_validate({"dataset": "digits", "baseline": "efficientnet-nano"})
RISING = np.linspace(0.1, 0.9, EPOCHS)[None, None, :] * np.linspace(0.5, 1.0, NETWORKS)[:, None, None]
PREDICTED = np.repeat(RISING, 2, axis=1)  # (networks, seeds, epochs): who leads leads from the first epoch on
MISLED = np.concatenate([PREDICTED[::-1, :, :6], PREDICTED[:, :, 6:]], axis=2)  # who leads at the rungs ends last


def test_a_rung_that_predicts_the_end_correlates_with_it() -> None:
    assert correlations(PREDICTED, PREDICTED) == [[1.0, 1.0]] * EPOCHS
    assert correlations(MISLED, MISLED)[5] == [-1.0, -1.0]
    assert correlations(np.zeros_like(PREDICTED), PREDICTED)[0] == [0.0, 0.0]


@pytest.mark.parametrize("pruner", PRUNERS)
def test_regret_is_what_pruning_by_such_curves_loses(pruner: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rungs, "ORDERS", 5)
    monkeypatch.setattr(rungs, "CURVE_ORDERS", 2)
    truth = PREDICTED[:, 0, -1]
    missed, spent = regret(SPEC, pruner, PREDICTED, truth)
    assert missed == pytest.approx(0.0)
    assert spent == 1.0 if pruner == "none" else 0.2 < spent < 1.0
    if pruner in ("asha", "median"):
        assert regret(SPEC, pruner, MISLED, truth)[0] > 1.0


def test_a_replay_trains_no_epoch_twice_and_stops_whom_the_search_would() -> None:
    changed = {"pruner": {"name": "asha"}, "trials": 3, "finalists": {"count": 0}}
    asked = SearchSpec.model_validate({**SPEC.document(), **changed})
    done = Replay(asked, [[rate * epoch for epoch in range(1, 9)] for rate in (0.01, 0.1, 0.05)])
    assert {number: entrant.epoch for number, entrant in done.entrants.items()} == {0: 2, 1: 8, 2: 2}
    assert (done.winner, done.spent) == (1, 12)


def test_figures_that_are_no_times_have_no_ratio() -> None:
    found = Trained("made up", SPEC, {"settled": PREDICTED, "published": MISLED})
    figures = list(rungs._correlations(found))
    assert [figure.ours for figure in figures] == [[1.0, 1.0]] * 4
    assert not any(figure.ratios for figure in figures)
    assert "| 1 tau-b | published statistics |" in section("rungs", "", figures)
    assert Figure("other", "s", [2.0], "them", [4.0]).ratios == [2.0]
