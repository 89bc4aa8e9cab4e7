"""The network in Flax as its documentation writes one: nn.Conv with feature groups, nn.BatchNorm, names of ours."""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np


class Unit(nn.Module):
    """Convolution, BatchNorm, activation."""

    form: Mapping[str, Any]
    outputs: int
    kernel: int = 1
    stride: int = 1
    depthwise: bool = False
    linear: bool = False

    @nn.compact
    def __call__(self, x, training):
        k = self.kernel
        x = nn.Conv(
            self.outputs,
            (k, k),
            self.stride,
            padding="SAME" if self.form["padding"] == "same" else k // 2,
            feature_group_count=x.shape[-1] if self.depthwise else 1,
            use_bias=False,
            name="conv",
        )(x)
        norm = nn.BatchNorm(not training, momentum=self.form["kept"], epsilon=self.form["epsilon"], name="norm")
        return norm(x) if self.linear else nn.swish(norm(x))


class Excite(nn.Module):
    """Squeeze and excitation."""

    squeezed: int

    @nn.compact
    def __call__(self, x):
        gate = nn.swish(nn.Dense(self.squeezed, name="reduce")(x.mean((1, 2))))
        return x * nn.sigmoid(nn.Dense(x.shape[-1], name="expand")(gate))[:, None, None]


class Block(nn.Module):
    """MBConv."""

    form: Mapping[str, Any]
    block: Mapping[str, int]

    @nn.compact
    def __call__(self, x, training):
        block, inner, y = self.block, self.block["inner"], x
        if inner != block["inputs"]:
            y = Unit(self.form, inner, name="expand")(y, training)
        y = Unit(self.form, inner, block["kernel"], block["stride"], depthwise=True, name="depthwise")(y, training)
        y = Excite(block["squeezed"], name="excite")(y)
        y = Unit(self.form, block["outputs"], linear=True, name="project")(y, training)
        return x + y if x.shape == y.shape else y


class Network(nn.Module):
    """From images (batch, height, width, 3) to logits."""

    shape: Mapping[str, Any]

    @nn.compact
    def __call__(self, x, training):
        form = {name: self.shape[name] for name in ("padding", "epsilon", "kept")}
        x = Unit(form, self.shape["stem"], 3, 2, name="stem")(x, training)
        for number, block in enumerate(self.shape["blocks"]):
            x = Block(form, block, name=f"blocks_{number}")(x, training)
        x = Unit(form, self.shape["head"], name="head")(x, training)
        return nn.Dense(self.shape["classes"], name="classifier")(x.mean((1, 2)))


def variables(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Arrays named as effscale names them, as this network's variables."""
    found: dict[str, Any] = {"params": {}, "batch_stats": {}}
    for name, array in arrays.items():
        *path, last = name.replace("blocks.", "blocks_").split(".")
        if path[-1] == "excite":
            part, _, bias = last.partition("_")
            path, last = [*path, part], bias or "kernel"
        elif last == "kernel" and path != ["classifier"]:
            path = [*path, "conv"]
        place = found["batch_stats" if last in ("mean", "var") else "params"]
        for part in path:
            place = place.setdefault(part, {})
        place[last] = jnp.asarray(array)
    return found
