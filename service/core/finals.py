"""The finals of a search in its rows: how a race stands, and what its end makes known."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from search.results import conclusion, leaderboard, racing, trial_records
from search.results.racing import Race
from search.results.trial_records import TrialRecord
from search.spec.spec import SearchSpec
from service.store import events, trials
from service.store.tables import SearchRow, TrialRow


def compared(session: Session, search_id: str) -> int:
    """How many finalists the winner is chosen from, at least 1."""
    counted = select(func.count()).where(TrialRow.search_id == search_id, TrialRow.finalist)
    return max(1, session.execute(counted).scalar_one())


def marked(session: Session, search: SearchRow, spec: SearchSpec) -> tuple[list[TrialRecord], Race | None]:
    """The records of a search with its race in them: who has left it, who leads. None of a search that has no race yet.

    What comes next is decided by the records afterwards: a probe takes the best finalists, those of the race first.
    """
    records = trials.records(session, search.id)
    finalists = [record for record in records if record.finalist]
    plan = racing.rounds(spec)
    if not finalists or not plan.racing:
        return records, None
    found = racing.race(plan, finalists)
    if not found.left:
        return records, found
    for number in found.left:
        row = trials.get(session, search.id, number)
        row.ties, row.standing = False, leaderboard.REPLICATED
    for number in found.inside:
        trials.get(session, search.id, number).standing = leaderboard.LEADING
    session.flush()
    return trials.records(session, search.id), found


def add_round_event(session: Session, search: SearchRow, raced: Race | None, now: float) -> None:
    """The event of a round of a race."""
    if raced is not None:
        round_document = {"seeds": raced.seeds, "inside": list(raced.inside), "left": list(raced.left)}
        events.add(session, search.id, "finals.round", now, **round_document)


def finish(session: Session, search: SearchRow, spec: SearchSpec, records: Sequence[TrialRecord]) -> None:
    """What is known once all has ended: which network the search names, what ties, and how it does on the test split.

    Where it recommends none that is the most accurate. Only the test accuracy of the network that is named is written,
    and only here: nothing was or can be chosen by it. It was chosen among those that tie, so the intervals of these are
    made for as many as they are.
    """
    answer = conclusion.conclude(spec, records)
    found = answer.pick
    if found is None:
        return
    search.chosen = answer.chosen
    named = found.chosen if answer.chosen is not None else found.most_accurate
    for number, is_tied in found.ties.items():
        trials.get(session, search.id, number).ties = is_tied
    if not named.finals:
        return
    for record in found.candidates:
        shown = trial_records.summarise(
            record.runs, compared=len(found.candidates), quantum=racing.rounds(spec).quantum
        )
        row = trials.get(session, search.id, record.number)
        row.ci_low, row.ci_high = shown.ci95 if shown.ci95 is not None else (None, None)
        if record is named:
            row.test_score = shown.test_accuracy
            runs = trials.runs_of(session, row.id)
            row.test_accuracy = trial_records.summarise([trials.run_record(run) for run in runs]).test_accuracy
