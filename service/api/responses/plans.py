"""The shape of a plan, for the OpenAPI document."""

from typing import Literal

from pydantic import Field

from service.protocol.trial_responses import ArchitectureOut, Response


class CatalogueOut(Response):
    """How many networks a space holds, and how many of them meet the target."""

    distinct: int
    feasible: int


class CostRangesOut(Response):
    """[lowest, highest] over the feasible networks."""

    macs_ratio: list[float]
    macs: list[int]
    params: list[int]
    activations: list[int]
    weight_bytes: list[int] = Field(description="Of the weights in fp32.")
    memory_bytes: list[int] = Field(description="Of training a batch of recipe.batch_size images, estimated in fp32.")
    latency_ms: list[float] | None = Field(default=None, description="Of a target in latency; null of the others.")


class LimitOut(Response):
    """A further ceiling, and how many of the networks that meet the target it alone removes."""

    metric: str
    at_most: float
    removes: int
    of: int


class LatencyTableOut(Response):
    """What a target's table of measured latencies came to: rows, those of use, and the networks that these gave."""

    rows: int
    used: int
    networks: int


class RunsOut(Response):
    """Trainings if every trial completes."""

    search: int
    final: int
    probe: int
    control: int = Field(description="At most: a control that is a finalist has been trained.")


class PlannedControlOut(Response):
    """A simple choice that the answer will be compared with."""

    name: str
    architecture: ArchitectureOut | None
    macs: int | None
    ratio: float | None = Field(description="Real cost over the baseline's, in the target's metric.")
    within_target: bool
    reason: str | None = Field(description="Why no network can be built for it.")


class PlannedDatasetOut(Response):
    """The data set as it was when the plan was made. Counts are images."""

    name: str
    classes: int
    native_px: int
    channels: int
    train: int
    validation: int
    test: int
    source: str
    summary: str
    source_px: int
    content_hash: str
    registered: bool
    train_counts: list[int] = Field(description="By class; empty where they are not known.")
    validation_counts: list[int]


class DeviceSecondsOut(Response):
    """Seconds of training and compiling on one device. `basis` says in words what they rest on."""

    low: float = Field(description="If the pruner stops all it can and the fast tenth of the trainings is typical.")
    estimate: float
    high: float
    basis: str
    measured: int = Field(description="Finished trainings that the pace was learned from; 0: it is a guess.")


class TrainedToEndOut(Response):
    """How many trials the pruner leaves: `about` by its rungs where chance alone decides, `at_least` whatever it does.

    Those that it stops go on for the finals, best first, where fewer than `finalists.count` complete.
    """

    about: int
    at_least: int = Field(description="Unless trainings fail.")


class RemedyOut(Response):
    """A change of the spec that a notice calls for."""

    pointer: str = Field(description="The field (RFC 6901).")
    value: int | float | str | bool | list[float] = Field(description="Its new value.")


class NoticeOut(Response):
    """Something to look out for: a machine word, and a sentence."""

    code: str
    message: str
    severity: Literal["note", "warning"] = Field(
        description="`warning`: the result will be worse than it need be, or none; `note`: to be known."
    )
    remedy: RemedyOut | None = Field(description="Null: there is no single change that helps.")


class SuggestionOut(Response):
    """A single change of the spec that gives the search more networks to choose from, counted on the real catalogue."""

    pointer: str = Field(description="The field (RFC 6901).")
    value: float | list[float] = Field(description="Its new value.")
    feasible: int = Field(description="Networks that meet the target then.")
    more: int
    message: str


class PlanOut(Response):
    """A dry run of a search."""

    catalogue: CatalogueOut
    limits: list[LimitOut]
    cost: CostRangesOut
    latency_table: LatencyTableOut | None = Field(default=None, description="Null without a target in latency.")
    programs: int = Field(
        description="Compiled at least once: one a network, and one for each whose latency is measured."
    )
    runs: RunsOut
    controls: list[PlannedControlOut]
    trained_to_end: TrainedToEndOut
    dataset: PlannedDatasetOut
    device_seconds: DeviceSecondsOut
    warnings: list[NoticeOut]
    suggestions: list[SuggestionOut] = Field(
        description="At most three, most useful first; none where there is plenty."
    )
