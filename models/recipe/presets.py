"""Recipes by name: what fills in the fields of a recipe that are not given."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, cast, get_args

PresetName = Literal["paper", "proxy-short", "fine-tune", "digits"]

# arXiv 1905.11946, section 5, and tensorflow/tpu efficientnet main.py: 350 epochs, 0.016 for 256 images. The policy is
# RandAugment's, whose two operations of half strength are near those of arXiv 1909.13719, table 4 (N 2, M 17 of 30).
PAPER: dict[str, Any] = {
    "epochs": 350,
    "batch_size": 256,
    "schedule": "exponential",
    "warmup_epochs": 5.0,
    "ema_decay": 0.9999,
    "bn_momentum": 0.99,
    "bn_statistics": "published",
    "flip": True,
    "crop_area": [0.08, 1.0],
    "policy": "rand",
}
# Ranks networks after a few epochs: statistics of the last few batches, and regularization that grows with the network
# as the published dropouts do (0.2 for B0, 0.5 for B7, 6.6 doublings apart), but with the share of a long training that
# is really run: what is tuned for 350 epochs punishes deep networks in short ones.
PROXY_SHORT: dict[str, Any] = {
    "epochs": 10,
    "warmup_epochs": 1.0,
    "bn_momentum": 0.9,
    "recalibration_batches": 16,
    "dropout": {"base": 0.2, "per_doubling": 0.045, "max": 0.5, "full_epochs": 100.0},
    "drop_path": {"base": 0.2, "per_doubling": 0.0, "max": 0.5, "full_epochs": 100.0},
    "flip": True,
    "crop_area": [0.35, 1.0],  # a short training does not profit from the smallest crops
}
# From trained weights: small steps, smaller still in the early stages, whose features are general.
FINE_TUNE: dict[str, Any] = {
    "epochs": 10,
    "optimizer": "sgd",
    "learning_rate": 0.01,
    "weight_decay": 1e-4,
    "weight_decay_on": "kernels",
    "layer_decay": 0.8,
    "bn_momentum": 0.9,
    "flip": True,
    "crop_area": [0.5, 1.0],
}
# Measured on efficientnet-nano: 98.6 % in validation (six seeds), where the defaults reach 98.1 % in as many epochs.
# A mirrored digit is another or none, and the images are so small that a shift of one pixel costs more than it gives.
DIGITS: dict[str, Any] = {"epochs": 12, "policy": "trivial", "policy_magnitude": 0.5}

PRESETS: Mapping[PresetName, Mapping[str, Any]] = MappingProxyType(
    {"paper": PAPER, "proxy-short": PROXY_SHORT, "fine-tune": FINE_TUNE, "digits": DIGITS}
)


def completed(given: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe's document with what its preset says of the fields that it leaves out.

    A warm-up that comes from the preset ends with the training, however short that is.
    """
    name: Any = given.get("preset")
    if name not in get_args(PresetName):
        return dict(given)  # none, or an unknown one, which the recipe's own field refuses
    full = {**PRESETS[cast(PresetName, name)], **given}
    epochs = full["epochs"]
    if "warmup_epochs" not in given and isinstance(epochs, int) and epochs >= 1:
        full["warmup_epochs"] = min(full.get("warmup_epochs", 0.5), float(epochs))
    return full
