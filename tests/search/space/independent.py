"""Counts of a network of MBConv blocks, written down again from the paper's table and from nothing of ours."""

from models.scaling.architecture import ScaledArchitecture


def counts(network: ScaledArchitecture) -> dict[str, int]:
    """Parameters, multiply-adds and activations: convolutions, squeeze-and-excitation and the classifier."""
    total = {"params": 0, "macs": 0, "activations": 0}
    size = network.resolution

    def add(weights: int, channels: int, area: int, extra: int) -> None:
        total["params"] += weights + extra * channels
        total["macs"] += area * (weights + (channels if extra == 1 else 0))
        total["activations"] += area * channels

    def half(pixels: int, stride: int) -> int:
        return (pixels + stride - 1) // stride

    size = half(size, network.stem_stride)
    add(3 * network.stem_kernel**2 * network.stem, network.stem, size**2, 2)
    before = network.stem
    for stage in network.stages:
        assert stage.block == "mbconv"
        for block in range(stage.repeats):
            inside = before * stage.expansion
            if stage.expansion > 1:
                add(before * inside, inside, size**2, 2)
            size = half(size, stage.stride if block == 0 else 1)
            add(inside * stage.kernel**2, inside, size**2, 2)
            squeezed = max(1, int(before * stage.se_ratio))
            if stage.se_ratio:
                add(inside * squeezed, squeezed, 1, 1)
                add(squeezed * inside, inside, 1, 1)
            add(inside * stage.width, stage.width, size**2, 2)
            before = stage.width
    add(before * network.head, network.head, size**2, 2)
    add(network.head * network.classes, network.classes, 1, 1)
    total["weight_bytes"] = 4 * total["params"]
    return total


def memory_bytes(network: ScaledArchitecture, batch: int) -> int:
    """Weight, average, gradient and two moments; and two maps of each layer for each image; in fp32."""
    found = counts(network)
    return 4 * (5 * found["params"] + 2 * batch * found["activations"])
