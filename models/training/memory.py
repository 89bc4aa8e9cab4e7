"""What a training takes of its device's memory, and whether the device has that, in bytes."""

from typing import TYPE_CHECKING

import jax

from models.errors import NotEnoughMemory
from models.host_memory import host_memory
from models.layers.convolutions import on_cpu
from models.recipe.recipe import TrainingRecipe
from models.scaling import anatomy
from models.scaling.architecture import ScaledArchitecture
from models.wording import memory_size

# The estimate of `anatomy` counts two float32 maps a layer. A compiler that fuses may keep one, and bfloat16 halves it:
# a quarter is the least. Measured on CPUs, programs need 1.2 times the estimate (1.75 in bfloat16).
LEAST_SHARE = 0.25

if TYPE_CHECKING:
    from jax.stages import Compiled


def program_bytes(program: "Compiled") -> int | None:
    """What a compiled program holds at most: arguments, results and what lies between. None: the compiler tells not.

    Results that are written over arguments (the donated state) count once.
    """
    found = program.memory_analysis()
    if found is None:
        return None
    sides: int = found.argument_size_in_bytes + found.output_size_in_bytes - found.alias_size_in_bytes
    return int(sides + found.temp_size_in_bytes)


def device_peak() -> int:
    """What this process has held at most on its device since it began; 0 on CPUs, where nobody counts."""
    return int((jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use", 0))


def training_peak(program: int | None, before: int | None) -> int | None:
    """The peak of a training whose program needs so much and that began when the device's peak was `before`.

    The device's peak is that of the whole process: it is this training's only if it rose meanwhile.
    """
    after = device_peak()
    if before is None:
        return program
    return max(program or 0, after if after > before else 0) or None


def device_limit() -> int | None:
    """What a training may hold on this process's device: of an accelerator what its allocator may take, else the
    machine's memory; None where nobody tells.
    """
    if on_cpu():
        return host_memory()
    limit = (jax.devices()[0].memory_stats() or {}).get("bytes_limit")
    return None if limit is None else int(limit)


def least_bytes(architecture: ScaledArchitecture, recipe: TrainingRecipe, batch: int) -> int:
    """What training with so many images a step needs at the very least, known without compiling.

    Parts that are frozen keep no maps, so with such a recipe only the state is counted.
    """
    found = anatomy.memory(architecture)
    maps = 0 if recipe.frozen_parts else batch * found.training_per_image
    return int(LEAST_SHARE * (found.training_state + maps))


def check_fits(needed: int | None, limit: int | None, what: str) -> None:
    """Raise `NotEnoughMemory` when more is needed than there is. None is not known, and passes."""
    if needed is not None and limit is not None and needed > limit:
        raise NotEnoughMemory(
            f"{what} needs {memory_size(needed)} of memory, and there are {memory_size(limit)}: a smaller "
            "batch_size or a smaller network may fit"
        )
