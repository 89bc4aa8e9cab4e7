"""On an accelerator: EfficientNet-B0 training beside timm and plain Flax, bandwidth, packing, and whole searches.

H1: training images of B0 at 224 px in bfloat16, batch 256, SGD with momentum at a constant rate, from the same weights
on the same batches; timm with autocast, channels_last and torch.compile, Flax as one jitted step in a Python loop. Each
side is a process of its own that is idle while another is timed; rivals get their batches on the device, resized; ours
resizes inside its program. The mean losses of every epoch agree within 5 %: bfloat16 keeps 8 bits.

H2: how much of the device's copy bandwidth that is. The bandwidth is that of `x + 1` over a large float32 array, which
reads and writes each byte once. An image of B0 at 224 px moves 97 MB if everything is fused, 228 MB as XLA with cuDNN
does it (both computed, not measured); the ratio is the time that so many bytes take at that bandwidth, divided by ours.
The goal and the published 28 to 43 % are shares by the larger figure.

H3: eight replicas of a small candidate packed into one program beside the same eight one after the other.

H4: a search of 24 candidates from nothing to its result: the share of its time in which the device was busy, and the
time a candidate takes beside a script with Optuna and Flax (the search of `searching`).
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from models.scaling.architecture import ScaledArchitecture
from models.scaling.baselines import get_baseline
from models.scaling.cost import cost
from models.training.fit import EpochReport, Training
from models.training.packing import Replicas
from models.weights.torch_layouts import Entry, entries
from search.spec.spec import SearchSpec
from tests.benchmarks import candidate, searching
from tests.benchmarks.contender import Contender, Entrant, Missing, interpreter, running
from tests.benchmarks.figures import Figure, Plan, Skipped, spread
from tests.benchmarks.page import page, section
from tests.benchmarks.problem import Problem
from tests.benchmarks.training import agree, b0

RIVALS = (
    (Entrant("timm, AMP, channels_last, compiled", "timm_half", ("torch", "timm")), 1.25),
    (Entrant("plain Flax, bfloat16", "flax_half", ("flax",)), 1.5),
)
RATE = 10_000  # images a second of H1
# Relative, of an epoch's mean loss: bfloat16 keeps 8 bits, and each side rounds at other places
TOLERANCE = 0.05
# Bytes that training moves for an image of B0 at 224 px in bfloat16. Computed, not measured: with everything fused that
# can be, and with the kernels that XLA and cuDNN make of it
MOVED = {"fully fused": 97e6, "as XLA with cuDNN": 228e6}
SHARE, PACKED, BUSY, AN_HOUR = 0.55, 3.0, 0.95, 5.0  # goals of H2, H3 and H4
COPIES = 10  # of the large array, between two looks at the clock
SAMPLE_MS = 100  # how often nvidia-smi is asked for the share of time in which a kernel ran
# A network for `--tiny`: every kind of layer, compiled in seconds on a CPU
TABLE = {
    "name": "one-block",
    "stem": 8,
    "stages": [
        {"repeats": 1, "kernel": 3, "stride": 1, "expansion": 2, "width": 8},
    ],
    "head": 16,
    "resolution": 16,
    "classes": 10,
    "padding": "symmetric",
}


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured: pixels, batch, steps an epoch of H1; bytes copied in H2; replicas of H3; trials of H4."""

    tiny: bool = False
    px: int = 224
    batch: int = 256
    steps: int = 8
    rounds: int = Plan().rounds
    copied: int = 2**31
    replicas: int = 8
    trials: int = 24


TINY = Size(tiny=True, px=16, batch=8, steps=2, rounds=1, copied=2**20, replicas=2, trials=2)


def training(size: Size) -> Iterator[Figure | Skipped]:
    """H1 and H2, which are of the same measurement."""
    problem = large(size)
    able = []
    for rival, goal in RIVALS:
        try:
            if size.tiny and "timm" in rival.needs:
                raise Missing("timm has no such small network: --px 32 --batch 4 compares B0")
            able.append((rival, goal, interpreter(*rival.needs)))
        except Missing as missing:
            yield Skipped(f"H1, {rival.name}", str(missing))
    taken, versions = beside([(rival, python) for rival, _, python in able], problem, size.rounds)
    images = len(problem.method.training) * problem.method.batch_size
    ours = [1000 * times["ours"] / images for times in taken]
    name = f"{_network(problem)} training, bfloat16, batch {size.batch}, an image"
    yield Figure(f"H1: {name}", "ms", ours, most=1000 / RATE, note=f"H1: {images / taken[-1]['ours']:,.0f} images/s")
    for rival, goal, _ in able:
        theirs = [1000 * times[rival.name] / images for times in taken]
        yield Figure(f"H1: {name}", "ms", ours, f"{rival.name} ({versions[rival.name]})", theirs, least=goal)
    yield from bandwidth(problem.network, ours, size)


