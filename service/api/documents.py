"""Rows as the JSON documents of the public contract."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row

from models.compiler.reports import Compilation
from models.data.registry import DatasetInfo
from models.training.class_counts import ClassFigures
from models.training.measurements import Measured
from search.results.chance import chance
from search.results.diagnosis import LABELS
from search.results.leaderboard import CONTROL, OTHER, PROBE
from search.results.trial_records import FINISHED
from search.spec.parts import LEARNING
from service.core.searches import state_counts
from service.core.trial_summary import METRIC
from service.store.runs import OPEN
from service.store.tables import ApiKeyRow, AttemptRow, EventRow, RunRow, SearchRow, TrialRow
from service.store.trials import AnyTrial, Detail

Document = dict[str, Any]


def timestamp(seconds: float | None) -> str | None:
    """RFC 3339 in UTC, to the millisecond."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def ranked(row: TrialRow, rank: int | None, *, is_chosen: bool) -> Document:
    """A trial of a leaderboard. Only those trained to the end or pruned have a rank, whatever others came to before.

    One that diverged, failed, was cancelled or quarantined, or has not ended yet, stands behind them without one.
    `is_chosen`: the search names it.
    """
    return {"rank": rank if row.standing < OTHER and row.score is not None else None, "chosen": is_chosen, **trial(row)}


def trial(row: AnyTrial) -> Document:
    """A trial in the contract's shape."""
    stem, *widths, head = row.widths
    document: Document = {
        "number": row.number,
        "state": row.state,
        "reason": row.reason,
        "message": row.message,
        "alpha": row.alpha,
        "beta": row.beta,
        "gamma": row.gamma,
        "phi": row.phi,
        "architecture": {
            "key": row.key,
            "depths": row.depths,
            "widths": widths,
            "stem": stem,
            "head": head,
            "resolution": row.resolution,
            "classes": row.classes,
            "dropout": row.dropout,
            "drop_path": row.drop_path,
        },
        "cost": cost(row),
        "accuracy": row.accuracy,
        "accuracy_ci95": None if row.ci_low is None or row.metric != "accuracy" else [row.ci_low, row.ci_high],
        "balanced_accuracy": row.balanced_accuracy,
        "macro_f1": row.macro_f1,
        "per_class_recall": row.per_class_recall,
        "metric": row.metric,
        "score": row.score,
        "score_ci95": None if row.ci_low is None else [row.ci_low, row.ci_high],
        "seeds": row.seeds,
        "train_accuracy": row.train_accuracy,
        "generalization_gap": row.generalization_gap,
        "selection": row.selection,
        "last_accuracy": row.last_accuracy,
        "best_accuracy": row.best_accuracy,
        "best_epoch": row.best_epoch,
        "stopped_early": row.stopped_early,
        "diagnosis": row.diagnosis,
        "diagnosis_rule": row.diagnosis_rule,
        "test_accuracy": row.test_accuracy,
        "test_score": row.test_score,
        "epochs": row.epochs,
        "device_seconds": row.device_seconds,
        **{field.name: getattr(row, field.name) for field in fields(Compilation)},
        "attempts": row.attempts,
        "cached_from": row.cached_from,
        "reference": row.reference,
        "reference_note": row.reference_note,
        "finalist": row.finalist,
        "probe": row.standing == PROBE,
        "control": row.standing == CONTROL,
        "ties": row.ties,
        "created_at": timestamp(row.created_at),
        "started_at": timestamp(row.started_at),
        "finished_at": timestamp(row.finished_at),
    }
    return document


def cost(row: AnyTrial) -> Document:
    """What a trial costs, counted and measured."""
    return {
        "params": row.params,
        "macs": row.macs,
        "macs_ratio": row.macs_ratio,
        "activations": row.activations,
        "receptive_field": row.receptive_field,
        **{field.name: getattr(row, field.name) for field in fields(Measured)},
    }


def trial_detail(row: AnyTrial, detail: Detail) -> Document:
    """A trial with its runs, their attempts and their epochs."""
    document = trial(row)
    runs, attempts, epochs = detail
    tested = document["test_accuracy"] is not None
    document["runs"] = [
        _run(
            run,
            [attempt for attempt in attempts if attempt.run_id == run.id],
            [epoch for epoch in epochs if epoch.run_id == run.id],
        )
        | ({} if tested else {"test_accuracy": None})
        for run in runs
    ]
    return document


def _run(run: RunRow, attempts: Sequence[AttemptRow], epochs: Sequence[Row[Any]]) -> Document:
    result = run.result or {}
    numbers = ("train_accuracy", "last_accuracy", "best_accuracy", "best_epoch", "test_accuracy", "started_from")
    return {
        "seed": run.seed,
        "role": run.role,
        "state": run.state,
        "reason": run.reason,
        "message": run.message,
        "accuracy": run.accuracy,
        **{name: result.get(name) for name in numbers},
        **asdict(ClassFigures.of(result)),
        "epochs": result.get("epochs", 0),
        "stopped_early": result.get("stopped_early", False),
        "packed": result.get("packed", 1),
        "diagnosis": run.diagnosis,
        "cached_from": run.cached_from,
        "device_seconds": result.get("device_seconds", 0.0),
        **asdict(Compilation.of(result)),
        **asdict(Measured.of(result)),
        "attempts": [
            {
                "lease_epoch": attempt.lease_epoch,
                "worker": attempt.worker,
                "devices": attempt.devices,
                "versions": attempt.versions,
                "started_at": timestamp(attempt.started_at),
                "ended_at": timestamp(attempt.ended_at),
                "outcome": attempt.outcome,
                "message": attempt.message,
            }
            for attempt in attempts
        ],
        "history": [{"epoch": epoch.epoch, **epoch.metrics} for epoch in epochs],
    }


