"""What a search needs until it names a good network, on a catalogue that was trained as a whole: nothing is trained.

`tests/benchmarks/recorded/shapes.csv` holds every feasible network of a small spec, and every other one that some
coefficients give whose product alpha beta^2 gamma^2 meets the target, trained with several seeds. A simulated search is
told what was recorded, with a seed drawn for each training. Good is a network that meets the target's real cost and is
within half a point of the best of these, by the mean over all seeds; the figure is the budget within which nine
simulated searches in ten name one.

TPE and the paper's grid come in two kinds: on the product, as they are used, and on the real cost, which spares them
the networks that miss it. On the product networks of any cost are trained, and good ones may be out of reach. What may
not be trained is known before and costs rivals nothing; their alpha comes in steps of 0.05, without which they would
never draw the alpha = 1 that the best networks of this table have. Coefficients do not give each network the same
chance: ours draws networks, each as likely as any other. The grid is trained again with other seeds, and names the
highest mean.

Ours is one spec (`OURS`), chosen on runs 1000 to 1059, while runs from 0 on are reported: the fewest epochs that named
a good network in 14 runs of 15. That share was set after a look at runs 1000 to 1059 (nine in ten there would be too
few elsewhere), before any that is reported. Tried were 22 searches (tpe and gp, 32 to 74 trials, asha of factor 2, 3, 4
or none; random and qmc of all 74 with factor 3), each with 108 finals (3 to 10 finalists; 8 to 30 seeds, or 3 or 5 and
up to 12 to 40). The table was the same, so it suits networks and noise like these. The grid sampler was tried, cost
half as much, and was left out: its order is the same in each run, so that one lucky order would have decided.

Each rival counts twice: as scripts do it, naming the highest single value so far, and with our finals after 32 to 520
trainings, on as many networks and seeds as ours, those off the real cost left out; so sampler and replication can be
told apart. Whoever names the highest single value is misled by lucky seeds, the more so the longer it goes on. A rival
that never gets there counts with what it had spent when it was stopped: the ratio is a lower bound, as high as the
rival was let run. Where ours does not get there, there is none. Ratios are the middle and the ends of a 95 % bootstrap
interval.
"""

import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from math import isfinite, isinf
from statistics import fmean
from typing import Any

from tests.benchmarks import ours_on_table, rivals_on_table
from tests.benchmarks.figures import Figure, Plan, Skipped
from tests.benchmarks.oracle import Oracle, Trail, good
from tests.benchmarks.rivals_on_table import Rival
from tests.benchmarks.table import Table, recorded
from tests.benchmarks.to_target import compared, means, most_spent, spent_to_target, success
from tests.benchmarks.volume import missed

TRAININGS = (8, 16, 32)  # budgets of the comparison with two objectives, in whole trainings
RUNS = 20  # simulated searches of each rival
OURS_RUNS = 40  # of ours, which are cheap: its 36th of 40 is less a matter of chance than an 18th of 20
WORKERS = 2  # processes: the machine that this is taken on has two cores
UNITS = {"trainings": "trainings begun", "epochs": "epochs", "compute": "whole trainings' compute"}
FINALISTS = {"count": 6, "seeds": 5, "max_seeds": 25}  # by the rule above, as is the rest
OURS: Mapping[str, Any] = {
    "sampler": {"name": "gp"},
    "pruner": {"name": "asha", "min_epochs": 2, "reduction_factor": 2},
    "trials": 48,
    "finalists": FINALISTS,
}
UNPRUNED = {**OURS, "pruner": {"name": "none"}}
# ROADMAP: of what ours takes in compute, TPE as scripts use it takes three times as much, the paper's grid eight times
TPE, GRID = 3.0, 8.0
RIVALS: Mapping[str, Rival] = {
    "Optuna's TPE on the product": Rival(rivals_on_table.tpe_on_product, goal=TPE, on_product=True),
    "Optuna's TPE on the real cost": Rival(rivals_on_table.tpe, goal=TPE),
    "Optuna's NSGA-II on the real cost": Rival(rivals_on_table.nsga2),
    "random, on the real cost": Rival(rivals_on_table.random),
    "Hyperband, on the real cost": Rival(rivals_on_table.hyperband),
    "the paper's grid, on the product": Rival(rivals_on_table.grid_on_product, fmean, GRID, on_product=True),
    "the paper's grid, on the real cost": Rival(rivals_on_table.grid, fmean, GRID),
}
TWO = ["accuracy", "params"]
FRONTS: Mapping[str, Mapping[str, Any]] = {
    "effscale": {"objectives": TWO},
    "effscale without pruning": {"objectives": TWO, "pruner": {"name": "none"}},
    "effscale's nsga2": {"objectives": TWO, "sampler": {"name": "nsga2"}},
}


