"""The answer of a search: one decision, of six kinds, and sentences that are wrong as seldom as they claim."""

import random

import pytest

from search.results.conclusion import Conclusion, conclude, pick
from search.results.controls import trial_of
from search.results.importance import Importance
from search.results.trial_records import RunRecord, TrialRecord
from search.space import controls as choices
from tests.search.records import WIDE, final_run, search_run, spec, trial

SEEDS = 5
ASKED = spec(**WIDE, controls=True, finalists={"count": 3, "seeds": SEEDS})
IMAGES = ASKED.data.validation


def rounded(value: float) -> float:
    """As counted on the validation images."""
    return min(IMAGES, max(0, round(value * IMAGES))) / IMAGES


def finalist(number: int, values: list[float], macs: float = 1000.0) -> TrialRecord:
    runs = (search_run(accuracy=0.9), *(final_run(seed, value) for seed, value in enumerate(values, 1)))
    return trial(number, finals=values, runs=runs, costs={"macs": macs, "params": 10.0 * macs})


def control(number: int, name: str, values: list[float]) -> TrialRecord:
    found = next(each for each in choices.of(ASKED) if each.name == name)
    assert found.identity is not None
    runs = tuple(RunRecord(seed, "control", "completed", value) for seed, value in enumerate(values, 1))
    costs = {"macs": 500.0 if name == "baseline" else 1000.0, "params": 1.0}
    return TrialRecord(number, "completed", found.identity, trial(1).coefficients, False, False, runs, costs)


def around(mean: float, *, spread: float = 0.001) -> list[float]:
    return [mean + spread * step for step in (-2, -1, 0, 1, 2)]


def test_a_gain_that_is_sure() -> None:
    trials = [finalist(0, around(0.95)), finalist(1, around(0.90)), control(2, "baseline", around(0.90, spread=-0.001))]
    found = conclude(ASKED, trials)
    assert (found.kind, found.chosen) == ("clear", 0)
    assert "It gains 5.0 points (95 %: " in found.sentence
    document = found.document()
    assert document["gain"]["over"] == "baseline"
    assert document["gain"]["points"] == pytest.approx(5.0)
    assert document["gain"]["ci95"][0] > 0
    assert document["keep_baseline"] is False


def test_no_gain_chooses_nothing_and_says_it_first() -> None:
    trials = [finalist(0, around(0.90)), finalist(1, around(0.85)), control(2, "baseline", around(0.93))]
    found = conclude(ASKED, trials)
    assert (found.kind, found.chosen) == ("no_gain", None)
    assert found.document()["keep_baseline"] is True
    assert found.document()["most_accurate"] == 0
    assert found.sentence.startswith("Do not scale: 2.00 times the MACs, not better.")
    assert found.pick is not None
    assert found.advice[0].pointer == "/target/ratio"


def test_a_small_gain_for_sure_is_no_gain_either() -> None:
    asked = spec(**WIDE, controls=True, finalists={"count": 3, "seeds": SEEDS}, minimum_gain=0.2)
    trials = [finalist(0, around(0.95)), finalist(1, around(0.90)), control(2, "baseline", around(0.90))]
    assert conclude(asked, trials).kind == "no_gain"


def test_undecided_says_how_many_seeds_would_tell() -> None:
    noisy = [0.89, 0.93, 0.90, 0.94, 0.91]
    trials = [finalist(0, noisy), finalist(1, around(0.80)), control(2, "baseline", around(0.905))]
    found = conclude(ASKED, trials)
    assert (found.kind, found.chosen) == ("undecided", 0)
    assert found.sentence.startswith("Whether scaling helps is undecided: ")
    (advice,) = found.advice
    assert advice.pointer == "/finalists/seeds"
    assert SEEDS < advice.value <= 100
    assert f"About {advice.value} seeds instead of {SEEDS} would tell." in found.sentence


def test_the_cheapest_of_a_tie_is_named_with_its_price() -> None:
    trials = [finalist(0, around(0.902), macs=1100.0), finalist(1, around(0.901, spread=-0.001), macs=1000.0)]
    found = conclude(ASKED, trials)
    assert (found.kind, found.chosen) == ("tied", 1)
    assert found.document()["most_accurate"] == 0
    assert found.document()["ties"] == [0]
    assert "9.1 % less MACs and 0.10 points less accurate than the most accurate, trial 0" in found.sentence
    most = spec(**WIDE, controls=True, finalists={"count": 3, "seeds": SEEDS}, decision="most_accurate")
    assert conclude(most, trials).chosen == 0


def test_fewer_parameters_decide_between_equal_costs() -> None:
    first, second = finalist(0, around(0.9)), finalist(1, around(0.9))
    second.costs["params"] = 1.0  # type: ignore[index]
    found = pick(ASKED, [first, second])
    assert found is not None
    assert found.chosen is second