def large(size: Size) -> Problem:
    """The training of H1. Padding and epsilon are timm's."""
    told = b0(size.px, "symmetric", size.rounds + 1).document
    recipe = {**told["recipe"], "batch_size": size.batch, "precision": "bf16"}
    table = TABLE if size.tiny else {**told["baseline"], "norm_epsilon": 1e-5}
    images = size.batch * size.steps, size.batch
    return Problem({"baseline": table, "size": (1.0, 1.0, size.px), "recipe": recipe, "images": images, "seed": 0})


def beside(
    able: Sequence[tuple[Entrant, str]], problem: Problem, rounds: int
) -> tuple[list[dict[str, float]], dict[str, str]]:
    """Seconds of an epoch by side (`ours` and rivals' names) for each round, and the rivals' versions."""
    modules = {rival.name: (f"tests.benchmarks.rivals.{rival.module}", python) for rival, python in able}
    modules["ours"] = ("tests.benchmarks.ours", sys.executable)
    with tempfile.TemporaryDirectory() as folder, running(modules) as sides:
        sides["ours"].ask("load", problem=problem.document)
        path = Path(folder) / "problem.npz"
        problem.write(path, resized=True)
        told = {"shape": problem.shape(), "recipe": problem.told(), "steps": len(problem.method.training)}
        versions = {}
        for rival, _ in able:
            given = _for_timm(path, problem) if "timm" in rival.needs else path
            versions[rival.name] = sides[rival.name].ask("load", path=str(given), **told)["version"]
        taken = [_round(sides, problem, number) for number in range(rounds + 1)]
    return taken[1:], versions  # in the first round everybody compiles


def _round(sides: dict[str, Contender], problem: Problem, number: int) -> dict[str, float]:
    ours = sides["ours"].ask("epoch")
    found = {"ours": ours["training_seconds"]}
    for name in sides.keys() - {"ours"}:
        theirs = sides[name].ask("epoch", rows=problem.rows(number))
        found[name] = theirs["seconds"]
        agree(f"epoch {number + 1}, {name}", ours["train_loss"], theirs["loss"], TOLERANCE)
    return found


def _for_timm(path: Path, problem: Problem) -> Path:
    """The same file with the weights named and turned as timm has them."""
    arrays = dict(np.load(path))
    turned = {entry.theirs: there(entry, arrays.pop(entry.ours)) for entry in entries(problem.network, "timm")}
    other = path.with_name("timm.npz")
    np.savez(other, **arrays, **turned)
    return other


def there(entry: Entry, array: Any) -> Any:
    """An array of ours as PyTorch has it: what `Entry.here` undoes."""
    match entry.turn:
        case "convolution":
            return np.ascontiguousarray(array.transpose(3, 2, 0, 1))
        case "gate":
            return np.ascontiguousarray(array.T[:, :, None, None])
        case "linear":
            return np.ascontiguousarray(array.T)
        case _:
            return array


def bandwidth(network: ScaledArchitecture, ours: Sequence[float], size: Size) -> Iterator[Figure]:
    """H2, from the milliseconds of an image in H1. Other networks than B0 move bytes as they have activations."""
    rates = copy_rates(size.copied, size.rounds)
    part = cost(network).activations / cost(get_baseline("efficientnet-b0").unscaled(10)).activations
    for how, whole in MOVED.items():
        moved = part * whole
        yield Figure(
            f"H2: share of the copy bandwidth, by {moved / 1e6:,.3g} MB an image ({how})",
            "ms",
            ours,
            f"so many bytes at {spread([rate / 1e9 for rate in rates])} GB/s",
            [1000 * moved / max(rates)] * len(ours),
            goal=f"at least {SHARE:g} x" if how == "as XLA with cuDNN" else "",
            least=SHARE if how == "as XLA with cuDNN" else None,
        )


