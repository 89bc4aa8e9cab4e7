"""Which array of a torchvision or timm state dictionary is which of ours.

Both libraries name arrays by position, and each in its own way; the names follow from the stage table alone, so a
network that was scaled or written by a user is read like a published one. PyTorch holds convolutions as (out, in, k, k)
and linear layers as (out, in); ours are (k, k, in, out) and (in, out).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, assert_never

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidArchitecture, InvalidBaseline, InvalidWeights
from models.layers.layers import last_convolution
from models.scaling.architecture import ScaledArchitecture, StageSpec

TorchLayout = Literal["torchvision", "timm"]
Turn = Literal["convolution", "gate", "linear", "vector"]
Shape = tuple[int, ...]

IGNORED = "num_batches_tracked"  # how often PyTorch's BatchNorm saw a batch: nothing of ours depends on it
NORM = {"scale": "weight", "bias": "bias", "mean": "running_mean", "var": "running_var"}
RESIDUAL = ("basic", "bottleneck")
NUMBERED = {  # where a name tells stage and block, and what the first stage is called
    "resnet": (r"layer(\d+)\.(\d+)\.", 1),
    "timm": (r"blocks\.(\d+)\.(\d+)\.", 0),
    "torchvision": (r"features\.(\d+)\.(\d+)\.block\.", 1),
}


class Entry(NamedTuple):
    """One array: its name here, its name there, and how it is turned."""

    ours: str
    theirs: str
    turn: Turn

    def here(self, array: NDArray[Any]) -> NDArray[np.float32]:
        """An array of theirs as ours. A depthwise (c, 1, k, k) becomes (k, k, 1, c) like any other convolution."""
        match self.turn:
            case "convolution":
                turned = array.transpose(2, 3, 1, 0)
            case "gate":  # squeeze and excite: 1x1 convolutions there, matrices here
                turned = array[:, :, 0, 0].T
            case "linear":
                turned = array.T
            case "vector":
                turned = array
            case _:
                assert_never(self.turn)
        return np.ascontiguousarray(turned, np.float32)

    def there(self, shape: Shape) -> Shape:
        """The shape that an array of ours has in their layout."""
        match self.turn:
            case "convolution":
                return shape[3], shape[2], shape[0], shape[1]
            case "gate":
                return shape[1], shape[0], 1, 1
            case "linear":
                return shape[1], shape[0]
            case "vector":
                return shape
        assert_never(self.turn)


@dataclass(frozen=True, slots=True)
class _Block:
    """One block: its `number` among all, its `place` in its stage, both from 0, and its input channels."""

    number: int
    stage_number: int
    place: int
    stage: StageSpec
    inputs: int

    @property
    def ours(self) -> str:
        return f"blocks.{self.number}"

    @property
    def projects_shortcut(self) -> bool:
        """Whether a residual block has a convolution in its shortcut."""
        return (self.place == 0 and self.stage.stride != 1) or self.inputs != self.stage.width


def entries(architecture: ScaledArchitecture, layout: TorchLayout) -> tuple[Entry, ...]:
    """All arrays of a network in that layout. `InvalidWeights` when the library has no network of these blocks."""
    match _family(architecture, layout):
        case "residual":
            found = _residual(architecture)
        case "inverted":
            found = _torchvision_inverted(architecture)
        case "efficient" if layout == "timm":
            found = _timm_efficient(architecture)
        case _:
            found = _torchvision_efficient(architecture)
    return tuple(found)


def parent(arrays: Mapping[str, NDArray[Any]], child: ScaledArchitecture, layout: TorchLayout) -> ScaledArchitecture:
    """The network that a file's names and shapes tell of, if it is the child's family: its depths and its widths.

    `InvalidWeights` when names do not tell. Kernels, strides and expansions are taken to be the child's; where they are
    not, its shapes will not fit.
    """
    family = _family(child, layout)
    if family == "inverted":
        raise InvalidWeights(
            "torchvision numbers MobileNetV2's blocks without their stages, so a file does not tell its depths: load "
            "it into its own network, save that in our layout, and grow from there"
        )
    pattern, first = NUMBERED["resnet" if family == "residual" else layout]
    places = {(int(found[1]), int(found[2])) for name in arrays if (found := re.match(pattern, name))}
    depths = [sum(stage == number for stage, _ in places) for number in range(first, first + len(child.stages))]
    stages_there = len({stage for stage, _ in places})
    if 0 in depths or stages_there != len(child.stages):
        raise InvalidWeights(f"the file holds {stages_there} stages in {layout}'s layout, not {len(child.stages)}")
    stages = tuple(replace(stage, repeats=depth) for stage, depth in zip(child.stages, depths, strict=True))
    shaped = replace(child, stages=stages)
    theirs = {entry.ours: entry.theirs for entry in entries(shaped, layout)}

    def outputs(ours: str) -> int:
        array = arrays.get(theirs[ours])
        if array is None or not array.size:
            raise InvalidWeights(f"the file has no numbers {theirs[ours]!r}, which tell a width of its network")
        return int(array.shape[0]) if array.ndim else 1

    widths = [
        outputs(f"{block.ours}.{last_convolution(block.stage)}.kernel") for block in _blocks(shaped) if block.place == 0
    ]
    try:
        return replace(
            shaped,
            stem=outputs("stem.kernel"),
            stages=tuple(replace(stage, width=width) for stage, width in zip(stages, widths, strict=True)),
            head=outputs("head.kernel") if child.head else 0,
            classes=outputs("classifier.kernel"),
        )
    except (InvalidBaseline, InvalidArchitecture) as error:
        raise InvalidWeights(f"the file's shapes describe no network of this family: {error}") from None


def _family(architecture: ScaledArchitecture, layout: TorchLayout) -> Literal["residual", "inverted", "efficient"]:
    kinds = {stage.block for stage in architecture.stages}
    if kinds <= set(RESIDUAL):
        if architecture.head:
            raise InvalidWeights(f"{layout}'s ResNets have no 1x1 head before the classifier, this network has one")
        return "residual"
    mixed = kinds & set(RESIDUAL)
    lone = [stage for stage in architecture.stages if stage.block == "fused-mbconv" and stage.se_ratio]
    if mixed or lone:
        what = "squeeze-and-excitation in a fused-mbconv block" if lone else f"{mixed.pop()} blocks beside other kinds"
        raise InvalidWeights(f"{layout} has no network with {what}: use the layout 'effscale'")
    if layout == "timm":
        return "efficient"
    if "separable" in kinds:
        raise InvalidWeights(
            "torchvision has no network of separable blocks; timm has (mobilenetv1), or use 'effscale'"
        )
    excited = {stage.se_ratio > 0 for stage in architecture.stages if stage.block == "mbconv"}
    if len(excited) > 1:
        raise InvalidWeights("torchvision has no network with squeeze-and-excitation in some mbconv blocks alone")
    return "inverted" if kinds == {"mbconv"} and excited == {False} else "efficient"


def _blocks(architecture: ScaledArchitecture) -> Iterator[_Block]:
    number, channels = 0, architecture.stem
    for stage_number, stage in enumerate(architecture.stages):
        for place in range(stage.repeats):
            yield _Block(number, stage_number, place, stage, channels)
            number, channels = number + 1, stage.width


def _unit(ours: str, kernel: str, norm: str) -> Iterator[Entry]:
    """A convolution and its BatchNorm."""
    yield Entry(f"{ours}.kernel", f"{kernel}.weight", "convolution")
    for here, there in NORM.items():
        yield Entry(f"{ours}.norm.{here}", f"{norm}.{there}", "vector")


def _gate(ours: str, reduce: str, expand: str) -> Iterator[Entry]:
    for here, there in (("reduce", reduce), ("expand", expand)):
        yield Entry(f"{ours}.{here}", f"{there}.weight", "gate")
        yield Entry(f"{ours}.{here}_bias", f"{there}.bias", "vector")


def _classifier(theirs: str) -> Iterator[Entry]:
    yield Entry("classifier.kernel", f"{theirs}.weight", "linear")
    yield Entry("classifier.bias", f"{theirs}.bias", "vector")


def _residual(architecture: ScaledArchitecture) -> Iterator[Entry]:
    """torchvision resnet.py; timm has the same names."""
    yield from _unit("stem", "conv1", "bn1")
    for block in _blocks(architecture):
        theirs = f"layer{block.stage_number + 1}.{block.place}"
        names = ("first", "second", "third") if block.stage.block == "bottleneck" else ("first", "second")
        for number, name in enumerate(names, start=1):
            yield from _unit(f"{block.ours}.{name}", f"{theirs}.conv{number}", f"{theirs}.bn{number}")
        if block.projects_shortcut:
            yield from _unit(f"{block.ours}.shortcut", f"{theirs}.downsample.0", f"{theirs}.downsample.1")
    yield from _classifier("fc")


def _torchvision_efficient(architecture: ScaledArchitecture) -> Iterator[Entry]:
    """torchvision efficientnet.py: the parts of a block are numbered in the order in which they run."""
    yield from _unit("stem", "features.0.0", "features.0.1")
    for block in _blocks(architecture):
        theirs = f"features.{block.stage_number + 1}.{block.place}.block"
        for position, name in enumerate(_parts(block.stage)):
            there = f"{theirs}.{position}"
            if name == "excite":
                yield from _gate(f"{block.ours}.excite", f"{there}.fc1", f"{there}.fc2")
            else:
                yield from _unit(f"{block.ours}.{name}", f"{there}.0", f"{there}.1")
    yield from _torchvision_end(architecture, len(architecture.stages) + 1)


def _torchvision_inverted(architecture: ScaledArchitecture) -> Iterator[Entry]:
    """torchvision mobilenetv2.py: blocks are numbered through, and the projection is not nested like the others."""
    yield from _unit("stem", "features.0.0", "features.0.1")
    for block in _blocks(architecture):
        theirs = f"features.{block.number + 1}.conv"
        parts = _parts(block.stage)
        for position, name in enumerate(parts[:-1]):
            yield from _unit(f"{block.ours}.{name}", f"{theirs}.{position}.0", f"{theirs}.{position}.1")
        last = len(parts) - 1
        yield from _unit(f"{block.ours}.project", f"{theirs}.{last}", f"{theirs}.{last + 1}")
    yield from _torchvision_end(architecture, architecture.blocks + 1)


def _torchvision_end(architecture: ScaledArchitecture, number: int) -> Iterator[Entry]:
    """The head, if there is one, under this number of the features, and the classifier."""
    if architecture.head:
        yield from _unit("head", f"features.{number}.0", f"features.{number}.1")
    yield from _classifier("classifier.1")


def _timm_efficient(architecture: ScaledArchitecture) -> Iterator[Entry]:
    """timm _efficientnet_blocks.py: ConvBnAct, DepthwiseSeparableConv, EdgeResidual and InvertedResidual."""
    yield from _unit("stem", "conv_stem", "bn1")
    for block in _blocks(architecture):
        theirs = f"blocks.{block.stage_number}.{block.place}"
        units = [name for name in _parts(block.stage) if name != "excite"]
        for number, (name, kernel) in enumerate(zip(units, _timm_names(block.stage), strict=True), start=1):
            yield from _unit(f"{block.ours}.{name}", f"{theirs}.{kernel}", f"{theirs}.bn{number}")
        if block.stage.se_ratio:
            yield from _gate(f"{block.ours}.excite", f"{theirs}.se.conv_reduce", f"{theirs}.se.conv_expand")
    if architecture.head:
        yield from _unit("head", "conv_head", "bn2")
    yield from _classifier("classifier")


def _timm_names(stage: StageSpec) -> tuple[str, ...]:
    if stage.block == "fused-mbconv":
        return ("conv",) if stage.expansion == 1 else ("conv_exp", "conv_pwl")
    return ("conv_dw", "conv_pw") if stage.expansion == 1 else ("conv_pw", "conv_dw", "conv_pwl")


def _parts(stage: StageSpec) -> list[str]:
    """Our names of what a block that is no ResNet's runs, in order."""
    alone = stage.expansion == 1
    if stage.block == "fused-mbconv":
        return ["expand"] if alone else ["expand", "project"]
    excite = ["excite"] if stage.se_ratio else []
    return [*([] if alone else ["expand"]), "depthwise", *excite, "project"]
