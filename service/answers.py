"""The shapes of answers, for the OpenAPI document. Tests hold real answers against them.

None is checked while serving: that would halve the speed of a list of 100 rows.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Fraction = float
DiagnosisName = Literal["diverged", "overfits", "noisy", "underfits", "fits"]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class WeightsOut(_Answer):
    """A registered file of weights to start from."""

    name: str
    sha256: str
    size: int = Field(description="Bytes.")
    arrays: int
    parameters: int = Field(description="Numbers in all arrays.")
    source: str = Field(description="Name of the file that was registered.")
    added_at: str


class WeightsListOut(_Answer):
    """All registered weights, by name."""

    items: list[WeightsOut]
    next_cursor: None


class FieldErrorOut(_Answer):
    """Where a body is wrong (RFC 6901 pointer) and how."""

    pointer: str
    message: str


class ProblemOut(_Answer):
    """RFC 9457 problem document; `code` is the machine word."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[FieldErrorOut]


class ArchitectureOut(_Answer):
    """A network in integers."""

    key: str
    depths: list[int]
    widths: list[int]
    stem: int
    head: int
    resolution: int = Field(description="Pixels.")
    classes: int
    dropout: float


class TrialArchitectureOut(ArchitectureOut):
    """A network in integers, and the rates it is trained with: what the recipe's rules give for its size."""

    drop_path: float


class ScaleCostOut(_Answer):
    """Real cost after rounding."""

    params: int
    macs: int = Field(description="Multiply-adds, what papers call FLOPS.")
    macs_ratio: float = Field(description="Relative to the unscaled baseline with the same classes.")
    activations: int
    receptive_field: int = Field(description="Pixels.")


class MeasuredOut(_Answer):
    """What was measured on the worker that trained (null: not measured)."""

    latency_ms: float | None = Field(
        description="Inference of one image, median; of those runs that `measure_latency` names."
    )
    images_per_second: float | None = Field(description="Training images in training time.")
    peak_memory_bytes: int | None = Field(description="Most of the device's memory at a time, while training.")


class CostOut(ScaleCostOut, MeasuredOut):
    """Real cost, and what was measured in the trial's last completed training, a final one before a search's."""


class PartOut(_Answer):
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


class MemoryOut(_Answer):
    """Bytes: the largest pair of maps for one image, what a training step keeps of each, weights and their like."""

    inference: int
    training_per_image: int
    training_state: int


class ScaleOut(_Answer):
    """The calculator's answer. `parts` are stem, stages, head and classifier; `memory_bytes` are estimates in fp32."""

    architecture: ArchitectureOut
    cost: ScaleCostOut
    parts: list[PartOut]
    memory_bytes: MemoryOut
    warnings: list[str]


class TrialOut(_Answer):
    """One distinct network and what it came to. `accuracy` is on the validation split, after the epoch `selection`."""

    rank: int | None = None
    number: int
    state: str
    reason: str | None
    message: str | None
    alpha: float
    beta: float
    gamma: float
    phi: float
    architecture: TrialArchitectureOut
    cost: CostOut
    accuracy: Fraction | None
    accuracy_ci95: list[float] | None
    seeds: int
    train_accuracy: Fraction | None
    generalization_gap: float | None = Field(description="Training minus validation accuracy, after the last epoch.")
    selection: Literal["last", "best"] = Field(description="The epoch that `accuracy` and the test accuracy are of.")
    last_accuracy: Fraction | None
    best_accuracy: Fraction | None
    best_epoch: int | None
    stopped_early: bool = Field(description="Validation did not get better for the recipe's `patience`.")
    diagnosis: DiagnosisName | None = Field(description="What the curves say; null before a training has ended.")
    diagnosis_rule: str | None = Field(description="The rule that gave the diagnosis, with its numbers.")
    test_accuracy: Fraction | None
    epochs: int
    device_seconds: float
    compile_seconds: float = Field(description="What all trainings waited for their programs.")
    compiled_ahead_seconds: float = Field(description="Of compiling that was over before a training asked for it.")
    programs_compiled: int
    programs_cached: int = Field(description="Programs that the cache on a worker's disk had.")
    attempts: int
    cached_from: str | None
    reference: bool = Field(description="The paper's own coefficients, or the feasible network nearest to them.")
    reference_note: str | None
    finalist: bool
    ties: bool | None = Field(description="Not separable from rank 1 at 95 %; null: unknown, or rank 1 itself.")
    created_at: str
    started_at: str | None
    finished_at: str | None


