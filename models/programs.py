"""Compiled programs, kept as long as the process lives, by all they are compiled for and nothing more."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np

from models.architecture import ScaledArchitecture
from models.layout import Layout, layout
from models.optimizer import transformation
from models.recipe import OptimizerName, TrainingRecipe
from models.training import Method, Pixels, Rates, State, Sums, evaluate, train_epoch

Shape = tuple[int, ...]
KEPT = 128  # programs of each kind: several searches' worth of networks, a few MB each

import os
OPTIONS = {'xla_cpu_use_fusion_emitters': False} if not os.environ.get('FE') else {}
Epoch = Callable[[State, Rates, Pixels, Any], tuple[State, Sums]]  # the epoch's number is 0-based; the state is donated
Evaluation = Callable[[Any, Pixels], Sums]


def method(recipe: TrainingRecipe, images: int) -> Method:
    """What of a recipe shapes the program; a batch holds at most all `images`."""
    return Method(min(recipe.batch_size, images), recipe.optimizer, recipe.schedule, recipe.shift_px)


def rates(architecture: ScaledArchitecture, recipe: TrainingRecipe, seed: int) -> Rates:
    """The traced numbers. A rate that the recipe leaves open is the network's own."""
    given = recipe.model_dump(include=set(Rates._fields) - {"seed"})
    given["dropout"] = architecture.dropout if recipe.dropout is None else recipe.dropout
    given["drop_path"] = architecture.drop_path if recipe.drop_path is None else recipe.drop_path
    return Rates(**{name: cast(Any, np.float32(value)) for name, value in given.items()}, seed=cast(Any, np.uint32(seed)))


def places_of(architecture: ScaledArchitecture) -> Layout:
    """The layout of a network without its rates, which shape nothing."""
    return layout(replace(architecture, dropout=0.0, drop_path=0.0))


def epoch_program(architecture: ScaledArchitecture, method: Method, images: Shape) -> Epoch:
    """`training.train_epoch` for a train split of that shape (n, h, w, c)."""
    return _epoch(places_of(architecture).architecture, method, images)


def evaluation_program(architecture: ScaledArchitecture, images: Shape) -> Evaluation:
    """`training.evaluate` for a split in batches of that shape (batches, batch, h, w, c)."""
    return _evaluation(places_of(architecture).architecture, images)


@lru_cache(maxsize=KEPT)
def _epoch(architecture: ScaledArchitecture, method: Method, images: Shape) -> Epoch:
    places = layout(architecture)
    values, weights = _float(places.size), _float(places.weight_count)
    optimizer = transformation(method.optimizer, 0.0, 0.0, 0.0)
    number = jax.ShapeDtypeStruct((), jnp.int32)
    state = State(values, values, jax.eval_shape(optimizer.init, weights), number)
    rates = Rates(*[_float()] * 9, jax.ShapeDtypeStruct((), jnp.uint32))
    run = jax.jit(partial(train_epoch, places, method), donate_argnums=0)
    return cast(Epoch, run.lower(state, rates, _pixels(images), number).compile(OPTIONS))


@lru_cache(maxsize=KEPT)
def _evaluation(architecture: ScaledArchitecture, images: Shape) -> Evaluation:
    places = layout(architecture)
    return cast(Evaluation, jax.jit(partial(evaluate, places)).lower(_float(places.size), _pixels(images)).compile(OPTIONS))


def _pixels(images: Shape) -> Pixels:
    stored = jax.ShapeDtypeStruct(images, jnp.uint8)
    return Pixels(stored, jax.ShapeDtypeStruct(images[:-3], jnp.int32), _float(images[-1]), _float(images[-1]))


def _float(*shape: int) -> Any:
    return jax.ShapeDtypeStruct(shape, jnp.float32)


def initial_state(places: Layout, optimizer: OptimizerName, seed: int) -> State:
    """Before the first step: values drawn on the host from the seed."""
    values = places.initial(seed)
    weights = jnp.asarray(values[: places.weight_count])
    moments = transformation(optimizer, 0.0, 0.0, 0.0).init(weights)
    return State(jnp.asarray(values), jnp.array(values, copy=True), moments, jnp.zeros((), jnp.int32))
