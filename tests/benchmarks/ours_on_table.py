"""Our search on a table: the pure functions that the service decides with, as a service would call them.

What is called of search/ is called here alone, so that a change there is followed in one place.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from search.errors import NothingFinished
from search.planning import lifecycle
from search.proposals import study
from search.pruning import brackets, pruning
from search.pruning.entrant import Entrant
from search.results import leaderboard, racing
from search.results.trial_records import TERMINAL, RunRecord, TrialRecord
from search.spec.spec import SearchSpec
from tests.benchmarks.oracle import Fronts, Milestone, Oracle, Trail
from tests.benchmarks.table import Table

MANY = 1024  # trained at once: what a search comes to does not depend on it, and nothing waits for a worker here


def fronts(table: Table, run: int, **changes: Any) -> Fronts:
    """One search of the whole catalogue without finals: after each trial what has been trained to the end."""
    every = {"trials": len(table.catalogue.feasible), "finalists": {"count": 0, "seeds": 2}}
    simulated = Simulation(table, run, {**every, **changes})
    for _ in simulated.steps():
        done = [trial for trial in simulated.records.values() if trial.search_accuracy is not None]
        seen = [(table.catalogue.positions[trial.identity], trial.search_accuracy or 0.0) for trial in done]
        yield simulated.oracle.spent.epochs, seen


def ended(table: Table, run: int, **changes: Any) -> Trail:
    """One search, and what it names at its end."""
    simulated = Simulation(table, run, changes)
    simulated.finish()
    return [Milestone(simulated.oracle.spent, simulated.winner)]


def finals(oracle: Oracle, places: Sequence[int], finalists: Mapping[str, int]) -> Milestone:
    """What our finals name of some networks that somebody chose, best first; the oracle is charged for them."""
    table, run = oracle.table, oracle.run
    count = min(finalists["count"], len(places))
    simulated = Simulation(table, run, {"trials": len(places), "finalists": {**finalists, "count": count}})
    simulated.oracle = oracle
    for number, place in enumerate(places):
        chosen = table.catalogue.feasible[place]
        found = RunRecord(run, "search", "completed", 1 - number / len(table.catalogue.feasible))  # the order alone
        simulated.records[number] = TrialRecord(
            number, "completed", chosen.identity, chosen.coefficients, False, False, (found,)
        )
    simulated.finish()
    return Milestone(oracle.spent, simulated.winner)


@dataclass
class Simulation:
    """One search: its records, and what they would have cost. `changes` are fields of the table's spec."""

    table: Table
    run: int
    changes: dict[str, Any]
    records: dict[int, TrialRecord] = field(default_factory=dict)
    going_on: set[int] = field(default_factory=set)  # numbers of trials that were held back and go on
    spec: SearchSpec = field(init=False)
    oracle: Oracle = field(init=False)

    def __post_init__(self) -> None:
        asked = self.table.head["spec"]  # as it was written: defaults follow from what is changed
        document = {**asked, "seed": self.run, "parallelism": MANY, **self.changes}
        self.spec = SearchSpec.model_validate(document)
        self.oracle = Oracle(self.table, self.run)

    def finish(self) -> None:
        """All of it."""
        for _ in self.steps():
            continue

    def steps(self) -> Iterator[None]:
        """A trial, or a round of finals, at a time."""
        networks = len(self.table.catalogue.feasible)
        while True:
            step = lifecycle.next_step(self.spec, networks, list(self.records.values()))
            match step:
                case lifecycle.Propose(number):
                    self._propose(number)
                case lifecycle.Finals(runs):
                    for number, seed in runs:
                        self._final(number, seed)
                case lifecycle.Wait():
                    waiting = [number for number, trial in self.records.items() if not trial.terminal]
                    raise RuntimeError(f"nothing is trained, and the search waits for {waiting}")
                case _:
                    return
            yield

    @property
    def winner(self) -> int | None:
        """The place of what is named. Whoever left a race, with fewer seeds, stands behind those still in."""
        chosen = [trial for trial in self.records.values() if trial.finalist]
        found = racing.race(racing.rounds(self.spec), chosen) if chosen else None
        inside = found.inside if found is not None and found.left else ()
        trials = [replace(trial, leading=trial.number in inside) for trial in self.records.values()]
        try:
            return self.table.catalogue.position(leaderboard.winner(trials).identity)
        except NothingFinished:
            return None

    def _propose(self, number: int) -> None:
        proposal = study.propose(self.spec, self.table.catalogue, list(self.records.values()), number)
        chosen = proposal.candidate
        run = RunRecord(self.spec.seed, "search", "running", None)
        costs = {name: float(getattr(chosen.cost, name)) for name in pruning.KNOWN_COSTS}
        self.records[number] = TrialRecord(
            number, "running", chosen.identity, chosen.coefficients, number == 0, False, (run,), costs=costs
        )
        self._train(number)
        self._settle()

    def _train(self, number: int) -> None:
        """To the trial's next rung where it is stopped or waits, or to its end."""
        trial = self.records[number]
        place = self.table.catalogue.positions[trial.identity]
        curve, done = self.oracle.curve(place, self.spec.seed), len(trial.runs[0].history)
        rungs = brackets.rungs(self.spec, number)
        for epoch in range(done + 1, len(curve) + 1):
            self._note(number, "running", tuple(curve[:epoch]))
            found = pruning.decide(self.spec, self._planned, self._entrants(), number) if epoch in rungs else "continue"
            if found != "continue":
                break
        self.oracle.charge(place, epoch - done, begun=done == 0)
        state = {"stop": "pruned", "await": "paused", "hold": "paused"}.get(found, "completed")
        self._note(number, state, tuple(curve[:epoch]), held=found == "hold")

    def _settle(self) -> None:
        """Whoever waited for what has just come goes on, or is stopped."""
        while True:
            waiting = [number for number, trial in self.records.items() if not trial.terminal]
            found = pruning.settle(self.spec, self._planned, self._entrants(), waiting)
            for number, decide in sorted(found.items()):
                if decide == "go on":
                    self.going_on.add(number)
                if decide in ("continue", "go on"):
                    self._train(number)
                else:
                    history = self.records[number].runs[0].history
                    self._note(number, "pruned" if decide == "stop" else "paused", history, held=decide == "hold")
            if not found:
                return

    def _note(self, number: int, state: str, history: tuple[float, ...], *, held: bool = False) -> None:
        trial = self.records[number]
        accuracy = history[-1] if state in TERMINAL else None
        run = replace(trial.runs[0], state=state, accuracy=accuracy, epochs=len(history), history=history)
        state = "running" if state == "paused" else state
        self.records[number] = replace(trial, state=state, runs=(run,), held=held)

    def _final(self, number: int, seed: int) -> None:
        trial = self.records[number]
        place = self.table.catalogue.positions[trial.identity]
        run = RunRecord(seed, "final", "completed", self.oracle.trained(place, seed))
        self.records[number] = replace(trial, finalist=True, runs=(*trial.runs, run))

    @property
    def _planned(self) -> int:
        return min(self.spec.trials, len(self.table.catalogue.feasible))

    def _entrants(self) -> dict[int, Entrant]:
        return {number: self._entrant(trial) for number, trial in self.records.items()}

    def _entrant(self, trial: TrialRecord) -> Entrant:
        history = trial.runs[0].history
        last = history[-1] if trial.state == "completed" else None
        values = dict(enumerate(history, start=1))
        goes_on = trial.number in self.going_on
        return Entrant(
            trial.number, trial.is_settled, values, last, trial.reference, trial.costs, held=trial.held, goes_on=goes_on
        )