def test_what_beats_and_what_cannot_be_told_apart() -> None:
    trials = [
        finalist(0, around(0.95)),
        finalist(1, around(0.90)),
        control(2, "baseline", around(0.90)),
        control(3, "depth", around(0.92)),
        control(4, "resolution", [0.94, 0.96, 0.95, 0.93, 0.97]),
        control(5, "width", around(0.97)),
    ]
    found = conclude(ASKED, trials)
    assert "It beats making the network deeper alone at the same cost." in found.sentence
    assert "It cannot be told apart from making the images larger alone." in found.sentence
    assert "It is worse than making it wider alone: take that instead." in found.sentence


def test_a_search_whose_winner_guesses_says_so_and_no_more() -> None:
    guessing = [trial(0, accuracy=0.11), trial(1, accuracy=0.12)]
    found = conclude(ASKED, guessing)
    assert (found.kind, found.chosen) == ("nothing_learnt", None)
    assert found.sentence.startswith(
        "Nothing was learned yet: the best network reaches 12.0 % accuracy and is not surely above the commonest class "
        "alone, which reaches "
    )
    assert found.advice[0].pointer == "/recipe/epochs"
    assert conclude(ASKED, [trial(0, accuracy=0.6)]).kind == "single_candidate"


def test_a_search_in_which_everything_diverged() -> None:
    found = conclude(ASKED, [trial(number, "infeasible", None) for number in range(3)])
    assert (found.kind, found.pick) == ("nothing_learnt", None)
    assert found.sentence == "Nothing was learned: 3 trials, and all diverged or had no memory."
    assert found.advice[0].value == pytest.approx(ASKED.recipe.learning_rate / 10)


@pytest.mark.parametrize("trials", [[], [trial(0, "failed", None), trial(1, "infeasible", None)]])
def test_nothing_was_trained_to_the_end(trials: list[TrialRecord]) -> None:
    found = conclude(ASKED, trials)
    assert found.kind == "nothing_learnt"
    assert "nothing to compare" in found.sentence


def test_one_network_alone_and_several_on_one_seed() -> None:
    assert conclude(ASKED, [finalist(0, around(0.9))]).kind == "single_candidate"
    found = conclude(spec(finalists={"count": 0}), [trial(0, accuracy=0.8), trial(1, accuracy=0.9)])
    assert (found.kind, found.chosen) == ("undecided", 1)
    assert found.advice[0].pointer == "/finalists/count"


def test_equal_networks_tie() -> None:
    same = [0.9] * SEEDS
    found = conclude(ASKED, [finalist(0, same), finalist(1, same), finalist(2, same)])
    assert (found.kind, found.document()["ties"]) == ("tied", [1, 2])


def test_the_sentence_ends_with_what_matters() -> None:
    known = Importance(12, 0.5, None, None, None, "gamma", "")
    trials = [finalist(0, around(0.95)), finalist(1, around(0.90))]
    assert conclude(ASKED, trials, known).sentence.endswith(" Gamma matters most.")


def simulated(chance: random.Random, gain: float) -> Conclusion:
    """Three finalists whose true accuracy is `gain` above the baseline's, with noise of seeds and of images."""
    level, noise = chance.uniform(0.6, 0.95), chance.uniform(0.001, 0.02)
    common = [chance.gauss(0, noise / 2) for _ in range(SEEDS)]

    def runs(mean: float, spread: float) -> list[float]:
        return [rounded(mean + shared + chance.gauss(0, spread)) for shared in common]

    trials = [finalist(number, runs(level + gain, noise), 1000.0 + number) for number in range(3)]
    trials.append(control(3, "baseline", runs(level, 2 * noise)))
    trials += [control(4 + at, name, runs(level + gain, noise)) for at, name in enumerate(("depth", "width", "equal"))]
    return conclude(ASKED, trials)


def test_sentences_are_wrong_in_at_most_five_percent() -> None:
    """2,000 searches without a gain, whose baseline is noisier than its rivals; seeds have something in common."""
    chance = random.Random(0)
    wrong = gains = 0
    for _ in range(2000):
        found = simulated(chance, 0.0)
        assert found.pick is not None
        gained = found.gain is not None and found.gain.low > 0
        beaten = " beats " in found.sentence or "is worse than" in found.sentence
        gains += gained
        wrong += gained or beaten or found.gain is None or found.gain.high < 0
    assert gains / 2000 <= 0.025  # half of the error is for the baseline, one side of it for a gain
    assert wrong / 2000 <= 0.05


def test_a_gain_that_is_there_is_found() -> None:
    chance = random.Random(1)
    found = [simulated(chance, 0.1) for _ in range(100)]
    assert sum(each.gain is not None and each.gain.low > 0 for each in found) >= 90


def test_trials_of_controls_are_found_by_their_network() -> None:
    baseline = control(7, "baseline", around(0.9))
    found = next(each for each in choices.of(ASKED) if each.name == "baseline")
    assert trial_of(found, [finalist(0, around(0.9)), baseline]) is baseline
