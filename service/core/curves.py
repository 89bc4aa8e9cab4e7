"""What the reported epochs of a run that has ended, or that waits, say of it."""

import statistics as stdlib
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from models.compiler.reports import Compilation
from models.training.class_counts import METRICS
from models.training.progress import EpochReport, Progress
from search.results.chance import present
from search.results.diagnosis import Diagnosis, Task, diagnose
from search.spec.spec import SearchSpec
from service.protocol.requests import RunResult
from service.store import runs
from service.store.tables import RunRow

DIVERGED = "diverged"  # the reason that a worker gives


def diagnosis(session: Session, spec: SearchSpec, run: RunRow, classes: int) -> Diagnosis | None:
    """The diagnosis of a run in its last state; None where it was not trained, or ended for another reason."""
    diverged = run.reason == DIVERGED
    if not (diverged or run.state in ("completed", "pruned")):
        return None
    curve = runs.curve(session, run.id)
    classes = len(present(spec.data)) or classes  # a class without validation images is in no figure of them
    task = Task(classes, spec.data.validation, mixed=bool(spec.recipe.mixup or spec.recipe.cutmix))
    found = diagnose(curve, task, diverged=diverged)
    if found is None or run.state != "pruned":
        return found
    return replace(found, rule=f"{found.rule} (pruned after {len(curve)} of {spec.recipe.epochs} epochs)")


def result(session: Session, spec: SearchSpec, run: RunRow) -> dict[str, Any] | None:
    """What a run comes to that no worker sends a result of; None before its first epoch.

    It is what the worker would send now, but for what is known to it alone: programs counted, memory, the start.
    """
    reports = [EpochReport(epoch=epoch, **metrics) for epoch, metrics in runs.reports(session, run.id)]
    if not reports:
        return None
    done = Progress()
    for report in reports:
        compilation = Compilation(compile_seconds=report.compile_seconds)
        done = done.after(report, 0.0, spec.recipe.patience_delta, compilation, spec.metric)
    chosen = done.best if spec.recipe.selection == "best" else done.last
    found = RunResult(
        accuracy=chosen.accuracy,
        balanced_accuracy=chosen.balanced_accuracy,
        macro_f1=chosen.macro_f1,
        last_accuracy=done.last.accuracy,
        best_accuracy=done.best.accuracy,
        best_epoch=done.best.epoch,
        train_accuracy=chosen.train_accuracy,
        validation_loss=chosen.validation_loss,
        epochs=done.last.epoch,
        device_seconds=done.device_seconds,
        compile_seconds=done.compilation.compile_seconds,
        images_per_second=stdlib.harmonic_mean([report.images_per_second for report in reports]),
        dataset_hash=spec.data.content_hash or None,
    )
    return {**found.model_dump(), **histories(session, run)}


def histories(session: Session, run: RunRow) -> dict[str, Any]:
    """The values of each metric that were reported of a run, in epoch order: of accuracy as `history`."""
    metrics = [found for _, found in runs.reports(session, run.id)]
    others = {name: [found.get(name) for found in metrics] for name in METRICS if name != "accuracy"}
    return {"history": [found["validation_accuracy"] for found in metrics], "histories": others}
