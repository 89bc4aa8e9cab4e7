import pytest

from models.training.measurements import Measured
from search.results.diagnosis import Diagnosis
from search.results.trial_records import RunRecord, TrialSummary, summarise
from tests.search.records import final_run, search_run, trial


def test_nothing_run_is_nothing_known() -> None:
    assert summarise(()) == TrialSummary(None, None, 0, None, None, None, None, None, None, 0, 0.0)


def test_a_search_run_has_no_interval() -> None:
    run = RunRecord(
        0, "search", "completed", 0.9, train_accuracy=0.97, best_accuracy=0.92, best_epoch=3, epochs=8, device_seconds=4
    )
    found = summarise((run,))
    assert (found.accuracy, found.ci95, found.seeds) == (0.9, None, 1)
    assert (found.best_accuracy, found.best_epoch, found.epochs) == (0.92, 3, 8)
    assert found.generalization_gap == pytest.approx(0.07)


def test_finals_replace_the_run_that_selected_them() -> None:
    runs = (
        search_run(accuracy=0.99, device_seconds=2.0),
        final_run(1, 0.90, test_accuracy=0.88, train_accuracy=0.95, best_accuracy=0.91, best_epoch=6, device_seconds=3),
        final_run(2, 0.92, test_accuracy=0.90, train_accuracy=0.97, best_accuracy=0.93, best_epoch=7, device_seconds=3),
        final_run(3, 0.94, test_accuracy=0.92, train_accuracy=0.99, best_accuracy=0.95, best_epoch=8, device_seconds=3),
        final_run(4, None, "failed", device_seconds=1),
    )
    found = summarise(runs)
    assert found.accuracy == pytest.approx(0.92)
    assert found.ci95 == pytest.approx((0.8703, 0.9697), abs=1e-4)
    assert (found.seeds, found.best_epoch) == (3, 7)
    assert found.test_accuracy == pytest.approx(0.90)
    assert found.generalization_gap == pytest.approx(0.05)
    assert found.device_seconds == 12.0


def test_what_was_measured_is_of_the_last_run_that_was_trained_to_the_end_and_of_final_ones_first() -> None:
    search, *finals = (Measured(images_per_second=float(speed)) for speed in range(1, 4))
    chosen = search_run(accuracy=0.99, measured=search)
    pair = [final_run(seed, 0.9, measured=measured) for seed, measured in enumerate(finals, 1)]
    broken = final_run(3, None, "failed", measured=Measured(9.0))
    assert summarise((chosen,)).measured == search
    assert summarise((*reversed(pair), chosen, broken)).measured == finals[-1]
    assert summarise((search_run("pruned", None, measured=search),)).measured == Measured()


def test_an_interval_of_fractions_ends_at_one() -> None:
    found = summarise((final_run(1, 1.0), final_run(2, 0.98)))
    assert found.ci95 is not None
    assert found.ci95[0] > 0
    assert found.ci95[1] == 1.0


def test_one_final_run_counts_and_has_no_interval() -> None:
    found = summarise((search_run(accuracy=0.99), final_run(1, 0.9), final_run(2, None, "failed")))
    assert (found.accuracy, found.ci95, found.seeds) == (0.9, None, 1)


def test_failed_finals_leave_the_search_run() -> None:
    assert summarise((search_run(accuracy=0.9), final_run(1, None, "failed"))).accuracy == 0.9


def test_a_pruned_run_shows_its_last_epoch_and_a_running_one_nothing() -> None:
    assert summarise((search_run("pruned", None, history=(0.3, 0.5)),)).accuracy == 0.5
    assert summarise((search_run("running", None, history=(0.3, 0.5)),)).accuracy is None


@pytest.mark.parametrize("state", ["pruned", "failed", "running"])
def test_only_a_finished_trial_has_a_search_accuracy(state: str) -> None:
    assert trial(0, state, 0.7).search_accuracy is None
    assert trial(0, "completed", 0.7).search_accuracy == trial(0, "cached", 0.7).search_accuracy == 0.7


def test_last_and_best_are_both_told_and_the_gap_is_of_the_last() -> None:
    run = search_run(accuracy=0.92, last_accuracy=0.9, best_accuracy=0.92, best_epoch=3, train_accuracy=0.97)
    found = summarise((run, final_run(1, None, "failed")))
    assert (found.accuracy, found.last_accuracy, found.best_accuracy, found.best_epoch) == (0.92, 0.9, 0.92, 3)
    assert found.generalization_gap == pytest.approx(0.07)


def test_one_training_that_ran_out_of_patience_is_told() -> None:
    finals = (final_run(1, 0.9, stopped_early=True), final_run(2, 0.92))
    assert summarise((search_run(), *finals)).stopped_early
    assert not summarise((search_run(stopped_early=True), final_run(2, 0.92))).stopped_early


def test_the_diagnosis_is_of_the_runs_that_are_shown_or_of_those_there_are() -> None:
    fits, wild = (Diagnosis(label, "because", {}) for label in ("fits", "diverged"))  # type: ignore[arg-type]
    assert summarise((search_run(diagnosis=wild), final_run(1, 0.9, diagnosis=fits))).diagnosis == fits
    assert summarise((search_run("infeasible", None, diagnosis=wild),)).diagnosis == wild
