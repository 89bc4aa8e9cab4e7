"""What a search that has ended answers: which network to take, whether scaling helped, and what would tell more.

One decision, made here, is what the search document, its family, exports and the page speak of.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from models.wording import counted, percent
from search.results import controls, leaderboard, racing
from search.results.chance import Chance, chance
from search.results.controls import Compared
from search.results.importance import Importance
from search.results.leaderboard import COMPLETED, REPLICATED, coefficients_text, standing
from search.results.statistics import Difference, seeds_to_tell
from search.results.trial_records import TrialRecord, shown_accuracy
from search.space.controls import words
from search.spec.spec import SearchSpec

Kind = Literal["nothing_learnt", "no_gain", "undecided", "single_candidate", "tied", "clear"]
NOTHING_CHOSEN = ("nothing_learnt", "no_gain")
COST_WORDS = {"macs": "MACs", "params": "parameters", "latency_ms": "time"}
METRIC_WORDS = {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy", "macro_f1": "macro F1"}
MOST_SEEDS = 100  # of one finalist, as a specification allows


@dataclass(frozen=True, slots=True)
class Advice:
    """A change of the specification that would help: the field as a JSON pointer, its value, and why."""

    pointer: str
    value: Any
    message: str

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {"pointer": self.pointer, "value": self.value, "message": self.message}


@dataclass(frozen=True, slots=True)
class Pick:
    """The network that a decision names and the most accurate one, with all that ties with the latter."""

    chosen: TrialRecord
    most_accurate: TrialRecord
    candidates: tuple[TrialRecord, ...]  # the most accurate and its ties, best first
    ties: Mapping[int, bool]  # as `leaderboard.ties` says


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The answer. `pick` stands also where nothing is recommended; `chosen` is then None."""

    kind: Kind
    sentence: str
    pick: Pick | None
    compared: tuple[Compared, ...] = ()
    advice: tuple[Advice, ...] = ()

    @property
    def chosen(self) -> int | None:
        """Number of the recommended trial; None where none is."""
        return None if self.pick is None or self.kind in NOTHING_CHOSEN else self.pick.chosen.number

    @property
    def gain(self) -> Difference | None:
        """What the picked network gains over the unscaled baseline."""
        return next((each.difference for each in self.compared if each.control.name == "baseline"), None)

    def document(self) -> dict[str, Any]:
        """The contract's `conclusion` (section 5); points are hundredths of accuracy."""
        pick, gain = self.pick, self.gain
        return {
            "kind": self.kind,
            "sentence": self.sentence,
            "chosen": self.chosen,
            "keep_baseline": self.kind == "no_gain",
            "most_accurate": None if pick is None else pick.most_accurate.number,
            "ties": [] if pick is None else [trial.number for trial in pick.candidates if trial is not pick.chosen],
            "gain": None if gain is None else {"over": "baseline", **points(gain)},
            "advice": [advice.document() for advice in self.advice],
        }


def points(difference: Difference) -> dict[str, Any]:
    """A difference of accuracies in points, hundredths, with its interval.

    >>> points(Difference(0.018, 0.006, 0.03, 0.01, 5))
    {'points': 1.8, 'ci95': [0.6, 3.0]}
    """
    mean, low, high = (round(value, 6) for value in _in_points(difference))
    return {"points": mean, "ci95": [low, high]}


def pick(spec: SearchSpec, trials: Sequence[TrialRecord]) -> Pick | None:
    """The decision of a spec over its trials; None where none was trained to the end.

    `cheapest_tie` takes, of the most accurate and what ties with it, the one with the least of the target's cost, then
    with the fewest parameters, then with the fewest MACs. Without finals nothing is known to tie.
    """
    best = min(trials, key=leaderboard.place, default=None)
    if best is None or standing(best) > COMPLETED:
        return None
    plan = racing.rounds(spec)
    ties = leaderboard.ties(trials, quantum=plan.quantum, plan=plan)
    candidates = (best, *(trial for trial in leaderboard.rank(trials) if ties.get(trial.number)))
    chosen = min(candidates, key=lambda trial: _price(spec, trial)) if spec.decision == "cheapest_tie" else best
    return Pick(chosen, best, candidates, ties)


