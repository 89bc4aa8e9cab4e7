"""The parts networks are made of, as Flax NNX modules. Every weight carries the distribution it starts from.

Without `Noise` they evaluate. With it, they do what `Noise.training` says when the program runs, so that one program
trains and evaluates; BatchNorm then leaves the statistics of the batch in its variables, and blending them into the
running ones is the training step's work (one operation for all layers).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, cast

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from models.layers import convolutions
from models.layers.batch_norm import activated, normalize, normalize_batch
from models.layers.squeeze_excite import Gate, Norm, excited, normalize_excite_batch
from models.scaling.architecture import Activation, Form, StageSpec
from models.scaling.cost import squeezed

Convolution = Literal["pointwise", "dense", "depthwise"]


@dataclass(frozen=True, slots=True)
class Initial:
    """What a weight starts from: `normal` with that standard deviation, `uniform` in +-scale, or the `constant`."""

    kind: Literal["normal", "uniform", "constant"]
    scale: float


@dataclass(frozen=True, slots=True)
class Noise:
    """The random numbers of one step, uniform in [0, 1), and the rates they are compared with.

    `paths` (batch, blocks) for stochastic depth, `units` (batch, features) for dropout; the rates are scalars, 0 unless
    `training` (a boolean scalar). BatchNorm of the first `fixed` parts (1: the stem, 2: and the first stage, ...) keeps
    to its stored statistics.
    """

    training: Array
    paths: Array
    units: Array
    drop_path: Array
    dropout: Array
    fixed: int = 0

    def norms(self, part: int) -> Array | None:
        """What BatchNorm of a part (0 is the stem) is told: `training`, or None to keep to its stored statistics."""
        return None if part < self.fixed else self.training

    def path(self, block: int | Array, blocks: int, part: int) -> "Path":
        """Of one block: it drops with rate drop_path * block / blocks (tensorflow/tpu efficientnet_model.py)."""
        return Path(self.norms(part), self.paths[:, block], self.drop_path * block / blocks)


@dataclass(frozen=True, slots=True)
class Path:
    """Which samples skip a block's branch: those whose `uniform` number (batch,) is not below 1 - `rate`."""

    training: Array | None
    uniform: Array
    rate: Array


class BatchNorm(nnx.Module):
    """Normalisation over batch, height and width, scale, offset, and the activation behind it."""

    def __init__(self, channels: int, activation: Activation | None, epsilon: float) -> None:
        self.activation, self.epsilon = activation, epsilon
        self.scale = _weight((channels,), Initial("constant", 1.0))
        self.bias = _weight((channels,), Initial("constant", 0.0))
        self.mean = nnx.BatchStat(_abstract((channels,)), initial=Initial("constant", 0.0))
        self.var = nnx.BatchStat(_abstract((channels,)), initial=Initial("constant", 1.0))

    def __call__(self, x: Array, training: Array | None, excite: "SqueezeExcite | None" = None) -> Array:
        """(b, h, w, c) -> the same; `training` None evaluates. `excite` stands behind the activation."""
        norm = Norm(*(variable.get_value() for variable in (self.scale, self.bias, self.mean, self.var)))
        if training is None:
            y = normalize(x, *norm, self.activation, self.epsilon)
            return y if excite is None else excite(y)
        if excite is None:
            y, mean, var = normalize_batch(x, *norm, training, self.activation, self.epsilon)
        else:
            y, mean, var = normalize_excite_batch(x, norm, excite.gate, training, excite.activation, self.epsilon)
        self.mean.set_value(mean)
        self.var.set_value(var)
        return y


class ConvNormAct(nnx.Module):
    """Convolution without bias, BatchNorm, and the form's activation unless `linear`."""

    def __init__(
        self,
        form: Form,
        convolution: Convolution,
        inputs: int,
        outputs: int,
        *,
        kernel: int = 1,
        stride: int = 1,
        linear: bool = False,
    ) -> None:
        self.convolution, self.stride, self.padding = convolution, stride, form.padding
        depthwise = convolution == "depthwise"
        # tensorflow/tpu efficientnet_model.py: N(0, sqrt(2 / fan_out)). A depthwise filter has k*k outputs a channel.
        fan_out = kernel**2 * (1 if depthwise else outputs)
        shape = (kernel, kernel, 1 if depthwise else inputs, outputs)
        self.kernel = _weight(shape, Initial("normal", math.sqrt(2 / fan_out)))
        self.norm = BatchNorm(outputs, None if linear else form.activation, form.norm_epsilon)

    def __call__(self, x: Array, training: Array | None, excite: "SqueezeExcite | None" = None) -> Array:
        """(b, h, w, inputs) -> (b, ceil(h / stride), ceil(w / stride), outputs)."""
        kernel = self.kernel.get_value().astype(x.dtype)
        match self.convolution:
            case "pointwise":
                y = convolutions.pointwise(x, kernel)
            case "depthwise":
                y = convolutions.depthwise(x, kernel, self.stride, self.padding)
            case "dense":
                y = convolutions.dense(x, kernel, self.stride, self.padding)
        return self.norm(y, training, excite)


