"""Our search on a table: the pure functions that the service decides with, one training at a time.

What is called of search/ is called here alone, so that a change there is followed in one place.
"""

from dataclasses import replace
from typing import Any

from search import leaderboard, lifecycle, study
from search.errors import NothingFinished
from search.pruning import should_stop
from search.results import RunRecord, TrialRecord
from search.spec import SearchSpec
from tests.benchmarks.oracle import Milestone, Oracle, Trail
from tests.benchmarks.table import Table

LENGTHS = (4, 6, 8, 12, 16, 24, 32, 48, 64, 96)  # trials of a search: each is a budget that it may be given


def trail(table: Table, run: int, **changes: Any) -> Trail:
    """Searches of rising length with one seed, and what each names at its end. `changes` are fields of the spec."""
    found = [Milestone(Oracle(table, run).spent, None)]
    for trials in LENGTHS:
        found.append(search(table, run, trials=min(trials, len(table.catalogue.feasible)), **changes))
        if trials >= len(table.catalogue.feasible):
            break
    return found


def search(table: Table, run: int, **changes: Any) -> Milestone:
    """One whole search."""
    spec = SearchSpec.model_validate({**table.spec.document(), "seed": run, **changes})
    finals = min(spec.finalists.count, spec.trials)
    spec = spec.model_copy(update={"finalists": spec.finalists.model_copy(update={"count": finals})})
    oracle, records = Oracle(table, run), dict[int, TrialRecord]()
    while True:
        step = lifecycle.next_step(spec, len(table.catalogue.feasible), list(records.values()))
        match step:
            case lifecycle.Propose(number):
                proposal = study.propose(spec, table.catalogue, list(records.values()), number)
                records[number] = _begun(oracle, spec, records, number, proposal.candidate)
            case lifecycle.Finals(runs):
                for number, seed in runs:
                    records[number] = _final(oracle, records[number], seed)
            case _:
                return Milestone(oracle.spent, _winner(table, records))


def _begun(
    oracle: Oracle, spec: SearchSpec, records: dict[int, TrialRecord], number: int, candidate: Any
) -> TrialRecord:
    """A trial, trained to its end or until the pruner stops it."""
    place = oracle.table.catalogue.positions[candidate.identity]
    curve, stopped = oracle.curve(place, spec.seed), False
    history: list[float] = []
    for epoch, value in enumerate(curve, start=1):
        history.append(value)
        others = {epoch: [run.history[epoch - 1] for run in _search_runs(records) if len(run.history) >= epoch]}
        stopped = should_stop(spec, epoch, value, others, reference=number == 0)
        if stopped:
            break
    oracle.charge(place, len(history))
    state = "pruned" if stopped else "completed"
    run = RunRecord(spec.seed, "search", state, history[-1], epochs=len(history), history=tuple(history))
    return TrialRecord(number, state, candidate.identity, candidate.coefficients, number == 0, False, (run,))


def _search_runs(records: dict[int, TrialRecord]) -> list[RunRecord]:
    return [trial.runs[0] for trial in records.values()]


def _final(oracle: Oracle, trial: TrialRecord, seed: int) -> TrialRecord:
    place = oracle.table.catalogue.positions[trial.identity]
    run = RunRecord(seed, "final", "completed", oracle.trained(place, seed))
    return replace(trial, finalist=True, runs=(*trial.runs, run))


def _winner(table: Table, records: dict[int, TrialRecord]) -> int | None:
    try:
        return table.catalogue.position(leaderboard.winner(list(records.values())).identity)
    except NothingFinished:
        return None
