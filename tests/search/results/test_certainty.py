"""What is said at 95 % holds in 95 % of simulated searches: on made-up noise, where the truth is known."""

import numpy as np
import pytest

from search.results.statistics import chosen_interval, t_interval
from tests.search.simulated import noisy, raced, winners_hold

RACES = 2000  # a share of 0.95 is then known to one point (two standard errors)
NOISE = (0.0015, 0.003, 0.006)  # standard deviation over seeds; 0.15 to 0.3 points are usual
FIELDS = [
    [0.95, 0.95],
    [0.95, 0.95, 0.95],
    [0.95] * 8,
    [0.95, 0.947],
    [0.95, 0.947, 0.944, 0.94, 0.93],
    [0.95, 0.945, 0.945, 0.945],
    [0.95, 0.94, 0.94, 0.94, 0.94],
]
LOOKS = [(5, 5), (3, 10), (5, 12)]
NEAR = 0.003  # points that nobody minds: 0.3 of a hundred


@pytest.mark.parametrize("seeds", [2, 3, 5, 12])
@pytest.mark.parametrize("noise", NOISE)
def test_the_interval_of_a_mean_holds(seeds: int, noise: float) -> None:
    values = noisy([0.9], noise, noise / 2, seeds, 1500, seed=seeds)[:, 0].tolist()
    found = [t_interval(each) or (0.0, 0.0) for each in values]
    assert 0.93 <= np.mean([low <= 0.9 <= high for low, high in found]) <= 0.97


@pytest.mark.parametrize("compared", [2, 3, 8])
def test_the_interval_of_the_highest_mean_holds_where_that_of_a_single_one_does_not(compared: int) -> None:
    values = noisy([0.9] * compared, 0.003, 0, 5, 1200, seed=compared)
    highest = values[np.arange(len(values)), values.mean(axis=2).argmax(axis=1)].tolist()
    found = [chosen_interval(each, compared) or (0.0, 0.0) for each in highest]
    assert 0.93 <= np.mean([low <= 0.9 <= high for low, high in found]) <= 0.97
    if compared == 8:
        naive = [t_interval(each) or (0.0, 0.0) for each in highest]
        assert np.mean([low <= 0.9 <= high for low, high in naive]) < 0.88


@pytest.mark.parametrize("means", FIELDS)
@pytest.mark.parametrize(("first", "last"), LOOKS)
def test_the_true_best_is_among_the_ties_and_the_winners_interval_holds(
    means: list[float], first: int, last: int
) -> None:
    for noise in NOISE:
        values = noisy(means, noise, noise / 2, last, RACES)
        found = raced(values, first)
        assert found.inside[:, 0].mean() >= 0.95, noise
        assert 0.93 <= winners_hold(values, found, means) <= 0.97, noise


def test_networks_that_differ_in_noise_change_none_of_that() -> None:
    """A noisy one comes first more often than it deserves: its interval knows its own noise."""
    for means in ([0.95] * 4, [0.95, 0.95, 0.947, 0.94]):
        for noise in ([0.001, 0.002, 0.004, 0.008], [0.008, 0.001, 0.001, 0.001]):
            values = noisy(means, noise, 0.001, 10, RACES)
            found = raced(values, 4)
            assert found.inside[:, 0].mean() >= 0.95
            assert 0.93 <= winners_hold(values, found, means) <= 0.98  # the noisiest is nearly the only one that wins


@pytest.mark.parametrize("means", [field for field in FIELDS if len(set(field)) > 1])
@pytest.mark.parametrize(("first", "last"), [(3, 10), (5, 12)])
def test_a_race_names_a_good_network_as_often_as_fixed_replication_and_with_fewer_runs(
    means: list[float], first: int, last: int
) -> None:
    """Good is within 0.3 points of the best. Where noise hides all differences, a race costs what replication does."""
    for noise in NOISE:
        values = noisy(means, noise, noise / 2, last, RACES)
        race, fixed = raced(values, first), raced(values, last)
        hits = [np.mean(np.array(means)[found.winner] >= means[0] - NEAR) for found in (race, fixed)]
        assert hits[0] >= hits[1] - 0.005, noise
        assert race.used.sum() < fixed.used.sum(), noise
        if max(means[1:]) < means[0] - 2 * noise:
            assert race.used.sum() < 0.85 * fixed.used.sum(), noise


def test_comparing_at_every_look_as_if_it_were_the_only_one_would_err_too_often() -> None:
    """Why the error is spent over the looks: eight looks at 5 % each told two equal networks apart in one of seven."""
    values = noisy([0.95, 0.95], 0.003, 0, 12, RACES)
    wrong = np.zeros(RACES, np.bool_)
    for count in range(5, 13):
        wrong |= ~raced(values[:, :, :count], count).inside.all(axis=1)
    assert wrong.mean() > 0.12
    assert (~raced(values, 5).inside.all(axis=1)).mean() < 0.05


@pytest.mark.parametrize("compared", [1, 3])
def test_equal_seeds_are_no_certainty_when_accuracies_are_counts_of_images(compared: int) -> None:
    """360 images and little noise: often all seeds are right on the same number of them."""
    quantum, right = 1 / 360, 0.95 + 0.4 / 360
    values = np.round(noisy([right] * compared, 0.001, 0, 3, 1200) / quantum) * quantum
    truth = (np.round(noisy([right], 0.001, 0, 1, 100_000) / quantum) * quantum).mean()
    highest = values[np.arange(len(values)), values.mean(axis=2).argmax(axis=1)].tolist()
    rounded = [chosen_interval(each, compared, quantum=quantum) or (0.0, 0.0) for each in highest]
    assert np.mean([low <= truth <= high for low, high in rounded]) >= 0.93
    plain = [t_interval(each) or (0.0, 0.0) for each in highest]
    assert np.mean([low <= truth <= high for low, high in plain]) < 0.9
