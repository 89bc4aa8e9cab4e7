"""A trial as pruning sees it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Entrant:
    """A trial as it is judged.

    `values` are the validation accuracies of its search run by epoch, from 1 on: those at its rungs, for `curve` all.
    `last` is the accuracy after the last epoch of a trial that was trained to the end, perhaps early by its patience.
    `costs` are those of `pruning.KNOWN_COSTS`. One that is `held` back was stopped at its last rung and may go on after
    all (`search.pruning.held_back`); for others it is `over`. One that `goes_on` did, and is judged no more.
    """

    number: int
    over: bool
    values: Mapping[int, float]
    last: float | None = None
    reference: bool = False
    costs: Mapping[str, float] = field(default_factory=dict)
    held: bool = False
    goes_on: bool = False

    @property
    def epoch(self) -> int:
        """The last epoch known of."""
        return max(self.values, default=0)

    def accuracy_at(self, epoch: int) -> float | None:
        """The accuracy at a rung; that of the last epoch where patience ended the training before."""
        return self.values.get(epoch, self.last)

    def arrived(self, epoch: int) -> bool:
        """Whether nothing about this rung is still to come."""
        return self.over or self.epoch >= epoch
