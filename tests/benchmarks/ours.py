"""Our side of a comparison, as a process of its own like the rivals': `python -m tests.benchmarks.ours`."""

from collections.abc import Iterator
from typing import Any

from tests.benchmarks.rivals.channel import serve

held: dict[str, Iterator[Any]] = {}


def load(problem: dict[str, Any]) -> None:
    """Prepare the training of a problem, with its own initial weights."""
    from models.training.fit import Training
    from tests.benchmarks.problem import Problem

    given = Problem(problem)
    training = Training(given.network, given.recipe, given.dataset, seed=given.seed, start=given.start)
    held["reports"], held["images"] = iter(training), len(given.method.training) * given.method.batch_size


def epoch() -> dict[str, float]:
    """The next epoch as the engine reports it; `training_seconds` leave validation out, both leave compiling out."""
    report = next(held["reports"])
    return {"training_seconds": held["images"] / report.images_per_second, **report.metrics()}


if __name__ == "__main__":
    serve({"load": load, "epoch": epoch})
