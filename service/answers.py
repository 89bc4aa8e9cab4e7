"""The shapes of answers, for the OpenAPI document. Tests hold real answers against them.

None is checked while serving: that would halve the speed of a list of 100 rows.
"""

from typing import Any, Literal

from pydantic import Field

from service.finding_answers import Answer, Fraction, FrontOut, TransferOut

DiagnosisName = Literal["diverged", "overfits", "noisy", "underfits", "fits"]


class WeightsOut(Answer):
    """A registered file of weights to start from."""

    name: str
    sha256: str
    size: int = Field(description="Bytes.")
    arrays: int
    parameters: int = Field(description="Numbers in all arrays.")
    source: str = Field(description="Name of the file that was registered.")
    added_at: str


class WeightsListOut(Answer):
    """All registered weights, by name."""

    items: list[WeightsOut]
    next_cursor: None


class FieldErrorOut(Answer):
    """Where a body is wrong (RFC 6901 pointer) and how."""

    pointer: str
    message: str


class ProblemOut(Answer):
    """RFC 9457 problem document; `code` is the machine word."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[FieldErrorOut]


class ArchitectureOut(Answer):
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


class ScaleCostOut(Answer):
    """Real cost after rounding."""

    params: int
    macs: int = Field(description="Multiply-adds, what papers call FLOPS.")
    macs_ratio: float = Field(description="Relative to the unscaled baseline with the same classes.")
    activations: int
    receptive_field: int = Field(description="Pixels.")


class MeasuredOut(Answer):
    """What was measured on the worker that trained (null: not measured)."""

    latency_ms: float | None = Field(
        description="Inference of one image, median; of those runs that `measure_latency` names."
    )
    images_per_second: float | None = Field(description="Training images in training time.")
    peak_memory_bytes: int | None = Field(description="Most of the device's memory at a time, while training.")


class CostOut(ScaleCostOut, MeasuredOut):
    """Real cost, and what was measured in the trial's last completed training, a final one before a search's."""


class PartOut(Answer):
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


class MemoryOut(Answer):
    """Bytes: the largest pair of maps for one image, what a training step keeps of each, weights and their like."""

    inference: int
    training_per_image: int
    training_state: int


class ScaleOut(Answer):
    """The calculator's answer. `parts` are stem, stages, head and classifier; `memory_bytes` are estimates in fp32."""

    architecture: ArchitectureOut
    cost: ScaleCostOut
    parts: list[PartOut]
    memory_bytes: MemoryOut
    warnings: list[str]


class TrialOut(Answer):
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
    accuracy_ci95: list[float] | None = Field(
        description="Of the mean over seeds; holds for whichever finalist comes first, once the search has ended for "
        "whichever of those that cannot be told from it. Null on one seed."
    )
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
    test_accuracy: Fraction | None = Field(description="Of the winner, once the search has succeeded; else null.")
    epochs: int
    device_seconds: float
    compile_seconds: float = Field(description="What all trainings waited for their programs.")
    compiled_ahead_seconds: float = Field(description="Of compiling that was over before a training asked for it.")
    programs_compiled: int
    programs_cached: int = Field(description="Programs that the cache on a worker's disk had.")
    attempts: int
    cached_from: str | None = Field(
        description="Where a `cached` trial, or a pruned one that was not trained again, was trained, as search "
        "id/trial number/seed; that search may be gone."
    )
    reference: bool = Field(description="The paper's own coefficients, or the feasible network nearest to them.")
    reference_note: str | None
    finalist: bool
    probe: bool = Field(description="A finalist's coefficients at the phi of `transfer`; no leaderboard ranks it.")
    ties: bool | None = Field(description="Not separable from rank 1 at 95 %; null: unknown, or rank 1 itself.")
    created_at: str
    started_at: str | None
    finished_at: str | None


class AttemptOut(Answer):
    """One lease of a run."""

    lease_epoch: int
    worker: str
    devices: list[dict[str, str]]
    versions: dict[str, str]
    started_at: str
    ended_at: str | None
    outcome: str | None
    message: str | None


class DiagnosisOut(Answer):
    """What the curves of a training say, the rule that said it, and the numbers of the rule."""

    label: DiagnosisName
    rule: str
    values: dict[str, float]


class StartOut(Answer):
    """The weights file that a training began with: how many arrays were taken as they are, grown, or drawn instead."""

    sha256: str
    taken: int
    grown: int
    drawn: int
    warnings: list[str] = Field(description="What the file's arrays cannot tell, such as another padding.")


class RunOut(MeasuredOut):
    """One training with one seed."""

    seed: int
    role: Literal["search", "final", "probe"]
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
    history: list[dict[str, float]]


class TrialDetailOut(TrialOut):
    """A trial with its runs, their attempts and their epochs."""

    runs: list[RunOut]


class TrialsOut(Answer):
    """A page of trials."""

    items: list[TrialOut]
    next_cursor: str | None


class LeaderboardOut(TrialsOut):
    """A page of ranked trials."""

    as_of: str


class RunCountsOut(Answer):
    """Trainings expected (at most, while finalists may leave a race) and ended."""

    planned: int
    finished: int


class ShareOut(Answer):
    """A part of the accuracies' variance, and its interval over which trials there happened to be (bootstrap)."""

    share: Fraction
    ci95: list[float]


class ImportanceOut(Answer):
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


class SearchOut(Answer):
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
    transfer: TransferOut | None = Field(default=None, description="The probe that `spec.transfer` asks for.")
    front: FrontOut | None = Field(default=None, description="Of a search with several objectives, shown alone.")
    importance: ImportanceOut | None = Field(default=None, description="Of the coefficients; null before the end.")
    last_event_id: int | None = Field(
        default=None, description="Stream events from here to miss none after this answer."
    )


class SearchesOut(Answer):
    """A page of searches."""

    items: list[SearchOut]
    next_cursor: str | None


class EventOut(Answer):
    """Something that happened to a search."""

    id: int
    type: str
    at: str
    data: dict[str, Any]


class EventsOut(Answer):
    """Events behind an id; ask again with `after=next`."""

    items: list[EventOut]
    next: int
