"""Several devices for one training: each has the whole state and works on its part of every batch."""

from functools import lru_cache
from typing import Any, TypeVar

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from models.errors import InvalidDevices
from models.wording import counted

AXIS = "batch"  # the mesh has one axis: what is divided is always a batch
T = TypeVar("T")


def check(devices: int) -> None:
    """Raise `InvalidDevices` unless this process has so many."""
    there = jax.local_device_count()
    if not 1 <= devices <= there:
        raise InvalidDevices(
            f"this process has {counted(there, 'device')}: a training takes from 1 to {there} of them, not {devices}"
        )


def whole(devices: int) -> NamedSharding:
    """All of an array on each of the devices."""
    return NamedSharding(_mesh(devices), PartitionSpec())


def divided(devices: int) -> NamedSharding:
    """For rows (steps, batch): all steps on each device, an equal part of each batch."""
    return NamedSharding(_mesh(devices), PartitionSpec(None, AXIS))


def put(arrays: T, devices: int) -> T:
    """The same arrays, whole on each device. With one they stay where they are."""
    return arrays if devices == 1 else jax.device_put(arrays, whole(devices))


def put_rows(rows: Any, devices: int) -> jax.Array:
    """Rows (steps, batch) on the devices, divided."""
    placed: jax.Array = jax.device_put(rows, None if devices == 1 else divided(devices))
    return placed


def placed(arguments: tuple[Any, ...], devices: int) -> dict[str, Any]:
    """What `jax.jit` is to know of several devices for the flat `arguments` of `training.run_steps`.

    The compiler divides all that follows from the rows, and adds up over the devices where something is summed over a
    batch: the loss, the gradient, and BatchNorm's statistics, which are therefore those of the whole batch.
    """
    *before, _, span = arguments
    everywhere = whole(devices)
    shardings = [everywhere] * len(jax.tree.leaves(before)), [divided(devices)], [everywhere] * len(span)
    return {"in_shardings": tuple(jax.tree.leaves(shardings)), "out_shardings": everywhere}


@lru_cache(maxsize=8)
def _mesh(devices: int) -> Mesh:
    check(devices)
    return Mesh(jax.local_devices()[:devices], (AXIS,))
