"""Rows as the JSON documents of the public contract."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row

from models.compiler.reports import Compilation
from models.training.measurements import Measured
from search.results.chance import is_above_chance
from search.results.diagnosis import LABELS
from search.results.leaderboard import PROBE
from search.results.trial_records import FINISHED
from service.core.searches import state_counts
from service.store.runs import OPEN
from service.store.tables import ApiKeyRow, AttemptRow, EventRow, RunRow, SearchRow, TrialRow
from service.store.trials import AnyTrial, Detail

Document = dict[str, Any]


def timestamp(seconds: float | None) -> str | None:
    """RFC 3339 in UTC, to the millisecond."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def ranked(row: TrialRow, rank: int) -> Document:
    """A trial of a leaderboard. Without an accuracy (diverged, failed, cancelled, not ended yet) it has no rank."""
    return {"rank": None if row.accuracy is None else rank, **trial(row)}


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
        "cost": _cost(row),
        "accuracy": row.accuracy,
        "accuracy_ci95": None if row.ci_low is None else [row.ci_low, row.ci_high],
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
        "test_accuracy": row.test_accuracy if row.ties is None else None,  # of a winner; older rows have more
        "epochs": row.epochs,
        "device_seconds": row.device_seconds,
        **{field.name: getattr(row, field.name) for field in fields(Compilation)},
        "attempts": row.attempts,
        "cached_from": row.cached_from,
        "reference": row.reference,
        "reference_note": row.reference_note,
        "finalist": row.finalist,
        "probe": row.standing == PROBE,
        "ties": row.ties,
        "created_at": timestamp(row.created_at),
        "started_at": timestamp(row.started_at),
        "finished_at": timestamp(row.finished_at),
    }
    return document


def _cost(row: AnyTrial) -> Document:
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
        "best": None if best is None else ranked(best, 1),
        "above_chance": None if best is None else _above_chance(row, best),
        "device_seconds": row.device_seconds,
        "estimated_seconds_left": None if ended else seconds_left(left, min(row.parallelism, workers), run_seconds),
        "plan": row.plan,
    }


def _above_chance(row: SearchRow, best: TrialRow) -> bool | None:
    """Whether the best trial is above guessing; None where it has no accuracy."""
    if best.accuracy is None:
        return None
    known = row.plan["dataset"]
    return is_above_chance(best.accuracy, classes=known["classes"], images=known["validation"])


def summary(document: Document) -> Document:
    """A search as lists show it: without its specification and its plan."""
    return {name: value for name, value in document.items() if name not in {"spec", "plan"}}


def _baseline_name(baseline: str | Mapping[str, Any]) -> str:
    """Of a built-in baseline, or of a stage table, which may have none."""
    return baseline if isinstance(baseline, str) else str(baseline.get("name") or "custom")


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