class SqueezeExcite(nnx.Module):
    """A gate in (0, 1) for each channel, from the channel means in float32. `inner` channels between, biases."""

    def __init__(self, form: Form, channels: int, inner: int) -> None:
        self.activation = form.activation
        # 1x1 convolutions in the paper's code, hence their initial distribution; here plain matrices
        self.reduce = _weight((channels, inner), Initial("normal", math.sqrt(2 / inner)))
        self.reduce_bias = _weight((inner,), Initial("constant", 0.0))
        self.expand = _weight((inner, channels), Initial("normal", math.sqrt(2 / channels)))
        self.expand_bias = _weight((channels,), Initial("constant", 0.0))

    @property
    def gate(self) -> Gate:
        """The weights."""
        return Gate(*(weight.get_value() for weight in (self.reduce, self.reduce_bias, self.expand, self.expand_bias)))

    def __call__(self, x: Array) -> Array:
        """(b, h, w, c) -> the same."""
        return excited(x, self.gate, self.activation)


class StochasticDepth(nnx.Module):
    """Drops a branch for whole samples; what is kept is scaled by 1 / keep, so that the expectation stays."""

    def __call__(self, branch: Array, path: Path | None) -> Array:
        """(b, h, w, c) -> the same; `path` None keeps all."""
        if path is None:
            return branch
        keep = 1 - path.rate
        factor = jnp.where(path.uniform < keep, 1 / keep, 0.0)[:, None, None, None]
        return branch * factor.astype(branch.dtype)


class MBConv(nnx.Module):
    """Expand (not if expansion is 1), depthwise, squeeze and excite, project; a skip where the shape stays."""

    def __init__(self, form: Form, stage: StageSpec, inputs: int, stride: int) -> None:
        inner = inputs * stage.expansion
        self.expand = ConvNormAct(form, "pointwise", inputs, inner) if stage.expansion != 1 else None
        self.depthwise = ConvNormAct(form, "depthwise", inner, inner, kernel=stage.kernel, stride=stride)
        self.excite = SqueezeExcite(form, inner, squeezed(inputs, stage.se_ratio)) if stage.se_ratio else None
        self.project = ConvNormAct(form, "pointwise", inner, stage.width, linear=True)
        self.depth = StochasticDepth() if stride == 1 and inputs == stage.width else None

    def __call__(self, x: Array, path: Path | None) -> Array:
        """(b, h, w, inputs) -> (b, ceil(h / stride), ceil(w / stride), width)."""
        training = None if path is None else path.training
        y = x if self.expand is None else self.expand(x, training)
        y = self.depthwise(y, training, self.excite)
        y = self.project(y, training)
        return y if self.depth is None else x + self.depth(y, path)


class FusedMBConv(nnx.Module):
    """An MBConv whose expansion and depthwise convolution are one full convolution; without expansion it is all."""

    def __init__(self, form: Form, stage: StageSpec, inputs: int, stride: int) -> None:
        alone = stage.expansion == 1
        inner = stage.width if alone else inputs * stage.expansion
        self.expand = ConvNormAct(form, "dense", inputs, inner, kernel=stage.kernel, stride=stride)
        self.excite = SqueezeExcite(form, inner, squeezed(inputs, stage.se_ratio)) if stage.se_ratio else None
        self.project = None if alone else ConvNormAct(form, "pointwise", inner, stage.width, linear=True)
        self.depth = StochasticDepth() if stride == 1 and inputs == stage.width else None

    def __call__(self, x: Array, path: Path | None) -> Array:
        """(b, h, w, inputs) -> (b, ceil(h / stride), ceil(w / stride), width)."""
        training = None if path is None else path.training
        y = self.expand(x, training, self.excite)
        y = y if self.project is None else self.project(y, training)
        return y if self.depth is None else x + self.depth(y, path)


