"""Bodies that clients and workers send. Strict: a string is no number, unknown fields are refused, NaN never passes."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from models.compiler.reports import MAX_PACK

MAX_CLASSES = 100_000
MAX_EPOCHS = 10_000  # as in models.recipe.recipe
MAX_PROGRAMS = 128  # as many as a trainer keeps at hand (models.training.programs)
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Short = Annotated[str, StringConstraints(max_length=200)]
Text = Annotated[str, StringConstraints(max_length=4000)]
Count = Annotated[int, Field(ge=0, lt=2**31)]
Seconds = Annotated[float, Field(ge=0, le=1e9)]
Fraction = Annotated[float, Field(ge=0, le=1)]
NetworkKey = Annotated[str, StringConstraints(pattern="^[0-9a-f]{16}$")]
Sha256 = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class Device(_Body):
    """An accelerator, or the CPU, that a worker trains on."""

    platform: Short
    kind: Short


class LeaseIn(_Body):
    """A worker asks for work. `process` is a random word per worker process: another one means the old has died."""

    worker: Name
    process: Annotated[str, StringConstraints(min_length=1, max_length=80)]
    devices: Annotated[list[Device], Field(max_length=64)] = []
    versions: Annotated[dict[Short, Short], Field(max_length=64)] = {}
    wait_seconds: Annotated[float, Field(ge=0, le=30, description="Long poll: how long to wait for work.")] = 0.0
    programs: Annotated[
        list[NetworkKey],
        Field(
            max_length=MAX_PROGRAMS,
            description="Keys of networks whose programs this process has at hand. Of the queued runs of a search, "
            "theirs are leased first; which search is served, and which trials it proposes, stays the same.",
        ),
    ] = []
    upcoming: Annotated[
        bool, Field(description="Whether the answer shall name the network that will probably come next.")
    ] = False
    pack: Annotated[
        int,
        Field(
            ge=1,
            le=MAX_PACK,
            description="How many seeds of one network this process trains at once. Beyond the first, the lease brings "
            "`companions`: leases of queued runs that differ from its own in their seed alone.",
        ),
    ] = 1


class EpochMetrics(_Body):
    """What one epoch measured."""

    train_loss: float
    train_accuracy: Fraction
    validation_loss: float
    validation_accuracy: Fraction
    seconds: Seconds
    images_per_second: Seconds
    compile_seconds: Seconds = 0.0
    balanced_accuracy: Annotated[Fraction | None, Field(description="Mean recall of the validation classes.")] = None
    macro_f1: Annotated[Fraction | None, Field(description="Mean F1 of the validation classes.")] = None


class ReportIn(_Body):
    """An epoch's metrics, or with `epoch` null a sign of life."""

    lease_epoch: Count
    epoch: Annotated[int, Field(ge=1, le=MAX_EPOCHS)] | None = None
    metrics: EpochMetrics | None = None

    @model_validator(mode="after")
    def _together(self) -> "ReportIn":
        if (self.epoch is None) != (self.metrics is None):
            raise ValueError("epoch and metrics come together, or not at all")
        return self


class StartedFrom(_Body):
    """The weights file that a training began with: how many arrays were taken as they are, grown, or drawn instead."""

    sha256: Sha256
    taken: Count
    grown: Count = 0
    drawn: Count
    warnings: Annotated[list[Text], Field(max_length=64)] = []


class RunResult(_Body):
    """What a training came to. `accuracy` is that of the epoch that the recipe's `selection` chooses."""

    accuracy: Fraction
    balanced_accuracy: Annotated[Fraction | None, Field(description="Mean recall of the validation classes.")] = None
    macro_f1: Annotated[Fraction | None, Field(description="Mean F1 of the validation classes.")] = None
    per_class_recall: Annotated[
        list[Fraction | None] | None,
        Field(max_length=MAX_CLASSES, description="By class; null for one without validation images."),
    ] = None
    last_accuracy: Fraction | None = None
    best_accuracy: Fraction
    best_epoch: Count
    train_accuracy: Fraction
    validation_loss: float
    test_accuracy: Fraction | None = None
    test_balanced_accuracy: Fraction | None = None
    test_macro_f1: Fraction | None = None
    epochs: Count
    device_seconds: Seconds
    compile_seconds: Annotated[Seconds, Field(description="What the training waited for its program.")] = 0.0
    compiled_ahead_seconds: Annotated[Seconds, Field(description="Of compiling that was over before it asked.")] = 0.0
    programs_compiled: Count = 0
    programs_cached: Annotated[Count, Field(description="Programs that the cache on the worker's disk had.")] = 0
    latency_ms: Annotated[Seconds | None, Field(description="Inference of one image, median; where asked for.")] = None
    images_per_second: Annotated[Seconds | None, Field(description="Training images in training time.")] = None
    peak_memory_bytes: Annotated[
        int | None, Field(ge=0, lt=2**63, description="Most of the device's memory at a time, while training.")
    ] = None
    packed: Annotated[
        int, Field(ge=1, le=MAX_PACK, description="Seeds that were one program: its seconds are an equal share.")
    ] = 1
    stopped_early: bool = False
    dataset_hash: Sha256 | None = None
    started_from: StartedFrom | None = None


class FinishIn(_Body):
    """How a run ended."""

    lease_epoch: Count
    outcome: Literal["completed", "pruned", "infeasible", "failed", "cancelled"]
    reason: Annotated[str, StringConstraints(max_length=80)] | None = None
    message: Text | None = None
    result: RunResult | None = None

    @model_validator(mode="after")
    def _completed_has_result(self) -> "FinishIn":
        if self.outcome == "completed" and self.result is None:
            raise ValueError("a completed run has a result")
        return self


class ReleaseIn(_Body):
    """A lease given back unfinished. Everything but `drain` counts as an attempt."""

    lease_epoch: Count
    reason: Literal["drain", "crashed", "checkpoint-failed", "error", "dataset-differs", "start-differs"]
    message: Text | None = None
