"""The search specification: what a user submits. Frozen, strict, and the same document over REST, CLI and SQL."""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from models.architecture import Baseline, WeightLayout
from models.baselines import from_table, get_baseline
from models.data.registry import DatasetInfo, Datasets, Registry
from models.errors import ModelError
from models.recipe import TrainingRecipe
from models.scaling import MAX_MULTIPLIER, DepthRounding

SPEC_VERSION = 1
Metric = Literal["macs", "params", "activations", "product"]
SamplerName = Literal["tpe", "random"]
PrunerName = Literal["asha", "median", "none"]
MeasureLatency = Literal["finalists", "all", "none"]
WEIGHTS_NAME = "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"  # also a file's name, which must not climb out of its folder


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def _ordered(bounds: list[float]) -> list[float]:
    low, high = bounds
    if low < 1:
        raise ValueError(f"coefficients are at least 1 (arXiv 1905.11946, eq. 3), got {low!r}")
    if low > high:
        raise ValueError(f"the lower bound {low!r} must not exceed the upper bound {high!r}")
    return bounds


Bounds = Annotated[
    list[Annotated[float, Field(le=MAX_MULTIPLIER)]],
    Field(min_length=2, max_length=2, description="[lowest, highest], both at least 1."),
    AfterValidator(_ordered),
]


class Target(_Document):
    """What every proposed network must really cost, relative to the unscaled baseline."""

    metric: Annotated[
        Metric,
        Field(description="`macs` are multiply-adds; `product` is the paper's nominal (alpha beta^2 gamma^2)^phi."),
    ] = "macs"
    ratio: Annotated[
        float | None, Field(gt=0, le=100_000, description="Cost relative to the baseline at phi = 0; null means 2^phi.")
    ] = None
    tolerance: Annotated[float, Field(gt=0, le=1, description="Relative: 0.05 accepts 95 % to 105 % of `ratio`.")] = (
        0.05
    )


class Space(_Document):
    """Where to look."""

    alpha: Bounds = [1.0, 2.0]
    beta: Bounds = [1.0, 1.5]
    gamma: Bounds = [1.0, 1.5]
    resolution_multiple: Annotated[
        int, Field(ge=1, le=1024, description="Resolutions are multiples of this, in pixels.")
    ] = 8
    depth_rounding: Annotated[
        DepthRounding | None,
        Field(description="`ceil` as EfficientNet, `round` as TinyNet; null: the baseline's own rule."),
    ] = None


class Sampler(_Document):
    """Who proposes the next network. Only feasible networks are proposed, and none twice."""

    name: SamplerName = "tpe"
    startup_trials: Annotated[int, Field(ge=1, le=10_000, description="Random proposals before the model is used.")] = 8


class Pruner(_Document):
    """When to stop a trial early."""

    name: PrunerName = "asha"
    min_epochs: Annotated[int, Field(ge=1, le=10_000, description="No trial is stopped before this epoch.")] = 2
    reduction_factor: Annotated[int, Field(ge=2, le=100, description="asha: one in this many passes each rung.")] = 3


class Finalists(_Document):
    """The best trials are trained again, all on the same seeds; what is reported of them is the mean."""

    count: Annotated[int, Field(ge=0, le=100, description="0 leaves the finals out.")] = 3
    seeds: Annotated[int, Field(ge=2, le=100, description="Trainings of each finalist.")] = 5


class Start(_Document):
    """The weights that every trial starts from, instead of random ones: one parent for all of them.

    Weights that are inherited favour networks like the parent. That is fine for the same choice made again on other
    images, and says less of the shapes themselves.
    """

    weights: Annotated[
        str,
        StringConstraints(pattern=WEIGHTS_NAME),
        Field(description="A name of GET /v1/weights (`effscale weights add NAME FILE`)."),
    ]
    layout: Annotated[
        WeightLayout,
        Field(description="How the arrays in the file are named: as ours, as torchvision's or as timm's."),
    ] = "effscale"
    grow: Annotated[
        bool,
        Field(description="Grow a smaller parent into each network; else a network of other shapes is infeasible."),
    ] = False
    sha256: Annotated[
        str | None,
        StringConstraints(pattern="^[0-9a-f]{64}$"),
        Field(description="The file's SHA-256; null: that of the file when the search is submitted."),
    ] = None


Label = Annotated[str, StringConstraints(max_length=200)]


