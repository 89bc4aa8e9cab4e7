"""The shapes of what a search has found beside its winner: its front, and whether the ranking holds at another phi."""

from pydantic import Field

from service.protocol.trial_responses import Fraction, Response


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
