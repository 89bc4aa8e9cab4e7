"""What was measured of a network on the machine that trained it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures of one training; None where nothing was measured. The fields are named as in results.

    `latency_ms` is the inference of one image (see `models.training.latency`), `images_per_second` counts training
    images and training time, `peak_memory_bytes` is what the device held at most while training.
    """

    latency_ms: float | None = None
    images_per_second: float | None = None
    peak_memory_bytes: int | None = None

    @classmethod
    def of(cls, result: Mapping[str, Any]) -> "Measured":
        """What a result, or anything else with these fields, says. Nothing is 0: that stands for not measured."""
        return cls(**{field.name: result.get(field.name) or None for field in fields(cls)})
