"""Training steps of EfficientNet-B0 beside plain Flax, Keras on JAX and PyTorch, each in a process of its own.

All begin from the same weights and see the same batches in the same order; rivals get them normalised and resized,
while effscale does that inside its program. SGD with momentum at a constant rate, float32, without dropout, stochastic
depth, weight decay and smoothing. The mean loss of every epoch must agree within 3 %: sums in another order
differ in the seventh digit, and a deep network with fresh weights makes ten times more of that every few steps (at the
rate of 0.001 a loss of 2.2 is off by 0.0004 after 8 steps, at 0.01 by tenths). At 32 px, where the last maps are one
pixel and BatchNorm sees 32 values of a channel, it is faster: off by 4 % after 16 steps at 0.001, by 0.7 % after 24 at
0.0001, by a millionth after 48 at 0.00001, which is taken there. That both sides compute the same thing to the last
digits is shown on a small network by tests/harness/test_rivals.py.
"""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks.contender import Contender, Entrant, Missing, interpreter, running
from tests.benchmarks.figures import Figure, Plan, Skipped
from tests.benchmarks.problem import Problem

BATCH = 32
TOLERANCE = (
    0.03  # relative, of every epoch: rounding differences grow from step to step (1.1 % after 4 epochs was seen)
)
# Steps an epoch, so that one takes seconds on two cores at any resolution
STEPS = {32: 8, 64: 4, 128: 2, 224: 1}
RATES = {32: 0.00001}
RATE = 0.001  # at other resolutions
RIVALS = (
    Entrant("plain Flax", "flax_plain", ("flax",)),
    Entrant("Keras on JAX", "keras_jax", ("keras", "jax")),
    Entrant("PyTorch, channels_last", "torch_plain", ("torch",), {"last": True}),
    Entrant("PyTorch, NCHW", "torch_plain", ("torch",), {"last": False}),
)
GOALS = {"plain Flax": 8.0, "Keras on JAX": 10.0, "PyTorch, channels_last": 1.2}  # performance goals at 64 px
GOAL_PX = 64


def figures(plan: Plan) -> Iterator[Figure | Skipped]:
    """Each resolution with every rival that can run here."""
    able = []
    for rival in RIVALS:
        try:
            able.append((rival, interpreter(*rival.needs)))
        except Missing as missing:
            yield Skipped(f"EfficientNet-B0 training, {rival.name}", str(missing))
    for px in plan.px:
        yield from beside(able, {padding: b0(px, padding, plan.rounds + 1) for padding in ("same", "symmetric")}, plan)


def b0(px: int, padding: str, epochs: int) -> Problem:
    """EfficientNet-B0 for ten classes, trained as plainly as possible."""
    recipe = {
        "epochs": epochs,
        "batch_size": BATCH,
        "optimizer": "sgd",
        "momentum": 0.9,
        "learning_rate": RATES.get(px, RATE),
        "schedule": "constant",
        "warmup_epochs": 0.0,
        "weight_decay": 0.0,
        "label_smoothing": 0.0,
        "dropout": 0.0,
        "drop_path": 0.0,
        "ema_decay": 0.0,
        "bn_momentum": 0.9,
    }
    images = BATCH * STEPS.get(px, 1), BATCH
    return Problem.of("efficientnet-b0", padding, (1.0, 1.0, px), recipe, images)


def beside(able: list[tuple[Entrant, str]], problems: Mapping[str, Problem], plan: Plan) -> Iterator[Figure]:
    """One figure a rival; in every round each side trains one epoch, while all others wait."""
    rivals = {rival.name: rival for rival, _ in able}
    needed = {padding_of(rival) for rival in rivals.values()}
    modules = {rival.name: (f"tests.benchmarks.rivals.{rival.module}", python) for rival, python in able}
    modules |= {padding: ("tests.benchmarks.ours", interpreter()) for padding in needed}
    with tempfile.TemporaryDirectory() as folder, running(modules) as sides:
        versions = {}
        for padding in needed:
            sides[padding].ask("load", problem=problems[padding].document)
            problems[padding].write(Path(folder) / f"{padding}.npz", resized=True)
        for name, rival in rivals.items():
            problem, path = problems[padding_of(rival)], str(Path(folder) / f"{padding_of(rival)}.npz")
            told = {"shape": problem.shape(), "recipe": problem.told(), "steps": len(problem.method.training)}
            versions[name] = sides[name].ask("load", path=path, **told, **rival.options)["version"]
        taken = [_round(sides, rivals, problems, number) for number in range(plan.rounds + 1)][1:]
    images = {padding: len(problem.dataset.train) for padding, problem in problems.items()}
    px = problems["same"].network.resolution
    for name, rival in rivals.items():
        padding = padding_of(rival)
        yield Figure(
            f"EfficientNet-B0 training, {px} px, batch {BATCH}, an image",
            "ms",
            [1000 * seconds[padding] / images[padding] for seconds in taken],
            f"{name} ({versions[name]})",
            [1000 * seconds[name] / images[padding] for seconds in taken],
            least=GOALS.get(name) if px == GOAL_PX else None,
            point=f"{px} px",
        )


def padding_of(rival: Entrant) -> str:
    """PyTorch's own padding for PyTorch, TensorFlow's for the others."""
    return "symmetric" if rival.module.startswith("torch") else "same"


def _round(
    sides: Mapping[str, Contender], rivals: Mapping[str, Entrant], problems: Mapping[str, Problem], number: int
) -> dict[str, float]:
    """Seconds of one epoch, by side. Its losses must be one."""
    seconds, losses = {}, {}
    for padding in sides.keys() - rivals.keys():
        ours = sides[padding].ask("epoch")
        seconds[padding], losses[padding] = ours["training_seconds"], ours["train_loss"]
        for name, rival in rivals.items():
            if padding_of(rival) == padding:
                theirs = sides[name].ask("epoch", rows=problems[padding].rows(number))
                seconds[name] = theirs["seconds"]
                agree(f"epoch {number + 1}, {name}", losses[padding], theirs["loss"])
    return seconds


def agree(what: str, ours: Any, theirs: Any, tolerance: float = TOLERANCE) -> None:
    """Two losses that must be equal but for rounding."""
    if not abs(ours - theirs) <= tolerance * abs(ours):
        raise AssertionError(f"{what}: effscale's loss is {ours:.5f}, the other's {theirs:.5f}: not the same training")
