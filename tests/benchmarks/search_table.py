"""What a search needs until it names a good network, on a catalogue that was trained as a whole: nothing is trained.

`tests/benchmarks/recorded/shapes.csv` holds every feasible network of a small spec, trained with several seeds. A
simulated search is told what was recorded, with a seed drawn for each training. Good is a network within half a point
of the best, by the mean over all seeds; the figure is the budget within which nine simulated searches in ten name one.
Ours names the winner after its finals, and is given all lengths from 4 trials on; rivals name the highest single value
so far. Coefficients that miss the target's real cost are known before training and cost rivals nothing; their alpha
comes in steps of 0.05, without which they would never draw the alpha = 1 that the best networks of this table have.

A lucky seed misleads whoever names the highest single value, the more so the longer it goes on: a rival that never gets
there counts with what it had spent when it was stopped, and the ratio is a lower bound. Where ours does not get there,
there is none. Ratios are the middle and the ends of a 95 % bootstrap interval over simulated searches.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite, isinf

from tests.benchmarks import ours_on_table, table
from tests.benchmarks.figures import Figure, Plan, Skipped
from tests.benchmarks.oracle import Oracle, Trail, good
from tests.benchmarks.rivals import table_search
from tests.benchmarks.table import Table
from tests.benchmarks.to_target import compared, means, most_spent, spent_to_target, success
from tests.benchmarks.volume import missed

TRAININGS = (8, 16, 32)  # budgets of the comparison with two objectives, in whole trainings
RUNS = 20  # simulated searches of each method
UNITS = {"trainings": "trainings begun", "epochs": "epochs", "compute": "whole trainings' compute"}
RIVALS: Mapping[str, table_search.Rival] = {
    "Optuna's TPE with the constraint": table_search.tpe,
    "Optuna's NSGA-II with the constraint": table_search.nsga2,
    "random": table_search.random,
    "Hyperband": table_search.hyperband,
    "the paper's grid, step 0.05": table_search.grid,
}
# ROADMAP: TPE as scripts use it takes three times as many evaluations, the paper's grid eight times the compute
GOALS = {("Optuna's TPE with the constraint", "trainings"): 3.0, ("the paper's grid, step 0.05", "compute"): 8.0}


def figures(plan: Plan) -> Iterator[Figure | Skipped]:
    """Against each rival: trainings, epochs, compute; then fronts of two objectives."""
    recorded = table.read()
    if len(recorded.seeds) < 2:
        yield Skipped("searches on the recorded table", "it has fewer than two complete seeds")
        return
    fine = good(recorded)
    between, within = (100 * spread for spread in recorded.spreads)
    about = (
        f"The table: {len(recorded.catalogue.feasible)} networks x {len(recorded.seeds)} seeds, {len(fine)} are good; "
        f"means differ by {between:.2f} points (standard deviation), seeds of one network by {within:.2f}. {RUNS} runs."
    )
    yield from _to_target(recorded, about)
    yield from _volumes(recorded)


def _to_target(recorded: Table, about: str) -> Iterator[Figure | Skipped]:
    fine = good(recorded)
    ours = [ours_on_table.trail(recorded, run) for run in range(RUNS)]
    for name, rival in RIVALS.items():
        theirs = [rival(Oracle(recorded, run)) for run in range(RUNS)]
        spent = [f"{most_spent(trails, 'trainings'):.0f}" for trails in (ours, theirs)]
        label = f"searches that end without a good one, ours after {spent[0]} trainings and theirs after {spent[1]}"
        mine, other = means(_bad(ours, fine), _bad(theirs, fine))
        yield Figure(label, "%", mine, name, other, note=about)
        for what, unit in UNITS.items():
            title = f"{what} until nine searches in ten name a good one"
            if not isfinite(spent_to_target(ours, fine, what)):
                end = f"ours ends with a good one in {success(ours, fine):.0%}, theirs in {success(theirs, fine):.0%}"
                yield Skipped(f"{title}, against {name}", f"{end}: never nine in ten")
                continue
            never = isinf(spent_to_target(theirs, fine, what))
            mine, other = compared(ours, theirs, fine, what)
            versus = f"{name}{', which never got there' if never else ''}"
            yield Figure(title, unit, mine, versus, other, least=GOALS.get((name, what)), note=about)


def _bad(trails: Sequence[Trail], fine: frozenset[int]) -> list[float]:
    """Per run, 100 where it ends without a good network."""
    return [100.0 * (trail[-1].named not in fine) for trail in trails]


def _volumes(recorded: Table) -> Iterator[Figure]:
    epochs = recorded.spec.recipe.epochs
    budgets = [trainings * epochs for trainings in TRAININGS]
    sides: list[list[list[float]]] = [[], []]
    for run in range(RUNS):
        mine = ours_on_table.fronts(recorded, run, objectives=["accuracy", "params"])
        theirs = table_search.nsga2_fronts(Oracle(recorded, run))
        for side, fronts in zip(sides, (mine, theirs), strict=True):
            side.append([100 * share for share in missed(recorded, fronts, budgets)])
    for at, trainings in enumerate(TRAININGS):
        ours, other = means(*([shares[at] for shares in side] for side in sides))
        name = f"share of the front's volume (accuracy, parameters) missed after the epochs of {trainings} trainings"
        yield Figure(name, "%", ours, "Optuna's NSGA-II with the constraint, which does not prune", other)