def conclude(spec: SearchSpec, trials: Sequence[TrialRecord], importance: Importance | None = None) -> Conclusion:
    """The conclusion of a search that has ended; `importance` of its coefficients, where it is to be told."""
    found = pick(spec, trials)
    if found is None:
        return _nothing_trained(spec, trials)
    compared = controls.compare(spec, trials, found.chosen, len(found.candidates))
    whole = Conclusion("clear", "", found, compared)
    score, level = shown_accuracy(found.most_accurate.runs), chance(spec.metric, spec.data)
    if score is not None and not level.surpassed(score):
        return _nothing_learnt(spec, whole, score, level)
    gain = whole.gain
    lead = _lead(spec, found, trials)
    if gain is not None and spec.ratio >= 1:
        if gain.high < spec.minimum_gain:
            return replace(whole, kind="no_gain", sentence=_no_gain(spec, whole, gain), advice=_by_cost(spec))
        if gain.low <= 0:
            seeds, more = _more(spec, gain)
            rest = " ".join([lead, *_against_simple_choices(spec, found, compared)])
            sentence = f"Whether scaling helps is undecided: {_gains(found, gain)} {seeds} {rest}"
            return replace(whole, kind="undecided", sentence=sentence, advice=more)
    advice: tuple[Advice, ...] = ()
    kind: Kind = "tied" if len(found.candidates) > 1 else "clear"
    if standing(found.most_accurate) == COMPLETED:
        kind, advice = _of_single_runs(spec, trials)
    elif not found.ties:
        kind = "single_candidate"
    texts = [lead]
    if gain is not None:
        texts.append(f"It {gain_text(gain)} over the unscaled baseline.")
    texts += _against_simple_choices(spec, found, compared)
    if importance is not None:
        texts.append(f"{importance.conclusion[0].upper()}{importance.conclusion[1:]}.")
    sentence = " ".join(texts)
    return replace(whole, kind=kind, sentence=sentence, advice=advice)


def cost_name(spec: SearchSpec, trial: TrialRecord) -> str:
    """The cost that decides among equals: the target's, or MACs where that is nominal or was not measured."""
    return spec.target.metric if spec.target.metric in trial.costs else "macs"


def _price(spec: SearchSpec, trial: TrialRecord) -> tuple[float, ...]:
    costs = (trial.costs.get(name, math.inf) for name in (cost_name(spec, trial), "params", "macs"))
    return *costs, trial.number


def _nothing_trained(spec: SearchSpec, trials: Sequence[TrialRecord]) -> Conclusion:
    diverged = [trial for trial in trials if trial.state == "infeasible"]
    if trials and len(diverged) == len(trials):
        sentence = f"Nothing was learned: {counted(len(trials), 'trial')}, and all diverged or had no memory."
        rate = spec.recipe.learning_rate / 10
        advice = Advice("/recipe/learning_rate", rate, "a smaller learning rate diverges less")
        return Conclusion("nothing_learnt", sentence, None, advice=(advice,))
    return Conclusion("nothing_learnt", "No trial was trained to the end: there is nothing to compare.", None)


def _nothing_learnt(spec: SearchSpec, whole: Conclusion, score: float, level: Chance) -> Conclusion:
    reached = f"{percent(score, 1)} {METRIC_WORDS[spec.metric]}"
    sentence = f"Nothing was learned yet: the best network reaches {reached} and {level.sentence}."
    longer = Advice("/recipe/epochs", 4 * spec.recipe.epochs, "more steps to learn in")
    advice: tuple[Advice, ...] = (longer,)
    if spec.metric == "accuracy" and level.level > 2 / spec.data.classes:
        other = "it counts rare classes as much as common ones"
        advice = (Advice("/metric", "balanced_accuracy", other), longer)
    return replace(whole, kind="nothing_learnt", sentence=sentence, advice=advice)


def _no_gain(spec: SearchSpec, whole: Conclusion, gain: Difference) -> str:
    baseline = next(each.trial for each in whole.compared if each.control.name == "baseline")
    if whole.pick is None or baseline is None:
        raise AssertionError("a gain is of a chosen network over a trained baseline")
    metric = cost_name(spec, whole.pick.chosen)
    cost = whole.pick.chosen.costs[metric] / baseline.costs[metric]
    gains = _gains(whole.pick, gain).removesuffix(".")
    return (
        f"Do not scale: {cost:.2f} times the {COST_WORDS.get(metric, metric)}, not better. {gains}, surely less than "
        f"the {100 * spec.minimum_gain:g} points that matter: keep the baseline."
    )


def _by_cost(spec: SearchSpec) -> tuple[Advice, ...]:
    """Where more of the same cost does not help, a smaller network may do as well."""
    if spec.ratio > 1 and spec.target.value is None and spec.target.at_most is None:
        return (Advice("/target/ratio", 1.0, "the same cost, better balanced: a search at the baseline's own cost"),)
    return ()