class AttemptOut(_Answer):
    """One lease of a run."""

    lease_epoch: int
    worker: str
    devices: list[dict[str, str]]
    versions: dict[str, str]
    started_at: str
    ended_at: str | None
    outcome: str | None
    message: str | None


class DiagnosisOut(_Answer):
    """What the curves of a training say, the rule that said it, and the numbers of the rule."""

    label: DiagnosisName
    rule: str
    values: dict[str, float]


class StartOut(_Answer):
    """The weights file that a training began with: how many arrays were taken as they are, grown, or drawn instead."""

    sha256: str
    taken: int
    grown: int
    drawn: int
    warnings: list[str] = Field(description="What the file's arrays cannot tell, such as another padding.")


class RunOut(MeasuredOut):
    """One training with one seed."""

    seed: int
    role: Literal["search", "final"]
    state: str
    reason: str | None
    message: str | None
    accuracy: Fraction | None
    train_accuracy: Fraction | None
    last_accuracy: Fraction | None
    best_accuracy: Fraction | None
    best_epoch: int | None
    test_accuracy: Fraction | None
    started_from: StartOut | None
    epochs: int
    stopped_early: bool
    diagnosis: DiagnosisOut | None
    device_seconds: float
    compile_seconds: float
    compiled_ahead_seconds: float
    programs_compiled: int
    programs_cached: int
    attempts: list[AttemptOut]
    history: list[dict[str, float]]


class TrialDetailOut(TrialOut):
    """A trial with its runs, their attempts and their epochs."""

    runs: list[RunOut]


class TrialsOut(_Answer):
    """A page of trials."""

    items: list[TrialOut]
    next_cursor: str | None


class LeaderboardOut(TrialsOut):
    """A page of ranked trials."""

    as_of: str


class RunCountsOut(_Answer):
    """Trainings expected and ended."""

    planned: int
    finished: int


class SearchOut(_Answer):
    """A search with its counters, progress and best trial so far."""

    id: str
    name: str
    state: str
    reason: str | None
    message: str | None
    spec: dict[str, Any]
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
    device_seconds: float
    estimated_seconds_left: float | None
    plan: dict[str, Any]
    statement: str | None = Field(default=None, description="What the search has shown, in one sentence.")
    last_event_id: int | None = Field(
        default=None, description="Stream events from here to miss none after this answer."
    )


class SearchesOut(_Answer):
    """A page of searches."""

    items: list[SearchOut]
    next_cursor: str | None


class EventOut(_Answer):
    """Something that happened to a search."""

    id: int
    type: str
    at: str
    data: dict[str, Any]


class EventsOut(_Answer):
    """Events behind an id; ask again with `after=next`."""

    items: list[EventOut]
    next: int


class UpcomingOut(_Answer):
    """A network that will probably be trained next in the same search; all else of its job is as in this one."""

    key: str
    depths: list[int]
    widths: list[int] = Field(description="Stem, stages, head.")
    resolution: int = Field(description="Pixels.")


class LeaseOut(_Answer):
    """Work for a worker."""

    id: str
    lease_epoch: int
    lease_seconds: float
    expires_at: str
    search_id: str
    search_name: str
    trial_number: int
    role: Literal["search", "final"]
    attempt: int
    job: dict[str, Any]
    upcoming: UpcomingOut | None = Field(description="Null when not asked for, or when nothing new is in sight.")
    trial: TrialOut
    spec: dict[str, Any]
    checkpoints: list[dict[str, Any]]


class CommandOut(_Answer):
    """How a worker goes on."""

    command: Literal["continue", "stop", "cancel", "drain"]
    reason: str | None
    expires_at: str


class RunStateOut(_Answer):
    """The state that a run is in now."""

    state: str
