"""Rows of trials: as the records that search/ decides on, and as pages of lists."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from sqlalchemy import Row, Select, select
from sqlalchemy.orm import Session

from models.compiler.reports import Compilation
from models.scaling.coefficients import Coefficients
from models.training.measurements import Measured
from search.pruning.held_back import HELD
from search.results.diagnosis import Diagnosis
from search.results.leaderboard import LEADING
from search.results.trial_records import Role, RunRecord, TrialRecord
from search.spec.parts import Objective
from service.errors import NotFound
from service.store.tables import AttemptRow, EpochRow, RunRow, TrialRow

ROLES: Mapping[str, Role] = {role: role for role in get_args(Role)}
# What only shows trials or runs reads plain columns of the same names: a quarter of the time of entities (measured)
AnyTrial = TrialRow | Row[Any]
AnyRun = RunRow | Row[Any]
Detail = tuple[list[RunRow], list[AttemptRow], list[Row[Any]]]  # the epochs as plain columns, too
TRIAL = tuple(TrialRow.__table__.columns)
RUN = (
    RunRow.trial_id,
    RunRow.seed,
    RunRow.role,
    RunRow.state,
    RunRow.accuracy,
    RunRow.result,
    RunRow.diagnosis,
)


def get(session: Session, search_id: str, number: int) -> TrialRow:
    """One trial of a search."""
    row = session.scalars(
        select(TrialRow).where(TrialRow.search_id == search_id, TrialRow.number == number)
    ).one_or_none()
    if row is None:
        raise NotFound(f"search {search_id} has no trial {number}")
    return row


def runs_of(session: Session, trial_id: int) -> Sequence[RunRow]:
    """The runs of a trial: the search run, then the finals by seed."""
    statement = select(RunRow).where(RunRow.trial_id == trial_id).order_by(RunRow.role.desc(), RunRow.seed)
    return session.scalars(statement).all()


def detail(session: Session, trial_id: int) -> Detail:
    """A trial's runs, their attempts and their epochs."""
    return details(session, [trial_id])[trial_id]


def details(session: Session, trial_ids: Sequence[int]) -> dict[int, Detail]:
    """Those of several trials, by trial id, in three statements."""
    found: dict[int, Detail] = {trial_id: ([], [], []) for trial_id in trial_ids}
    runs = session.scalars(
        select(RunRow).where(RunRow.trial_id.in_(trial_ids)).order_by(RunRow.role.desc(), RunRow.seed)
    ).all()
    trial_of = {run.id: run.trial_id for run in runs}
    for run in runs:
        found[run.trial_id][0].append(run)
    attempts = select(AttemptRow).where(AttemptRow.run_id.in_(trial_of))
    for attempt in session.scalars(attempts.order_by(AttemptRow.run_id, AttemptRow.lease_epoch)):
        found[trial_of[attempt.run_id]][1].append(attempt)
    epochs = select(EpochRow.__table__).where(EpochRow.run_id.in_(trial_of))
    for epoch in session.execute(epochs.order_by(EpochRow.run_id, EpochRow.epoch)):
        found[trial_of[epoch.run_id]][2].append(epoch)
    return found


def with_role(*roles: str) -> Select[int]:
    """The ids of trials that have a run of one of these roles."""
    return select(RunRow.trial_id).where(RunRow.role.in_(roles))


def records(session: Session, search_id: str, roles: Sequence[str] = ()) -> list[TrialRecord]:
    """The trials of a search as search/ sees them, in number order; with `roles` those that have such a run."""
    wanted = [TrialRow.search_id == search_id]
    if roles:
        wanted.append(TrialRow.id.in_(with_role(*roles).where(RunRow.search_id == search_id)))
    rows = session.execute(select(*TRIAL).where(*wanted).order_by(TrialRow.number)).all()
    runs: dict[int, list[RunRecord]] = {row.id: [] for row in rows}
    metrics = {row.id: row.metric for row in rows}
    statement = select(*RUN).where(RunRow.search_id == search_id).order_by(RunRow.role.desc(), RunRow.seed)
    for run in session.execute(statement.where(RunRow.trial_id.in_(runs)) if roles else statement):
        runs[run.trial_id].append(run_record(run, metrics[run.trial_id]))
    return [record(row, runs[row.id]) for row in rows]


def record(row: AnyTrial, runs: Sequence[RunRecord]) -> TrialRecord:
    """A trial as search/ sees it."""
    return TrialRecord(
        number=row.number,
        state=row.state,
        identity=(tuple(row.depths), tuple(row.widths), row.resolution),
        coefficients=Coefficients(row.alpha, row.beta, row.gamma),
        reference=row.reference,
        finalist=row.finalist,
        runs=tuple(runs),
        costs=costs(row),
        leading=row.standing == LEADING,
        held=row.reason == HELD,
    )


def costs(row: AnyTrial) -> dict[str, float]:
    """What a trial costs, by objective; what was not measured is left out."""
    known = {name: getattr(row, name) for name in get_args(Objective) if name != "accuracy"}
    return {name: value for name, value in known.items() if value is not None}


def history(result: Mapping[str, Any], metric: str = "accuracy") -> tuple[float, ...]:
    """The values of a metric by epoch, as far as a result has them."""
    found = result.get("history", ()) if metric == "accuracy" else result.get("histories", {}).get(metric, ())
    return tuple(found) if all(value is not None for value in found) else ()


def run_record(run: AnyRun, metric: str = "accuracy") -> RunRecord:
    """A run as search/ sees it: its accuracies are the values of the metric that the search is decided by.

    A run that has not counted another one than accuracy has none of it. The training accuracy stays what it is.
    """
    result, values = run.result or {}, history(run.result or {}, metric)
    plain = metric == "accuracy"
    accuracy, last, best = run.accuracy, result.get("last_accuracy"), result.get("best_accuracy")
    if not plain:
        accuracy = None if run.accuracy is None else result.get(metric)
        last, best = (values[-1], max(values)) if values else (None, None)
    return RunRecord(
        seed=run.seed,
        role=ROLES[run.role],
        state=run.state,
        accuracy=accuracy,
        test_accuracy=result.get(f"test_{metric}"),
        train_accuracy=result.get("train_accuracy"),
        last_accuracy=last,
        best_accuracy=best,
        best_epoch=result.get("best_epoch"),
        epochs=result.get("epochs", 0),
        device_seconds=result.get("device_seconds", 0.0),
        compilation=Compilation.of(result),
        measured=Measured.of(result),
        stopped_early=result.get("stopped_early", False),
        history=values,
        diagnosis=None if run.diagnosis is None else Diagnosis(**run.diagnosis),
    )


def page(session: Session, search_id: str, *, state: str | None, after: int, limit: int) -> Sequence[Row[Any]]:
    """Trials in number order, behind number `after`, to be shown."""
    statement = select(*TRIAL).where(TrialRow.search_id == search_id, TrialRow.number > after)
    if state is not None:
        statement = statement.where(TrialRow.state == state)
    return session.execute(statement.order_by(TrialRow.number).limit(limit)).all()
