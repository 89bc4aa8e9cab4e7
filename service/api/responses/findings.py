"""The shapes of what a search has found beside its winner: its front, and whether the ranking holds at another phi."""

from typing import Any, Literal

from pydantic import Field

from service.protocol.trial_responses import ArchitectureOut, CostOut, Fraction, Response


class FrontOut(Response):
    """The networks that none beats in all objectives of a search."""

    objectives: list[str]
    hypervolume: float = Field(description="What they cover of the box between `reference` and the ideal, 0 to 1.")
    reference: dict[str, float] = Field(description="By objective: where the box begins.")
    knee: int | None = Field(description="Number of the best compromise; null: there is none.")
    trials: list[int] = Field(description="Their numbers.")


class ProbedOut(Response):
    """A finalist at the searched phi and at the probe's. Accuracies are means over seeds."""

    number: int = Field(description="Of the finalist.")
    accuracy: Fraction
    probe: int | None = Field(description="Number of the trial that trains its coefficients at the other phi.")
    probe_accuracy: Fraction | None
    probe_accuracy_ci95: list[float] | None
    probe_seeds: int


class TransferOut(Response):
    """Whether the ranking at the searched phi holds at another. Null: not known yet, or not to be told."""

    phi: float
    networks: list[ProbedOut] = Field(description="Best first, by their finals.")
    tau_b: float | None = Field(description="Kendall's tau-b of the two rankings.")
    tau_b_ci95: list[float] | None = Field(description="Bootstrap over the seeds of both sides.")
    p_value: float | None = Field(description="Of an agreement at least as good by chance; permutations, one-sided.")
    transfers: bool | None = Field(description="Whether the winner leads there; false: it is told from the leader.")
    message: str | None


class PointsOut(Response):
    """A difference of accuracies in points, hundredths, with its interval."""

    points: float
    ci95: list[float] = Field(description="All such intervals of a search hold together with 95 %.")


class GainOut(PointsOut):
    """What the network gains."""

    over: Literal["baseline"]


class AdviceOut(Response):
    """A change of the specification that would help."""

    pointer: str = Field(description="JSON pointer of the field.")
    value: Any
    message: str


class ConclusionOut(Response):
    """The answer of a search that has ended, as one decision that `best` and exports follow."""

    kind: Literal["nothing_learnt", "no_gain", "undecided", "single_candidate", "tied", "clear"]
    sentence: str
    chosen: int | None = Field(description="Number of the recommended trial; null: none is, see `kind`.")
    keep_baseline: bool = Field(description="Scaling is surely not worth it: take the unscaled baseline.")
    most_accurate: int | None
    ties: list[int] = Field(description="Trials that cannot be told apart from the most accurate, without the chosen.")
    gain: GainOut | None = Field(description="Over the unscaled baseline; null where that was not trained.")
    advice: list[AdviceOut]


class ControlOut(Response):
    """A simple choice on the finals' seeds. `difference` is the chosen network minus this one."""

    name: Literal["baseline", "depth", "width", "resolution", "equal", "paper"]
    state: str = Field(description="`infeasible`: no such network can be built, see `reason`.")
    reason: str | None
    number: int | None = Field(description="The trial that was trained for it.")
    same_as: int | None = Field(description="The trial of the search whose network it is.")
    coefficients: dict[str, float] | None
    architecture: ArchitectureOut | None
    cost: CostOut | None
    ratio: float | None = Field(description="Real cost over the baseline's, in the target's metric.")
    within_target: bool
    accuracy: Fraction | None = Field(description="Mean over the common seeds, of the searched metric.")
    accuracy_ci95: list[float] | None
    seeds: int
    difference: PointsOut | None
