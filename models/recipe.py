"""A training recipe: everything that decides how a network is trained, and nothing about which network it is."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

OptimizerName = Literal["rmsprop", "sgd", "adamw"]
ScheduleName = Literal["cosine", "exponential", "constant"]


class TrainingRecipe(BaseModel):
    """How to train. The defaults are made for searches of short runs on small images.

    With `optimizer="rmsprop"`, `schedule="exponential"`, `bn_momentum=0.99` and `ema_decay=0.9999` it is the recipe of
    arXiv 1905.11946, section 5. Short runs want faster statistics: after 100 steps a momentum of 0.99 still keeps 37 %
    of the initial values, and what is evaluated is the initialisation.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    epochs: Annotated[int, Field(ge=1, le=10_000, description="Passes over the training split.")] = 8
    batch_size: Annotated[int, Field(ge=2, le=65_536, description="Images a step.")] = 64
    optimizer: Annotated[
        OptimizerName, Field(description="`rmsprop` is TensorFlow's (decay .9, momentum .9, eps 1e-3 in the root).")
    ] = "rmsprop"
    learning_rate: Annotated[
        float, Field(gt=0, le=1e12, description="Peak rate for this batch size (it is not rescaled by batch_size).")
    ] = 0.016
    schedule: Annotated[
        ScheduleName,
        Field(
            description="After warm-up: `cosine` to 0, `exponential` x0.97 every 2.4 epochs (staircase), `constant`."
        ),
    ] = "cosine"
    warmup_epochs: Annotated[float, Field(ge=0, le=1000, description="Linear warm-up, in epochs.")] = 0.5
    weight_decay: Annotated[
        float, Field(ge=0, le=10, description="L2 on all weights but BatchNorm's, as sum(w^2)/2 (decoupled for adamw).")
    ] = 1e-5
    label_smoothing: Annotated[float, Field(ge=0, lt=1, description="Share of the target spread over all classes.")] = (
        0.1
    )
    dropout: Annotated[
        float | None, Field(ge=0, lt=1, description="Rate before the classifier; null takes the baseline's.")
    ] = None
    drop_path: Annotated[
        float | None,
        Field(
            ge=0, lt=1, description="Stochastic depth: block i of N drops with drop_path * i / N; null: the baseline's."
        ),
    ] = None
    ema_decay: Annotated[
        float,
        Field(ge=0, lt=1, description="Average of the weights that is evaluated, ramped as (1+n)/(10+n); 0: off."),
    ] = 0.9
    bn_momentum: Annotated[
        float, Field(gt=0, lt=1, description="Share of BatchNorm's running statistics that is kept each step.")
    ] = 0.8
    shift_px: Annotated[
        int, Field(ge=0, le=64, description="Augmentation: random translation of up to this many source pixels.")
    ] = 0

    @model_validator(mode="after")
    def _warmup_ends(self) -> "TrainingRecipe":
        if self.warmup_epochs > self.epochs:
            raise ValueError(f"warmup_epochs ({self.warmup_epochs:g}) must not exceed epochs ({self.epochs})")
        return self