def _gains(found: Pick, gain: Difference) -> str:
    name = coefficients_text(found.chosen.coefficients)
    return f"{name} gains {interval_text(gain)} over the unscaled baseline."


def _more(spec: SearchSpec, gain: Difference) -> tuple[str, tuple[Advice, ...]]:
    """How many seeds would tell, as a sentence and as advice."""
    aim = max(gain.mean, spec.minimum_gain - gain.mean)
    wanted = seeds_to_tell(gain, aim, most=MOST_SEEDS)
    if wanted is None:
        return f"More than {MOST_SEEDS} seeds would be needed to tell: more validation images help.", ()
    pointer = "/finalists/max_seeds" if spec.finalists.max_seeds else "/finalists/seeds"
    text = f"About {wanted} seeds instead of {gain.seeds} would tell."
    return text, (Advice(pointer, wanted, f"the interval of the gain is then about {200 * aim:.2g} points wide"),)


def _lead(spec: SearchSpec, found: Pick, trials: Sequence[TrialRecord]) -> str:
    """Which network, and what is known of its rivals."""
    best, chosen = found.most_accurate, found.chosen
    if chosen is best or standing(best) > REPLICATED:
        plan = racing.rounds(spec)
        return leaderboard.statement(trials, quantum=plan.quantum, plan=plan)
    metric = cost_name(spec, chosen)
    saved = 1 - chosen.costs[metric] / best.costs[metric] if metric in best.costs else 0.0
    shown = [shown_accuracy(trial.runs) or 0.0 for trial in (chosen, best)]
    name = COST_WORDS.get(metric, metric)
    return (
        f"{coefficients_text(chosen.coefficients)} is the cheapest of {len(found.candidates)} networks that cannot be "
        f"told apart at 95 %: {percent(saved, 1)} less {name} and {100 * (shown[1] - shown[0]):.2f} points less "
        f"accurate than the most accurate, trial {best.number}."
    )


def _of_single_runs(spec: SearchSpec, trials: Sequence[TrialRecord]) -> tuple[Kind, tuple[Advice, ...]]:
    """Without finals: the only trial, or several on one seed, of which nothing is known but their order."""
    if sum(standing(trial) == COMPLETED for trial in trials) == 1:
        return "single_candidate", ()
    count = min(3, spec.trials)
    return "undecided", (Advice("/finalists/count", count, "finals on common seeds tell trials apart"),)


def _against_simple_choices(spec: SearchSpec, found: Pick, compared: Sequence[Compared]) -> list[str]:
    """Whether the network beats the simple choices of its cost."""
    texts = []
    others = [each for each in compared if each.control.name != "baseline" and each.difference is not None]
    beaten = [each for each in others if each.difference and each.difference.low > 0]
    better = [each for each in others if each.difference and each.difference.high < 0]
    level = [each for each in others if each not in beaten and each not in better]
    if beaten:
        texts.append(f"It beats {_listed(spec, beaten)} at the same cost.")
    if better:
        texts.append(f"It is worse than {_listed(spec, better)}: take that instead.")
    if level:
        texts.append(f"It cannot be told apart from {_listed(spec, level, 'or')}.")
    same = [each for each in compared if each.trial is found.chosen and each.control.name != "baseline"]
    if same:
        texts.append(f"It is the same network as {_listed(spec, same)}.")
    return texts


def _listed(spec: SearchSpec, rows: Sequence[Compared], last: str = "and") -> str:
    named = [words(spec, each.control.name) for each in rows]
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} {last} {named[-1]}"


def gain_text(gain: Difference) -> str:
    """As "gains 1.8 points (95 %: 0.6 to 3.0)", "loses …", or "gains …, which may be nothing,"."""
    if gain.low > 0:
        return f"gains {interval_text(gain)}"
    if gain.high < 0:
        return f"loses {interval_text(Difference(-gain.mean, -gain.high, -gain.low, gain.p_value, gain.seeds))}"
    return f"gains {interval_text(gain)}, which may be nothing,"


def interval_text(difference: Difference) -> str:
    """A difference in points with its interval.

    >>> interval_text(Difference(0.018, 0.006, 0.03, 0.01, 5))
    '1.8 points (95 %: 0.6 to 3.0)'
    """
    mean, low, high = _in_points(difference)
    return f"{mean:.1f} points (95 %: {low:.1f} to {high:.1f})"


def _in_points(difference: Difference) -> tuple[float, float, float]:
    """Mean and ends in points. Accuracies are fractions: an interval beyond 100 points says no more than one within."""
    return 100 * difference.mean, 100 * max(-1.0, difference.low), 100 * min(1.0, difference.high)
