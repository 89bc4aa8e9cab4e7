"""A larger network that computes what a trained smaller one does: where its training may start.

Depth (Net2Net's deeper, exact): the blocks a stage gains come last in it, keep its width and have a skip; the scale of
their last BatchNorm is 0, so that they pass on what they get, in training and in evaluation. Width (Net2Wider, arXiv
1511.05641, section 3.2): a new channel repeats an old one, and what reads it splits the old weight between the two, in
shares that differ for each of its outputs: with equal shares the two channels would have equal gradients, and stay
equal. Resolution needs nothing, up or down. Downwards there is no such start:
a network that is smaller anywhere has lost part of the function.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidWeights
from models.layers.flat_layout import layout
from models.layers.layers import last_convolution
from models.scaling.architecture import Form, ScaledArchitecture, StageSpec
from models.scaling.cost import squeezed

Weights = NDArray[np.float32]
IDEMPOTENT = ("relu", "relu6")  # activations that leave alone what they have put out
SKIPPING = ("mbconv", "fused-mbconv", "basic", "bottleneck")
LOWEST_SHARE, HIGHEST_SHARE = 0.5, 1.5  # of an equal share, before they are made to sum to 1: far from 0, and apart


@dataclass(frozen=True, slots=True)
class Spread:
    """Which channel of the parent each channel of the child repeats: the first `parents` are the parent's own."""

    sources: NDArray[np.intp]
    parents: int

    @property
    def same(self) -> bool:
        """Whether nothing is added."""
        return len(self.sources) == self.parents


def grow(
    parent: ScaledArchitecture, arrays: Mapping[str, NDArray[Any]], child: ScaledArchitecture, seed: int
) -> dict[str, Weights]:
    """The child's arrays by leaf name, from the parent's; the classifier is drawn when the classes differ.

    `InvalidWeights` when the child is smaller anywhere, of another family, or cannot hold the parent's function.
    """
    check(parent, child)
    before = layout(parent)
    if wrong := before.misfits(arrays):
        name = wrong[0]
        found = arrays[name].shape if name in arrays else None
        raise InvalidWeights(f"the parent's array {name!r} must have the shape {before.shapes.get(name)}, got {found}")
    places = layout(child)
    drawn = places.named(places.initial(seed))
    return _Growing(parent, child, {name: np.asarray(array, np.float32) for name, array in arrays.items()}, drawn).grow(
        np.random.Generator(np.random.Philox(seed))
    )


def check(parent: ScaledArchitecture, child: ScaledArchitecture) -> None:
    """Whether the child can hold the parent's function; `InvalidWeights` says where it cannot, and why."""
    if changed := [field.name for field in fields(Form) if getattr(parent, field.name) != getattr(child, field.name)]:
        here, there = getattr(child, changed[0]), getattr(parent, changed[0])
        raise InvalidWeights(
            f"{changed[0]} is {there!r} in the parent and {here!r} in the network to grow: it must agree"
        )
    if len(parent.stages) != len(child.stages):
        raise InvalidWeights(f"the parent has {len(parent.stages)} stages, the network to grow {len(child.stages)}")
    _not_smaller("the stem", "width", parent.stem, child.stem)
    before, after = parent.stem, child.stem
    for number, (old, new) in enumerate(zip(parent.stages, child.stages, strict=True), start=1):
        _check_stage(f"stage {number}", old, new, child)
        if _keeps(old, before) != _keeps(new, after):
            raise InvalidWeights(
                f"stage {number}: its first block goes from {before} to {old.width} channels in the parent and from "
                f"{after} to {new.width} in the network to grow: only one of them can skip its block, so the function "
                "would change"
            )
        before, after = old.width, new.width
    if bool(parent.head) != bool(child.head):
        raise InvalidWeights(f"the head has {parent.head} channels in the parent and {child.head} here: 0 means none")
    _not_smaller("the head", "width", parent.head, child.head)


