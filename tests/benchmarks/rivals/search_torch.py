"""The search as a script with Optuna and eager PyTorch, channels_last: images resized once a network."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from tests.benchmarks.rivals.search_loop import Train, main, order
from tests.benchmarks.rivals.shape import Description
from tests.benchmarks.rivals.torch_training import Training


def trainer(settings: dict[str, Any], arrays: dict[str, np.ndarray]) -> Train:
    """How a network is trained on these images."""
    recipe, batch = settings["recipe"], settings["batch_size"]
    labels, wanted = (torch.from_numpy(arrays[name]).long() for name in ("labels", "validation_labels"))

    def train(network: Description) -> Iterator[float]:
        torch.manual_seed(settings["seed"])
        size = network["resolution"]
        images, seen = (_resized(arrays[name], size) for name in ("images", "validation_images"))
        training = Training(network, recipe, len(images) // batch, torch.channels_last)
        for epoch in range(recipe["epochs"]):
            for rows in order(len(images), batch, settings["seed"], epoch):
                training.step(images[rows].contiguous(memory_format=torch.channels_last), labels[rows])
            pairs = zip(seen.split(batch), wanted.split(batch), strict=True)
            yield sum(training.evaluate(part, right)[1] for part, right in pairs) / len(seen)

    return train


def _resized(images: np.ndarray, size: int) -> Any:
    """(n, h, w, 1) -> (n, 3, size, size), stored as (n, size, size, 3)."""
    stored = torch.from_numpy(images).permute(0, 3, 1, 2)
    grown = functional.interpolate(stored, size=size, mode="bilinear", align_corners=False).expand(-1, 3, -1, -1)
    return grown.contiguous(memory_format=torch.channels_last)


if __name__ == "__main__":
    main(trainer, padding="symmetric")
