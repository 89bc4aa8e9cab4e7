"""Where every array of a network lies in one flat vector.

Training keeps weights, running statistics, their average and the optimizer's moments as a few flat vectors: an update
is then a handful of operations, not several for each of hundreds of small arrays. The order is: weights that decay,
weights of BatchNorm (which do not), running statistics.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array
from numpy.typing import NDArray

from models.layers.layers import Initial
from models.layers.network import Network
from models.native import calls
from models.scaling.architecture import ScaledArchitecture

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Leaf:
    """One array of a network: where it is, its shape, and what it starts from."""

    path: Path
    shape: tuple[int, ...]
    initial: Initial
    variable: "nnx.Variable[jax.ShapeDtypeStruct]"

    @property
    def name(self) -> str:
        """The path with dots, as in `blocks.3.expand.kernel`."""
        return ".".join(str(part) for part in self.path)

    @property
    def size(self) -> int:
        """Numbers in it."""
        return math.prod(self.shape)

    @property
    def decays(self) -> bool:
        """Whether weight decay acts on it: on all but BatchNorm's scale and offset."""
        return "norm" not in self.path


@dataclass(frozen=True, slots=True)
class Layout:
    """The arrays of one network in their order in the flat vector."""

    architecture: ScaledArchitecture
    graph: "nnx.GraphDef[Network]"
    weights: tuple[Leaf, ...]
    statistics: tuple[Leaf, ...]

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """All arrays in their order."""
        return *self.weights, *self.statistics

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of all arrays, by name."""
        return {leaf.name: leaf.shape for leaf in self.leaves}

    def misfits(self, arrays: Mapping[str, NDArray[Any]]) -> list[str]:
        """Names, in alphabetical order, that are missing, too many, or of another shape."""
        found, expected = {name: array.shape for name, array in arrays.items()}, self.shapes
        return sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))

    @property
    def weight_count(self) -> int:
        """Trained numbers: the network's parameters."""
        return sum(leaf.size for leaf in self.weights)

    @property
    def decayed_count(self) -> int:
        """How many of them, from the front, weight decay acts on."""
        return sum(leaf.size for leaf in self.weights if leaf.decays)

    @property
    def size(self) -> int:
        """Length of the flat vector: weights and running statistics."""
        return self.weight_count + sum(leaf.size for leaf in self.statistics)

    def arrays(self, vector: Array) -> tuple[list[Array], list[Array]]:
        """Cut a flat vector (size,) into the arrays of the weights and those of the statistics."""
        arrays, start = [], 0
        for leaf in self.leaves:
            arrays.append(vector[start : start + leaf.size].reshape(leaf.shape))
            start += leaf.size
        return arrays[: len(self.weights)], arrays[len(self.weights) :]

    def chosen(self, first: Array, second: Array, choice: Array) -> tuple[list[Array], list[Array]]:
        """The arrays of the first flat vector if `choice`, else of the second."""
        if not calls.usable(first, second):
            return self.arrays(jnp.where(choice, first, second))
        arrays = list(calls.cut(first, second, choice, [leaf.shape for leaf in self.leaves]))
        return arrays[: len(self.weights)], arrays[len(self.weights) :]

    def network(self, weights: Sequence[Array], statistics: Sequence[Array]) -> Network:
        """The network made of these arrays."""
        return nnx.merge(self.graph, _state(self.weights, weights), _state(self.statistics, statistics))

    def batch_statistics(self, network: Network) -> Array:
        """What the last batch left in the BatchNorm variables, flat."""
        found = dict(nnx.to_flat_state(nnx.state(network, nnx.BatchStat)))
        return flat(found[leaf.path].get_value() for leaf in self.statistics)

    def initial(self, seed: int) -> NDArray[np.float32]:
        """A flat vector of initial values drawn by NumPy: nothing is compiled, nothing runs on a device."""
        random = np.random.Generator(np.random.Philox(seed))
        drawn = [_draw(leaf, random).ravel() for leaf in self.leaves]
        return np.concatenate(drawn)

    def named(self, vector: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """A flat vector as arrays by name: what an export of the weights holds."""
        arrays, start = {}, 0
        for leaf in self.leaves:
            arrays[leaf.name] = vector[start : start + leaf.size].reshape(leaf.shape)
            start += leaf.size
        return arrays


@lru_cache(maxsize=64)
def layout(architecture: ScaledArchitecture) -> Layout:
    """The layout of a network, read off its modules, which hold shapes and no arrays."""
    graph, weights, statistics = cast(
        Any, nnx.split(Network(architecture), nnx.Param, nnx.BatchStat)
    )  # a star type mypy cannot read
    decayed_first = sorted(_leaves(weights), key=lambda leaf: not leaf.decays)
    return Layout(architecture, graph, tuple(decayed_first), tuple(_leaves(statistics)))


def flat(arrays: Iterable[Array]) -> Array:
    """Arrays one behind the other as one vector."""
    return jnp.concatenate([array.ravel() for array in arrays])


def _leaves(state: "nnx.State[Any, Any]") -> list[Leaf]:
    return [
        Leaf(cast(Path, tuple(path)), tuple(variable.get_value().shape), variable.get_metadata()["initial"], variable)
        for path, variable in nnx.to_flat_state(state)
    ]


def _state(leaves: Sequence[Leaf], arrays: Sequence[Array]) -> "nnx.State[Any, Any]":
    filled = [(leaf.path, leaf.variable.replace(array)) for leaf, array in zip(leaves, arrays, strict=True)]
    return nnx.from_flat_state(filled)


def _draw(leaf: Leaf, random: np.random.Generator) -> NDArray[np.float32]:
    match leaf.initial.kind:
        case "normal":
            return random.standard_normal(leaf.shape, np.float32) * np.float32(leaf.initial.scale)
        case "uniform":
            return ((2 * random.random(leaf.shape, np.float32) - 1) * np.float32(leaf.initial.scale)).astype(np.float32)
        case "constant":
            return np.full(leaf.shape, leaf.initial.scale, np.float32)
