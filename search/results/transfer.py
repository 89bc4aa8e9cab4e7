"""Do the winners at the searched phi still win at another? The best finalists are built there and trained again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.errors import InvalidArchitecture, InvalidScaling
from models.scaling.architecture import ScaledArchitecture
from search.results import leaderboard
from search.results.chance import chance
from search.results.rank_correlation import chance_of, tau_b, tau_interval
from search.results.statistics import CONFIDENCE, paired_difference, t_interval
from search.results.trial_records import TERMINAL, RunRecord, TrialRecord
from search.space.solved_family import member
from search.spec.spec import SearchSpec

FEWEST = 2  # networks: of one there is no ranking


@dataclass(frozen=True, slots=True)
class Probed:
    """A finalist and its network at the probe's phi."""

    finalist: TrialRecord
    network: ScaledArchitecture

    def of(self, trials: Sequence[TrialRecord]) -> TrialRecord | None:
        """The trial that trains the network; None before it was begun."""
        shape = self.network
        identity = shape.depths, (shape.stem, *shape.widths, shape.head), shape.resolution
        return next((trial for trial in trials if trial.identity == identity), None)


def probed(spec: SearchSpec, trials: Sequence[TrialRecord]) -> list[Probed]:
    """The best replicated finalists with their networks at the probe's phi, best first.

    Whose network cannot be built there is passed over; of those left the first `spec.transfer.count` count, none where
    they are fewer than two.
    """
    if spec.transfer is None:
        return []
    found = []
    for trial in leaderboard.rank(trials):
        if leaderboard.standing(trial) > leaderboard.REPLICATED:
            break
        try:
            found.append(Probed(trial, network(spec, trial, spec.transfer.phi)))
        except (InvalidScaling, InvalidArchitecture):
            continue
        if len(found) == spec.transfer.count:
            break
    return found if len(found) >= FEWEST else []


def network(spec: SearchSpec, trial: TrialRecord, phi: float) -> ScaledArchitecture:
    """A trial's coefficients at another phi: the member of its family there."""
    depths, widths, pixels = trial.identity
    classes = spec.data.classes
    own = spec.network.build(depths, widths, pixels, classes=classes)
    return member(spec.network, trial.coefficients, own, spec.document(), phi)


def missing(spec: SearchSpec, trials: Sequence[TrialRecord], seeds: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """(finalist, seed) of the probe runs still to be queued. No probe is begun once the device time has been spent."""
    wanted = probed(spec, trials)
    runs = [(each, run) for each in wanted if (trial := each.of(trials)) for run in trial.runs if run.role == "probe"]
    spent = sum(trial.device_seconds for trial in trials)
    if not runs and spec.max_device_seconds is not None and spent >= spec.max_device_seconds:
        return ()
    begun = {(each.finalist.number, run.seed) for each, run in runs}
    asked = [(each.finalist.number, seed) for each in wanted for seed in seeds]
    return tuple(pair for pair in asked if pair not in begun)


def over(trials: Sequence[TrialRecord]) -> bool:
    """Whether all probe runs that were begun have ended."""
    return all(run.state in TERMINAL for trial in trials for run in trial.runs if run.role == "probe")


def document(spec: SearchSpec, trials: Sequence[TrialRecord]) -> dict[str, Any] | None:
    """What the probe has shown, JSON values only; None of a search without one.

    `transfers` is True where the winner leads at the probe's phi too, False where another is better there at 95 % or
    the order is turned round, None as long as it cannot be told.
    """
    if spec.transfer is None:
        return None
    networks = [(each, each.of(trials)) for each in probed(spec, trials)]
    rows = [_row(each, trial) for each, trial in networks]
    head = {"phi": spec.transfer.phi, "networks": rows, **dict.fromkeys(("tau_b", "tau_b_ci95", "p_value"))}
    here = {each.finalist.number: _by_seed(each.finalist.finals) for each, _ in networks}
    there = {each.finalist.number: _by_seed(_probes(trial)) for each, trial in networks}
    if len(rows) < FEWEST or not over(trials) or not all(there.values()):
        return {**head, "transfers": None, "message": None}
    values = [[row["accuracy"] for row in rows], [row["probe_accuracy"] for row in rows]]
    ends = tau_interval(here, there, seed=spec.seed)
    head["tau_b"], head["tau_b_ci95"] = tau_b(*values), None if ends is None else list(ends)
    head["p_value"] = chance_of(*values, seed=spec.seed)
    transfers, sentence = _transfers(spec, rows, there, ends)
    return {**head, "transfers": transfers, "message": f"{sentence}; {_agreement(head)}."}


def _transfers(
    spec: SearchSpec,
    rows: Sequence[Mapping[str, Any]],
    there: Mapping[int, Mapping[int, float]],
    ends: tuple[float, float] | None,
) -> tuple[bool | None, str]:
    phi = f"at phi {spec.transfer.phi if spec.transfer else spec.phi:g}"
    winner, best = rows[0]["number"], max(rows, key=lambda row: (row["probe_accuracy"], -rows.index(row)))["number"]
    if best == winner:
        return True, f"{phi.capitalize()} trial {winner}'s coefficients lead as well"
    difference = paired_difference(there[best], there[winner], quantum=chance(spec.metric, spec.data).quantum)
    if difference is not None and difference.p_value <= 1 - CONFIDENCE:
        return False, f"The winner does not transfer: {phi} trial {best}'s coefficients are better at 95 %"
    if ends is not None and ends[1] < 0:
        return False, f"The ranking does not transfer: {phi} it is turned round at 95 %"
    return (
        None,
        (
            f"{phi.capitalize()} trial {best}'s coefficients lead, but are not significantly better than the "
            "winner's at 95 %"
        ),
    )


def _agreement(found: Mapping[str, Any]) -> str:
    tau, ends, count = found["tau_b"], found["tau_b_ci95"], len(found["networks"])
    if tau is None:
        return f"the {count} rankings are all ties"
    interval = "" if ends is None else f", 95 % {ends[0]:.2f} to {ends[1]:.2f}"
    return f"Kendall's tau-b of {count} networks {tau:.2f}{interval}"


def _row(each: Probed, trial: TrialRecord | None) -> dict[str, Any]:
    finals, probes = (list(_by_seed(runs).values()) for runs in (each.finalist.finals, _probes(trial)))
    interval = t_interval(probes)
    return {
        "number": each.finalist.number,
        "accuracy": sum(finals) / len(finals),
        "probe": None if trial is None else trial.number,
        "probe_accuracy": sum(probes) / len(probes) if probes else None,
        "probe_accuracy_ci95": None if interval is None else [max(0.0, interval[0]), min(1.0, interval[1])],
        "probe_seeds": len(probes),
    }


def _probes(trial: TrialRecord | None) -> list[RunRecord]:
    return [] if trial is None else [run for run in trial.runs if run.role == "probe" and run.finished]


def _by_seed(runs: Sequence[RunRecord]) -> dict[int, float]:
    return {run.seed: run.accuracy for run in runs if run.accuracy is not None}
