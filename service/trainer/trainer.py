"""`python -m service.trainer.trainer`: the process that trains. A worker starts it, sends it JSON lines, replaces it.

It outlives its jobs, so that what was compiled for one trial serves the next. Orders are `train` with a job of one run
or several that differ in their seed alone, and `prepare` with one that may come: its program is compiled beside the
training. After every epoch of a job it waits for an `answer` that says of each run `continue`, `stop` or `drain`; it
drops those that are not named. It says `ready` once, then for each job `started`, `epoch`s with a report of each run,
of each run one of `result`, `stopped`, `checkpoint`, `corrupt`, `diverged`, or of all that are left one of `unfit`,
`out-of-memory`, `too-many`, `not-here`, `error`, and always `idle` at the end; `prepared` at any time. Where a run is
named, it is by its place in the order. Only this process imports JAX.
"""

import argparse
import faulthandler
import os
import platform
import signal
import traceback
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import CorruptCheckpoint, InvalidWeights, ModelError, NotEnoughMemory
from service.errors import NotFound
from service.library.datasets import datasets_dir
from service.library.weights import weights_of
from service.settings import COMPILE_CACHE_BYTES
from service.trainer import compile_cache
from service.trainer.channel import Channel, Message, claim_standard_streams
from service.trainer.compile_ahead import CompileAhead
from service.trainer.parent_watch import die_with_parent
from service.trainer.replicas import Pack, Run, Saver, together

if TYPE_CHECKING:
    from models.data.dataset import Dataset
    from models.recipe.recipe import TrainingRecipe
    from models.scaling.architecture import ScaledArchitecture
    from models.training.fit import Training
    from models.weights.start_weights import Start

LIBRARIES = ("effscale", "jax", "jaxlib", "flax", "optax", "numpy")
OOM_SCORE = 500  # proc(5) oom_score_adj: the kernel takes the trainer before the worker or the database


class NotHere(Exception):
    """What the job needs is not on this machine; another worker may have it. `reason` is a machine word."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def main() -> None:
    """Serve one worker until it goes away."""
    options = _options()
    channel = claim_standard_streams()
    _prepare_process(options.parent)
    use_compile_cache(options.compile_cache)
    compile_cache.trim(options.compile_cache, options.compile_cache_bytes)
    limit = options.memory_limit_bytes
    ahead = CompileAhead(lambda order: prepare(order, channel, options.data_dir, limit))
    channel.asides["prepare"] = ahead.request
    channel.send("ready", devices=devices(), versions={"python": platform.python_version(), **versions()})
    while True:
        order = channel.next()
        if order["do"] == "train":
            execute(order, channel, options.data_dir, ahead, limit)
            compile_cache.trim(options.compile_cache, options.compile_cache_bytes)


def execute(order: Message, channel: Channel, data_dir: Path, ahead: CompileAhead, memory: int | None = None) -> None:
    """Train one job; whatever happens is told to the worker as a message. `memory` in bytes, None: the device's."""
    job = order["job"]
    try:
        train(order, channel, data_dir, ahead, memory)
    except InvalidWeights as error:
        channel.send("unfit", job=job, message=headline(error, named=False))
    except NotEnoughMemory as error:
        channel.send("out-of-memory", job=job, message=headline(error, named=False))
    except NotHere as error:
        channel.send("not-here", job=job, reason=error.reason, message=headline(error, named=False))
    except Exception as error:  # noqa: BLE001 the worker decides what becomes of the trial, whatever it was
        if out_of_memory(error):
            what = "too-many" if len(order["runs"]) > 1 else "out-of-memory"
            channel.send(what, job=job, message=headline(error))
        else:
            traceback.print_exc()
            channel.send("error", job=job, message=headline(error))
    channel.send("idle", job=job)


def train(order: Message, channel: Channel, data_dir: Path, ahead: CompileAhead, memory: int | None = None) -> None:
    """From the order to the results of its runs."""
    job = order["job"]
    with ahead.held():
        runs = [
            Run(place, asked["work"], *begin(asked["work"], data_dir, memory))
            for place, asked in enumerate(order["runs"])
        ]
        for run, asked in zip(runs, order["runs"], strict=True):
            if asked["checkpoint"] is not None:
                try:
                    run.training.restore(Path(asked["checkpoint"]).read_bytes())
                except CorruptCheckpoint as error:
                    channel.send("corrupt", job=job, run=run.place, message=str(error))
                    return
        channel.send("started", job=job)
        replicas = together([run.training for run in runs])
        replicas.compile()
    Pack(channel, job, runs, replicas, Saver(Path(order["directory"]), order["checkpoint_seconds"])).train()


