"""Searches with thousands of trials in their tables, as the service would have left them: one ended, one running."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from search.results import leaderboard
from search.spec.spec import SearchSpec
from service.api.context import ServiceContext, build_context
from service.core import searches, trial_summary
from service.settings import Settings
from service.store import migrate, trials
from service.store.tables import EpochRow, EventRow, RunRow, SearchRow, Table, TrialRow
from tests.service.fleet import OWNER, SPEC, metrics

FINALISTS, SEEDS, EPOCHS = 3, 5, 8
BATCH = 5000  # rows of one statement
SPREAD = 0.01  # of accuracies between seeds


def ended_search(context: ServiceContext, count: int) -> str:
    """The id of a search of `count` trials that succeeded."""
    with context.write() as (session, now):
        search, best = _searched(session, count, count, now)
        for number in best:
            trial_summary.refresh(session, search, trials.get(session, search.id, number), now)
        searches.advance(session, search, now)
        if search.state != "succeeded":
            raise RuntimeError(f"the search has not succeeded: {search.state}, {search.message}")
        return search.id


def running_search(context: ServiceContext, count: int) -> str:
    """The id of a search of twice `count` trials, of which so many have ended and the last is being trained."""
    with context.write() as (session, now):
        search, _ = _searched(session, count, 2 * count, now, objectives=["accuracy", "macs"])
        return search.id


def started(folder: Path) -> ServiceContext:
    """A service on a new SQLite file in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    context = build_context(Settings(data_dir=folder))
    migrate.upgrade(context.settings.url)
    return context


def _searched(session: Session, count: int, planned: int, now: float, **fields: Any) -> tuple[SearchRow, list[int]]:
    finals = {"count": FINALISTS, "seeds": SEEDS}
    spec = SearchSpec.model_validate({**SPEC, "trials": planned, "finalists": finals, **fields})
    search, _ = searches.submit(session, spec, OWNER, None, now)
    best = _fill(session, search, count, random.Random(0), now, with_finals=planned == count)
    search.planned, search.proposed = planned, count
    searches.begin(session, search, now)
    return search, best


def _fill(
    session: Session, search: SearchRow, count: int, chance: random.Random, now: float, *, with_finals: bool
) -> list[int]:
    """Trials, runs and their epochs, the finals of the best included; the numbers of these."""
    rows = [_trial(search.id, number, chance, now) for number in range(count)]
    _insert(session, TrialRow, rows)
    statement = select(TrialRow.number, TrialRow.id).where(TrialRow.search_id == search.id)
    ids = {row.number: row.id for row in session.execute(statement)}
    best = sorted(rows, key=lambda row: -row["accuracy"])[:FINALISTS]
    runs = [_run(search.id, ids[row["number"]], row["number"], 0, "search", row["accuracy"]) for row in rows]
    runs += [
        _run(search.id, ids[row["number"]], row["number"], seed, "final", row["accuracy"] + chance.gauss(0, SPREAD))
        for row in best
        for seed in range(1, SEEDS + 1)
        if with_finals
    ]
    _insert(session, RunRow, runs)
    statement = select(RunRow.id, RunRow.role, RunRow.accuracy).where(RunRow.search_id == search.id)
    trained = session.execute(statement).all()
    _insert(session, EpochRow, [_epoch(search.id, epoch, *run) for run in trained for epoch in range(1, EPOCHS + 1)])
    _insert(session, EventRow, [_event(search.id, row, now) for row in rows])
    numbers = [row["number"] for row in best]
    chosen = TrialRow.search_id == search.id, TrialRow.number.in_(numbers)
    session.execute(update(TrialRow).where(*chosen).values(finalist=with_finals))
    session.expire_all()
    return numbers


def _insert(session: Session, table: type[Table], rows: Sequence[Mapping[str, Any]]) -> None:
    for first in range(0, len(rows), BATCH):
        session.execute(insert(table), rows[first : first + BATCH])


def _trial(search_id: str, number: int, chance: random.Random, now: float) -> dict[str, Any]:
    alpha, beta, gamma = (1 + chance.random() * width for width in (1.0, 0.5, 0.5))
    macs = 2_000_000 + number
    return {
        "search_id": search_id,
        "number": number,
        "state": "completed",
        "key": f"{number:016x}",
        "alpha": alpha,
        "beta": beta,
        "gamma": gamma,
        "phi": 1.0,
        "depths": [2, 3, 3],
        "widths": [16, 16, 24, 48, 128],
        "resolution": 32 + number % 16,
        "dropout": 0.2,
        "drop_path": 0.1,
        "selection": "last",
        "classes": 10,
        "params": 150_000 + number,
        "macs": macs,
        "macs_ratio": 2.0,
        "activations": 300_000,
        "receptive_field": 63,
        "reference": number == 0,
        "standing": leaderboard.COMPLETED,
        "accuracy": 0.7 + 0.1 * alpha / (beta * gamma) + chance.gauss(0, SPREAD) / 2,
        "train_accuracy": 0.99,
        "generalization_gap": 0.03,
        "last_accuracy": 0.95,
        "best_accuracy": 0.96,
        "best_epoch": 7,
        "epochs": 8,
        "seeds": 1,
        "device_seconds": 8.0,
        "diagnosis": "fits",
        "diagnosis_rule": "training and validation end together",
        "images_per_second": 3000.0,
        "attempts": 1,
        "created_at": now,
        "started_at": now,
        "finished_at": now,
    }


def _run(search_id: str, trial_id: int, number: int, seed: int, role: str, accuracy: float) -> dict[str, Any]:
    result = {
        "accuracy": accuracy,
        "last_accuracy": accuracy,
        "best_accuracy": accuracy,
        "best_epoch": 8,
        "train_accuracy": 0.99,
        "validation_loss": 0.4,
        "test_accuracy": accuracy if role == "final" else None,
        "epochs": 8,
        "device_seconds": 8.0,
    }
    return {
        "search_id": search_id,
        "trial_id": trial_id,
        "number": number,
        "seed": seed,
        "role": role,
        "state": "completed",
        "lease_epoch": 1,
        "attempts": 0,
        "accuracy": accuracy,
        "result": result,
    }


def _epoch(search_id: str, epoch: int, run_id: int, role: str, accuracy: float) -> dict[str, Any]:
    reached = accuracy * epoch / EPOCHS
    return {
        "run_id": run_id,
        "epoch": epoch,
        "search_id": search_id,
        "role": role,
        "lease_epoch": 1,
        "validation_accuracy": reached,
        "metrics": metrics(reached).model_dump(),
    }


def _event(search_id: str, trial: Mapping[str, Any], now: float) -> dict[str, Any]:
    data = {"number": trial["number"], "state": "completed", "seed": 0, "role": "search", "accuracy": trial["accuracy"]}
    return {"search_id": search_id, "type": "trial.finished", "at": now, "data": data}
