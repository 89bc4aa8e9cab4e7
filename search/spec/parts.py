"""The parts of a search specification: what is aimed at, where, by whom, and how it is pruned and replicated."""

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from models.scaling.architecture import WeightLayout
from models.scaling.coefficients import MAX_MULTIPLIER, DepthRounding

SamplerName = Literal["grid", "random", "qmc", "tpe", "gp", "nsga2", "nsga3"]
PrunerName = Literal["asha", "hyperband", "median", "curve", "none"]
LEARNING = ("tpe", "gp", "nsga2", "nsga3")  # samplers that look at results; the others wait for nobody
MeasureLatency = Literal["finalists", "all", "none"]
Objective = Literal["accuracy", "macs", "params", "activations", "latency_ms", "peak_memory_bytes"]
ControlName = Literal["baseline", "depth", "width", "resolution", "equal", "paper"]
CONTROLS: tuple[ControlName, ...] = get_args(ControlName)
Decision = Literal["cheapest_tie", "most_accurate"]
MAX_KNOWN = 2000  # each proposal reads them all; a body of that many has 150 kB
WEIGHTS_NAME = "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"  # also a file's name, which must not climb out of its folder


class Document(BaseModel):
    """Frozen and strict: a string is no number, unknown fields are refused, NaN never passes."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def _ordered(bounds: list[float]) -> list[float]:
    low, high = bounds
    if low < 1 / MAX_MULTIPLIER:
        raise ValueError(f"coefficients are positive, at least {1 / MAX_MULTIPLIER:g}, got {low!r}")
    if low > high:
        raise ValueError(f"the lower bound {low!r} must not exceed the upper bound {high!r}")
    return bounds


def _not_zero(phi: float) -> float:
    if phi == 0:
        raise ValueError("phi must not be 0: it gives the baseline whatever the coefficients are")
    return phi


Phi = Annotated[float, Field(ge=-10, le=10), AfterValidator(_not_zero)]
Bounds = Annotated[
    list[Annotated[float, Field(le=MAX_MULTIPLIER)]],
    Field(min_length=2, max_length=2, description="[lowest, highest], both positive."),
    AfterValidator(_ordered),
]


def _accuracy_first(objectives: list[Objective]) -> list[Objective]:
    if objectives[0] != "accuracy":
        raise ValueError(f"the first objective is 'accuracy', got {objectives[0]!r}: put costs behind it")
    twice = sorted({name for name in objectives if objectives.count(name) > 1})
    if twice:
        raise ValueError(f"each objective is named once, got {', '.join(map(repr, twice))} more often")
    return objectives


Objectives = Annotated[
    list[Objective],
    Field(
        min_length=1,
        max_length=6,
        description="`accuracy`, then the costs that are to be low; more than one: the front of them is searched.",
    ),
    AfterValidator(_accuracy_first),
]


def _each_once(names: list[ControlName]) -> list[ControlName]:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"each control is named once, got {', '.join(map(repr, twice))} more often")
    return names


Controls = Annotated[
    bool | Annotated[list[ControlName], Field(min_length=1, max_length=6), AfterValidator(_each_once)],
    Field(
        description="Simple choices that the answer is compared with, trained on the finals' common seeds: the "
        "unscaled `baseline`, `depth`, `width` or `resolution` alone, `equal` shares of all three, and the `paper`'s "
        "coefficients, each at the target's cost. true: all; false: none."
    ),
]


class Space(Document):
    """Where to look.

    Bounds that are left out follow from the target: 1 to the number shown where the network is to grow, 1 over that
    number to 1 where it is to shrink, and both sides of 1 at the baseline's own cost.
    """

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


class Sampler(Document):
    """Who proposes the next network. Only feasible networks are proposed, and none twice."""

    name: Annotated[SamplerName, Field(description="How networks are proposed.")] = "tpe"
    startup_trials: Annotated[
        int | None,
        Field(
            ge=1,
            le=10_000,
            description="Random proposals before the model is used; null: a third of the trials, at most 8.",
        ),
    ] = None
    window: Annotated[
        int | None,
        Field(
            ge=1,
            le=4096,
            description="A proposal looks at the results of trials that are this far behind it, and waits for them: "
            "so it is the same however many trials are trained at once. Smaller learns sooner, and lets fewer trials "
            "be trained at once; null: a third of the trials, at least 2 and at most 16.",
        ),
    ] = None
    step: Annotated[float, Field(ge=0.001, le=1, description="grid: between its points, on every axis.")] = 0.05

    @property
    def learns(self) -> bool:
        """Whether results change what is proposed."""
        return self.name in LEARNING


Coefficient = Annotated[
    float,
    Field(
        ge=1 / MAX_MULTIPLIER,
        le=MAX_MULTIPLIER,
        description="Multiplier at phi 1: alpha of depth, beta of width, gamma of resolution.",
    ),
]


class Enqueued(Document):
    """A network by its coefficients at the search's phi."""

    alpha: Coefficient
    beta: Coefficient
    gamma: Coefficient


