"""A ScaledArchitecture read top to bottom into a network."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array, lax

from models.architecture import ScaledArchitecture
from models.cost import IMAGE_CHANNELS, STEM_KERNEL
from models.layers import BLOCKS, Classifier, ConvNormAct, MBConv, Noise, Path
from models.ops import on_cpu

# Blocks of one shape. Measured on CPUs: a loop compiles as long as two blocks and runs no slower than the blocks in a
# row; a network of 18 blocks compiles in half the time.
LOOP_FROM = 3


class Network(nnx.Module):
    """Stem, blocks, head, average pool, classifier. (batch, height, width, 3) -> logits (batch, classes)."""

    def __init__(self, architecture: ScaledArchitecture) -> None:
        self.depths = architecture.depths
        self.stem = ConvNormAct(
            "dense", IMAGE_CHANNELS, architecture.stem, kernel=STEM_KERNEL, stride=architecture.stem_stride
        )
        blocks = []
        channels = architecture.stem
        for stage in architecture.stages:
            for repeat in range(stage.repeats):
                blocks.append(BLOCKS[stage.block](stage, channels, stage.stride if repeat == 0 else 1))
                channels = stage.width
        self.blocks = nnx.List(blocks)
        self.head = ConvNormAct("pointwise", channels, architecture.head)
        self.classifier = Classifier(architecture.head, architecture.classes)

    def __call__(self, images: Array, noise: Noise | None = None) -> Array:
        """Logits; without `noise` the network evaluates."""
        training = None if noise is None else noise.training
        x = self.stem(images, training)
        first = 0
        for repeats in self.depths:
            x = self._chain(x, range(first, first + 1), noise)
            x = self._chain(x, range(first + 1, first + repeats), noise)
            first += repeats
        x = self.head(x, training)
        return self.classifier(x.mean((1, 2)), noise)

    def _chain(self, x: Array, numbers: range, noise: Noise | None) -> Array:
        """These blocks, which are of one shape, one after the other."""
        if len(numbers) >= LOOP_FROM and on_cpu():
            return self._loop(x, numbers, noise)
        for number in numbers:
            x = self.blocks[number](x, self._path(noise, number))
        return x

    def _loop(self, x: Array, numbers: range, noise: Noise | None) -> Array:
        blocks: list[MBConv] = [self.blocks[number] for number in numbers]
        graph, *_ = nnx.split(blocks[0])
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(nnx.state(block) for block in blocks))

        def body(x: Array, turn: tuple[Array, Any]) -> tuple[Array, Any]:
            number, state = turn
            block: MBConv = nnx.merge(graph, state)
            x = block(x, self._path(noise, number))
            return x, nnx.state(block, nnx.BatchStat)

        x, statistics = lax.scan(body, x, (jnp.arange(numbers.start, numbers.stop), stacked))
        for position, block in enumerate(blocks):
            nnx.update(block, jax.tree.map(lambda leaf, position=position: leaf[position], statistics))
        return x

    def _path(self, noise: Noise | None, number: int | Array) -> Path | None:
        return None if noise is None else noise.path(number, len(self.blocks))