def figures(plan: Plan) -> Iterator[Figure | Skipped]:
    """Against each rival: trainings, epochs, compute; then fronts of two objectives."""
    found = recorded()
    if len(found.seeds) < 2:
        yield Skipped("searches on the recorded table", "it has fewer than two complete seeds")
        return
    # spawned: the other benchmarks' modules bring threads along, which a fork would copy half
    with ProcessPoolExecutor(WORKERS, multiprocessing.get_context("spawn")) as pool:
        each = pool.map
        yield from _to_target(found, each)
        yield from _volumes(each)


def _to_target(found: Table, each: Callable[..., Iterator[Any]]) -> Iterator[Figure | Skipped]:
    fine, about = good(found), _about(found)
    ours, unpruned = (list(each(partial(_ours, changes), range(OURS_RUNS))) for changes in (OURS, UNPRUNED))
    yield from _against(fine, ours, "effscale without pruning", unpruned, about)
    for name, rival in RIVALS.items():
        scripts, replicated = zip(*each(partial(_rival, name), range(RUNS)), strict=True)
        yield from _against(fine, ours, name, scripts, about, rival.goal)
        if rival.on_product:
            yield _off_target(found, ours, name, scripts)
        yield from _against(fine, ours, f"{name}, with our finals", replicated, about)


def _about(found: Table) -> str:
    between, within = (100 * spread for spread in found.spreads)
    highest = found.curves[:, :, -1].max(axis=1)
    most = highest[list(good(found))].max()
    return (
        f"The table: {len(found.catalogue.feasible)} networks x {len(found.seeds)} seeds, {len(good(found))} are good; "
        f"means differ by {between:.2f} points (standard deviation), seeds of one network by {within:.2f}. "
        f"{OURS_RUNS} runs of ours, {RUNS} of each rival. "
        f"A good one was never better than {most:.1%}, {(highest > most).sum()} others were, with a lucky seed, up to "
        f"{highest.max():.1%}: random trainings without end would name one of those by its highest single value."
    )


def _ours(changes: Mapping[str, Any], run: int) -> Trail:
    return ours_on_table.ended(recorded(), run, **changes)


def _rival(name: str, run: int) -> tuple[Trail, Trail]:
    return rivals_on_table.followed(RIVALS[name], FINALISTS, Oracle(recorded(), run))


def _against(
    fine: frozenset[int],
    ours: Sequence[Trail],
    name: str,
    theirs: Sequence[Trail],
    about: str,
    goal: float | None = None,
) -> Iterator[Figure | Skipped]:
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
        versus = f"{name}{', which never got there: it takes more than' if never else ''}"
        yield Figure(title, unit, mine, versus, other, least=goal if what == "compute" else None, note=about)


def _off_target(found: Table, ours: Sequence[Trail], name: str, theirs: Sequence[Trail]) -> Figure:
    base, asked = found.catalogue.baseline_cost.macs, found.spec.ratio

    def off(trails: Sequence[Trail]) -> list[float]:
        named = [found.networks[trail[-1].named] for trail in trails if trail[-1].named is not None]
        return [100 * abs(network.cost.macs / base / asked - 1) for network in named]

    mine, other = means(off(ours), off(theirs))
    return Figure("how far what is named at the end is off the cost that was asked for", "%", mine, name, other)


def _bad(trails: Sequence[Trail], fine: frozenset[int]) -> list[float]:
    """Per run, 100 where it ends without a good network."""
    return [100.0 * (trail[-1].named not in fine) for trail in trails]


def _budgets() -> list[int]:
    return [trainings * recorded().spec.recipe.epochs for trainings in TRAININGS]


def _our_front(changes: Mapping[str, Any], run: int) -> list[float]:
    return missed(recorded(), ours_on_table.fronts(recorded(), run, **changes), _budgets())


def _nsga2_front(run: int) -> list[float]:
    return missed(recorded(), rivals_on_table.nsga2_fronts(Oracle(recorded(), run)), _budgets())


def _volumes(each: Callable[..., Iterator[Any]]) -> Iterator[Figure]:
    theirs = list(each(_nsga2_front, range(RUNS)))
    sides = {name: list(each(partial(_our_front, changes), range(RUNS))) for name, changes in FRONTS.items()}
    for at, trainings in enumerate(TRAININGS):
        for name, shares in sides.items():
            ours, other = means(*([100 * run[at] for run in side] for side in (shares, theirs)))
            what = (
                f"share of the front's volume (accuracy, parameters) missed after the epochs of {trainings} trainings"
            )
            versus = "Optuna's NSGA-II with the constraint, which does not prune"
            yield Figure(f"{what}, {name}", "%", ours, versus, other)