def begin(work: Message, data_dir: Path, memory: int | None = None) -> "tuple[Training, Start | None]":
    """The training of a job as it came over the wire, and the weights that it starts from.

    Raises `NotHere` when this machine's copy of the data or of the weights is another, or missing, `NotEnoughMemory`
    when it certainly needs more bytes than `memory`.
    """
    from models.training.fit import Training

    network, recipe = _network(work), _recipe(work)
    start = starting_weights(work, network, data_dir)
    arrays = None if start is None else start.arrays
    data = data_of(work, data_dir)
    metric = work.get("metric", "accuracy")
    return Training(network, recipe, data, seed=work["seed"], start=arrays, memory=memory, metric=metric), start


def prepare(order: Message, channel: Channel, data_dir: Path, memory: int | None = None) -> None:
    """Compile the program of a job that may come, of so many seeds, beside the training."""
    from models.training import fit

    work, replicas = order["work"], order["seeds"]
    network = _network(work)
    fit.prepare(network, _recipe(work), data_of(work, data_dir), replicas=replicas, memory=memory)
    channel.send("prepared", network=network.key)


def _network(work: Message) -> "ScaledArchitecture":
    from models.scaling.baselines import from_table

    network = from_table(work["baseline"]).build(
        work["depths"], work["widths"], work["resolution"], classes=work["classes"]
    )
    return replace(network, dropout=work["dropout"], drop_path=work["drop_path"])


def _recipe(work: Message) -> "TrainingRecipe":
    from models.recipe.recipe import TrainingRecipe

    return TrainingRecipe.model_validate(work["recipe"])


def data_of(work: Message, data_dir: Path) -> "Dataset":
    """The data set of a job; `NotHere` when this machine has none of that name, or one of another content."""
    from models.data.loading import load

    try:
        dataset = load(work["dataset"], datasets_dir(data_dir), px=work["dataset_px"])
    except ModelError as error:
        raise NotHere("dataset-differs", str(error)) from error
    expected = work["dataset_hash"]
    if expected is not None and dataset.fingerprint != expected:
        raise NotHere(
            "dataset-differs",
            f"the data set {dataset.name!r} has the content {dataset.fingerprint[:16]}… here, the search was submitted "
            f"for {expected[:16]}…: register the same images on this machine",
        )
    return dataset


def starting_weights(work: Message, network: "ScaledArchitecture", data_dir: Path) -> "Start | None":
    """The weights that a job starts from; `NotHere` without that file, `InvalidWeights` when they do not fit."""
    chosen = work["start"]
    if chosen is None:
        return None
    from models.weights import start_weights

    try:
        path = weights_of(data_dir).locate(chosen["weights"], chosen["sha256"])
    except NotFound as error:
        raise NotHere("start-differs", str(error)) from None
    return start_weights.load(path, network, layout=chosen["layout"], grow=chosen["grow"], seed=work["seed"])


def out_of_memory(error: BaseException) -> bool:
    """Whether host or device memory ran out; XLA says so in words (absl status RESOURCE_EXHAUSTED)."""
    return isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error)


def headline(error: BaseException, *, named: bool = True) -> str:
    """An error as one line of at most 500 characters, with its type unless its message speaks for itself."""
    lines = str(error).strip().splitlines()
    if not lines:
        return type(error).__name__
    return f"{type(error).__name__}: {lines[0]}"[:500] if named else lines[0][:500]


def devices() -> list[dict[str, str]]:
    """What JAX can train on."""
    import jax

    return [{"platform": device.platform, "kind": device.device_kind} for device in jax.devices()]


def versions() -> dict[str, str]:
    """Versions of what decides the numbers."""
    return {name: version(name) for name in LIBRARIES}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m service.trainer.trainer", description="Started by a worker; not by hand."
    )
    parser.add_argument("--parent", type=int, required=True, help="process id of the worker")
    parser.add_argument("--compile-cache", type=Path, required=True, help="directory of compiled programs")
    limit = COMPILE_CACHE_BYTES
    parser.add_argument("--compile-cache-bytes", type=int, default=limit, help="what it may hold; %(default)s")
    parser.add_argument("--data-dir", type=Path, required=True, help="registered data sets and weights")
    parser.add_argument("--memory-limit-bytes", type=int, help="what a training may hold; unset: what the device has")
    return parser.parse_args()


def _prepare_process(parent: int) -> None:
    """Die with the worker, leave Ctrl-C and SIGTERM to it, say where a crash happened."""
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    die_with_parent(signal.SIGKILL, parent)
    score = Path("/proc/self/oom_score_adj")
    if os.access(score, os.W_OK):
        score.write_text(str(OOM_SCORE))


def use_compile_cache(directory: Path) -> None:
    """Keep every compiled program: at a few seconds each they cost more than the training of a small network."""
    from models.compiler import disk_cache

    disk_cache.use(directory)


if __name__ == "__main__":
    main()