def search(
    row: SearchRow,
    trials: Mapping[str, int],
    runs: Mapping[tuple[str, str], int],
    diagnoses: Mapping[str, int],
    best: TrialRow | None,
    run_seconds: float | None = None,
    workers: int = 0,
) -> Document:
    """A search with its counters, progress and best trial so far.

    `run_seconds`: what a worker spends on one run; `workers`: how many could take one now.
    """
    ended = row.finished_at is not None
    finals = sum(count for (role, _), count in runs.items() if role == "final")
    planned = row.planned + _expected_finals(row, trials, finals, ended=ended) + _expected_probes(row, runs)
    planned += _expected_controls(row, runs)
    done = sum(count for (_, state), count in runs.items() if state not in OPEN)
    left = max(0, planned - done)
    return {
        "id": row.id,
        "name": row.name,
        "state": row.state,
        "reason": row.reason,
        "message": row.message,
        "spec": row.spec,
        "dataset": row.spec["dataset"],
        "baseline": _baseline_name(row.spec["baseline"]),
        "labels": row.spec.get("labels", {}),
        "created_at": timestamp(row.created_at),
        "started_at": timestamp(row.started_at),
        "finished_at": timestamp(row.finished_at),
        "trials": state_counts(dict(trials), row.planned),
        "runs": {"planned": planned, "finished": done},
        "diagnoses": {label: diagnoses[label] for label in LABELS if label in diagnoses},
        "dataset_hash": row.plan["dataset"]["content_hash"] or None,
        "progress": 1.0 if row.state == "succeeded" else round(min(1.0, done / planned), 4) if planned else 0.0,
        "best": None if best is None else ranked(best, None if best.ties else 1, is_chosen=row.chosen == best.number),
        "above_chance": None if best is None else _above_chance(row, best),
        "device_seconds": row.device_seconds,
        "estimated_seconds_left": None if ended else _seconds_left(row, runs, left, workers, run_seconds),
        "plan": row.plan,
    }


def _above_chance(row: SearchRow, best: TrialRow) -> bool | None:
    """Whether the best trial is above chance, by the metric of its search; None where it has no value of it."""
    if best.score is None:
        return None
    data = DatasetInfo.read(row.plan["dataset"])
    return chance(METRIC[best.metric], data).surpassed(best.score)


def summary(document: Document) -> Document:
    """A search as lists show it: without its specification and its plan."""
    return {name: value for name, value in document.items() if name not in {"spec", "plan"}}


def _baseline_name(baseline: str | Mapping[str, Any]) -> str:
    """Of a built-in baseline, or of a stage table, which may have none."""
    return baseline if isinstance(baseline, str) else str(baseline.get("name") or "custom")


def _seconds_left(
    row: SearchRow, runs: Mapping[tuple[str, str], int], left: int, workers: int, run_seconds: float | None
) -> float | None:
    """The time of the search runs, of which proposals that learn let run at most a window at once, and of the rest."""
    done = sum(count for (role, state), count in runs.items() if role == "search" and state not in OPEN)
    searching, at_once, sampler = min(left, row.planned - done), min(row.parallelism, workers), row.spec["sampler"]
    proposing = sampler["name"] in LEARNING and row.proposed < row.planned
    first = seconds_left(searching, min(at_once, sampler["window"]) if proposing else at_once, run_seconds)
    then = seconds_left(left - searching, at_once, run_seconds)
    return None if first is None or then is None else round(first + then, 1)


def seconds_left(runs: int, workers: int, run_seconds: float | None) -> float | None:
    """Until so many runs are done, as if none of them were pruned; None where nobody knows yet, or nobody works.

    >>> seconds_left(10, 2, 60.0), seconds_left(1, 2, 60.0), seconds_left(10, 0, 60.0)
    (300.0, 60.0, None)
    """
    at_once = min(workers, max(1, runs))
    return round(runs * run_seconds / at_once, 1) if at_once and run_seconds is not None else None


def _expected_probes(row: SearchRow, runs: Mapping[tuple[str, str], int]) -> int:
    """Probe runs that there are; before the probe, those that it will have if all goes well."""
    begun, probe = sum(count for (role, _), count in runs.items() if role == "probe"), row.spec.get("transfer")
    if begun or probe is None or row.finished_at is not None:
        return begun
    return int(probe["seeds"] * min(probe["count"], row.planned))


def _expected_controls(row: SearchRow, runs: Mapping[tuple[str, str], int]) -> int:
    """Control runs that there are; before them, those that a plan counts at most."""
    begun = sum(count for (role, _), count in runs.items() if role == "control")
    return begun if begun or row.finished_at is not None else int(row.plan["runs"].get("control", 0))


def _expected_finals(row: SearchRow, trials: Mapping[str, int], finals: int, *, ended: bool) -> int:
    """How many final runs there will be at most: the rounds of a race are not known before it is over."""
    finalists = row.spec["finalists"]
    most = finalists.get("max_seeds") or finalists["seeds"]
    if finals and (ended or most == finalists["seeds"]):
        return finals
    candidates = sum(trials.get(state, 0) for state in FINISHED) if finals else row.planned
    return int(most * min(finalists["count"], candidates))


def event(row: EventRow) -> Document:
    """Something that happened to a search."""
    return {"id": row.id, "type": row.type, "at": timestamp(row.at), "data": row.data}


def api_key(row: ApiKeyRow) -> Document:
    """An API key without its secret."""
    return {
        "id": row.id,
        "prefix": row.prefix,
        "owner": row.owner,
        "name": row.name,
        "scopes": row.scopes,
        "created_at": timestamp(row.created_at),
        "expires_at": timestamp(row.expires_at),
        "revoked_at": timestamp(row.revoked_at),
    }
