"""A network part by part: the map that each stage puts out, what it sees of the input, what it costs and keeps."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from models.scaling.architecture import ScaledArchitecture
from models.scaling.cost import FLOAT_BYTES, IMAGE_CHANNELS, parts

# Pixels a side of the last map: below, the 3x3 and 5x5 kernels of the last stages mostly see padding
SMALLEST_MAP = 3
# Values held per weight while training: weight, average, gradient and two moments (models/training/steps.py)
COPIES_IN_TRAINING = 5
# A convolution's output is kept for BatchNorm's gradient, and what BatchNorm makes of it for the next weights' gradient
MAPS_IN_TRAINING = 2


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a network at its resolution. `map_px` is the height and width of what it puts out (1 once pooled).

    `receptive_field` is in input pixels, up to the part's end; `step_px` is the distance in input pixels between two
    neighbours of its map; `blocks` is 0 for what has none.
    """

    name: str
    blocks: int
    map_px: int
    channels: int
    step_px: int
    receptive_field: int
    params: int
    macs: int
    activations: int


@dataclass(frozen=True, slots=True)
class Memory:
    """Estimates in bytes, in fp32. `inference` is the largest pair of maps that one layer reads and writes, per image.

    `training_per_image` are the maps that a training step keeps for the gradient; `training_state` are weights,
    average, gradient and moments whatever the batch.
    """

    inference: int
    training_per_image: int
    training_state: int


def anatomy(architecture: ScaledArchitecture) -> list[Part]:
    """The parts in the order in which an image passes them; their params, MACs and activations add up to the cost."""
    found = []
    size, field, step = architecture.resolution, 1, 1
    blocks = iter(architecture.depths)
    for name, part in parts(architecture):
        params = macs = activations = 0
        channels = 0
        for layer in part:
            if not (layer.pooled or layer.side):
                field += (layer.kernel - 1) * step
                step *= layer.stride
                size = -(-size // layer.stride)
            pixels = 1 if layer.pooled else size**2
            params += layer.params
            macs += layer.macs_per_pixel * pixels
            activations += layer.outputs * pixels
            channels = layer.outputs
        count = next(blocks) if name.startswith("stage") else 0
        final = name == "classifier"
        found.append(Part(name, count, 1 if final else size, channels, step, field, params, macs, activations))
    return found


def memory(architecture: ScaledArchitecture) -> Memory:
    """What a network needs, estimated from its maps; what a compiler makes of it differs by a factor near 1."""
    maps = list(_maps(architecture))
    params = sum(part.params for part in anatomy(architecture))
    return Memory(
        inference=FLOAT_BYTES * max(read + written for read, written in maps),
        training_per_image=FLOAT_BYTES * MAPS_IN_TRAINING * sum(written for _, written in maps),
        training_state=FLOAT_BYTES * COPIES_IN_TRAINING * params,
    )


def training_bytes(params: int, activations: int, batch_size: int) -> int:
    """What `memory` estimates for a training step of that many images, from a network's counts alone."""
    return FLOAT_BYTES * (COPIES_IN_TRAINING * params + MAPS_IN_TRAINING * batch_size * activations)


def document(architecture: ScaledArchitecture) -> dict[str, object]:
    """As JSON: `parts`, and `memory_bytes`."""
    return {
        "parts": [asdict(part) for part in anatomy(architecture)],
        "memory_bytes": asdict(memory(architecture)),
    }


def _maps(architecture: ScaledArchitecture) -> Iterator[tuple[int, int]]:
    """(values a layer reads, values it puts out) for one image."""
    size = architecture.resolution
    values = IMAGE_CHANNELS * size**2
    for _, part in parts(architecture):
        for layer in part:
            if not (layer.pooled or layer.side):
                size = -(-size // layer.stride)
            out = layer.outputs * (1 if layer.pooled else size**2)
            yield values, out
            if not layer.pooled:
                values = out
