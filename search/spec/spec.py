"""The search specification: what a user submits. Frozen, strict, and the same document over REST, CLI and SQL."""

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any

from pydantic import (
    ConfigDict,
    Field,
    PrivateAttr,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from models.data.registry import DatasetInfo, Datasets, Registry
from models.errors import ModelError
from models.recipe.recipe import TrainingRecipe
from models.scaling.architecture import Baseline
from models.scaling.baselines import from_table, get_baseline
from models.scaling.coefficients import MAX_MULTIPLIER
from models.training.class_counts import Metric
from search.spec import defaults
from search.spec.parts import (
    Controls,
    Decision,
    Document,
    Finalists,
    MeasureLatency,
    Objective,
    Objectives,
    Phi,
    Pruner,
    Sampler,
    Space,
    Start,
    Transfer,
    WarmStart,
)
from search.spec.ranges import baseline_cost, cost_range, default_bounds
from search.spec.target import Limit, Target

SPEC_VERSION = 1
SLACK = 1e-9  # of logarithms: 64 ** 1 is inside
Label = Annotated[str, StringConstraints(max_length=200)]


class SearchSpec(Document):
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
                },
                {
                    "name": "small-enough",
                    "dataset": "digits",
                    "baseline": "efficientnet-nano",
                    "target": {"metric": "macs", "at_most": 1000000, "at_least_share": 0.8},
                    "limits": [{"metric": "weight_bytes", "at_most": 400000}],
                    "trials": 12,
                    "recipe": {"epochs": 8},
                },
            ]
        }
    )

    name: Annotated[
        str, StringConstraints(max_length=200), Field(description="Shown in lists; need not be unique.")
    ] = ""
    dataset: Annotated[str, StringConstraints(max_length=200), Field(description="A name of GET /v1/datasets.")]
    baseline: Annotated[
        str | dict[str, Any], Field(description="A name of GET /v1/baselines, or a stage table in the same shape.")
    ]
    phi: Annotated[
        Phi, Field(description="The compound step that is searched; a negative one makes coefficients above 1 shrink.")
    ] = 1.0
    target: Target = Target()
    limits: Annotated[
        list[Limit], Field(max_length=8, description="Further ceilings, all of which every proposed network keeps.")
    ] = []  # noqa: RUF012 pydantic copies it
    space: Space = Space()
    sampler: Sampler = Sampler()
    warm_start: WarmStart = WarmStart()
    pruner: Pruner = Pruner()
    objectives: Objectives = ["accuracy"]  # noqa: RUF012 pydantic copies it
    reference: Annotated[
        dict[Objective, Annotated[float, Field(ge=0)]] | None,
        Field(
            description="Per objective, where the hypervolume of the front begins; null: at accuracy 0 and the cost of "
            "the dearest feasible network, of what is measured at the dearest trial.",
        ),
    ] = None
    metric: Annotated[
        Metric,
        Field(
            description="What is searched, ranked, tested and shown, of the validation split: `accuracy`; of unequal "
            "classes `balanced_accuracy` (mean recall of the classes) or `macro_f1` (mean F1 of the classes)."
        ),
    ] = "accuracy"
    trials: Annotated[int, Field(ge=1, le=100_000, description="Distinct networks to train.")] = 24
    finalists: Finalists = Finalists()
    controls: Controls = True
    decision: Annotated[
        Decision,
        Field(
            description="Which network the search names: of all that cannot be told apart from the most accurate the "
            "one with the least of the target's cost (`cheapest_tie`), or the most accurate itself."
        ),
    ] = "cheapest_tie"
    minimum_gain: Annotated[
        float,
        Field(
            ge=0,
            lt=1,
            description="The gain over the unscaled baseline that matters, as a fraction of accuracy: 0.005 are half a "
            "point. Surely below it the answer is not to scale.",
        ),
    ] = 0.005
    transfer: Annotated[
        Transfer | None,
        Field(description="After the finals the best are trained at another phi; null: they are not."),
    ] = None
    recipe: TrainingRecipe = TrainingRecipe()
    start: Annotated[Start | None, Field(description="Weights to start from; null: random ones.")] = None
    measure_latency: Annotated[
        MeasureLatency,
        Field(
            description="Whose time for one image is measured; each network compiles a program for it. "
            "With the objective `latency_ms`: `all`.",
            validate_default=True,
        ),
    ] = "finalists"
    reuse: Annotated[
        bool,
        Field(
            description="Take over the results of equal trainings (network, recipe, data, start, seed) of yours, and "
            "offer these; false: everything is trained here, and serves no other search."
        ),
    ] = True
    seed: Annotated[int, Field(ge=0, lt=2**31, description="Of proposals and of search runs.")] = 0
    parallelism: Annotated[
        int, Field(ge=1, le=1024, description="Trainings at the same time; seeds that are one program count once.")
    ] = 1
    priority: Annotated[int, Field(ge=-1000, le=1000, description="Higher is leased first.")] = 0
    max_device_seconds: Annotated[
        float | None, Field(gt=0, description="No trial and no round of a race is begun after this; null: no limit.")
    ] = None
    labels: Annotated[
        dict[Label, Label], Field(max_length=64, description="Your own key–value labels; shown with the search.")
    ] = {}  # noqa: RUF012 as above

    _data: DatasetInfo = PrivateAttr()

    @field_validator("dataset")
    @classmethod
    def _known_dataset(cls, name: str, info: ValidationInfo) -> str:
        try:
            _datasets(info).get(name)
        except ModelError as error:
            raise ValueError(str(error)) from None
        return name

    @field_validator("limits")
    @classmethod
    def _each_once(cls, limits: list[Limit]) -> list[Limit]:
        names = [limit.metric for limit in limits]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"each metric has one limit, got {', '.join(map(repr, twice))} more often")
        return limits

    @model_validator(mode="after")
    def _with_data(self, info: ValidationInfo) -> "SearchSpec":
        self._data = _datasets(info).get(self.dataset)
        try:
            self.recipe.check_suits(self.network.unscaled(self._data.classes))
        except ModelError as error:
            raise ValueError(f"recipe: {error}") from None
        bounds, given = default_bounds(self.target, self.ratio, self.phi), self.space.model_fields_set
        followed = {name: ends for name, ends in bounds.items() if name not in given}
        object.__setattr__(self, "space", self.space.model_copy(update=followed))
        return self

    @field_validator("reference")
    @classmethod
    def _of_an_objective(
        cls, found: dict[Objective, float] | None, info: ValidationInfo
    ) -> dict[Objective, float] | None:
        names = info.data.get("objectives", ())
        if unknown := sorted(set(found or ()) - set(names)):
            raise ValueError(f"{', '.join(unknown)} is no objective of this search; those are {', '.join(names)}")
        return found

    @field_validator("finalists")
    @classmethod
    def _raced_by_accuracy(cls, finalists: Finalists, info: ValidationInfo) -> Finalists:
        aims = info.data.get("objectives", ())
        if finalists.max_seeds is not None and len(aims) > 1:
            raise ValueError(
                f"max_seeds must be null with the objectives {', '.join(aims)}: a race is decided by accuracy alone, "
                "and a cheaper network would leave it for being less accurate"
            )
        return finalists

    @field_validator("measure_latency")
    @classmethod
    def _measured_where_it_counts(cls, measured: MeasureLatency, info: ValidationInfo) -> MeasureLatency:
        if measured != "all" and "latency_ms" in info.data.get("objectives", ()):
            raise ValueError(f"must be 'all' where latency_ms is an objective, got {measured!r}")
        return measured

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
        if self.finalist_count > self.trials:
            raise ValueError(f"finalists.count ({self.finalist_count}) must not exceed trials ({self.trials})")
        probe = self.transfer
        if probe and probe.count > self.finalist_count:
            raise ValueError(
                f"transfer.count ({probe.count}) must not exceed finalists.count ({self.finalist_count}): "
                "finalists are what is probed"
            )
        if probe and probe.phi == self.phi:
            raise ValueError(f"transfer.phi must be another than the searched phi ({self.phi:g})")
        for phi, place in ((self.phi, "phi"), *([(probe.phi, "transfer.phi")] if probe else [])):
            for name in ("alpha", "beta", "gamma"):
                for end in getattr(self.space, name):
                    if phi * math.log(end) > math.log(MAX_MULTIPLIER) + SLACK:
                        raise ValueError(
                            f"space.{name}: {end:g} ** phi must not exceed {MAX_MULTIPLIER:g}, {place} is {phi:g}"
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
        """The target cost relative to the baseline, with its default filled in; of a ceiling, the ceiling."""
        absolute = self.target.value if self.target.at_most is None else self.target.at_most
        if absolute is not None:
            return absolute / baseline_cost(self.target, self.network, self.data.classes, self.recipe.batch_size)
        return 2.0**self.phi if self.target.ratio is None else self.target.ratio

    @property
    def cost_range(self) -> tuple[float, float]:
        """The least and the most that a proposed network may cost, relative to the baseline, both included."""
        return cost_range(self.target, self.ratio)

    @property
    def window(self) -> int:
        """`sampler.window` with its default filled in."""
        given = self.sampler.window
        return defaults.window(self.trials) if given is None else given

    @property
    def startup_trials(self) -> int:
        """`sampler.startup_trials` with its default filled in."""
        given = self.sampler.startup_trials
        return defaults.startup_trials(self.trials) if given is None else given

    @property
    def finalist_count(self) -> int:
        """`finalists.count` with its default filled in."""
        given = self.finalists.count
        return defaults.finalists(self.trials) if given is None else given

    def measures_latency(self, *, final: bool) -> bool:
        """Whether a run that is trained to the end measures its network's time for one image."""
        return self.measure_latency == "all" or (self.measure_latency == "finalists" and final)

    def document(self) -> dict[str, Any]:
        """As JSON, every default written out."""
        document = self.model_dump(mode="json")
        if self.target.value is None and self.target.at_most is None:
            document["target"]["ratio"] = self.ratio
        document["sampler"] |= {"window": self.window, "startup_trials": self.startup_trials}
        document["finalists"]["count"] = self.finalist_count
        document["space"]["depth_rounding"] = self.space.depth_rounding or self.network.depth_rounding
        return document


def _datasets(info: ValidationInfo) -> Datasets:
    context: Mapping[str, Datasets] = info.context or {}
    return context.get("datasets", Registry())


def get_or_table(baseline: str | Mapping[str, Any]) -> Baseline:
    """A baseline by name, or from an inline stage table."""
    return get_baseline(baseline) if isinstance(baseline, str) else from_table(baseline)