def copy_rates(count: int, rounds: int) -> list[float]:
    """Bytes a second, read and written, of `x + 1` over an array of so many bytes."""
    array = jnp.zeros(count // 4, jnp.float32)
    add = jax.jit(lambda x: x + 1, donate_argnums=0)
    array = add(array).block_until_ready()
    found = []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(COPIES):
            array = add(array)
        array.block_until_ready()
        found.append(2 * count * COPIES / (time.perf_counter() - start))
    return found


def packing(size: Size) -> Iterator[Figure]:
    """H3. Both train the same seeds, and their losses agree."""
    problem = large(size) if size.tiny else candidate.problem(epochs=size.rounds + 1)

    def replicas(*, packed: bool) -> Iterator[Mapping[int, EpochReport]]:
        given = problem.network, problem.recipe, problem.dataset
        return iter(Replicas([Training(*given, seed=seed) for seed in range(size.replicas)], packed=packed))

    together, apart, pairs = replicas(packed=True), replicas(packed=False), []
    for number in range(size.rounds + 1):
        start = time.perf_counter()
        ours = next(together)
        middle = time.perf_counter()
        theirs = next(apart)
        pairs.append((middle - start, time.perf_counter() - middle))
        for seed, report in ours.items():
            agree(f"epoch {number + 1}, seed {seed}", report.train_loss, theirs[seed].train_loss, TOLERANCE)
    packed, turned = zip(*pairs[1:], strict=True)  # the first epochs compile
    small = _network(problem) if size.tiny else candidate.name()
    name = f"H3: an epoch of {size.replicas} replicas of {small}, packed"
    yield Figure(name, "s", packed, "the same one after the other", turned, least=PACKED)


def searches(size: Size) -> Iterator[Figure | Skipped]:
    """H4."""
    wanted = _spec(size)
    with tempfile.TemporaryDirectory() as folder:
        with sampled() as samples:
            ours = searching.service(wanted, Path(folder))
        yield busy(ours, samples)
        python = interpreter("flax", "optuna")
        theirs = searching.scripted("search_flax", python, wanted, Path(folder))
    yield Figure(
        "H4: a candidate of a search, from nothing to its result",
        "s",
        [ours["seconds"] / ours["trials"]],
        "a script with Optuna and Flax",
        [theirs["seconds"] / theirs["trials"]],
        least=AN_HOUR,
        note=f"H4: {3600 * ours['trials'] / ours['seconds']:,.0f} candidates an hour, the script "
        f"{3600 * theirs['trials'] / theirs['seconds']:,.0f}; one round",
    )


def busy(ours: dict[str, Any], samples: Sequence[float]) -> Figure:
    """The share of a search's time in which a kernel ran, by nvidia-smi; without it, in which a network trained."""
    wall = ours["seconds"]
    trained = ours["device_seconds"]
    ran = wall * sum(samples) / len(samples) if samples else trained
    how = f"a kernel ran ({len(samples)} samples)" if samples else "a network trained or was validated"
    note = f"H4: networks trained or were validated in {trained:.1f} s of {wall:.1f} s, the service's start included"
    return Figure("H4: the device busy in a search", "s", [wall], f"time in which {how}", [ran], least=BUSY, note=note)


@contextmanager
def sampled() -> Iterator[list[float]]:
    """Shares of time in which the first GPU ran a kernel, one a sample, complete after the block; none without one."""
    found: list[float] = []
    query = [
        "nvidia-smi",
        "--id=0",
        "--query-gpu=utilization.gpu",
        "--format=csv,noheader,nounits",
        f"--loop-ms={SAMPLE_MS}",
    ]
    try:
        process = subprocess.Popen(query, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    except FileNotFoundError:
        yield found
        return
    try:
        yield found
    finally:
        process.terminate()
        text, _ = process.communicate()
        found += [float(line) / 100 for line in text.split() if line.isdigit()]


def _spec(size: Size) -> SearchSpec:
    wanted = searching.spec(size.trials)
    if not size.tiny:
        return wanted
    short = wanted.recipe.model_copy(update={"epochs": 2})
    return wanted.model_copy(update={"recipe": short})


def _network(problem: Problem) -> str:
    name = problem.document["baseline"].get("name", "EfficientNet-B0")
    return f"{name} at {problem.network.resolution} px"


MEASURES: dict[str, Callable[[Size], Iterator[Figure | Skipped]]] = {
    "training": training,
    "packing": packing,
    "searches": searches,
}


def options(arguments: Sequence[str]) -> tuple[Size, list[str]]:
    """How much, and which."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.gpu", description="What an accelerator is for.")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(MEASURES)}; none: all")
    parser.add_argument("--tiny", action="store_true", help="a tiny network, on a CPU too: shows that it runs, no more")
    for field in ("px", "batch", "steps", "rounds", "trials"):
        parser.add_argument(f"--{field}", type=int, help=f"[{getattr(Size(), field)}]")
    chosen = parser.parse_args(arguments)
    if unknown := sorted(set(chosen.names) - MEASURES.keys()):
        parser.error(f"there is no measurement {unknown[0]!r}; there are: {', '.join(MEASURES)}")
    given = {field: getattr(chosen, field) for field in ("px", "batch", "steps", "rounds", "trials")}
    size = replace(TINY if chosen.tiny else Size(), **{field: value for field, value in given.items() if value})
    return size, chosen.names or list(MEASURES)


def _untold(figure: Figure | Skipped) -> Figure | Skipped:
    """Without its goal, which is of the full size alone."""
    return replace(figure, goal="", least=None, most=None) if isinstance(figure, Figure) else figure


def main(arguments: Sequence[str]) -> int:
    """0 when all were taken, 1 without an accelerator. Sizes other than the full ones are printed, not written."""
    size, names = options(arguments)
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # several processes share the device
    device = jax.devices()[0]
    if device.platform == "cpu" and size == Size():
        print("there is no accelerator: `--tiny` shows that the harness runs", file=sys.stderr)
        return 1
    taken = [figure for name in names for figure in MEASURES[name](size)]
    taken = taken if size == Size() else [_untold(figure) for figure in taken]
    text = section("gpu", f"{(__doc__ or '').strip()}\n\nDevice: {device.device_kind}.", taken)
    print(text)
    if size == Size() and len(names) == len(MEASURES):
        from tests.benchmarks.__main__ import MODULES, PAGE

        before = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
        PAGE.write_text(page(before, {"gpu": text}, list(MODULES)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
