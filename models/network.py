"""A ScaledArchitecture read top to bottom into a network."""

from flax import nnx
from jax import Array

from models.architecture import ScaledArchitecture
from models.cost import IMAGE_CHANNELS, STEM_KERNEL
from models.layers import BLOCKS, Classifier, ConvNormAct, Noise, StochasticDepth


class Network(nnx.Module):
    """Stem, blocks, head, average pool, classifier. (batch, height, width, 3) -> logits (batch, classes)."""

    def __init__(self, architecture: ScaledArchitecture) -> None:
        self.stem = ConvNormAct(
            "dense", IMAGE_CHANNELS, architecture.stem, kernel=STEM_KERNEL, stride=architecture.stem_stride
        )
        self.blocks = nnx.List([])
        channels = architecture.stem
        for stage in architecture.stages:
            for repeat in range(stage.repeats):
                depth = StochasticDepth(len(self.blocks), architecture.blocks)
                stride = stage.stride if repeat == 0 else 1
                self.blocks.append(BLOCKS[stage.block](stage, channels, stride, depth))
                channels = stage.width
        self.head = ConvNormAct("pointwise", channels, architecture.head)
        self.classifier = Classifier(architecture.head, architecture.classes)

    def __call__(self, images: Array, noise: Noise | None = None) -> Array:
        x = self.stem(images, training=noise is not None)
        for block in self.blocks:
            x = block(x, noise)
        x = self.head(x, training=noise is not None)
        return self.classifier(x.mean((1, 2)), noise)
