"""The shapes of what the resources send, for the OpenAPI document; as in `service.protocol.trial_responses`."""

from typing import Any, Literal

from pydantic import Field

from service.api.responses.findings import ConclusionOut, ControlOut, FrontOut, TransferOut
from service.protocol.trial_responses import (
    ArchitectureOut,
    DiagnosisName,
    Fraction,
    MeasuredOut,
    Response,
    ScaleCostOut,
    TrialOut,
)


class WeightsOut(Response):
    """A registered file of weights to start from."""

    name: str
    sha256: str
    size: int = Field(description="Bytes.")
    arrays: int
    parameters: int = Field(description="Numbers in all arrays.")
    source: str = Field(description="Name of the file that was registered.")
    added_at: str


class WeightsListOut(Response):
    """All registered weights, by name."""

    items: list[WeightsOut]
    next_cursor: None


class FieldErrorOut(Response):
    """Where a body is wrong (RFC 6901 pointer) and how."""

    pointer: str
    message: str


class ProblemOut(Response):
    """RFC 9457 problem document; `code` is the machine word."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[FieldErrorOut]


class PartOut(Response):
    """One part of a network. `map_px` is the side of its last map, `step_px` the input pixels between neighbours."""

    name: str
    blocks: int
    map_px: int
    channels: int
    step_px: int
    receptive_field: int
    params: int
    macs: int
    activations: int


class MemoryOut(Response):
    """Bytes: the largest pair of maps for one image, what a training step keeps of each, weights and their like."""

    inference: int
    training_per_image: int
    training_state: int


class ScaleOut(Response):
    """The calculator's answer. `parts` are stem, stages, head and classifier; `memory_bytes` are estimates in fp32."""

    architecture: ArchitectureOut
    cost: ScaleCostOut
    parts: list[PartOut]
    memory_bytes: MemoryOut
    warnings: list[str]


class FamilyRowOut(Response):
    """A member of a family. The last five fields are those of a solved one."""

    name: str
    phi: float
    depth: float = Field(description="A multiplier of depth that gives `depths`.")
    width: float
    resolution: int = Field(description="Pixels.")
    dropout: float
    depths: list[int]
    widths: list[int]
    stem: int
    head: int
    params: int
    macs: int
    macs_ratio: float = Field(description="Real multiply-adds over the unscaled baseline's.")
    activations: int
    receptive_field: int
    nominal_ratio: float = Field(description="The product of the coefficients to the power of phi.")
    nominal_resolution: int | None
    nominal_macs_ratio: float | None = Field(description="Of the published rounding; null where it gives no network.")
    closest_official: str | None
    metric: str | None = None
    wanted_ratio: float | None = Field(None, description="The ratio to the power of phi.")
    ratio: float | None = Field(None, description="The real cost over the unscaled baseline's, in `metric`.")
    distance: float | None = Field(None, description="From the ray, in natural logarithms of cost; 0 lies on it.")
    within: bool | None = Field(None, description="Whether `ratio` is within the tolerance of `wanted_ratio`.")


class FamilyOut(Response):
    """The family calculator's answer."""

    baseline: str
    coefficients: dict[str, float] = Field(description="alpha, beta, gamma and their product.")
    rule: Literal["published", "solved"] = Field(alias="as")
    ratio: float | None = Field(description="What one step multiplies the real multiply-adds by; null as published.")
    family: list[FamilyRowOut]


class AttemptOut(Response):
    """One lease of a run."""

    lease_epoch: int
    worker: str
    devices: list[dict[str, str]]
    versions: dict[str, str]
    started_at: str
    ended_at: str | None
    outcome: str | None
    message: str | None


class DiagnosisOut(Response):
    """What the curves of a training say, the rule that said it, and the numbers of the rule."""

    label: DiagnosisName
    rule: str
    values: dict[str, float]


class StartOut(Response):
    """The weights file that a training began with: how many arrays were taken as they are, grown, or drawn instead."""

    sha256: str
    taken: int
    grown: int
    drawn: int
    warnings: list[str] = Field(description="What the file's arrays cannot tell, such as another padding.")


