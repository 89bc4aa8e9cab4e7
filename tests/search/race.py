"""A search without networks: trials whose curves are known run, pause, fail and end in any order."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from search.pruning import brackets, pruning
from search.pruning.entrant import Entrant
from search.spec.spec import SearchSpec

Choose = Callable[[Sequence[int]], int]  # one of these running trials


class Stuck(Exception):
    """Nothing runs, nothing can be begun, and not all is over."""


@dataclass
class Race:
    """What a service does with runs, in a dictionary. `fails` says after which epoch a trial fails, by number."""

    spec: SearchSpec
    curves: Sequence[Sequence[float]]
    parallelism: int
    choose: Choose
    fails: Mapping[int, int] = field(default_factory=dict)
    waits_for_results: bool = True  # as a sampler with a model does
    entrants: dict[int, Entrant] = field(default_factory=dict)
    running: dict[int, int] = field(default_factory=dict)  # epochs done, by number
    queued: list[int] = field(default_factory=list)
    paused: dict[int, int] = field(default_factory=dict)
    ends: dict[int, tuple[str, int]] = field(default_factory=dict)
    trained: int = 0
    pauses: int = 0

    def run(self) -> dict[int, tuple[str, int]]:
        """How each trial ended, and after how many epochs."""
        while len(self.ends) < len(self.curves):
            while len(self.running) < self.parallelism and self.begin():
                pass
            if not self.running:
                raise Stuck(f"{sorted(self.paused)} are paused, {len(self.entrants)} of {len(self.curves)} proposed")
            self.train(self.choose(sorted(self.running)))
        return dict(sorted(self.ends.items()))

    def begin(self) -> bool:
        """Give a worker a resumed trial, or the next one."""
        if self.queued:
            number = self.queued.pop(0)
            self.running[number] = self.entrants[number].epoch
            return True
        number = len(self.entrants)
        lagging = range(max(0, number - self.spec.window + 1)) if self.waits_for_results else ()
        if number == len(self.curves) or not all(self.entrants[other].over for other in lagging):
            return False
        costs = {"macs": (number * 7) % 5}  # some are equal
        self.entrants[number] = Entrant(number, over=False, values={}, reference=number == 0, costs=costs)
        self.running[number] = 0
        return True

    def train(self, number: int) -> None:
        """One epoch of one trial, and what follows from it."""
        epoch = self.running[number] + 1
        self.running[number] = epoch
        self.trained += 1
        value = self.curves[number][epoch - 1]
        self.enter(number, values={**self.entrants[number].values, epoch: value})
        if self.fails.get(number) == epoch:
            self.end(number, "failed")
        elif epoch == self.spec.recipe.epochs:
            self.enter(number, last=value)
            self.end(number, "completed")
        elif epoch in brackets.rungs(self.spec, number):
            found = pruning.decide(self.spec, len(self.curves), self.entrants, number)
            if found == "stop":
                self.end(number, "pruned")
            elif found in ("await", "hold"):
                self.paused[number] = self.running.pop(number)
                self.pauses += 1
                if found == "hold":
                    self.enter(number, over=True, held=True)
        self.settle()

    def settle(self) -> None:
        """Let go on, or end, whoever waited for this."""
        found = pruning.settle(self.spec, len(self.curves), self.entrants, sorted(self.paused))
        for number, each in sorted(found.items()):
            if each == "hold":
                self.enter(number, over=True, held=True)
                continue
            epoch = self.paused.pop(number)
            if each == "stop":
                self.running[number] = epoch
                self.end(number, "pruned")
            else:
                self.enter(number, over=False, held=False, goes_on=each == "go on")
                self.queued.append(number)

    def end(self, number: int, how: str) -> None:
        """This one is over."""
        self.ends[number] = how, self.running.pop(number)
        self.enter(number, over=True, held=False)

    def enter(self, number: int, **changes: object) -> None:
        """Note something of a trial."""
        self.entrants[number] = replace(self.entrants[number], **changes)  # type: ignore[arg-type]
