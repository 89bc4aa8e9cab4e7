"""What a training takes of its device's memory, in bytes."""

from typing import TYPE_CHECKING

import jax

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
