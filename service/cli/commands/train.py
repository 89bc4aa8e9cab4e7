"""`effscale train`: one network in the foreground, without a service."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from models.compiler.reports import MAX_PACK
from models.scaling.architecture import WeightLayout
from service.cli.commands.baselines import baseline_of
from service.cli.commands.replicates import show_together, together, train_all
from service.cli.commands.scale import BaselineName
from service.cli.commands.trials import by_class, compiling, measured
from service.cli.inputs.options import DataDir, Json, Wide, settings
from service.cli.inputs.recipe import Change, Preset, recipe_of
from service.cli.presentation.failure import JobFailed, UsageFailure
from service.cli.presentation.output import duration, emit, percent, warn
from service.cli.presentation.table import pairs
from service.library.datasets import datasets_dir

if TYPE_CHECKING:
    from models.recipe.recipe import TrainingRecipe
    from models.scaling.architecture import ScaledArchitecture
    from models.training.fit import Training
    from models.weights.start_weights import Start


def train(
    baseline: BaselineName,
    dataset: Annotated[str, typer.Option(help="A name of 'effscale datasets list'.", show_default=False)],
    alpha: Annotated[float, typer.Option(help="Depth coefficient, positive.")] = 1.0,
    beta: Annotated[float, typer.Option(help="Width coefficient, positive.")] = 1.0,
    gamma: Annotated[float, typer.Option(help="Resolution coefficient, positive.")] = 1.0,
    phi: Annotated[float, typer.Option(help="Compound step; a negative one scales down.")] = 1.0,
    preset: Preset = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training split.", show_default=False)] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images a step.", show_default=False)] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak learning rate.", show_default=False)] = None,
    change: Change = None,
    start: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Weights (safetensors) to start from.", show_default=False)
    ] = None,
    layout: Annotated[WeightLayout, typer.Option(help="How the arrays of --start are named.")] = "effscale",
    grow: Annotated[bool, typer.Option("--grow", help="--start is of a smaller network of the family.")] = False,
    weights_out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the trained weights there.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Seed of weights, order and augmentation.")] = 0,
    seeds: Annotated[int, typer.Option(min=1, max=MAX_PACK, help="Train so many, from --seed on: mean and 95 %.")] = 1,
    devices: Annotated[int, typer.Option(min=1, help="Devices that divide each batch between them.")] = 1,
    test: Annotated[bool, typer.Option("--test", help="Evaluate the test split at the end, too.")] = False,
    latency: Annotated[bool, typer.Option("--latency", help="Measure the inference of one image, too.")] = False,
    data_dir: DataDir = None,
    wide: Wide = False,
    json: Json = False,
) -> None:
    """Train one scaled network here and now, from one seed or several."""
    if seeds > 1 and (weights_out is not None or devices > 1):
        raise UsageFailure("several seeds are several networks on one device: without --weights-out and --devices")
    given = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate}
    recipe = recipe_of(preset, given, change or [])
    folder = datasets_dir(settings(data_dir=data_dir).data_dir)
    network = _network(baseline, _classes(dataset, folder), (alpha, beta, gamma, phi), recipe)
    _warn_of_length(recipe, dataset, folder, inherited=start is not None)
    _wake_jax()
    from models.weights.start_weights import load

    wanted = [(seed + step) % 2**31 for step in range(seeds)]  # seeds have 31 bits (search.planning.lifecycle)
    begun = (
        {} if start is None else {each: load(start, network, layout=layout, grow=grow, seed=each) for each in wanted}
    )
    for text in begun[seed].warnings if begun else ():
        warn(text)
    source = dataset, folder
    trainings = [_training(network, recipe, source, begun.get(each), seed=each, devices=devices) for each in wanted]
    started = time.monotonic()
    done = train_all(trainings, begun, test=test, latency=latency, show=not json)
    result, history = done[0].result, done[0].history
    if weights_out is not None:
        result["weights_sha256"] = _save(weights_out, trainings[0])
    if json:
        found = {"result": result, "history": history} if seeds == 1 else together(done)
        emit({"architecture": network.document(), "recipe": recipe.model_dump(mode="json"), **found})
    elif seeds == 1:
        _show(result, recipe, time.monotonic() - started)
    else:
        show_together(done, time.monotonic() - started, wide=wide)


def _classes(dataset: str, folder: Path) -> int:
    from models.data.registry import Registry

    return Registry(folder).get(dataset).classes


def _warn_of_length(recipe: "TrainingRecipe", dataset: str, folder: Path, *, inherited: bool) -> None:
    """Say what this training will not show, before it begins."""
    from models.data.registry import Registry
    from models.recipe import length

    for finding in length.findings(recipe, Registry(folder).get(dataset).train, inherited=inherited):
        warn(finding.message)


def _network(
    baseline: str, classes: int, coefficients: tuple[float, float, float, float], recipe: "TrainingRecipe"
) -> "ScaledArchitecture":
    """Everything is checked before JAX is woken."""
    from models.recipe.regularization import regularized
    from models.scaling.coefficients import Coefficients
    from models.scaling.cost import cost

    *triple, phi = coefficients
    table = baseline_of(baseline)
    network = table.scale(Coefficients(*triple).multipliers(phi), classes=classes)
    recipe.check_suits(network)
    return regularized(network, recipe, cost(network).macs / cost(table.unscaled(classes)).macs)


def _wake_jax() -> None:
    from models.cache_dir import private, user_cache
    from service.trainer.compile_cache import trim
    from service.trainer.trainer import use_compile_cache

    chosen = settings()
    cache = private(chosen.compile_cache_dir or user_cache() / "compiled")
    trim(cache, chosen.compile_cache_max_bytes)
    use_compile_cache(cache)


def _training(
    network: "ScaledArchitecture",
    recipe: "TrainingRecipe",
    source: tuple[str, Path],
    begun: "Start | None",
    *,
    seed: int,
    devices: int,
) -> "Training":
    """`source` is the data set's name and the folder of registered ones."""
    from models.data.loading import load
    from models.errors import NotEnoughMemory
    from models.training.fit import Training

    name, folder = source
    arrays, memory = None if begun is None else begun.arrays, settings().memory_limit_bytes
    data = load(name, folder, px=network.resolution)
    try:
        return Training(network, recipe, data, seed=seed, start=arrays, memory=memory, devices=devices)
    except NotEnoughMemory as error:
        raise JobFailed(str(error)) from None


