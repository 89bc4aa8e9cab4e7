import random
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.scaling.coefficients import Coefficients
from search.results.importance import AXES, FEWEST, importance
from search.results.trial_records import TrialRecord
from search.space import catalogue
from tests.search.records import TRIALS, WIDE, spec, trial

# every network within 10 % of twice the cost, in the order of the catalogue: real surfaces, where the three are bound
NANO = catalogue.of(spec(**WIDE)).feasible
B0 = catalogue.of(spec(baseline="efficientnet-b0")).feasible
SPREAD = 0.003  # of an accuracy, from seed to seed


def searched(
    space: tuple[catalogue.Candidate, ...], weights: tuple[float, float, float], count: int, seed: int
) -> list[TrialRecord]:
    """Trials whose accuracies grow with logarithms of coefficients, three times as much as seeds let them vary."""
    chance = np.random.RandomState(seed)
    chosen = [space[at] for at in chance.permutation(len(space))[:count]]
    logs = np.array([[log(each) for each in _three(candidate.coefficients)] for candidate in chosen])
    effect = logs @ np.array(weights)
    effect = effect / effect.std() if effect.std() > 0 else effect
    accuracies = 0.9 + SPREAD * (3 * effect + chance.standard_normal(count))
    pairs = zip(accuracies.tolist(), chosen, strict=True)
    return [trial(number, accuracy=accuracy, candidate=each) for number, (accuracy, each) in enumerate(pairs)]


def _three(coefficients: Coefficients) -> tuple[float, float, float]:
    return coefficients.alpha, coefficients.beta, coefficients.gamma


@pytest.mark.parametrize(("most", "weights"), [("alpha", (1, 0, 0)), ("gamma", (0, 0, 1))])
def test_the_coefficient_that_the_accuracies_follow_is_named(most: str, weights: tuple[float, float, float]) -> None:
    found = [importance(searched(B0, weights, 32, seed)) for seed in range(12)]
    assert sum(each.most == most for each in found) >= 10
    assert not any(each.most not in (most, None) for each in found)
    for each in found:
        assert each.explained is not None
        assert 0.6 < each.explained < 1  # true: nine tenths
        assert most in each.message


def test_noise_says_nothing() -> None:
    """A chance of 5 % to say something, and next to none to name a coefficient."""
    found = [importance(searched(NANO, (0, 0, 0), 24, seed)) for seed in range(60)]
    assert sum(each.explained is not None for each in found) <= 7  # more than that has a probability below 2 %
    assert sum(each.most is not None for each in found) <= 1
    silent = next(each for each in found if each.explained is None)
    assert (silent.alpha, silent.beta, silent.gamma, silent.most) == (None, None, None, None)
    assert silent.message == "the coefficients explain no more of the accuracies of 24 trials than chance would"
    assert silent.conclusion == "which coefficient matters cannot be said"


def test_two_that_matter_alike_are_not_ranked() -> None:
    found = [importance(searched(B0, (1, 0, -1), 24, seed)) for seed in range(6)]
    assert [each.most for each in found].count(None) >= 5
    assert all(each.conclusion == "which coefficient matters most cannot be said" for each in found if not each.most)


@settings(max_examples=10)
@given(st.integers(FEWEST, 30), st.integers(0, 1000), st.randoms(use_true_random=False))
def test_shares_add_up_lie_in_their_intervals_and_do_not_depend_on_the_order(
    count: int, seed: int, chance: random.Random
) -> None:
    trials = searched(NANO, (1, 1, 0), count, seed)
    found = importance(trials)
    assert importance(chance.sample(trials, count)) == found
    if found.explained is None:
        return
    shares = [getattr(found, name) for name in AXES]
    assert sum(each.share for each in shares) == pytest.approx(found.explained, abs=2e-4)
    for each in shares:
        assert 0 <= each.ci95[0] <= each.ci95[1] <= 1


@given(TRIALS)
def test_any_trials_have_an_answer(trials: list[TrialRecord]) -> None:
    found = importance(trials)
    assert found.trials == sum(each.search_accuracy is not None for each in trials)
    assert found.document()["message"] == found.message


def test_too_few_trials_or_equal_accuracies_say_nothing() -> None:
    few = importance([trial(number) for number in range(FEWEST - 1)])
    assert few.message == "9 trials were trained to the end, and it takes 10"
    assert importance([trial(number) for number in range(FEWEST)]).message == "all trials have the same accuracy"


def test_a_coefficient_that_is_held_has_no_share() -> None:
    trials = [trial(number, accuracy=0.8 + number / 100) for number in range(12)]  # only alpha varies in these
    found = importance(trials)
    assert found.most == "alpha"
    assert (found.beta, found.gamma) == (type(found.beta)(0.0, (0.0, 0.0)),) * 2