class KnownTrial(Enqueued):
    """A network that was trained before, and the accuracy that it reached, as a fraction."""

    accuracy: Annotated[float, Field(ge=0, le=1, description="Top-1 on the validation split, as a fraction.")]


class WarmStart(Document):
    """What is known before the first trial."""

    enqueue: Annotated[
        list[Enqueued],
        Field(max_length=1000, description="Tried first, in this order, behind the reference; each must be feasible."),
    ] = []
    trials: Annotated[
        list[KnownTrial],
        Field(max_length=MAX_KNOWN, description="Results that the sampler learns from; not trained again."),
    ] = []
    searches: Annotated[
        list[Annotated[str, StringConstraints(max_length=40)]],
        Field(max_length=100, description="Your earlier searches: their finished trials are put into `trials`."),
    ] = []


class Pruner(Document):
    """When to stop a trial early.

    A trial is judged at rungs: after `min_epochs` epochs, and after each `reduction_factor` times as many.
    """

    name: Annotated[
        PrunerName,
        Field(
            description="`asha`: of all trials judged at a rung, one in reduction_factor goes on; `hyperband`: the "
            "same in brackets that begin to prune at different rungs; `median`: the better half; `curve`: stops whose "
            "accuracy, extrapolated, stays below the best; `none`. To stop a training that gets no better by itself: "
            "recipe.patience."
        ),
    ] = "asha"
    min_epochs: Annotated[
        int, Field(ge=1, le=10_000, description="The first rung: no trial is stopped before this epoch.")
    ] = 2
    reduction_factor: Annotated[
        int,
        Field(
            ge=2, le=100, description="How far rungs are apart; asha, hyperband: one in this many passes each of them."
        ),
    ] = 3


class Finalists(Document):
    """The best trials are trained again, all on the same seeds; what is reported of them is the mean."""

    count: Annotated[
        int | None,
        Field(ge=0, le=100, description="0 leaves the finals out; null: 3, or all trials where there are fewer."),
    ] = None
    seeds: Annotated[int, Field(ge=2, le=100, description="Trainings of each finalist, on common seeds.")] = 5
    max_seeds: Annotated[
        int | None,
        Field(
            ge=2,
            le=100,
            description="Finalists not yet told from the best get one seed more a round, up to this; null: no race.",
        ),
    ] = None

    @model_validator(mode="after")
    def _no_fewer(self) -> "Finalists":
        if self.max_seeds is not None and self.max_seeds < self.seeds:
            raise ValueError(f"max_seeds ({self.max_seeds}) must be at least seeds ({self.seeds}), or null for no race")
        return self


class Transfer(Document):
    """The best finalists are built at another phi and trained there: do the winners still win?"""

    phi: Annotated[Phi, Field(description="The compound step of the probe; not the searched one.")]
    count: Annotated[int, Field(ge=2, le=20, description="How many finalists are probed, best first.")] = 3
    seeds: Annotated[int, Field(ge=2, le=100, description="Trainings of each at that phi.")] = 3


class Start(Document):
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