def _check_stage(where: str, old: StageSpec, new: StageSpec, child: ScaledArchitecture) -> None:
    for name in ("block", "kernel", "stride", "expansion", "se_ratio"):
        if getattr(old, name) != getattr(new, name):
            raise InvalidWeights(
                f"{where}: {name} is {getattr(old, name)!r} in the parent and {getattr(new, name)!r} in the network to "
                "grow: only depth, width and resolution may differ"
            )
    _not_smaller(where, "depth", old.repeats, new.repeats)
    _not_smaller(where, "width", old.width, new.width)
    if old.repeats == new.repeats:
        return
    if new.block not in SKIPPING:
        raise InvalidWeights(
            f"{where}: {new.block} blocks have no skip, so one that is added cannot pass on what it gets; its depth "
            f"must stay {old.repeats}, got {new.repeats}"
        )
    if new.block in ("basic", "bottleneck") and child.activation not in IDEMPOTENT:
        raise InvalidWeights(
            f"{where}: a {new.block} block ends in its activation, and {child.activation} of {child.activation} is not "
            f"the same; its depth must stay {old.repeats}, got {new.repeats}"
        )


def _not_smaller(where: str, what: str, old: int, new: int) -> None:
    if new < old:
        raise InvalidWeights(
            f"{where}: the {what} of the parent is {old}, that of the network to grow {new}: smaller. Weights are "
            "grown and never shrunk: leaving blocks or channels out would change what the network computes. Start from "
            "a parent that is nowhere larger, or from random weights"
        )


def _keeps(stage: StageSpec, inputs: int) -> bool:
    """Whether the first block of a stage keeps the shape, and so adds its very input to its branch."""
    return stage.block in SKIPPING and stage.stride == 1 and stage.width == inputs


@dataclass(slots=True)
class _Growing:
    """The child's arrays in the making: those `drawn` are overwritten by what the parent gives."""

    parent: ScaledArchitecture
    child: ScaledArchitecture
    old: Mapping[str, Weights]
    drawn: dict[str, Weights]

    def grow(self, random: np.random.Generator) -> dict[str, Weights]:
        channels = _spread(self.parent.stem, self.child.stem, random)
        self._unit("stem", "stem", _none(3), channels, random)
        here = there = 0
        for old, new in zip(self.parent.stages, self.child.stages, strict=True):
            kept = _keeps(old, channels.parents)
            outputs = channels if kept else _spread(old.width, new.width, random)
            for place in range(old.repeats):
                self._block(there + place, here + place, (old, new), (channels, outputs), random)
                channels = outputs
            for place in range(old.repeats, new.repeats):
                self._silence(f"blocks.{here + place}", new)
            here, there = here + new.repeats, there + old.repeats
        if self.child.head:
            inputs, channels = channels, _spread(self.parent.head, self.child.head, random)
            self._unit("head", "head", inputs, channels, random)
        if self.parent.classes == self.child.classes:
            self.drawn["classifier.kernel"] = _read(self.old["classifier.kernel"], channels, random)
            self.drawn["classifier.bias"] = self.old["classifier.bias"]
        return self.drawn

    def _block(
        self,
        there: int,
        here: int,
        stages: tuple[StageSpec, StageSpec],
        channels: tuple[Spread, Spread],
        random: np.random.Generator,
    ) -> None:
        """One block of the parent, number `there`, as number `here` of the child."""
        old, new = stages
        inputs, outputs = channels
        names = f"blocks.{there}", f"blocks.{here}"
        inner = _inner(old, new, inputs, outputs, random)
        units: list[tuple[str, Spread | None, Spread]]  # None: each channel by itself
        match new.block:
            case "mbconv" | "separable":
                units = [("expand", inputs, inner), ("depthwise", None, inner), ("project", inner, outputs)]
            case "fused-mbconv":
                units = [("expand", inputs, inner), ("project", inner, outputs)]
            case "basic":
                units = [("first", inputs, inner), ("second", inner, outputs), ("shortcut", inputs, outputs)]
            case "bottleneck":
                middle = _spread(inner.parents, len(inner.sources), random)
                units = [("first", inputs, inner), ("second", inner, middle), ("third", middle, outputs)]
                units.append(("shortcut", inputs, outputs))
        for name, reads, writes in units:
            if f"{names[0]}.{name}.kernel" in self.old:
                self._unit(f"{names[0]}.{name}", f"{names[1]}.{name}", reads, writes, random)
        if new.se_ratio:
            hidden = _spread(
                squeezed(inputs.parents, old.se_ratio), squeezed(len(inputs.sources), new.se_ratio), random
            )
            self._gate(f"{names[0]}.excite", f"{names[1]}.excite", inner, hidden, random)

    def _unit(self, there: str, here: str, reads: Spread | None, writes: Spread, random: np.random.Generator) -> None:
        """A convolution and its BatchNorm. The statistics of a repeated channel are those of its source."""
        kernel = _write(self.old[f"{there}.kernel"], writes)
        self.drawn[f"{here}.kernel"] = kernel if reads is None else _read(kernel, reads, random)
        for name in ("scale", "bias", "mean", "var"):
            self.drawn[f"{here}.norm.{name}"] = _write(self.old[f"{there}.norm.{name}"], writes)

    def _gate(self, there: str, here: str, channels: Spread, hidden: Spread, random: np.random.Generator) -> None:
        for name, reads, writes in (("reduce", channels, hidden), ("expand", hidden, channels)):
            self.drawn[f"{here}.{name}"] = _read(_write(self.old[f"{there}.{name}"], writes), reads, random)
            self.drawn[f"{here}.{name}_bias"] = _write(self.old[f"{there}.{name}_bias"], writes)

    def _silence(self, block: str, stage: StageSpec) -> None:
        """Make an added block pass on what it gets, whatever its running statistics: those stay as drawn, (0, 1)."""
        scale = f"{block}.{last_convolution(stage)}.norm.scale"
        self.drawn[scale] = np.zeros_like(self.drawn[scale])


