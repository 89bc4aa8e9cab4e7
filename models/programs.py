"""Compiled programs, kept as long as the process lives, by all they are compiled for and nothing more."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np

from models.architecture import ScaledArchitecture
from models.layout import layout
from models.optimizer import transformation
from models.recipe import TrainingRecipe
from models.training import Method, Pixels, Rates, State, Sums, evaluate, train_epoch

Shape = tuple[int, ...]
KEPT = 64  # programs of each kind; a search of 24 trials on one data set needs 24


class Epoch(NamedTuple):
    """(state, rates, train split, 0-based epoch) -> (state, sums). The state handed in is gone afterwards."""

    run: Callable[[State, Rates, Pixels, Any], tuple[State, Sums]]
    compile_seconds: float


class Evaluation(NamedTuple):
    """(values, split in batches) -> sums."""

    run: Callable[[Any, Pixels], Sums]
    compile_seconds: float
