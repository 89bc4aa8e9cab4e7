"""How far from the best a search ends with the defaults of `sampler.window` and `sampler.startup_trials`.

Nothing is trained: the table of `table` tells what each training comes to. The spec is its own with every default: TPE,
asha, three finalists on five seeds. Shown is the mean accuracy, over all seeds, that the network named at the end lacks
to the best one's. Compared are the defaults, which follow from the trials, with window 16 and 8 random proposals,
which were the defaults for any number of trials before. Of 12 trials these learnt nothing; 100 trials are all 74
networks, so that what is proposed first makes little difference there, and both defaults are the same.

The rule was chosen on runs 1000 to 1399; reported are runs from 0 on. There a window of 2, 4 or 6 of 12 trials ended
5.3, 6.4 and 6.4 points short with asha, 4.7, 5.4 and 6.2 without a pruner; 4, 8 or 12 of 24 ended 2.2, 2.1 and 2.9
short, 1.8, 1.9 and 3.0 without. A third is what loses little and lets 4 of 12 and 8 of 24 be trained at once.
"""

import multiprocessing
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

from tests.benchmarks import ours_on_table
from tests.benchmarks.figures import Figure, Plan
from tests.benchmarks.table import recorded
from tests.benchmarks.to_target import means

TRIALS = (12, 24, 100)
RUNS = 400
WORKERS = 2
BEFORE: Mapping[str, Any] = {"sampler": {"window": 16, "startup_trials": 8}}
PRUNERS: Mapping[str, Mapping[str, Any]] = {"asha": {}, "no pruner": {"pruner": {"name": "none"}}}


def figures(_plan: Plan) -> Iterator[Figure]:
    """One figure for each number of trials, with and without a pruner."""
    with ProcessPoolExecutor(WORKERS, multiprocessing.get_context("spawn")) as pool:
        for pruner, changes in PRUNERS.items():
            for trials in TRIALS:
                ours, before = (
                    list(pool.map(partial(missed, {"trials": trials, **changes, **sampler}), range(RUNS), chunksize=20))
                    for sampler in ({}, BEFORE)
                )
                mine, other = means(ours, before)
                yield Figure(
                    f"accuracy short of the best network's after {trials} trials, {pruner}",
                    "points",
                    mine,
                    "window 16 and 8 random proposals",
                    other,
                    goal="no worse",
                    note=f"{RUNS} runs each.",
                )


def missed(changes: Mapping[str, Any], run: int) -> float:
    """Points of accuracy that what a search names at its end lacks to the best network."""
    table = recorded()
    named = ours_on_table.ended(table, run, **changes)[-1].named
    return 100 * float(table.truth.max() - (0.0 if named is None else table.truth[named]))