def _inner(old: StageSpec, new: StageSpec, inputs: Spread, outputs: Spread, random: np.random.Generator) -> Spread:
    """The channels inside a block. Where nothing expands, a depthwise convolution runs on the block's own input."""
    if new.block == "basic":
        return _spread(old.width, new.width, random)
    if new.block == "bottleneck":
        return _spread(old.width // old.expansion, new.width // new.expansion, random)
    if new.expansion == 1:
        return outputs if new.block == "fused-mbconv" else inputs
    return _spread(inputs.parents * old.expansion, len(inputs.sources) * new.expansion, random)


def _none(channels: int) -> Spread:
    return Spread(np.arange(channels), channels)


def _spread(old: int, new: int, random: np.random.Generator) -> Spread:
    """The parent's channels, then as many repeated ones as are missing: every channel once before any twice."""
    rounds = [random.permutation(old) for _ in range(-(-(new - old) // old))]
    return Spread(np.concatenate([np.arange(old), *rounds])[:new], old)


def _write(array: Weights, outputs: Spread) -> Weights:
    """(…, parent's outputs) -> (…, child's outputs)."""
    return array if outputs.same else array[..., outputs.sources]


def _read(kernel: Weights, inputs: Spread, random: np.random.Generator) -> Weights:
    """(…, parent's inputs, outputs) -> (…, child's inputs, outputs): a weight is split between a channel's copies."""
    if inputs.same:
        return kernel
    split = random.uniform(LOWEST_SHARE, HIGHEST_SHARE, (len(inputs.sources), kernel.shape[-1]))
    sums = np.zeros((inputs.parents, kernel.shape[-1]))
    np.add.at(sums, inputs.sources, split)
    shares = split / sums[inputs.sources]
    whole: Weights = (kernel[..., inputs.sources, :] * shares).astype(np.float32)
    return whole
