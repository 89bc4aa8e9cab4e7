"""How soon a network makes its first step: compiled for the first time, and found in the worker's cache of programs.

Every value is of a fresh process: `python -m tests.benchmarks.first_step CACHE` trains the median candidate one step.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.contender import ROOT, environment
from tests.benchmarks.figures import Figure, Plan

BATCH = 64  # of the default recipe: one step of training, and one of validation
GOAL = 8.0


def figures(plan: Plan) -> Iterator[Figure]:
    """Both, interleaved; and what the compiling takes, in time and in work."""
    from tests.benchmarks import candidate

    first, again = [], []
    for _ in range(plan.rounds):
        with tempfile.TemporaryDirectory() as cache:
            first.append(_fresh(cache))
            again.append(_fresh(cache))
    versus = "the same in a fresh process with an empty cache"
    name = f"first step of {candidate.name()}, its program in the cache"
    ours, theirs = ([run["step"] for run in runs] for runs in (again, first))
    yield Figure(name, "s", ours, versus, theirs, least=GOAL, note="data and libraries loaded before")
    ours, theirs = ([run["process"] for run in runs] for runs in (again, first))
    yield Figure(f"{name}, from the start of the process", "s", ours, versus, theirs)
    yield Figure(f"compiling {candidate.name()}, nothing cached, wall time", "s", [run["compile"] for run in first])
    yield Figure("the same, CPU time of all threads", "s", [run["compile_cpu"] for run in first])


def _fresh(cache: str) -> dict[str, float]:
    start = time.perf_counter()
    command = [sys.executable, "-m", "tests.benchmarks.first_step", cache]
    done = subprocess.run(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True, check=True)
    return {**json.loads(done.stdout.splitlines()[-1]), "process": time.perf_counter() - start}


def main(cache: Path) -> None:
    """One step; seconds until it was done, of which compiling, and CPU seconds of that, as JSON."""
    from models.training.fit import Training
    from service.trainer.trainer import use_compile_cache
    from tests.benchmarks import candidate

    use_compile_cache(cache)
    problem = candidate.problem(images=(BATCH, BATCH))
    problem.dataset.train, problem.network  # noqa: B018 loaded before the clock starts
    start, worked = time.perf_counter(), time.process_time()
    report = next(iter(Training(problem.network, problem.recipe, problem.dataset, seed=0)))
    seconds = time.perf_counter() - start
    # the step itself is milliseconds of work
    taken = {"step": seconds, "compile": report.compile_seconds, "compile_cpu": time.process_time() - worked}
    print(json.dumps(taken))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
