"""What a network costs: parameters, multiply-adds, activations, receptive field. Exact, without building it.

Counting rules (science of the field, so that tables can be compared):
MACs are the multiply-adds of convolutions, linear layers and squeeze-and-excitation *plus their biases*, as in pycls
and the paper's "FLOPS"; BatchNorm, pooling and activations are left out. Activations are the outputs of all
convolutions, those of squeeze-and-excitation and of shortcuts too, of max pooling and of linear layers (Radosavovic et
al. 2020; pycls counts so).
Parameters leave out the running statistics of BatchNorm. The receptive field is in input pixels: r += (k - 1) j, then
j *= stride, along the longest path: a shortcut widens nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType

from models.scaling.architecture import POOL_KERNEL, POOL_STRIDE, ScaledArchitecture, StageSpec

IMAGE_CHANNELS = 3
FLOAT_BYTES = 4


@dataclass(frozen=True, slots=True)
class Layer:
    """One convolution, linear layer or pooling (which has no `inputs`).

    `pooled` layers see a 1x1 map whatever the resolution. A `side` layer runs beside the main path, on the map that the
    main path has reached: a shortcut, after the stride of its block.
    """

    kernel: int
    stride: int
    inputs: int
    outputs: int
    groups: int = 1
    bias: bool = False
    norm: bool = True
    pooled: bool = False
    side: bool = False

    @property
    def macs_per_pixel(self) -> int:
        """Multiply-adds (and bias additions) for one pixel of the output map."""
        return self.kernel**2 * (self.inputs // self.groups) * self.outputs + (self.outputs if self.bias else 0)

    @property
    def params(self) -> int:
        """Weights, biases, and the scale and offset of a BatchNorm behind the layer."""
        return self.macs_per_pixel + (2 * self.outputs if self.norm else 0)


@dataclass(frozen=True, slots=True)
class Cost:
    """The real cost of one network at its resolution. `receptive_field` in pixels."""

    params: int
    macs: int
    activations: int
    receptive_field: int

    def document(self) -> dict[str, int]:
        """The JSON shape of the public contract."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class CostProfile:
    """A network's cost with its resolution left open: what makes a catalogue of 100,000 networks cheap.

    `strides` are the down-samplings in order; `macs` and `activations` hold, for the map after each of them (and
    before the first), the amount per pixel; the `fixed` amounts are those on pooled maps.
    """

    params: int
    strides: tuple[int, ...]
    macs: tuple[int, ...]
    activations: tuple[int, ...]
    fixed_macs: int
    fixed_activations: int
    receptive_field: int

    def areas(self, resolution: int) -> tuple[int, ...]:
        """Pixels of each map for a square input of `resolution` pixels a side ('SAME' padding)."""
        size, areas = resolution, [resolution**2]
        for stride in self.strides:
            size = -(-size // stride)
            areas.append(size**2)
        return tuple(areas)

    def cost_at(self, resolution: int) -> Cost:
        """The cost at a resolution in pixels."""
        areas = self.areas(resolution)
        return Cost(
            params=self.params,
            macs=self.fixed_macs + sum(amount * area for amount, area in zip(self.macs, areas, strict=True)),
            activations=self.fixed_activations
            + sum(amount * area for amount, area in zip(self.activations, areas, strict=True)),
            receptive_field=self.receptive_field,
        )


def parts(architecture: ScaledArchitecture) -> Iterator[tuple[str, Iterator[Layer]]]:
    """(name, its layers in the order in which an image passes them): stem, each stage, head, classifier."""
    yield "stem", _stem(architecture)
    channels = architecture.stem
    for number, stage in enumerate(architecture.stages):
        yield f"stage {number + 1}", _stage(stage, channels)
        channels = stage.width
    if architecture.head:
        yield "head", iter((Layer(1, 1, channels, architecture.head),))
    final = Layer(1, 1, architecture.features, architecture.classes, bias=True, norm=False, pooled=True)
    yield "classifier", iter((final,))


def layers(architecture: ScaledArchitecture) -> Iterator[Layer]:
    """Every convolution, pooling and linear layer, in the order in which an image passes them."""
    for _, part in parts(architecture):
        yield from part


def profile(architecture: ScaledArchitecture) -> CostProfile:
    """The cost of a network as a function of its resolution."""
    params = fixed_macs = fixed_activations = 0
    strides: list[int] = []
    macs, activations = [0], [0]
    field, jump = 1, 1
    for layer in layers(architecture):
        params += layer.params
        if layer.pooled:
            fixed_macs += layer.macs_per_pixel
            fixed_activations += layer.outputs
            continue
        if not layer.side:
            field += (layer.kernel - 1) * jump
            jump *= layer.stride
            if layer.stride > 1:
                strides.append(layer.stride)
                macs.append(0)
                activations.append(0)
        macs[-1] += layer.macs_per_pixel
        activations[-1] += layer.outputs
    return CostProfile(params, tuple(strides), tuple(macs), tuple(activations), fixed_macs, fixed_activations, field)


def cost(architecture: ScaledArchitecture) -> Cost:
    """The real cost of a network.

    >>> from models.scaling.baselines import EFFICIENTNET_B0
    >>> from models.scaling.coefficients import Multipliers
    >>> cost(EFFICIENTNET_B0.scale(Multipliers(1, 1, 1))).macs
    385825092
    """
    return profile(architecture).cost_at(architecture.resolution)


def squeezed(channels: int, ratio: float) -> int:
    """Channels inside squeeze-and-excitation, from the *input* channels of the block."""
    return max(1, int(channels * ratio))


def _stem(architecture: ScaledArchitecture) -> Iterator[Layer]:
    yield Layer(architecture.stem_kernel, architecture.stem_stride, IMAGE_CHANNELS, architecture.stem)
    if architecture.stem_pool:
        yield Layer(POOL_KERNEL, POOL_STRIDE, 0, architecture.stem, norm=False)


def _stage(stage: StageSpec, channels: int) -> Iterator[Layer]:
    for block in range(stage.repeats):
        yield from BLOCK_LAYERS[stage.block](stage, channels, stage.stride if block == 0 else 1)
        channels = stage.width


def _mbconv(stage: StageSpec, channels: int, stride: int) -> Iterator[Layer]:
    expanded = channels * stage.expansion
    if stage.expansion != 1:
        yield Layer(1, 1, channels, expanded)
    yield Layer(stage.kernel, stride, expanded, expanded, groups=expanded)
    yield from _excitation(stage, channels, expanded)
    yield Layer(1, 1, expanded, stage.width)


def _fused_mbconv(stage: StageSpec, channels: int, stride: int) -> Iterator[Layer]:
    """Without expansion one convolution is the whole block."""
    expanded = channels * stage.expansion if stage.expansion != 1 else stage.width
    yield Layer(stage.kernel, stride, channels, expanded)
    yield from _excitation(stage, channels, expanded)
    if stage.expansion != 1:
        yield Layer(1, 1, expanded, stage.width)


def _excitation(stage: StageSpec, channels: int, expanded: int) -> Iterator[Layer]:
    if stage.se_ratio:
        inner = squeezed(channels, stage.se_ratio)
        yield Layer(1, 1, expanded, inner, bias=True, norm=False, pooled=True)
        yield Layer(1, 1, inner, expanded, bias=True, norm=False, pooled=True)


def _separable(stage: StageSpec, channels: int, stride: int) -> Iterator[Layer]:
    yield Layer(stage.kernel, stride, channels, channels, groups=channels)
    yield Layer(1, 1, channels, stage.width)


def _basic(stage: StageSpec, channels: int, stride: int) -> Iterator[Layer]:
    yield Layer(stage.kernel, stride, channels, stage.width)
    yield Layer(stage.kernel, 1, stage.width, stage.width)
    yield from _shortcut(stage, channels, stride)


def _bottleneck(stage: StageSpec, channels: int, stride: int) -> Iterator[Layer]:
    inner = stage.width // stage.expansion
    yield Layer(1, 1, channels, inner)
    yield Layer(stage.kernel, stride, inner, inner)
    yield Layer(1, 1, inner, stage.width)
    yield from _shortcut(stage, channels, stride)


def _shortcut(stage: StageSpec, channels: int, stride: int) -> Iterator[Layer]:
    """A projection where the shape changes (arXiv 1512.03385, option B)."""
    if stride != 1 or channels != stage.width:
        yield Layer(1, stride, channels, stage.width, side=True)


BLOCK_LAYERS: Mapping[str, Callable[[StageSpec, int, int], Iterator[Layer]]] = MappingProxyType(
    {
        "mbconv": _mbconv,
        "fused-mbconv": _fused_mbconv,
        "separable": _separable,
        "basic": _basic,
        "bottleneck": _bottleneck,
    }
)
