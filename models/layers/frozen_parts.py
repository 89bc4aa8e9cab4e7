"""The parts of a network that are frozen and slowed down together: the stem, each stage, the head and classifier."""

from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from models.layers.flat_layout import Layout, Leaf
from models.recipe.recipe import TrainingRecipe
from models.scaling.architecture import ScaledArchitecture


def part_of(leaf: Leaf, architecture: ScaledArchitecture) -> int:
    """0 for the stem, 1 for the first stage and so on, the last number for the head and the classifier."""
    match leaf.path[0]:
        case "stem":
            return 0
        case "blocks":
            ends = accumulate(architecture.depths)
            return 1 + sum(int(leaf.path[1]) >= end for end in ends)
        case _:
            return len(architecture.depths) + 1


def speeds(places: Layout, recipe: TrainingRecipe) -> NDArray[np.float32]:
    """A factor of the learning rate for each weight: 0 if frozen, less the nearer a part is to the image."""
    last = len(places.architecture.depths) + 1
    parts = np.array([part_of(leaf, places.architecture) for leaf in places.weights])
    factors = np.where(parts < recipe.frozen_parts, 0.0, recipe.layer_decay ** (last - parts)).astype(np.float32)
    return np.repeat(factors, [leaf.size for leaf in places.weights])


def kernels(places: Layout) -> NDArray[np.float32]:
    """1 for each weight that is multiplied with values, 0 for each bias and for BatchNorm's scale and offset."""
    chosen = [leaf.decays and not str(leaf.path[-1]).endswith("bias") for leaf in places.weights]
    return np.repeat(np.array(chosen, np.float32), [leaf.size for leaf in places.weights])