class RunOut(MeasuredOut):
    """One training with one seed."""

    seed: int
    role: Literal["search", "final", "probe", "control"]
    state: str
    reason: str | None
    message: str | None
    accuracy: Fraction | None
    train_accuracy: Fraction | None
    last_accuracy: Fraction | None
    best_accuracy: Fraction | None
    best_epoch: int | None
    balanced_accuracy: Fraction | None
    macro_f1: Fraction | None
    per_class_recall: list[Fraction | None] | None
    test_accuracy: Fraction | None
    started_from: StartOut | None
    epochs: int
    stopped_early: bool
    packed: int = Field(description="Seeds trained as one program with it, itself included: its seconds are a share.")
    diagnosis: DiagnosisOut | None
    cached_from: str | None = Field(
        description="Where a `cached` run, or the epochs of one that was not trained again, was trained, as search "
        "id/trial number/seed."
    )
    device_seconds: float
    compile_seconds: float
    compiled_ahead_seconds: float
    programs_compiled: int
    programs_cached: int
    attempts: list[AttemptOut]
    history: list[dict[str, float | None]]


class TrialDetailOut(TrialOut):
    """A trial with its runs, their attempts and their epochs."""

    runs: list[RunOut]


class TrialsOut(Response):
    """A page of trials."""

    items: list[TrialOut]
    next_cursor: str | None


class LeaderboardOut(TrialsOut):
    """A page of ranked trials."""

    as_of: str


class RunCountsOut(Response):
    """Trainings expected (at most, while finalists may leave a race) and ended."""

    planned: int
    finished: int


class ShareOut(Response):
    """A part of the accuracies' variance, and its interval over which trials there happened to be (bootstrap)."""

    share: Fraction
    ci95: list[float]


class ImportanceOut(Response):
    """What of the accuracies goes with each coefficient, over the trials that were trained to the end.

    Cross-validated quadratic models in the logarithms; what each coefficient adds, averaged over all orders (Shapley).
    All null but `trials` and `message` where nothing can be said: too few trials, or no more explained than by chance.
    """

    trials: int
    explained: Fraction | None = Field(description="The predicted part of the variance: the sum of the shares.")
    alpha: ShareOut | None
    beta: ShareOut | None
    gamma: ShareOut | None
    most: Literal["alpha", "beta", "gamma"] | None = Field(description="The largest share in 95 % of resamples.")
    message: str


class SearchSummaryOut(Response):
    """A search as lists show it."""

    id: str
    name: str
    state: str
    reason: str | None
    message: str | None
    dataset: str
    baseline: str = Field(description="Its name; of a stage table without one: custom.")
    labels: dict[str, str]
    created_at: str
    started_at: str | None
    finished_at: str | None
    trials: dict[str, int]
    runs: RunCountsOut
    diagnoses: dict[str, int] = Field(description="How many trials each diagnosis was given to.")
    dataset_hash: str | None = Field(description="Content of the data set when the search was submitted.")
    progress: float
    best: TrialOut | None
    above_chance: bool | None = Field(
        default=None, description="Whether `best` is better than guessing at 95 %; null: there is no best trial yet."
    )
    device_seconds: float
    estimated_seconds_left: float | None = Field(
        description="Wall seconds until the end if no further run is pruned: runs left times the mean of a run, "
        "divided by the workers that could take one now: those on this search and idle ones, at most `parallelism` and "
        "the runs left. Null before a run was trained to the end, when no such worker is alive, while paused, and "
        "after the end."
    )


class SearchOut(SearchSummaryOut):
    """A search with its specification and plan, and what it has shown."""

    spec: dict[str, Any]
    plan: dict[str, Any]
    statement: str | None = Field(default=None, description="What the search has shown, in sentences.")
    conclusion: ConclusionOut | None = Field(default=None, description="The answer; null before the end.")
    controls: list[ControlOut] | None = Field(default=None, description="Simple choices; null before the end.")
    transfer: TransferOut | None = Field(default=None, description="The probe that `spec.transfer` asks for.")
    front: FrontOut | None = Field(default=None, description="Of a search with several objectives, shown alone.")
    importance: ImportanceOut | None = Field(default=None, description="Of the coefficients; null before the end.")
    last_event_id: int | None = Field(
        default=None, description="Stream events from here to miss none after this answer."
    )


class SearchesOut(Response):
    """A page of searches."""

    items: list[SearchSummaryOut]
    next_cursor: str | None


class EventOut(Response):
    """Something that happened to a search."""

    id: int
    type: str
    at: str
    data: dict[str, Any]


class EventsOut(Response):
    """Events behind an id; ask again with `after=next`."""

    items: list[EventOut]
    next: int
