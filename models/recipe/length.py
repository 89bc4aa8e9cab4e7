"""Whether a training is long enough for its recipe to show what a network can learn: known before its first step."""

import math
from collections.abc import Iterator
from typing import NamedTuple

from models.recipe.presets import PRESETS
from models.recipe.recipe import TrainingRecipe
from models.wording import counted, percent

RMS_DECAY = 0.9  # arXiv 1905.11946, section 5
RMS_EPSILON = 1e-3  # tensorflow/tpu efficientnet, utils.py: inside the root
# TensorFlow's RMSProp divides by the root of a mean square that starts at 1, far above any squared gradient. What is
# left of that 1 is below epsilon after so many steps; before, the network moves less than the rate says.
RMS_STEPS = math.ceil(math.log(RMS_EPSILON) / math.log(RMS_DECAY))
LEFT_OVER = 0.05  # share of the initial values that may still be in what is evaluated
SMALLEST_BATCH = 16  # advised: BatchNorm's statistics of fewer images are mostly noise (arXiv 1803.08494, figure 1)


class Finding(NamedTuple):
    """What is wrong with a recipe on so many images, and the field to change with a value that helps."""

    code: str
    message: str
    field: str
    value: int | str


def findings(recipe: TrainingRecipe, images: int, *, inherited: bool = False) -> Iterator[Finding]:
    """Of a training on so many images. `inherited`: it begins with trained weights, which need not be learnt first."""
    short = None if inherited else _too_short(recipe, images)
    if short is not None:
        yield short
    slow = _slow(recipe, recipe.epochs * steps_an_epoch(recipe, images))
    if slow is not None:
        yield slow


def steps_an_epoch(recipe: TrainingRecipe, images: int) -> int:
    """Training steps; images that fill no batch are left out, and a batch holds at most all of them."""
    return images // min(recipe.batch_size, images) if images else 1


def ramped(decay: float, steps: int) -> float:
    """The share of the initial weights in an average that keeps min(decay, (1 + n) / (10 + n)) at step n.

    >>> ramped(0.9999, 0), round(ramped(0.9999, 10), 6)
    (1.0, 4.1e-05)
    """
    left = 1.0
    for step in range(steps):
        left *= min(decay, (1 + step) / (10 + step))
        if left < LEFT_OVER / 1000:
            break
    return left


def _too_short(recipe: TrainingRecipe, images: int) -> Finding | None:
    """Behind the warm-up there must be as many steps as in it, and as many as the optimizer starts up in.

    Measured with efficientnet-nano on the digits: what this finds too short ended at 10 to 89 % of accuracy, the
    default recipe with a few steps more at 97 %.
    """
    each = steps_an_epoch(recipe, images)
    if _suffices(recipe, each, recipe.epochs, recipe.warmup_epochs):
        return None
    total, warmup = recipe.epochs * each, math.ceil(recipe.warmup_epochs * each)
    epochs = next(count for count in range(recipe.epochs + 1, 10_001) if _lasting(recipe, each, count))
    why = (
        f"its mean square starts at 1 and is forgotten after {RMS_STEPS:,}"
        if warmup < _start_up(recipe)
        else f"the warm-up itself takes {warmup:,}"
    )
    smaller = _smaller_batch(recipe, images)
    other = "" if smaller is None else f", or recipe.batch_size to at most {smaller:,}"
    return Finding(
        "recipe-too-short",
        f"{counted(total, 'step')} are too few for this recipe: {max(0, total - warmup):,} follow the warm-up, and "
        f"{recipe.optimizer} needs at least {max(_start_up(recipe), warmup):,} there ({why}). The network is judged "
        f"long before it has learnt what it can; set recipe.epochs to at least {epochs:,}{other}",
        "epochs",
        epochs,
    )


def _start_up(recipe: TrainingRecipe) -> int:
    return RMS_STEPS if recipe.optimizer == "rmsprop" else 0


def _suffices(recipe: TrainingRecipe, each: int, epochs: int, warmup_epochs: float) -> bool:
    warmup = warmup_epochs * each
    return epochs * each - warmup >= max(_start_up(recipe), warmup)


def _lasting(recipe: TrainingRecipe, each: int, epochs: int) -> bool:
    """Whether so many epochs suffice. A preset's warm-up that was cut to the training's length grows with it."""
    warmup = recipe.warmup_epochs
    if recipe.preset is not None and warmup == recipe.epochs:
        warmup = min(float(epochs), max(warmup, float(PRESETS[recipe.preset].get("warmup_epochs", warmup))))
    return _suffices(recipe, each, epochs, warmup)


def _smaller_batch(recipe: TrainingRecipe, images: int) -> int | None:
    """The largest power of two below the recipe's batch that gives enough steps in as many epochs."""
    size = 1 << (min(recipe.batch_size, images).bit_length() - 1)
    while size >= SMALLEST_BATCH:
        if size < recipe.batch_size and _suffices(recipe, images // size, recipe.epochs, recipe.warmup_epochs):
            return size
        size //= 2
    return None


def _slow(recipe: TrainingRecipe, steps: int) -> Finding | None:
    """Averages that have not arrived when the last epoch is judged."""
    published = recipe.bn_statistics == "published"
    kept = recipe.recalibration_batches or recipe.frozen_norm  # BatchNorm's are not those of the last steps
    settled = recipe.bn_momentum if recipe.bn_momentum > recipe.ema_decay else 0.0  # else it is the weights' average
    norm = recipe.bn_momentum**steps if published else ramped(settled, steps)
    shares = {
        "bn_momentum": (recipe.bn_momentum, 0.0 if kept else norm),
        "ema_decay": (recipe.ema_decay, ramped(recipe.ema_decay, steps)),
    }
    slow = {name: (value, left) for name, (value, left) in shares.items() if left > LEFT_OVER}
    if not slow:
        return None
    told = " and ".join(
        f"{name} {value:g} still keeps {percent(left, 0)} of the initial values" for name, (value, left) in slow.items()
    )
    # From the second step on the ramp alone has forgotten enough: what is slow then is the published rule
    field, value = ("bn_statistics", "settled") if steps > 1 else ("epochs", 2 * recipe.epochs)
    return Finding(
        "short-run-statistics",
        f"after the {counted(steps, 'step')} of a run {told}: what is evaluated is the initialisation; "
        f"set recipe.{field} to {value}{', or train longer' if steps > 1 else ''}",
        field,
        value,
    )
