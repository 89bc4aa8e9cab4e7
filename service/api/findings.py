"""What a search has shown: conclusion, controls, importance, front, transfer, scaling config.

Of a search that has ended they are functions of rows that change no more. They are computed once, at the end or at the
first look, and stored with the search. Thousands of trials take seconds, so that is not done in the transaction that
ends a search: a process that dies in between loses nothing, because what is missing is computed again.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from typing import Any

from sqlalchemy.orm import Session

from search.errors import NothingFinished
from search.exports import config
from search.results import leaderboard, racing
from search.results.conclusion import points
from search.results.controls import Compared, by_seed, mean
from search.results.front import Front
from search.results.statistics import t_interval
from search.results.trial_records import FINISHED
from service.api import documents
from service.api.context import ServiceContext
from service.core import fronts, probes
from service.core.conclusions import conclude
from service.core.result_cache import TRAINED_ON
from service.errors import NotFound
from service.store import findings as stored
from service.store import leaderboard as board
from service.store import searches as search_rows
from service.store import trials as rows
from service.store.tables import RunRow, SearchRow, TrialRow
from service.version import source_revision, versions


@dataclass(frozen=True, slots=True)
class Findings:
    """Documents of what a search has shown so far; statement, conclusion, importance are None before its end."""

    statement: str | None
    conclusion: documents.Document | None
    controls: list[documents.Document] | None
    importance: documents.Document | None
    front: documents.Document | None
    transfer: documents.Document | None


def store(context: ServiceContext, search_id: str, owner: str | None) -> None:
    """Compute and store what a search of this owner (None: anybody's) has shown, if it has ended and that is not there.

    `NotFound` for a search that is not there, or not this owner's.
    """
    if _is_due(context, search_id, owner):
        with context.concluding:  # who comes second waits, and finds it stored
            if _is_due(context, search_id, owner):
                _store(context, search_id)


def _is_due(context: ServiceContext, search_id: str, owner: str | None) -> bool:
    with context.read() as session:
        search = search_rows.get(session, search_id, owner)
        return search.state in search_rows.TERMINAL and stored.get(session, search) is None


def _store(context: ServiceContext, search_id: str) -> None:
    with context.read() as session:
        search = search_rows.get(session, search_id, None)
        found, version = _computed_with_config(session, search), search.version
    with context.write() as (session, _now):
        locked = search_rows.try_lock(session, search_id)
        if locked is not None and locked.version == version and stored.get(session, locked) is None:
            stored.put(session, locked, found)


def store_next(context: ServiceContext) -> bool:
    """Do so for one of the searches that have ended without; whether there was one."""
    with context.read() as session:
        search_id = stored.next_without(session)
    if search_id is not None:
        with suppress(NotFound):  # deleted meanwhile
            store(context, search_id, None)
    return search_id is not None


def of(context: ServiceContext, session: Session, search: SearchRow) -> Findings:
    """What a search has shown: as stored, or computed once for each of its versions where nothing is stored."""
    row = stored.get(session, search)
    if row is not None:
        return Findings(row.statement, row.conclusion, row.controls, row.importance, row.front, row.transfer)
    return context.cache.get(("findings", search.id, search.version), lambda: _computed(session, search))


def scaling_config(
    context: ServiceContext, session: Session, search: SearchRow, choose: int | None = None
) -> documents.Document:
    """The canonical scaling config, of the trial that the search names or of another finished one.

    `NothingFinished` before any trial was trained to the end, or where the one asked for was not.
    """
    if choose is not None:
        return _config(session, search, of(context, session, search), choose)
    row = stored.get(session, search)
    if row is not None and row.config is not None:
        return row.config
    found = of(context, session, search)
    return _config(session, search, found)


def _computed(session: Session, search: SearchRow) -> Findings:
    front = fronts.front(session, search)
    transfer = probes.document(session, search, search_rows.spec_of(search))
    shown, concluded = fronts.document(search, front), conclude(session, search)
    if concluded is None:
        return Findings(None, None, None, None, shown, transfer)
    conclusion = concluded.conclusion
    return Findings(
        _statement(conclusion.sentence, search, front, transfer),
        conclusion.document(),
        [_control(session, search, each) for each in conclusion.compared],
        concluded.importance.document(),
        shown,
        transfer,
    )


def _computed_with_config(session: Session, search: SearchRow) -> dict[str, Any]:
    """The columns of a row."""
    found = _computed(session, search)
    try:
        whole = _config(session, search, found)
    except (NothingFinished, NotFound):  # an export then says why
        whole = None
    return {
        **{field.name: getattr(found, field.name) for field in fields(found)},
        "config": whole,
    }


def _statement(sentence: str, search: SearchRow, front: Front | None, transfer: documents.Document | None) -> str:
    """What a search that has ended has shown: the conclusion, the front, and whether it holds at another phi."""
    more = [front.sentence(search.spec["objectives"])] if front is not None and front.trials else []
    more += [transfer["message"]] if transfer is not None and transfer["message"] else []
    return " ".join([sentence, *more])


def _control(session: Session, search: SearchRow, each: Compared) -> documents.Document:
    """A control in the contract's shape: what was trained of it, and what the named network gains over it."""
    row = None if each.trial is None else rows.get(session, search.id, each.trial.number)
    network, values = each.control.network, [] if each.trial is None else list(by_seed(each.trial).values())
    interval = t_interval(values, quantum=racing.rounds(search_rows.spec_of(search)).quantum)
    return {
        "name": each.control.name,
        "state": each.state,
        "reason": each.control.reason,
        "number": None if each.trial is None else each.trial.number,
        "same_as": each.same_as,
        "coefficients": None if each.control.coefficients is None else asdict(each.control.coefficients),
        "architecture": None if network is None else network.document(),
        "cost": None if row is None else documents.cost(row),
        "ratio": each.control.ratio,
        "within_target": each.control.within,
        "accuracy": mean(each.trial),
        "accuracy_ci95": None if interval is None else [max(0.0, interval[0]), min(1.0, interval[1])],
        "seeds": len(values),
        "difference": None if each.difference is None else points(each.difference),
    }


def _config(session: Session, search: SearchRow, found: Findings, choose: int | None = None) -> documents.Document:
    spec = search_rows.spec_of(search)
    winner = board.leaders(session, [search.id]).get(search.id) if choose is None else _chosen(session, search, choose)
    trained_on = {} if winner is None else _trained_on(session, winner)
    created_at = documents.timestamp(search.finished_at or search.created_at)
    return config.scaling_config(
        spec,
        None if winner is None else documents.trial(winner),
        _ties(session, search, winner),
        front=_with_trials(session, search, found.front),
        shown=asdict(found),
        dataset_hash=_dataset_hash(session, winner),
        test_accuracy=None if winner is None else documents.trial(winner)["test_accuracy"],
        totals={"trials": search.proposed, "device_seconds": search.device_seconds},
        provenance={
            "versions": versions() | trained_on.get("versions", {}),
            "device": trained_on.get("devices", []),
            "source_revision": source_revision(),
            "created_at": created_at,
        },
    )


def _chosen(session: Session, search: SearchRow, number: int) -> TrialRow:
    row = rows.get(session, search.id, number)
    if row.state not in FINISHED or row.score is None:
        raise NothingFinished(f"trial {number} was not trained to the end ({row.state}): it cannot be exported")
    return row


def _ties(session: Session, search: SearchRow, winner: TrialRow | None) -> Sequence[documents.Document] | None:
    """The most accurate trial and what ties with it, without the one that is exported; None where nothing is known."""
    finalists = board.page(session, board.Selection(search.id), sort=None, after=None, limit=200)
    replicated = [row for row in finalists if row.standing <= leaderboard.REPLICATED]
    if search.state != "succeeded" or not replicated:
        return None
    candidates = [row for row in replicated if row.ties is not False]
    if winner is None or all(row.number != winner.number for row in candidates):
        return []
    return [documents.trial(row) for row in candidates if row.number != winner.number]


def _with_trials(session: Session, search: SearchRow, front: documents.Document | None) -> documents.Document | None:
    """A front whose trials are documents instead of numbers."""
    if front is None:
        return None
    return front | {"trials": [documents.trial(rows.get(session, search.id, number)) for number in front["trials"]]}


def _runs(session: Session, trial: TrialRow) -> list[RunRow]:
    return [run for run in rows.runs_of(session, trial.id) if run.state in FINISHED]


def _dataset_hash(session: Session, trial: TrialRow | None) -> str:
    runs = [] if trial is None else _runs(session, trial)
    hashes = {str((run.result or {}).get("dataset_hash") or "unknown") for run in runs}
    if len(hashes) > 1:
        raise NotFound("the runs of the winner were trained on different contents of the data set")
    return hashes.pop() if hashes else "unknown"


def _trained_on(session: Session, trial: TrialRow) -> dict[str, Any]:
    """Devices and versions of the worker that trained the last run, here or before it was taken over."""
    runs, attempts, _epochs = rows.detail(session, trial.id)
    completed = [attempt for attempt in attempts if attempt.outcome == "completed"]
    if completed:
        return {"devices": completed[-1].devices, "versions": completed[-1].versions}
    copied = [(run.result or {}).get(TRAINED_ON) for run in runs]
    return next((found for found in reversed(copied) if found), {})
