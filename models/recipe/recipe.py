"""A training recipe: everything that decides how a network is trained, and nothing about which network it is."""

import math
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from models.errors import InvalidRecipe
from models.recipe.presets import PresetName, completed
from models.scaling.architecture import ScaledArchitecture

OptimizerName = Literal["rmsprop", "sgd", "adamw", "lamb"]
ScheduleName = Literal["cosine", "exponential", "constant"]
DecayMask = Literal["all-but-norm", "kernels"]
PolicyName = Literal["none", "trivial", "rand"]
Precision = Literal["fp32", "bf16"]
Selection = Literal["last", "best"]
Statistics = Literal["settled", "published"]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class RateRule(_Document):
    """A regularization rate as a function of a network's size and of a training's length.

    rate = min(max, base + per_doubling * log2(multiply-adds relative to the unscaled baseline)), never below 0, times
    min(1, epochs / full_epochs).
    """

    base: Annotated[float, Field(ge=0, lt=1, description="For a network of the unscaled baseline's size.")] = 0.2
    per_doubling: Annotated[float, Field(ge=0, lt=1, description="More for each doubling of the multiply-adds.")] = 0.0
    max: Annotated[float, Field(ge=0, lt=1, description="However large the network.")] = 0.5
    full_epochs: Annotated[
        float, Field(ge=0, le=10_000, description="Shorter trainings get the share epochs / full_epochs; 0: the whole.")
    ] = 0.0

    @model_validator(mode="after")
    def _bounded(self) -> "RateRule":
        if self.base > self.max:
            raise ValueError(f"base ({self.base:g}) must not exceed max ({self.max:g})")
        return self

    def rate(self, macs_ratio: float, epochs: int) -> float:
        """The rate of a network of so many times the baseline's multiply-adds, trained for so many epochs.

        >>> RateRule(base=0.25, per_doubling=0.125, full_epochs=10).rate(2.0, 5)
        0.1875
        """
        grown = min(self.max, max(0.0, self.base + self.per_doubling * math.log2(macs_ratio)))
        return grown * (min(1.0, epochs / self.full_epochs) if self.full_epochs else 1.0)


def _rate(given: object) -> object:
    """One error about the field itself, where a union would report one for each of its members."""
    if isinstance(given, dict):
        try:
            return RateRule.model_validate(given)
        except ValidationError as error:
            parts = (": ".join([*map(str, part["loc"]), part["msg"]]) for part in error.errors())
            raise ValueError(f"no rule of a rate: {'; '.join(parts)}") from None
    number = isinstance(given, int | float) and not isinstance(given, bool)
    if not (given is None or isinstance(given, RateRule) or (number and 0 <= float(cast(float, given)) < 1)):
        fields = ", ".join(RateRule.model_fields)
        raise ValueError(f"must be a number of at least 0 and below 1, a rule with any of {fields}, or null")
    return given


Rate = Annotated[float, Field(ge=0, lt=1)]
RateChoice = Annotated[Rate | RateRule | None, BeforeValidator(_rate)]


ClassWeights = Literal["balanced"] | list[Annotated[float, Field(ge=0, le=1e6)]] | None


def _class_weights(given: object) -> object:
    """One error about the field itself, as for a rate."""
    if given is None or given == "balanced":
        return given
    numbers = given if isinstance(given, list | tuple) else []
    known = [isinstance(one, int | float) and not isinstance(one, bool) and 0 <= one <= 1e6 for one in numbers]
    if not known or not all(known) or not any(numbers):
        raise ValueError(
            "must be null, 'balanced', or a list with a number of 0 to 1e6 for each class, not all of them 0"
        )
    return [float(cast(float, one)) for one in numbers]


def _shares(area: list[float]) -> list[float]:
    low, high = area
    if low > high:
        raise ValueError(f"the smallest share {low:g} must not exceed the largest {high:g}")
    return area


