"""The shapes in which a trial and its network travel, to clients and to workers, for the OpenAPI document.

None is checked while serving: that would halve the speed of a list of 100 rows. Tests hold real responses against them.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from models.training.class_counts import Metric

Fraction = float
DiagnosisName = Literal["diverged", "overfits", "noisy", "underfits", "fits"]


class Response(BaseModel):
    """A JSON document that the API sends: no field beside those declared."""

    model_config = ConfigDict(extra="forbid")


class ArchitectureOut(Response):
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


class ScaleCostOut(Response):
    """Real cost after rounding."""

    params: int
    macs: int = Field(description="Multiply-adds, what papers call FLOPS.")
    macs_ratio: float = Field(description="Relative to the unscaled baseline with the same classes.")
    activations: int
    receptive_field: int = Field(description="Pixels.")


class MeasuredOut(Response):
    """What was measured on the worker that trained (null: not measured)."""

    latency_ms: float | None = Field(
        description="Inference of one image, median; of those runs that `measure_latency` names."
    )
    images_per_second: float | None = Field(description="Training images in training time.")
    peak_memory_bytes: int | None = Field(description="Most of the device's memory at a time, while training.")


class CostOut(ScaleCostOut, MeasuredOut):
    """Real cost, and what was measured in the trial's last completed training, a final one before a search's."""


class TrialOut(Response):
    """One distinct network and what it came to. `accuracy` is on the validation split, after the epoch `selection`."""

    rank: int | None = Field(default=None, description="Null: it has no accuracy to be ranked by.")
    chosen: bool | None = Field(default=None, description="Whether the search names it; null where nothing is ranked.")
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
        "whichever of its ties. Null on one seed."
    )
    balanced_accuracy: Fraction | None = Field(description="Mean recall of the validation classes.")
    macro_f1: Fraction | None = Field(description="Mean F1 of the validation classes.")
    per_class_recall: list[Fraction | None] | None = Field(
        description="By class, a mean over seeds; null for a class without validation images."
    )
    metric: Metric = Field(description="What the search is decided by.")
    score: Fraction | None = Field(description="The value of `metric`: what trials are ranked by.")
    score_ci95: list[float] | None = Field(
        description="Of `score`, as `accuracy_ci95`, which other metrics leave null."
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
    test_accuracy: Fraction | None = Field(description="Of the network that a search names once it has succeeded.")
    test_score: Fraction | None = Field(description="The value of `metric` on the test split, as `test_accuracy`.")
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
    control: bool = Field(description="A simple choice that the answer is compared with; no leaderboard ranks it.")
    ties: bool | None = Field(description="Not separable from rank 1 at 95 %; null: unknown, or rank 1 itself.")
    created_at: str
    started_at: str | None
    finished_at: str | None
