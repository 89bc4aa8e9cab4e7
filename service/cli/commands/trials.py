"""Trials for a person: the leaderboard, and one of them with its trainings and what their curves say."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from models.wording import counted, memory_size
from service.cli.presentation.output import duration, percent, percent_range, points
from service.cli.presentation.screen import remark
from service.cli.presentation.table import Column, pairs, table

Document = dict[str, Any]
LEADERBOARD = (
    *(Column("rank"), Column("trial"), Column("state", 4), Column("accuracy", form=percent)),
    *(Column("95 %", 2, percent_range), Column("diagnosis", 8), Column("alpha"), Column("beta"), Column("gamma")),
    *(Column("px", 5), Column("macs", 3, lambda ratio: f"{ratio:.3f}x"), Column("params", 6), Column("seeds", 7)),
    Column("note", 1, wraps=True, least=9),  # of its words the longest
)
FEW = 10  # classes whose recalls a terminal shows
MORE_COSTS = ("activations", "latency_ms", "peak_memory_bytes")  # columns where a search aims at them
RUNS = (
    *(Column("training"), Column("state"), Column("accuracy", form=percent), Column("last", 3, percent)),
    *(Column("best", 3, percent), Column("best epoch", 4), Column("gap", 2, points)),
    *(Column("epochs", 1), Column("diagnosis", 1)),
)


def show_leaderboard(
    trials: list[dict[str, Any]],
    objectives: Sequence[str] = (),
    *,
    wide: bool = False,
    more: str = "--wide shows them",
) -> None:
    """Ranked trials for a person, and why some do not just fit. A finalist's accuracy is its mean over seeds.

    What a search aims at has a column, however narrow the terminal. `more` says how to see what has no room.
    """
    costs = [name for name in objectives if name in MORE_COSTS]
    metric = next((trial["metric"] for trial in trials), "accuracy")
    ranked = [replace(column, name=metric) if column.name == "accuracy" else column for column in LEADERBOARD]
    aimed_at = [replace(column, priority=0) if column.name in objectives else column for column in ranked]
    rows = [[*_ranked(trial), *(trial["cost"][name] for name in costs)] for trial in trials]
    table((*aimed_at, *map(Column, costs)), rows, wide=wide, more=more)
    for trial in trials:
        if trial["diagnosis"] not in (None, "fits"):
            remark(f"trial {trial['number']} {diagnosis(trial)}")


def front(found: Document) -> str:
    """The front of a search with several objectives, in a line.

    >>> front({"objectives": ["accuracy", "macs"], "hypervolume": 0.4126, "knee": 7, "trials": [3, 7, 9]})
    'trials 3, 7, 9 in accuracy and macs; knee: trial 7; hypervolume 0.413'
    """
    names, numbers = found["objectives"], ", ".join(map(str, found["trials"]))
    if not found["trials"]:
        return "no trial has been trained to the end yet"
    knee = "none" if found["knee"] is None else f"trial {found['knee']}"
    listed = f"{', '.join(names[:-1])} and {names[-1]}"
    return f"trials {numbers} in {listed}; knee: {knee}; hypervolume {found['hypervolume']:.3f}"


def transfer(found: Document) -> str:
    """What the probe at another phi has shown, in a line.

    >>> transfer({"phi": 2.0, "networks": [], "message": None})
    'phi 2: not known yet'
    """
    return str(found["message"] or f"phi {found['phi']:g}: not known yet")


def _ranked(trial: dict[str, Any]) -> list[object]:
    notes = [
        word for word, key in (("tie", "ties"), ("reference", "reference"), ("chosen", "chosen")) if trial.get(key)
    ]
    return [
        trial["rank"],
        trial["number"],
        trial["state"],
        trial["score"],
        trial["score_ci95"],
        trial["diagnosis"],
        *(trial[name] for name in ("alpha", "beta", "gamma")),
        trial["architecture"]["resolution"],
        trial["cost"]["macs_ratio"],
        trial["cost"]["params"],
        trial["seeds"],
        ", ".join(notes) or None,
    ]


def show_trial(trial: Document, *, wide: bool = False) -> None:
    """One trial: its network, both accuracies, the diagnosis with its rule, and a line for each training."""
    shape, cost, seeds = trial["architecture"], trial["cost"], counted(trial["seeds"], "seed")
    pairs(
        [
            ("trial", trial["number"]),
            ("state", ": ".join(text for text in (trial["state"], trial["message"] or trial["reason"]) if text)),
            ("diagnosis", diagnosis(trial)),
            ("accuracy", f"{percent(trial['accuracy'])} (of the {trial['selection']} epoch, {seeds})"),
            ("last epoch", f"{percent(trial['last_accuracy'])} after {trial['epochs']}{_early(trial)}"),
            ("best epoch", f"{percent(trial['best_accuracy'])} after {trial['best_epoch'] or '-'}"),
            ("training", f"{percent(trial['train_accuracy'])}, a gap of {points(trial['generalization_gap'])}"),
            *by_class(trial),
            ("test", percent(trial["test_accuracy"])),
            ("coefficients", ", ".join(f"{name} {trial[name]:g}" for name in ("alpha", "beta", "gamma", "phi"))),
            (
                "network",
                f"depths {_chain(shape['depths'])}, widths {_chain(shape['widths'])}, {shape['resolution']} px",
            ),
            ("regularization", f"dropout {shape['dropout']:g}, stochastic depth {shape['drop_path']:g}"),
            ("cost", f"{cost['params']:,} parameters, {cost['macs']:,} MACs ({cost['macs_ratio']:.3f}x)"),
            *measured(cost),
            ("device time", f"{duration(trial['device_seconds'])}{_spared(trial)}"),
            ("compiling", compiling(trial)),
        ]
    )
    print()
    table(RUNS, [_run(run) for run in trial["runs"]], wide=wide)
    for run in trial["runs"]:
        if run["diagnosis"] is not None:
            remark(f"{_title(run)}: {run['diagnosis']['label']}: {run['diagnosis']['rule']}")
        if run["packed"] > 1:
            remark(f"{_title(run)}: one of {run['packed']} seeds that were one program; its times are an equal share")
        if run["cached_from"] is not None and run["message"]:
            remark(f"{_title(run)}: {run['message']}")
        if run["started_from"] is not None:
            remark(f"{_title(run)}: {_start(run['started_from'])}")


def diagnosis(trial: Document) -> str | None:
    """The label and the rule that gave it; None before a training has ended."""
    return None if trial["diagnosis"] is None else f"{trial['diagnosis']}: {trial['diagnosis_rule']}"


def measured(document: Document) -> list[tuple[str, str]]:
    """Names and values of what was measured of a trial, or of one training.

    >>> measured({"latency_ms": 1.25, "images_per_second": 2140.2, "peak_memory_bytes": 3 * 2**29})
    [('latency', '1.25 ms for one image'), ('throughput', '2,140 images/s in training'), ('memory', '1.5 GiB at most')]
    """
    shown = (
        ("latency", "latency_ms", "{:.3g} ms for one image"),
        ("throughput", "images_per_second", "{:,.0f} images/s in training"),
        ("memory", "peak_memory_bytes", "{} at most"),
    )
    values = {
        **document,
        "peak_memory_bytes": document["peak_memory_bytes"] and memory_size(document["peak_memory_bytes"]),
    }
    return [(title, "-" if values[name] is None else text.format(values[name])) for title, name, text in shown]


def by_class(document: Document) -> list[tuple[str, str]]:
    """Names and values of what a trial, or a training, says of its classes; nothing where they were not counted.

    >>> by_class({"balanced_accuracy": 0.5, "macro_f1": 0.496, "per_class_recall": [1.0, None, 0.0]})
    [('by class', 'balanced accuracy 50.00 %, macro F1 49.60 %'), ('recall', '100.00 %, -, 0.00 %')]
    """
    if document["balanced_accuracy"] is None:
        return []
    recalls, shown = document["per_class_recall"] or [], []
    if recalls:
        more = f", and {len(recalls) - FEW} more" if len(recalls) > FEW else ""
        shown = [("recall", f"{', '.join(percent(recall) for recall in recalls[:FEW])}{more}")]
    means = f"balanced accuracy {percent(document['balanced_accuracy'])}, macro F1 {percent(document['macro_f1'])}"
    return [("by class", means), *shown]


def compiling(document: Document) -> str:
    """What the programs of a trial, or of one training, took.

    >>> times = {"compile_seconds": 0.3, "compiled_ahead_seconds": 0}
    >>> compiling({**times, "programs_compiled": 0, "programs_cached": 1})
    '0.3 s (1 program from the cache)'
    """
    kinds = (("programs_compiled", "compiled"), ("programs_cached", "from the cache"))
    told = [f"{_programs(document[name])} {what}" for name, what in kinds if document[name]]
    if document["compiled_ahead_seconds"]:
        told.append(f"{duration(document['compiled_ahead_seconds'])} more ahead of it")
    return f"{duration(document['compile_seconds'])} ({', '.join(told) or 'nothing to compile'})"


def _programs(count: int) -> str:
    return "1 program" if count == 1 else f"{count} programs"


def _run(run: Document) -> list[object]:
    train, last = run["train_accuracy"], run["last_accuracy"]
    return [
        _title(run),
        run["state"],
        run["accuracy"],
        last,
        run["best_accuracy"],
        run["best_epoch"],
        None if train is None or last is None else train - last,
        run["epochs"],
        None if run["diagnosis"] is None else run["diagnosis"]["label"],
    ]


def _title(run: Document) -> str:
    return f"{run['role']}, seed {run['seed']}"


def _early(trial: Document) -> str:
    return ", where it ran out of patience" if trial["stopped_early"] else ""


def _spared(trial: Document) -> str:
    """How many of the trainings were done before, by other searches."""
    cached = sum(run["cached_from"] is not None for run in trial["runs"])
    return f" ({cached} of {len(trial['runs'])} trainings done before)" if cached else ""


def _start(started: Document) -> str:
    counted = ", ".join(f"{started[name]} {name}" for name in ("taken", "grown", "drawn"))
    return ". ".join([f"started from weights {started['sha256'][:12]}: arrays {counted}", *started["warnings"]])


def _chain(values: list[int]) -> str:
    return "-".join(map(str, values))