class SearchSpec(_Document):
    """A search: which network to scale, on what data, how far, and how hard to look.

    Only `dataset` and `baseline` are required. Validated with `context={"datasets": Registry(...)}` it may name a
    registered data set; without, only built-in ones are known.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "digits-demo",
                    "dataset": "digits",
                    "baseline": "efficientnet-nano",
                    "target": {"metric": "macs", "ratio": 2.0, "tolerance": 0.05},
                    "trials": 12,
                    "recipe": {"epochs": 8},
                }
            ]
        }
    )

    name: Annotated[str, StringConstraints(max_length=200)] = ""
    dataset: Annotated[str, StringConstraints(max_length=200)]
    baseline: Annotated[
        str | dict[str, Any], Field(description="A name of GET /v1/baselines, or a stage table in the same shape.")
    ]
    phi: Annotated[float, Field(gt=0, le=10, description="The compound step that is searched.")] = 1.0
    target: Target = Target()
    space: Space = Space()
    sampler: Sampler = Sampler()
    pruner: Pruner = Pruner()
    objectives: Annotated[list[Literal["accuracy"]], Field(min_length=1, max_length=1)] = ["accuracy"]
    trials: Annotated[int, Field(ge=1, le=100_000, description="Distinct networks to train.")] = 24
    finalists: Finalists = Finalists()
    recipe: TrainingRecipe = TrainingRecipe()
    start: Annotated[Start | None, Field(description="Weights to start from; null: random ones.")] = None
    measure_latency: Annotated[
        MeasureLatency,
        Field(description="Whose time for one image is measured; each network compiles a program for it."),
    ] = "finalists"
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    parallelism: Annotated[int, Field(ge=1, le=1024, description="Trials trained at the same time.")] = 1
    priority: Annotated[int, Field(ge=-1000, le=1000, description="Higher is leased first.")] = 0
    max_device_seconds: Annotated[
        float | None, Field(gt=0, description="No trial is begun after this much training time; null: no limit.")
    ] = None
    labels: Annotated[dict[Label, Label], Field(max_length=64)] = {}

    _data: DatasetInfo = PrivateAttr()

    @field_validator("dataset")
    @classmethod
    def _known_dataset(cls, name: str, info: ValidationInfo) -> str:
        try:
            _datasets(info).get(name)
        except ModelError as error:
            raise ValueError(str(error)) from None
        return name

    @model_validator(mode="after")
    def _with_data(self, info: ValidationInfo) -> "SearchSpec":
        self._data = _datasets(info).get(self.dataset)
        try:
            self.recipe.check_suits(self.network.unscaled(self._data.classes))
        except ModelError as error:
            raise ValueError(f"recipe: {error}") from None
        return self

    @field_validator("baseline")
    @classmethod
    def _known_baseline(cls, baseline: str | dict[str, Any]) -> str | dict[str, Any]:
        try:
            get_or_table(baseline)
        except ModelError as error:
            raise ValueError(str(error)) from None
        return baseline

    @model_validator(mode="after")
    def _consistent(self) -> "SearchSpec":
        if self.finalists.count > self.trials:
            raise ValueError(f"finalists.count ({self.finalists.count}) must not exceed trials ({self.trials})")
        for name in ("alpha", "beta", "gamma"):
            high = getattr(self.space, name)[1]
            if high**self.phi > MAX_MULTIPLIER:
                raise ValueError(
                    f"space.{name}: {high:g} ** phi must not exceed {MAX_MULTIPLIER:g}, phi is {self.phi:g}"
                )
        return self

    @cached_property
    def network(self) -> Baseline:
        """The baseline itself."""
        return get_or_table(self.baseline)

    @property
    def data(self) -> DatasetInfo:
        """What was known of the data set when this was validated."""
        return self._data

    @property
    def ratio(self) -> float:
        """The target cost relative to the baseline, with its default filled in."""
        return 2.0**self.phi if self.target.ratio is None else self.target.ratio

    def measures_latency(self, *, final: bool) -> bool:
        """Whether a run that is trained to the end measures its network's time for one image."""
        return self.measure_latency == "all" or (self.measure_latency == "finalists" and final)

    def document(self) -> dict[str, Any]:
        """As JSON, every default written out."""
        document = self.model_dump(mode="json")
        document["target"]["ratio"] = self.ratio
        document["space"]["depth_rounding"] = self.space.depth_rounding or self.network.depth_rounding
        return document


def _datasets(info: ValidationInfo) -> Datasets:
    context: Mapping[str, Datasets] = info.context or {}
    return context.get("datasets", Registry())


def get_or_table(baseline: str | Mapping[str, Any]) -> Baseline:
    """A baseline by name, or from an inline stage table."""
    return get_baseline(baseline) if isinstance(baseline, str) else from_table(baseline)
