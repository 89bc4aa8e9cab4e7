"""The network in PyTorch as an ordinary nn.Module, written from the public tables."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn


def unit(shape, inputs, outputs, kernel=1, stride=1, *, depthwise=False, linear=False):
    """Convolution, BatchNorm, activation. PyTorch's momentum is the share of the new statistics."""
    groups = inputs if depthwise else 1
    parts = [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs, eps=shape["epsilon"], momentum=1 - shape["kept"]),
    ]
    return nn.Sequential(*parts) if linear else nn.Sequential(*parts, nn.SiLU(inplace=True))


class Excite(nn.Module):
    """Squeeze and excitation."""

    def __init__(self, channels, squeezed):
        super().__init__()
        self.reduce, self.expand = nn.Conv2d(channels, squeezed, 1), nn.Conv2d(squeezed, channels, 1)
        self.act = nn.SiLU(inplace=True)

    def forward(self, x):
        gate = self.act(self.reduce(x.mean((2, 3), keepdim=True)))
        return x * torch.sigmoid(self.expand(gate))


class Block(nn.Module):
    """MBConv."""

    def __init__(self, shape, block):
        super().__init__()
        inputs, inner, outputs = block["inputs"], block["inner"], block["outputs"]
        self.skips = block["stride"] == 1 and inputs == outputs
        self.expand = unit(shape, inputs, inner) if inner != inputs else nn.Identity()
        self.depthwise = unit(shape, inner, inner, block["kernel"], block["stride"], depthwise=True)
        self.excite = Excite(inner, block["squeezed"])
        self.project = unit(shape, inner, outputs, linear=True)

    def forward(self, x):
        y = self.project(self.excite(self.depthwise(self.expand(x))))
        return x + y if self.skips else y


class Network(nn.Module):
    """From images (batch, 3, height, width) to logits."""

    def __init__(self, shape):
        super().__init__()
        if shape["padding"] != "symmetric":
            raise ValueError(f"PyTorch pads symmetrically, not {shape['padding']!r}")
        self.stem = unit(shape, 3, shape["stem"], 3, 2)
        self.blocks = nn.Sequential(*(Block(shape, block) for block in shape["blocks"]))
        self.head = unit(shape, shape["blocks"][-1]["outputs"], shape["head"])
        self.classifier = nn.Linear(shape["head"], shape["classes"])

    def forward(self, x):
        return self.classifier(self.head(self.blocks(self.stem(x))).mean((2, 3)))


NORMS = {"scale": "weight", "bias": "bias", "mean": "running_mean", "var": "running_var"}


def state(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Arrays named as effscale names them, as this network's state dictionary."""
    found = {}
    for name, array in arrays.items():
        head, _, last = name.rpartition(".")
        values = torch.from_numpy(np.array(array))
        if head.endswith(".norm"):
            found[f"{head.removesuffix('.norm')}.1.{NORMS[last]}"] = values
        elif head.endswith(".excite"):
            part, _, bias = last.partition("_")
            found[f"{head}.{part}.{bias or 'weight'}"] = values if bias else values.T[:, :, None, None].contiguous()
        elif head == "classifier":
            found[f"classifier.{'bias' if last == 'bias' else 'weight'}"] = values if last == "bias" else values.T
        else:
            found[f"{head}.0.weight"] = values.permute(3, 2, 0, 1)
    return found
