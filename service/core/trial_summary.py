"""What a trial shows of its runs, kept in its row: accuracy, interval, seeds, measurements, state."""

from dataclasses import asdict

from sqlalchemy.orm import Session

from models.data.registry import DatasetInfo
from search.results import leaderboard, trial_records
from service.core import finals
from service.store import trials
from service.store.tables import SearchRow, TrialRow


def refresh(session: Session, search: SearchRow, trial: TrialRow, now: float) -> None:
    """Refresh what a trial shows from its runs."""
    found = trials.record(trial, [trials.run_record(run) for run in trials.runs_of(session, trial.id)])
    among = finals.compared(session, search.id) if trial.finalist else 1
    quantum = 1 / DatasetInfo.read(search.plan["dataset"]).validation
    summary = trial_records.summarise(found.runs, compared=among, quantum=quantum)
    trial.accuracy, trial.seeds = summary.accuracy, summary.seeds
    trial.ci_low, trial.ci_high = summary.ci95 if summary.ci95 is not None else (None, None)
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
    if trial.standing == leaderboard.PROBE:
        trial.state = trial_records.probe_state(found.runs)
    if trial.state in trial_records.TERMINAL and trial.finished_at is None:
        trial.finished_at = now
    search.version += 1