class Separable(nnx.Module):
    """MobileNetV1's block: a depthwise and a pointwise convolution, each with its activation; no skip."""

    def __init__(self, form: Form, stage: StageSpec, inputs: int, stride: int) -> None:
        self.depthwise = ConvNormAct(form, "depthwise", inputs, inputs, kernel=stage.kernel, stride=stride)
        self.project = ConvNormAct(form, "pointwise", inputs, stage.width)

    def __call__(self, x: Array, path: Path | None) -> Array:
        """(b, h, w, inputs) -> (b, ceil(h / stride), ceil(w / stride), width)."""
        training = None if path is None else path.training
        return self.project(self.depthwise(x, training), training)


class Residual(nnx.Module):
    """ResNet's blocks: a branch and a shortcut, added before the activation.

    The branch of a basic block is two convolutions, that of a bottleneck a 1x1 down, a convolution, and a 1x1 up. The
    stride is on the first convolution of the stage's kernel; where the shape changes the shortcut is a projection.
    """

    def __init__(self, form: Form, stage: StageSpec, inputs: int, stride: int) -> None:
        self.activation = form.activation
        width, kernel = stage.width, stage.kernel
        if stage.block == "basic":
            self.first = ConvNormAct(form, "dense", inputs, width, kernel=kernel, stride=stride)
            self.second = ConvNormAct(form, "dense", width, width, kernel=kernel, linear=True)
            self.third = None
        else:
            inner = width // stage.expansion
            self.first = ConvNormAct(form, "pointwise", inputs, inner)
            self.second = ConvNormAct(form, "dense", inner, inner, kernel=kernel, stride=stride)
            self.third = ConvNormAct(form, "pointwise", inner, width, linear=True)
        same = stride == 1 and inputs == width
        self.shortcut = None if same else ConvNormAct(form, "dense", inputs, width, stride=stride, linear=True)
        self.depth = StochasticDepth()

    def __call__(self, x: Array, path: Path | None) -> Array:
        """(b, h, w, inputs) -> (b, ceil(h / stride), ceil(w / stride), width)."""
        training = None if path is None else path.training
        y = self.second(self.first(x, training), training)
        y = y if self.third is None else self.third(y, training)
        skipped = x if self.shortcut is None else self.shortcut(x, training)
        branch = y if self.shortcut is not None else self.depth(y, path)
        return activated(skipped + branch, self.activation)


class Classifier(nnx.Module):
    """Dropout and a linear layer. (batch, channels) -> (batch, classes)."""

    def __init__(self, channels: int, classes: int) -> None:
        # tensorflow/tpu efficientnet_model.py, dense_kernel_initializer: uniform in +-1 / sqrt(outputs), made for 1,000
        # of them. With 10 classes behind 1,280 channels the first logits would be of order 6 (measured: MobileNetV2
        # then learns digits at a third of the speed), so the bound is also that of the inputs.
        self.kernel = _weight((channels, classes), Initial("uniform", 1 / math.sqrt(max(channels, classes))))
        self.bias = _weight((classes,), Initial("constant", 0.0))

    def __call__(self, x: Array, noise: Noise | None) -> Array:
        """(batch, channels) -> logits (batch, classes)."""
        if noise is not None:
            keep = 1 - noise.dropout
            x = x * jnp.where(noise.units < keep, 1 / keep, 0.0).astype(x.dtype)
        return x @ self.kernel.get_value() + self.bias.get_value()


Block = MBConv | FusedMBConv | Separable | Residual
BLOCKS: Mapping[str, Callable[[Form, StageSpec, int, int], Block]] = MappingProxyType(  # stage, input channels, stride
    {
        "mbconv": MBConv,
        "fused-mbconv": FusedMBConv,
        "separable": Separable,
        "basic": Residual,
        "bottleneck": Residual,
    }
)


def last_convolution(stage: StageSpec) -> str:
    """The name of the last convolution with BatchNorm in a block: its outputs are the block's."""
    if stage.block == "fused-mbconv" and stage.expansion == 1:
        return "expand"  # one convolution is all
    return {"basic": "second", "bottleneck": "third"}.get(stage.block, "project")


def _weight(shape: tuple[int, ...], initial: Initial) -> "nnx.Param[Array]":
    return nnx.Param(_abstract(shape), initial=initial)


def _abstract(shape: tuple[int, ...]) -> Array:
    """A place for an array. No module is ever run before a layout has filled it, so nothing need be computed here."""
    return cast(Array, jax.ShapeDtypeStruct(shape, jnp.float32))
