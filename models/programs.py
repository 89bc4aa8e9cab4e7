"""Compiled programs, kept as long as the process lives, by all they are compiled for and nothing more."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np

from models.architecture import ScaledArchitecture
from models.data.dataset import Dataset
from models.layout import Layout, layout
from models.ops import on_cpu
from models.optimizer import transformation
from models.recipe import OptimizerName, TrainingRecipe
from models.training import Method, Pixels, Rates, State, Sums, run_steps

KEPT = 128  # programs: several searches' worth of networks, a few MB each
# Measured on a 13-block network without loops: 8.7 s of CPU time instead of 19 to compile, 15 % more time a step.
CPU_OPTIONS: dict[str, Any] = {"xla_cpu_use_fusion_emitters": False, "xla_backend_optimization_level": 1}

# (state, rates, pixels, 0-based epoch, first step, stop) -> (state, sums over these steps). The state is donated.
Program = Callable[[State, Rates, Pixels, Any, Any, Any], tuple[State, Sums]]


def method(recipe: TrainingRecipe, dataset: Dataset) -> Method:
    """What of a recipe and a data set shapes the program; a batch holds at most the whole train split."""
    sizes = len(dataset.train), len(dataset.validation), len(dataset.test)
    return Method(min(recipe.batch_size, sizes[0]), recipe.optimizer, recipe.schedule, recipe.shift_px, sizes)


def rates(architecture: ScaledArchitecture, recipe: TrainingRecipe, seed: int) -> Rates:
    """The traced numbers. A rate that the recipe leaves open is the network's own."""
    given = recipe.model_dump(include=set(Rates._fields) - {"seed"})
    given["dropout"] = architecture.dropout if recipe.dropout is None else recipe.dropout
    given["drop_path"] = architecture.drop_path if recipe.drop_path is None else recipe.drop_path
    return Rates(
        **{name: cast(Any, np.float32(value)) for name, value in given.items()}, seed=cast(Any, np.uint32(seed))
    )


def places_of(architecture: ScaledArchitecture) -> Layout:
    """The layout of a network without its rates, which shape nothing."""
    return layout(replace(architecture, dropout=0.0, drop_path=0.0))


def initial_state(places: Layout, optimizer: OptimizerName, seed: int) -> State:
    """Before the first step: values drawn on the host from the seed."""
    values = places.initial(seed)
    weights = jnp.asarray(values[: places.weight_count])
    moments = transformation(optimizer, 0.0, 0.0, 0.0).init(weights)
    return State(jnp.asarray(values), jnp.array(values, copy=True), moments, jnp.zeros((), jnp.int32))


def program(architecture: ScaledArchitecture, method: Method, image: tuple[int, int, int]) -> Program:
    """`training.run_steps` compiled for this network and images of this shape (height, width, channels)."""
    return _program(places_of(architecture).architecture, method, image)


@lru_cache(maxsize=KEPT)
def _program(architecture: ScaledArchitecture, method: Method, image: tuple[int, int, int]) -> Program:
    places = layout(architecture)
    values, weights = _shape(jnp.float32, places.size), _shape(jnp.float32, places.weight_count)
    moments = jax.eval_shape(transformation(method.optimizer, 0.0, 0.0, 0.0).init, weights)
    number, images = _shape(jnp.int32), sum(method.sizes)
    state = State(values, values, moments, number)
    scalar = _shape(jnp.float32)
    rates = Rates(**dict.fromkeys(Rates._fields, scalar))._replace(seed=_shape(jnp.uint32))
    per_channel = _shape(jnp.float32, image[-1])
    pixels = Pixels(_shape(jnp.uint8, images, *image), _shape(jnp.int32, images), per_channel, per_channel)
    run = jax.jit(partial(run_steps, places, method), donate_argnums=0)
    lowered = run.lower(state, rates, pixels, number, number, number)
    return cast(Program, lowered.compile(compile_options() if on_cpu() else None))


@lru_cache(maxsize=1)
def compile_options() -> dict[str, Any]:
    """Those of `CPU_OPTIONS` that this jaxlib knows: options come and go between its versions (0.12 lacks one)."""
    known: dict[str, Any] = {}
    for name, value in CPU_OPTIONS.items():
        try:
            jax.jit(jnp.negative).lower(np.float32(0)).compile({name: value})
        except jax.errors.JaxRuntimeError as error:
            if "No such compile option" not in str(error):
                raise
        else:
            known[name] = value
    return known


def _shape(kind: Any, *shape: int) -> Any:
    return jax.ShapeDtypeStruct(shape, kind)
