"""The shape of a plan, for the OpenAPI document."""

from pydantic import Field

from service.protocol.trial_responses import Response


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
    latency_ms: list[float] | None = Field(default=None, description="Of a target in latency; null of the others.")


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


class DeviceSecondsOut(Response):
    """Seconds of training and compiling on one device. `basis` says in words what they rest on."""

    low: float = Field(description="If the pruner stops all it can and the fast tenth of the trainings is typical.")
    estimate: float
    high: float
    basis: str
    measured: int = Field(description="Finished trainings that the pace was learned from; 0: it is a guess.")


class NoticeOut(Response):
    """Something to look out for: a machine word, and a sentence."""

    code: str
    message: str


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
    cost: CostRangesOut
    latency_table: LatencyTableOut | None = Field(default=None, description="Null without a target in latency.")
    programs: int = Field(
        description="Compiled at least once: one a network, and one for each whose latency is measured."
    )
    runs: RunsOut
    dataset: PlannedDatasetOut
    device_seconds: DeviceSecondsOut
    warnings: list[NoticeOut]
    suggestions: list[SuggestionOut] = Field(
        description="At most three, most useful first; none where there is plenty."
    )
