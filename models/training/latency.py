"""How long a trained network takes for one image."""

import statistics
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from models.compiler import disk_cache
from models.recipe.recipe import Precision
from models.scaling.architecture import ScaledArchitecture
from models.scaling.cost import IMAGE_CHANNELS
from models.training.programs import compile_options, places_of

WARM_UP = 3  # calls: the first allocate, wake threads and fill caches
REPEATS = 20  # calls: their median does not mind that a few were interrupted; a second for a network of 50 ms
KEPT = 8  # programs: the seeds of a finalist follow one another and share one


def latency_ms(
    architecture: ScaledArchitecture,
    weights: NDArray[np.float32],
    precision: Precision,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Milliseconds from one image to its logits: the median of `REPEATS` calls after `WARM_UP`.

    Batch 1, at the network's own resolution, normalised and on the device already, in the precision of its training;
    `weights` is the flat vector of `models.layers.flat_layout`. The program is compiled as that of a training is.
    """
    places = places_of(architecture)
    arrays = [array for part in places.arrays(jnp.asarray(weights)) for array in part]
    pixels = np.random.default_rng(0).standard_normal(_shape(architecture), np.float32)  # no zeros: they may be skipped
    image, run = jnp.asarray(pixels, _type(precision)), _program(places.architecture, precision)
    seconds = []
    for _ in range(WARM_UP + REPEATS):
        started = clock()
        jax.block_until_ready(run(*arrays, image))
        seconds.append(clock() - started)
    return 1000 * statistics.median(seconds[WARM_UP:])


@lru_cache(maxsize=KEPT)
def _program(architecture: ScaledArchitecture, precision: Precision) -> Callable[..., Any]:
    places = places_of(architecture)

    count = len(places.weights)

    def logits(*arrays: Array) -> list[Array]:
        *leaves, image = arrays
        return [places.network(leaves[:count], leaves[count:])(image)]

    shapes = [jax.ShapeDtypeStruct(leaf.shape, jnp.float32) for leaf in places.leaves]
    shapes.append(jax.ShapeDtypeStruct(_shape(architecture), _type(precision)))
    return disk_cache.compiled(logits, shapes, 0, compile_options, "logits", architecture, precision).compiled


def _shape(architecture: ScaledArchitecture) -> tuple[int, ...]:
    return 1, architecture.resolution, architecture.resolution, IMAGE_CHANNELS


def _type(precision: Precision) -> Any:
    return jnp.bfloat16 if precision == "bf16" else jnp.float32
