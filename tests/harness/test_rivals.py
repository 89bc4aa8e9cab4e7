"""What we are measured against is the same training: the same losses, step by step, from the same weights."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from models.scaling.baselines import get_baseline
from models.scaling.coefficients import Multipliers
from models.scaling.cost import cost
from models.training.fit import Training
from tests.benchmarks.contender import Contender, Missing, interpreter, running
from tests.benchmarks.figures import Figure, Skipped
from tests.benchmarks.page import page, section
from tests.benchmarks.plot import bars
from tests.benchmarks.problem import Problem
from tests.benchmarks.rivals.shape import describe, macs, scaled
from tests.benchmarks.training import agree, b0
from tests.house.tree import PACKAGES, imported, name, sources

Trained = tuple[Problem, Path, list[float]]
EPOCHS = 2  # the second one shows what the first changed
CLOSE = 1e-4  # relative; measured 1e-6 between these, and 1e-2 for a momentum of 0.8 instead of 0.9
TABLE = {
    "name": "two-blocks",
    "stem": 8,
    "stages": [
        {"repeats": 1, "kernel": 3, "stride": 1, "expansion": 1, "width": 8},
        {"repeats": 2, "kernel": 5, "stride": 2, "expansion": 2, "width": 16},
    ],
    "head": 16,
    "resolution": 16,
    "classes": 10,
}


def small(padding: str) -> Problem:
    """A network of every kind of layer that EfficientNet has, two steps of sixteen images an epoch."""
    recipe = {**b0(16, padding, EPOCHS).document["recipe"], "batch_size": 16, "learning_rate": 0.05}
    table = {**TABLE, "padding": padding}
    return Problem({"baseline": table, "size": (1.0, 1.0, 16), "recipe": recipe, "images": (32, 16), "seed": 0})


@pytest.fixture
def trained(request: pytest.FixtureRequest, tmp_path: Path) -> Trained:
    """A problem, its file for rivals, and our losses."""
    problem = small(request.param)
    path = tmp_path / "problem.npz"
    problem.write(path, resized=True)
    training = Training(problem.network, problem.recipe, problem.dataset, seed=0, start=problem.start)
    return problem, path, [report.train_loss for report in training]


def losses(module: str, problem: Problem, path: Path, recipe: dict[str, Any], *needs: str) -> Iterator[float]:
    """Of a rival, epoch by epoch; skipped where its libraries are not."""
    try:
        python = interpreter(*needs)
    except Missing as missing:
        pytest.skip(str(missing))
    with running({module: (f"tests.benchmarks.rivals.{module}", python)}) as sides:
        steps = len(problem.method.training)
        sides[module].ask("load", path=str(path), shape=problem.shape(), recipe=recipe, steps=steps)
        for epoch in range(EPOCHS):
            yield sides[module].ask("epoch", rows=problem.rows(epoch))["loss"]


@pytest.mark.parametrize("trained", ["same"], indirect=True)
def test_flax_trains_as_we_do(trained: Trained) -> None:
    problem, path, ours = trained
    assert list(losses("flax_plain", problem, path, problem.told(), "flax")) == pytest.approx(ours, rel=CLOSE)


@pytest.mark.parametrize("trained", ["same"], indirect=True)
def test_keras_trains_as_we_do(trained: Trained) -> None:
    problem, path, ours = trained
    found = list(losses("keras_jax", problem, path, problem.told(), "keras", "jax"))
    assert found == pytest.approx(ours, rel=CLOSE)


@pytest.mark.parametrize("trained", ["symmetric"], indirect=True)
def test_pytorch_trains_as_we_do(trained: Trained) -> None:
    problem, path, ours = trained
    assert list(losses("torch_plain", problem, path, problem.told(), "torch")) == pytest.approx(ours, rel=CLOSE)


def test_a_rival_that_trains_otherwise_is_noticed() -> None:
    with pytest.raises(AssertionError, match=r"epoch 2.*not the same training"):
        agree("epoch 2", 2.0, 2.07)
    agree("epoch 2", 2.0, 2.05)


def test_a_rival_says_what_went_wrong() -> None:
    side = Contender("tests.benchmarks.ours")
    with pytest.raises(RuntimeError, match="KeyError: 'dance'"):
        side.ask("dance")
    side.close()


def test_a_rival_that_cannot_even_start_says_so_and_ends() -> None:
    entrants = {"dead": ("tests.benchmarks.rivals.nobody", sys.executable)}
    with pytest.raises(RuntimeError, match="No module named"), running(entrants) as sides:
        sides["dead"].ask("load")


def test_what_nobody_has_is_missing_with_advice() -> None:
    with pytest.raises(Missing, match=r"no_such_library: .*effscale\[bench\].*TORCH_PYTHON"):
        interpreter("no_such_library")


@pytest.mark.parametrize("at", [(1.0, 1.0, 1.0), (1.1, 1.25, 1.0), (1.6, 1.1, 1.25)])
def test_a_script_scales_and_counts_as_we_do(at: tuple[float, float, float]) -> None:
    nano = get_baseline("efficientnet-nano")
    rows = [(s.repeats, s.kernel, s.stride, s.expansion, s.width) for s in nano.stages]
    table = {"stem": nano.stem, "rows": rows, "head": nano.head, "resolution": nano.resolution, "classes": 10}
    network = nano.scale(Multipliers(*at), classes=10)
    ours = [(s.repeats, s.kernel, s.stride, s.expansion, s.width) for s in network.stages]
    theirs = scaled(table, at)
    assert theirs == describe(network.stem, ours, network.head, network.resolution, 10)
    assert macs(theirs) == cost(network).macs


def test_rivals_know_nothing_of_us() -> None:
    """Else they would not run where only their own library is, and would not be rivals."""
    for path in sources("tests/benchmarks/rivals"):
        ours = {module for module in imported(path) if module.partition(".")[0] in PACKAGES}
        inside = {module for module in imported(path) if module.startswith("tests.")}
        assert not ours, name(path)
        assert all(module.startswith("tests.benchmarks.rivals") for module in inside), name(path)


def test_a_partial_run_rewrites_its_own_section_alone() -> None:
    first = Figure("a step", "ms", [1.0, 2.0], "plain Flax", [8.0, 10.0], least=4, point="64 px")
    late = Figure("a step", "ms", [1.0], "PyTorch", [1.0], least=1.2, note="one round")
    before = page(
        "", {"one": section("one", "First.", [first]), "two": section("two", "Second.", [late])}, ["one", "two"]
    )
    assert "| 6.5 (5 to 8) x | at least 4 x: **met** |" in before
    assert "| 1 x | at least 1.2 x: **missed** |" in before
    after = page(before, {"two": section("two", "Anew.", [Skipped("a step", "no PyTorch")])}, ["one", "two"])
    assert after.partition("## two")[0] == before.partition("## two")[0]
    assert "Anew." in after
    assert "* Not measured: a step (no PyTorch)." in after
    assert "Second." not in after


def test_the_plot_shows_every_ratio() -> None:
    drawn = bars(
        [Figure("a step", "ms", [1.0], rival, [ratio], point="64 px") for rival, ratio in [("A", 2.0), ("B", 9.5)]]
    )
    assert drawn.count("<rect") == 1 + 2 + 2
    assert all(f">{text}<" in drawn for text in ("2", "9.5", "64 px", "against A", "against B"))
