"""What a trial shows of its runs, kept in its row: accuracy, interval, seeds, measurements, state."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from sqlalchemy.orm import Session

from models.data.registry import DatasetInfo
from models.training.class_counts import METRICS, Metric
from search.results import leaderboard, trial_records
from search.results.chance import chance
from service.core import finals
from service.store import trials
from service.store.tables import RunRow, SearchRow, TrialRow

METRIC: Mapping[str, Metric] = {metric: metric for metric in METRICS}


def refresh(session: Session, search: SearchRow, trial: TrialRow, now: float) -> None:
    """Refresh what a trial shows from its runs."""
    rows = trials.runs_of(session, trial.id)
    plain = [trials.run_record(run) for run in rows]
    found = trials.record(trial, [trials.run_record(run, trial.metric) for run in rows])
    among = finals.compared(session, search.id) if trial.finalist else 1
    quantum = chance(METRIC[trial.metric], DatasetInfo.read(search.plan["dataset"])).quantum
    scored = trial_records.summarise(found.runs, compared=among, quantum=quantum)
    trial.ci_low, trial.ci_high = scored.ci95 if scored.ci95 is not None else (None, None)
    trial.score, trial.seeds = scored.accuracy, scored.seeds
    summary = scored if trial.metric == "accuracy" else trial_records.summarise(plain)
    for metric in METRICS:
        setattr(trial, metric, trial_records.shown_accuracy([trials.run_record(run, metric) for run in rows]))
    trial.per_class_recall = _recalls(rows)
    trial.train_accuracy, trial.generalization_gap = summary.train_accuracy, summary.generalization_gap
    trial.last_accuracy = summary.last_accuracy
    trial.best_accuracy, trial.best_epoch = summary.best_accuracy, summary.best_epoch
    trial.stopped_early = summary.stopped_early
    if summary.diagnosis is not None:
        trial.diagnosis, trial.diagnosis_rule = summary.diagnosis.label, summary.diagnosis.rule
    trial.epochs, trial.device_seconds = summary.epochs, summary.device_seconds  # not test_accuracy: finals.finish
    for name, value in {**asdict(summary.compilation), **asdict(summary.measured)}.items():
        setattr(trial, name, value)
    trial.standing = leaderboard.standing(found)
    if trial.standing >= leaderboard.PROBE:
        trial.state = trial_records.aside_state(found.runs)
    if trial.state in trial_records.TERMINAL and trial.finished_at is None:
        trial.finished_at = now
    search.version += 1


def _recalls(rows: Sequence[RunRow]) -> list[float | None] | None:
    """The mean recall of each class over the final runs, or that of the search run."""
    told = [run for run in rows if run.state in trial_records.FINISHED and (run.result or {}).get("per_class_recall")]
    shown = [run for run in told if run.role == "final"] or told[-1:]
    recalls = [(run.result or {})["per_class_recall"] for run in shown]
    columns = [[value for value in column if value is not None] for column in zip(*recalls, strict=True)]
    return [sum(column) / len(column) if column else None for column in columns] or None
