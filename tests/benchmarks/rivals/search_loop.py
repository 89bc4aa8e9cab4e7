"""A search for scaling coefficients as a script of some fifty lines does it with Optuna; the training is handed in."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from tests.benchmarks.rivals.shape import Description, describe, macs, scaled

# Called with a network; yields the validation accuracy after every epoch
Train = Callable[[Description], Iterator[float]]


def search(settings: dict[str, Any], train: Train, **changed: Any) -> dict[str, Any]:
    """Train `trials` networks of the target's cost. What is proposed that costs something else is told to the sampler
    as infeasible, with how far it is off, and is not trained.

    A network that is proposed again is trained again: an ordinary script does not notice.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=settings["seed"]),
        pruner=optuna.pruners.SuccessiveHalvingPruner(
            min_resource=settings["min_epochs"], reduction_factor=settings["reduction_factor"]
        ),
    )
    table, form = settings["table"], {**settings["form"], **changed}
    base = macs(describe(**table, **form))
    found: dict[str, Any] = {"trials": 0, "epochs": 0, "asked": 0, "best": 0.0}
    networks = set()
    while found["trials"] < settings["trials"]:
        trial = study.ask()
        found["asked"] += 1
        at = [trial.suggest_float(name, 1.0, high) for name, high in settings["space"].items()]
        network = scaled(table, at, **form)
        off = max(0.0, abs(macs(network) / base / settings["ratio"] - 1) - settings["tolerance"])
        trial.set_constraint("cost", off)  # refused without it, TPE proposes what is infeasible again and again
        if off:
            study.tell(trial, 0.0)
            continue
        networks.add(json.dumps(network))
        found["trials"] += 1
        found["epochs"] += run(study, trial, train(network))
    found["best"] = max(trial.value for trial in study.trials if trial.state == optuna.trial.TrialState.COMPLETE)
    return {**found, "networks": len(networks)}


def run(study: optuna.Study, trial: optuna.Trial, accuracies: Iterator[float]) -> int:
    """One training, stopped when the pruner says so; how many epochs it got."""
    epoch, accuracy = 0, 0.0
    for epoch, accuracy in enumerate(accuracies, start=1):
        trial.report(accuracy, epoch)
        if trial.should_prune():
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            return epoch
    study.tell(trial, accuracy)
    return epoch


def order(count: int, batch: int, seed: int, epoch: int) -> np.ndarray:
    """Rows of the batches of one epoch; what fills no batch is left out."""
    steps = count // batch
    return np.random.default_rng([seed, epoch]).permutation(count)[: steps * batch].reshape(steps, batch)


def main(trainer: Callable[[dict[str, Any], dict[str, np.ndarray]], Train], **changed: Any) -> None:
    """`python -m … SETTINGS.json`: search, and print what was found as the last line."""
    settings = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    arrays = dict(np.load(settings["data"]))
    print(json.dumps(search(settings, trainer(settings, arrays), **changed)), flush=True)
