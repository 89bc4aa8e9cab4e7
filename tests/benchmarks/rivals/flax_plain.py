"""The side `plain Flax`: epochs of a given training, timed by the loop that a user would write."""

import time
from typing import Any

import jax
import numpy as np

from tests.benchmarks.rivals.channel import serve
from tests.benchmarks.rivals.flax_network import variables
from tests.benchmarks.rivals.flax_training import Training

held: dict[str, Any] = {}


def load(path: str, shape: dict[str, Any], recipe: dict[str, Any], steps: int) -> dict[str, Any]:
    """Images, labels and weights of a file, with one description of the network and one of the training."""
    arrays = dict(np.load(path))
    held["images"], held["labels"] = arrays.pop("images"), arrays.pop("labels")
    held["training"] = Training(shape, recipe, steps, variables(arrays))
    return {"version": f"flax {__import__('flax').__version__}, jax {jax.__version__}"}


def epoch(rows: list[list[int]]) -> dict[str, float]:
    """Train on these batches, each on the device already; seconds, and the mean loss."""
    training = held["training"]
    batches = [(jax.device_put(held["images"][row]), jax.device_put(held["labels"][row])) for row in rows]
    jax.block_until_ready(batches)
    start = time.perf_counter()
    losses = [training.step(images, labels) for images, labels in batches]
    jax.block_until_ready((losses, training.state))
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "loss": float(np.mean([float(loss) for loss in losses]))}


if __name__ == "__main__":
    serve({"load": load, "epoch": epoch})
