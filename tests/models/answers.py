"""A network's answers to given images, from arrays by name."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from models.layers.flat_layout import layout
from models.layers.layers import Noise
from models.scaling.architecture import ScaledArchitecture

QUICKLY = {"xla_backend_optimization_level": 0}  # such a network runs once: compiling is nearly all the time it takes


def random_arrays(architecture: ScaledArchitecture, seed: int) -> dict[str, Any]:
    """Weights of a network that has seen something: BatchNorm's scales, offsets and statistics off their defaults."""
    places = layout(architecture)
    arrays = {name: array.copy() for name, array in places.named(places.initial(seed)).items()}
    random = np.random.default_rng(seed)
    for name, array in arrays.items():
        if name.endswith((".norm.scale", ".norm.var")):
            array[...] = random.uniform(0.5, 1.5, array.shape)
        elif name.endswith((".norm.bias", ".norm.mean", "_bias", "classifier.bias")):
            array[...] = random.uniform(-0.5, 0.5, array.shape)
    return arrays


def logits(architecture: ScaledArchitecture, arrays: Mapping[str, Any], images: Any, *, training: bool = False) -> Any:
    """(batch, classes) for images (batch, height, width, 3); in training with nothing dropped."""
    places = layout(architecture)
    weights = tuple(jnp.asarray(arrays[leaf.name]) for leaf in places.weights)
    statistics = tuple(jnp.asarray(arrays[leaf.name]) for leaf in places.statistics)
    return np.asarray(_program(architecture, training)(weights, statistics, jnp.asarray(images)))


@lru_cache(maxsize=64)
def _program(architecture: ScaledArchitecture, training: bool) -> Any:
    places = layout(architecture)

    def answer(weights: Any, statistics: Any, images: Any) -> Any:
        batch = len(images)
        paths, units = jnp.zeros((batch, architecture.blocks)), jnp.zeros((batch, architecture.features))
        noise = Noise(jnp.asarray(True), paths, units, jnp.float32(0), jnp.float32(0)) if training else None
        return places.network(weights, statistics)(images, noise)

    return jax.jit(answer, compiler_options=QUICKLY)
