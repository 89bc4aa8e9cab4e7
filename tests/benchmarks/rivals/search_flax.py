"""The search as a script with Optuna and Flax: images resized once a network, one jitted step in a Python loop."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tests.benchmarks.rivals.flax_training import Training
from tests.benchmarks.rivals.search_loop import Train, main, order
from tests.benchmarks.rivals.shape import Description


def trainer(settings: dict[str, Any], arrays: dict[str, np.ndarray]) -> Train:
    """How a network is trained on these images."""
    recipe, batch = settings["recipe"], settings["batch_size"]
    labels, wanted = arrays["labels"], arrays["validation_labels"]

    def train(network: Description) -> Iterator[float]:
        size = network["resolution"]
        images, seen = (_resized(arrays[name], size) for name in ("images", "validation_images"))
        training = Training(network, recipe, len(images) // batch)
        for epoch in range(recipe["epochs"]):
            for rows in order(len(images), batch, settings["seed"], epoch):
                training.step(images[rows], labels[rows])
            hits = 0
            for start in range(0, len(seen), batch):
                part, right = seen[start : start + batch], wanted[start : start + batch]
                missing = batch - len(part)  # filled, so that the last batch needs no program of its own
                part, right = (
                    np.pad(part, ((0, missing), (0, 0), (0, 0), (0, 0))),
                    np.pad(right, (0, missing), constant_values=-1),
                )
                hits += int(training.evaluate(part, right)[1])
            yield hits / len(seen)

    return train


def _resized(images: np.ndarray, size: int) -> np.ndarray:
    """(n, h, w, 1) -> (n, size, size, 3)."""
    grown = jax.image.resize(jnp.asarray(images), (len(images), size, size, 1), "bilinear")
    return np.repeat(np.asarray(grown), 3, axis=-1)


if __name__ == "__main__":
    main(trainer)
