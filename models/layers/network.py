"""A ScaledArchitecture read top to bottom into a network."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array, lax

from models.layers import convolutions
from models.layers.convolutions import on_cpu
from models.layers.layers import BLOCKS, Block, Classifier, ConvNormAct, Noise, Path
from models.native import calls
from models.scaling.architecture import POOL_KERNEL, POOL_STRIDE, ScaledArchitecture
from models.scaling.cost import IMAGE_CHANNELS

# Blocks of one shape. Measured on CPUs without the kernels of models/native, whose depthwise convolutions are many
# operations each: a loop compiles as long as two blocks and runs no slower than the blocks in a row; a network of 18
# blocks compiles in half the time. With the kernels it compiles and runs no faster.
LOOP_FROM = 3


class Network(nnx.Module):
    """Stem, blocks, head, average pool, classifier. (batch, height, width, 3) -> logits (batch, classes), float32.

    Maps have the type of the images: with bfloat16 images the convolutions compute in bfloat16, from float32 weights;
    sums over pixels, statistics and logits are float32.
    """

    def __init__(self, architecture: ScaledArchitecture) -> None:
        form = architecture
        self.depths, self.pools, self.padding = architecture.depths, form.stem_pool, form.padding
        self.stem = ConvNormAct(
            form, "dense", IMAGE_CHANNELS, architecture.stem, kernel=form.stem_kernel, stride=form.stem_stride
        )
        blocks = []
        channels = architecture.stem
        for stage in architecture.stages:
            for repeat in range(stage.repeats):
                blocks.append(BLOCKS[stage.block](form, stage, channels, stage.stride if repeat == 0 else 1))
                channels = stage.width
        self.blocks = nnx.List(blocks)
        self.head = ConvNormAct(form, "pointwise", channels, architecture.head) if architecture.head else None
        self.classifier = Classifier(architecture.features, architecture.classes)

    def __call__(self, images: Array, noise: Noise | None = None) -> Array:
        """Logits; without `noise` the network evaluates."""
        return self.classifier(self.features(images, noise), noise)

    def features(self, images: Array, noise: Noise | None = None) -> Array:
        """What the classifier sees: the means of the last map, float32 (batch, features)."""
        x = self.stem(images, None if noise is None else noise.norms(0))
        if self.pools:
            x = convolutions.max_pool(x, POOL_KERNEL, POOL_STRIDE, self.padding)
        first = 0
        for part, repeats in enumerate(self.depths, start=1):
            x = self._chain(x, range(first, first + 1), part, noise)
            x = self._chain(x, range(first + 1, first + repeats), part, noise)
            first += repeats
        if self.head is not None:
            x = self.head(x, None if noise is None else noise.norms(len(self.depths) + 1))
        return convolutions.pixel_means(x)

    def _chain(self, x: Array, numbers: range, part: int, noise: Noise | None) -> Array:
        """These blocks, which are of one shape, one after the other."""
        if len(numbers) >= LOOP_FROM and on_cpu() and not calls.usable(x):
            return self._loop(x, numbers, part, noise)
        for number in numbers:
            x = self.blocks[number](x, self._path(noise, number, part))
        return x

    def _loop(self, x: Array, numbers: range, part: int, noise: Noise | None) -> Array:
        blocks: list[Block] = [self.blocks[number] for number in numbers]
        graph, *_ = nnx.split(blocks[0])
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(nnx.state(block) for block in blocks))

        def body(x: Array, turn: tuple[Array, Any]) -> tuple[Array, Any]:
            number, state = turn
            block: Block = nnx.merge(graph, state)
            x = block(x, self._path(noise, number, part))
            return x, nnx.state(block, nnx.BatchStat)

        x, statistics = lax.scan(body, x, (jnp.arange(numbers.start, numbers.stop), stacked))
        for position, block in enumerate(blocks):
            nnx.update(block, jax.tree.map(lambda leaf, position=position: leaf[position], statistics))
        return x

    def _path(self, noise: Noise | None, number: int | Array, part: int) -> Path | None:
        return None if noise is None else noise.path(number, len(self.blocks), part)
