"""A ScaledArchitecture read top to bottom into a network."""

from flax import nnx
from jax import Array

from models.architecture import ScaledArchitecture
from models.cost import IMAGE_CHANNELS, STEM_KERNEL
from models.layers import BLOCKS, Classifier, ConvNormAct, Noise


class Network(nnx.Module):
    """Stem, blocks, head, average pool, classifier. (batch, height, width, 3) -> logits (batch, classes)."""

    def __init__(self, architecture: ScaledArchitecture) -> None:
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
        for number, block in enumerate(self.blocks):
            x = block(x, None if noise is None else noise.path(number, len(self.blocks)))
        x = self.head(x, training)
        return self.classifier(x.mean((1, 2)), noise)
