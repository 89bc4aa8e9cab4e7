"""The controls of a search in its rows: simple choices on the finals' seeds, as trials that no leaderboard ranks."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from search.results import controls, leaderboard
from search.results.trial_records import TrialRecord
from search.space import controls as choices
from search.space.controls import Control
from search.spec.spec import SearchSpec
from service.core import new_trials
from service.store import trials
from service.store.tables import SearchRow, TrialRow


def begin(
    session: Session,
    search: SearchRow,
    spec: SearchSpec,
    records: Sequence[TrialRecord],
    asked: Sequence[tuple[str, int]],
    now: float,
) -> list[tuple[TrialRow, int]]:
    """The trial of each control run (name, seed) that the lifecycle asks for, and the seed.

    A control whose network is a trial of the search gets its runs there.
    """
    wanted = {control.name: control for control in choices.of(spec)}
    rows: dict[str, TrialRow] = {}
    for control in (wanted[name] for name in dict.fromkeys(name for name, _ in asked)):  # type: ignore[index]
        known = controls.trial_of(control, records)
        rows[control.name] = (
            _new(session, search, spec, control, now) if known is None else trials.get(session, search.id, known.number)
        )
    return [(rows[name], seed) for name, seed in asked]


def _new(session: Session, search: SearchRow, spec: SearchSpec, control: Control, now: float) -> TrialRow:
    if control.network is None or control.coefficients is None:
        raise AssertionError(f"the control {control.name} has no network: the lifecycle asks for none")
    return new_trials.add_aside(
        session, search, spec, control.coefficients, control.network, now, phi=spec.phi, standing=leaderboard.CONTROL
    )
