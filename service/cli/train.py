"""`effscale train`: one network in the foreground, without a service."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.failure import JobFailed, UsageFailure
from service.cli.options import Json, settings
from service.cli.output import duration, emit, pairs, percent
from service.cli.scale import BaselineName

if TYPE_CHECKING:
    from models.fit import EpochReport, Training


def train(
    baseline: BaselineName,
    dataset: Annotated[str, typer.Option(help="A name of 'effscale datasets list'.", show_default=False)],
    alpha: Annotated[float, typer.Option(help="Depth coefficient, at least 1.")] = 1.0,
    beta: Annotated[float, typer.Option(help="Width coefficient, at least 1.")] = 1.0,
    gamma: Annotated[float, typer.Option(help="Resolution coefficient, at least 1.")] = 1.0,
    phi: Annotated[float, typer.Option(help="Compound step, at least 0.")] = 1.0,
    epochs: Annotated[int, typer.Option(min=1, max=10_000, help="Passes over the training split.")] = 8,
    batch_size: Annotated[int, typer.Option(min=2, max=65_536, help="Images a step.")] = 64,
    learning_rate: Annotated[float, typer.Option(help="Peak learning rate.")] = 0.016,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Seed of weights, order and augmentation.")] = 0,
    test: Annotated[bool, typer.Option("--test", help="Evaluate the test split at the end, too.")] = False,
    json: Json = False,
) -> None:
    """Train one scaled network here and now."""
    recipe = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate}
    network, training = _begin(baseline, dataset, (alpha, beta, gamma, phi), recipe, seed)
    started = time.monotonic()
    with progress(epochs, show=not json) as advance:
        try:
            history = [advance(report) for report in training]
        except Exception as error:
            raise _as_failure(error) from error
    result = training.summary()
    if test:
        result["test_accuracy"] = training.accuracy("test")
    if json:
        emit({"architecture": network.document(), "result": result, "history": history})
        return
    pairs(
        [
            ("accuracy", f"{percent(result['accuracy'])} on the validation split after the last epoch"),
            ("best", f"{percent(result['best_accuracy'])} after epoch {result['best_epoch']}"),
            ("test", percent(result["test_accuracy"])),
            ("training", f"{duration(result['device_seconds'])}, {result['images_per_second']:,.0f} images/s"),
            ("compiling", duration(result["compile_seconds"])),
            ("in all", duration(time.monotonic() - started)),
        ]
    )


def _begin(
    baseline: str, dataset: str, coefficients: tuple[float, float, float, float], recipe: dict[str, Any], seed: int
) -> tuple[Any, "Training"]:
    """Check everything before JAX is woken."""
    from pydantic import ValidationError

    from models.baselines import get_baseline
    from models.data.registry import get_dataset
    from models.recipe import TrainingRecipe
    from models.scaling import Coefficients

    info = get_dataset(dataset)
    *triple, phi = coefficients
    network = get_baseline(baseline).scale(Coefficients(*triple).at(phi), classes=info.classes)
    try:
        chosen = TrainingRecipe.model_validate({**recipe, "warmup_epochs": min(1.0, float(recipe["epochs"]))})
    except ValidationError as error:
        lines = [f"--{str(part['loc'][0]).replace('_', '-')}: {part['msg']}" for part in error.errors() if part["loc"]]
        raise UsageFailure("; ".join(lines) or str(error)) from None

    from service.cache_dir import private, user_cache
    from service.trainer import use_compile_cache

    use_compile_cache(private(settings().compile_cache_dir or user_cache() / "compiled"))
    from models.data.dataset import load
    from models.fit import Training

    return network, Training(network, chosen, load(dataset), seed=seed)


@contextmanager
def progress(epochs: int, show: bool) -> Iterator[Any]:
    """A function that takes each EpochReport, draws it, and gives it back as a document."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    def document(report: "EpochReport") -> dict[str, Any]:
        return {"epoch": report.epoch, **report.metrics()}

    if not show:
        yield document
        return
    screen = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=screen, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("compiling", total=epochs)

        def advance(report: "EpochReport") -> dict[str, Any]:
            text = f"loss {report.train_loss:.3f}, validation {percent(report.validation_accuracy)}"
            bar.update(task, advance=1, description=text)
            if not screen.is_terminal:
                print(f"epoch {report.epoch}/{epochs}: {text}", file=sys.stderr, flush=True)
            return document(report)

        yield advance


def _as_failure(error: Exception) -> Exception:
    """Divergence and a lack of memory are answers, not accidents."""
    from models.errors import TrainingDiverged
    from service.trainer import headline, out_of_memory

    if isinstance(error, TrainingDiverged):
        return JobFailed(str(error))
    return JobFailed(f"not enough memory for this network: {headline(error)}") if out_of_memory(error) else error