class TrainingRecipe(_Document):
    """How to train. The defaults are made for searches of short runs on small images.

    A `preset` fills in what is not given; a recipe that was written out in full reads back as it is. `paper` is the
    recipe of arXiv 1905.11946, section 5. Its running statistics want long runs: after 100 steps a BatchNorm momentum
    of 0.99 still keeps 37 % of the initial values. `settled` statistics forget those as fast as the weights' average
    does, and lag behind the weights no more than that.
    """

    preset: Annotated[
        PresetName | None,
        Field(description="Where fields that are not given come from: `paper`, `proxy-short`, `fine-tune`, `digits`."),
    ] = None
    epochs: Annotated[int, Field(ge=1, le=10_000, description="Passes over the training split.")] = 8
    batch_size: Annotated[int, Field(ge=2, le=65_536, description="Images a step.")] = 64
    optimizer: Annotated[
        OptimizerName,
        Field(description="`rmsprop` is TensorFlow's (decay .9, eps 1e-3 in the root); `sgd`, `adamw`, `lamb`."),
    ] = "rmsprop"
    momentum: Annotated[
        float, Field(ge=0, lt=1, description="Of rmsprop and sgd; the first moment's decay in adamw and lamb.")
    ] = 0.9
    clip_norm: Annotated[
        float, Field(ge=0, le=1e6, description="A gradient longer than this is shortened to it; 0: off.")
    ] = 0.0
    learning_rate: Annotated[
        float, Field(gt=0, le=1e12, description="Peak rate for this batch size (it is not rescaled by batch_size).")
    ] = 0.016
    schedule: Annotated[
        ScheduleName,
        Field(
            description="After warm-up: `cosine` to 0, `exponential` (times decay_rate every decay_epochs, in stairs), "
            "`constant`."
        ),
    ] = "cosine"
    decay_rate: Annotated[float, Field(gt=0, le=1, description="Of the exponential schedule.")] = 0.97
    decay_epochs: Annotated[
        float, Field(gt=0, le=10_000, description="Of the exponential schedule: epochs between two stairs.")
    ] = 2.4
    warmup_epochs: Annotated[float, Field(ge=0, le=1000, description="Linear warm-up, in epochs.")] = 0.5
    weight_decay: Annotated[
        float, Field(ge=0, le=10, description="L2 on the weights, as sum(w^2)/2 (decoupled for adamw and lamb).")
    ] = 1e-5
    weight_decay_on: Annotated[
        DecayMask,
        Field(description="`all-but-norm`: all but BatchNorm's scale and offset; `kernels`: no biases either."),
    ] = "all-but-norm"
    label_smoothing: Annotated[float, Field(ge=0, lt=1, description="Share of the target spread over all classes.")] = (
        0.1
    )
    dropout: Annotated[
        RateChoice,
        Field(description="Before the classifier: a rate, or a rule of size and length; null takes the baseline's."),
    ] = None
    drop_path: Annotated[
        RateChoice,
        Field(
            description="Stochastic depth, block i of N drops with drop_path * i / N: a rate, or a rule of size and "
            "length; null takes the baseline's."
        ),
    ] = None
    ema_decay: Annotated[
        float,
        Field(ge=0, lt=1, description="Average of the weights that is evaluated, ramped as (1+n)/(10+n); 0: off."),
    ] = 0.9
    bn_momentum: Annotated[
        float, Field(gt=0, lt=1, description="Share of BatchNorm's running statistics that is kept each step.")
    ] = 0.8
    bn_statistics: Annotated[
        Statistics,
        Field(
            description="What an evaluation normalises with. `settled`: batch statistics averaged as the weights are, "
            "with the larger of ema_decay and bn_momentum and ema_decay's ramp; `published`: the running statistics "
            "(bn_momentum, without a ramp) averaged once more by ema_decay."
        ),
    ] = "settled"
    recalibration_batches: Annotated[
        int,
        Field(
            ge=0,
            le=10_000,
            description="Before an evaluation the averaged network's BatchNorm statistics become the means over this "
            "many training batches (at most an epoch's); 0: off.",
        ),
    ] = 0
    class_weights: Annotated[
        ClassWeights,
        BeforeValidator(_class_weights),
        Field(
            description="Of the loss, by class, rescaled to a mean of 1 over the training images: `balanced` (the "
            "inverse of a class's share), a list with one number for each class, or null: all images count alike."
        ),
    ] = None
    balanced_sampling: Annotated[
        bool, Field(description="Each epoch draws as many images of each class; rare ones several times.")
    ] = False
    shift_px: Annotated[
        int, Field(ge=0, le=64, description="Augmentation: random translation of up to this many source pixels.")
    ] = 0
    flip: Annotated[bool, Field(description="Augmentation: half of the images mirrored, left to right.")] = False
    crop_area: Annotated[
        list[Annotated[float, Field(gt=0, le=1)]],
        Field(
            min_length=2,
            max_length=2,
            description="Augmentation: random resized crop of [smallest, largest] share of the image, aspect ratio "
            "3/4 to 4/3; [1, 1]: off.",
        ),
        AfterValidator(_shares),
    ] = [1.0, 1.0]
    mixup: Annotated[
        float, Field(ge=0, le=100, description="Two images and labels blended by Beta(mixup, mixup); 0: off.")
    ] = 0.0
    cutmix: Annotated[
        float,
        Field(ge=0, le=100, description="A patch of another image, its share by Beta(cutmix, cutmix); 0: off."),
    ] = 0.0
    erasing: Annotated[float, Field(ge=0, le=1, description="Share of images that lose a random rectangle.")] = 0.0
    policy: Annotated[
        PolicyName,
        Field(
            description="`trivial`: one random operation of random strength an image (TrivialAugment); `rand`: two of "
            "strength policy_magnitude (RandAugment)."
        ),
    ] = "none"
    policy_magnitude: Annotated[
        float, Field(ge=0, le=1, description="Strength of `rand`, upper bound of `trivial`; 1 is AutoAugment's range.")
    ] = 0.5
    precision: Annotated[
        Precision, Field(description="`bf16`: maps and products in bfloat16; weights, statistics and loss in float32.")
    ] = "fp32"
    selection: Annotated[
        Selection, Field(description="Which epoch's network counts: the `last`, or the `best` in validation.")
    ] = "last"
    patience: Annotated[
        int, Field(ge=0, le=10_000, description="Stop after this many epochs without a better validation; 0: never.")
    ] = 0
    patience_delta: Annotated[
        float, Field(ge=0, lt=1, description="By how much accuracy must rise to count as better for `patience`.")
    ] = 0.0
    frozen_stages: Annotated[
        int, Field(ge=0, le=100, description="Stem and first stages that are not trained; 0: all are.")
    ] = 0
    frozen_norm: Annotated[bool, Field(description="BatchNorm keeps to the statistics it starts with, everywhere.")] = (
        False
    )
    layer_decay: Annotated[
        float, Field(gt=0, le=1, description="The k-th stage from the end learns at layer_decay^k of the rate; 1: off.")
    ] = 1.0

    @model_validator(mode="before")
    @classmethod
    def _from_preset(cls, given: Any) -> Any:
        return completed(given) if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _possible(self) -> "TrainingRecipe":
        if self.warmup_epochs > self.epochs:
            raise ValueError(f"warmup_epochs ({self.warmup_epochs:g}) must not exceed epochs ({self.epochs})")
        if self.patience >= self.epochs:
            raise ValueError(f"patience ({self.patience}) must be less than epochs ({self.epochs}), or it never acts")
        if self.class_weights is not None and self.balanced_sampling:
            raise ValueError(
                "class_weights and balanced_sampling both make up for unequal classes, and together would "
                "do it twice: choose one"
            )
        if self.patience_delta and not self.patience:
            raise ValueError(
                f"patience_delta ({self.patience_delta:g}) does nothing without patience; set patience too"
            )
        if self.frozen_norm and self.recalibration_batches:
            raise ValueError(
                "frozen_norm keeps BatchNorm's statistics and recalibration_batches replaces them: choose one"
            )
        return self

    @property
    def frozen_parts(self) -> int:
        """How many parts of a network are not trained: none, or the stem and the first stages."""
        return self.frozen_stages + 1 if self.frozen_stages else 0

    @property
    def layered(self) -> bool:
        """Whether weights learn at rates of their own."""
        return self.layer_decay < 1 or self.frozen_stages > 0

    def check_suits(self, architecture: ScaledArchitecture) -> None:
        """Raise `InvalidRecipe` when this network cannot be trained so, with the reason."""
        stages = len(architecture.stages)
        if self.frozen_stages > stages:
            raise InvalidRecipe(
                f"frozen_stages must be at most the network's {stages} stages, got {self.frozen_stages}"
            )
        weights = self.class_weights
        if isinstance(weights, list) and len(weights) != architecture.classes:
            raise InvalidRecipe(
                f"class_weights must be one number for each of the {architecture.classes} classes, got {len(weights)}"
            )
        blending = [name for name in ("mixup", "cutmix") if getattr(self, name)]
        if blending and architecture.classes < 2:
            raise InvalidRecipe(f"{' and '.join(blending)} blend classes: they must be 0 for a network of one class")
