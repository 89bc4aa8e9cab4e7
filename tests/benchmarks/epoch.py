"""A whole epoch of a search's candidate, training and validation, beside an ordinary PyTorch loop.

Both have the default recipe: TensorFlow's RMSprop, warm-up and cosine, L2, label smoothing, moving average; dropout and
stochastic depth are off, so that losses can be compared. Images lie in memory as they are stored and are resized
batch by batch on both sides. Training losses must agree within 5 % in every epoch, the validation loss in the first:
the RMSprop of a fresh network multiplies rounding differences, the average of its weights shows them most, and PyTorch
keeps unbiased variances.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks import candidate
from tests.benchmarks.contender import Contender, Missing, interpreter, running
from tests.benchmarks.figures import Figure, Plan, Skipped
from tests.benchmarks.problem import Problem
from tests.benchmarks.training import agree

GOAL = 2.0
TOLERANCE = 0.05  # relative; a wrong rate or decay is off by more after two epochs


def figures(plan: Plan) -> Iterator[Figure | Skipped]:
    """One figure: seconds of an epoch."""
    name = f"a whole epoch of {candidate.name()} on digits"
    try:
        python = interpreter("torch")
    except Missing as missing:
        yield Skipped(name, str(missing))
        return
    problem = candidate.problem("symmetric", epochs=plan.rounds + 1, dropout=0.0, drop_path=0.0)
    modules = {
        "ours": ("tests.benchmarks.ours", interpreter()),
        "theirs": ("tests.benchmarks.rivals.torch_plain", python),
    }
    with tempfile.TemporaryDirectory() as folder, running(modules) as sides:
        path = Path(folder) / "problem.npz"
        problem.write(path, resized=False)
        sides["ours"].ask("load", problem=problem.document)
        told = {"shape": problem.shape(), "recipe": problem.told(), "steps": len(problem.method.training)}
        version = sides["theirs"].ask("load", path=str(path), **told)["version"]
        taken = [_round(sides["ours"], sides["theirs"], problem, number) for number in range(plan.rounds + 1)][1:]
    ours, theirs = ([pair[side] for pair in taken] for side in (0, 1))
    yield Figure(name, "s", ours, f"a loop in PyTorch, channels_last ({version})", theirs, least=GOAL)


def _round(ours: Contender, theirs: Contender, problem: Problem, number: int) -> tuple[float, float]:
    """Seconds of one epoch of each."""
    mine = ours.ask("epoch")
    other = theirs.ask("whole_epoch", rows=problem.rows(number), evaluated=problem.evaluated())
    agree(f"epoch {number + 1}, training", mine["train_loss"], other["loss"], TOLERANCE)
    if number == 0:
        agree("epoch 1, validation", mine["validation_loss"], other["validation_loss"], TOLERANCE)
    return mine["seconds"], other["seconds"]