def _save(path: Path, training: "Training") -> str:
    from models.weights.start_weights import save

    try:
        return save(path, training.architecture, training.weights())
    except OSError as error:
        raise JobFailed(f"the weights cannot be written to {path}: {error.strerror or error}") from None


def _show(result: dict[str, Any], recipe: "TrainingRecipe", seconds: float) -> None:
    chosen = "best" if recipe.selection == "best" else "last"
    origin = result["started_from"]
    stopped = ", stopped early" if result["stopped_early"] else ""
    rows = [
        ("accuracy", f"{percent(result['accuracy'])} on the validation split after the {chosen} epoch"),
        *by_class(result),
        ("best", f"{percent(result['best_accuracy'])} after epoch {result['best_epoch']}"),
        ("last", f"{percent(result['last_accuracy'])} after epoch {result['epochs']}{stopped}"),
        ("test", percent(result["test_accuracy"])),
        ("training", duration(result["device_seconds"])),
        *measured(result),
        ("compiling", compiling(result)),
        ("in all", duration(seconds)),
    ]
    if origin is not None:
        counts = f"{origin['taken']} arrays taken, {origin['grown']} grown, {origin['drawn']} drawn"
        rows.insert(0, ("started from", f"{origin['sha256'][:16]}…: {counts}"))
    pairs(rows)
