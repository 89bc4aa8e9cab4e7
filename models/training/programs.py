"""Compiled programs, kept as long as the process lives, by all they are compiled for and nothing more."""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from models.augmentation.augmentation import Strengths
from models.augmentation.mixing import QUANTILES, beta_quantiles
from models.compiler import disk_cache
from models.compiler.reports import Compilation
from models.compiler.single_flight import Shelf
from models.errors import InvalidArchitecture
from models.layers.convolutions import on_cpu
from models.layers.flat_layout import Layout, layout
from models.layers.frozen_parts import kernels, speeds
from models.recipe.recipe import OptimizerName, RateRule, TrainingRecipe
from models.scaling.architecture import ScaledArchitecture
from models.training.devices import placed
from models.training.memory import program_bytes
from models.training.optimizer import transformation
from models.training.program_shape import Method
from models.training.steps import Pixels, Rates, Span, State, Sums, run_steps

KEPT = 128  # programs: several searches' worth of networks, a few MB each
# Measured on a 13-block network without loops: 8.7 s of CPU time instead of 19 to compile, 15 % more time a step.
CPU_OPTIONS: dict[str, Any] = {"xla_cpu_use_fusion_emitters": False, "xla_backend_optimization_level": 1}

# Answers the state after these steps and the sums with theirs. The state is donated.
Program = Callable[[State, Sums, Rates, Pixels, Any, Span], tuple[State, Sums]]
Named = Mapping[str, NDArray[np.float32]]
Image = tuple[int, int, int]  # height, width, channels


@dataclass(slots=True)
class Made:
    """A program, and what it took to get it: seconds, and whether the cache on disk had it; and what it needs to run.

    Whatever a training did not wait for was made ahead of it. The first training that uses it is charged with it.
    """

    run: Program
    seconds: float
    cached: bool
    memory_bytes: int | None = None
    charged: bool = False

    def charge(self, waited: float) -> Compilation:
        """What it took a training that has just got it after so many seconds."""
        if self.charged:
            return Compilation(waited)
        self.charged = True
        return Compilation(waited, max(0.0, self.seconds - waited), int(not self.cached), int(self.cached))


def rates(
    architecture: ScaledArchitecture, recipe: TrainingRecipe, seed: int, class_weights: Sequence[float] | None = None
) -> Rates:
    """The traced numbers. A rate that the recipe leaves open, or gives as a rule, is the network's own.

    `class_weights` are factors of the loss by class, where the recipe has such.
    """
    places = places_of(architecture)
    dropout, drop_path = (
        own if given is None or isinstance(given, RateRule) else given
        for given, own in ((recipe.dropout, architecture.dropout), (recipe.drop_path, architecture.drop_path))
    )
    return Rates(
        **_scalars(
            recipe, Rates._fields, dropout=dropout, drop_path=drop_path, settled=recipe.bn_statistics == "settled"
        ),
        seed=cast(Any, np.uint32(seed)),
        strengths=_strengths(recipe),
        speeds=jnp.asarray(speeds(places, recipe)) if recipe.layered else None,
        decayed=jnp.asarray(kernels(places)) if recipe.weight_decay_on == "kernels" else None,
        by_class=None if class_weights is None else jnp.asarray(class_weights, jnp.float32),
    )


def _strengths(recipe: TrainingRecipe) -> Strengths:
    low, high = recipe.crop_area
    tables = (cast(Any, beta_quantiles(alpha)) for alpha in (recipe.mixup, recipe.cutmix))
    numbers = _scalars(recipe, Strengths._fields, flip=0.5 * recipe.flip, crop_low=low, crop_high=high)
    return Strengths(**{**numbers, **dict(zip(("mixup", "cutmix"), tables, strict=True))})


def _scalars(recipe: TrainingRecipe, names: tuple[str, ...], **beside: float) -> dict[str, Any]:
    """Those numbers of a recipe as float32, and others beside them."""
    given = {name: getattr(recipe, name) for name in names if name in TrainingRecipe.model_fields}
    return {name: np.float32(value) for name, value in {**given, **beside}.items()}


def places_of(architecture: ScaledArchitecture) -> Layout:
    """The layout of a network without its rates, which shape nothing."""
    return layout(replace(architecture, dropout=0.0, drop_path=0.0))


def initial_state(places: Layout, optimizer: OptimizerName, seed: int, start: Named | None = None) -> State:
    """Before the first step: values drawn on the host from the seed, or those of `start`."""
    values = places.initial(seed) if start is None else _given(places, start)
    run, structure = _begin(places.size, places.weight_count, optimizer)
    state: State = jax.tree.unflatten(structure, run(values))
    return state


@lru_cache(maxsize=KEPT)
def _begin(size: int, weight_count: int, optimizer: OptimizerName) -> tuple[Any, Any]:
    """One program instead of one for each array: in a fresh process each costs tens of milliseconds. All are copies."""

    def begun(values: Any) -> list[Any]:
        moments = transformation(optimizer, 0.0, 0.0, 0.0).init(values[:weight_count])
        return jax.tree.leaves(State(jnp.copy(values), jnp.copy(values), moments, jnp.zeros((), jnp.int32)))

    found = disk_cache.compiled(begun, [_shape(jnp.float32, size)], 0, lambda: None, "begin", weight_count, optimizer)
    return found.compiled, jax.tree.structure(_state(size, weight_count, optimizer))


def _given(places: Layout, start: Named) -> NDArray[np.float32]:
    if wrong := places.misfits(start):
        name = wrong[0]
        found = start[name].shape if name in start else "absent"
        raise InvalidArchitecture(
            f"{len(wrong)} arrays to start from are not those of the network; the first is {name}: "
            f"it must be {places.shapes.get(name, 'absent')}, and is {found}"
        )
    return np.concatenate([np.asarray(start[leaf.name], np.float32).ravel() for leaf in places.leaves])


def named_digest(arrays: Named) -> str:
    """SHA-256 over names and values."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(name.encode() + b"\0" + np.ascontiguousarray(arrays[name], np.float32).tobytes())
    return digest.hexdigest()


def program(architecture: ScaledArchitecture, method: Method, image: Image) -> Program:
    """`training.run_steps` compiled for this network and images of this shape."""
    return made(architecture, method, image).run


def made(architecture: ScaledArchitecture, method: Method, image: Image) -> Made:
    """The program from the cache of this process. Several threads may ask: it is compiled once."""
    return _program.get(places_of(architecture).architecture, method, image)


def _make(architecture: ScaledArchitecture, method: Method, image: Image) -> Made:
    started = time.perf_counter()
    found, structure = _compiled(architecture, method, image)

    def run(*arguments: Any) -> tuple[State, Sums]:
        *state, loss, correct, counts = found.compiled(*jax.tree.leaves(arguments))
        return jax.tree.unflatten(structure, state), Sums(loss, correct, counts)

    return Made(run, time.perf_counter() - started, found.cached, program_bytes(found.compiled))


_program = Shelf(_make, KEPT)


def _compiled(architecture: ScaledArchitecture, method: Method, image: Image) -> tuple[disk_cache.CompiledProgram, Any]:
    """The program, and the structure of its state."""
    places = layout(architecture)
    weights = _shape(jnp.float32, places.weight_count)
    number, scalar, per_channel = _shape(jnp.int32), _shape(jnp.float32), _shape(jnp.float32, image[-1])
    images, labels = _shape(jnp.uint8, method.images, *image), _shape(jnp.int32, method.images)
    state = _state(places.size, places.weight_count, method.optimizer)
    sums = Sums(scalar, scalar, _shape(jnp.int32, 3, architecture.classes))
    rates, rows = _rates_shape(method, weights, architecture.classes), _shape(jnp.int32, *method.rows_shape)
    pixels, span = Pixels(images, labels, per_channel, per_channel), Span(number, number, number, number)
    body = partial(run_steps, places, method)
    if method.replicas > 1:
        state, sums, rows = (_replicated(part, method.replicas) for part in (state, sums, rows))
        alike = jax.tree.map(lambda _: None, rates)
        body = jax.vmap(body, in_axes=(0, 0, alike._replace(seed=0), None, 0, None))
        rates = rates._replace(seed=_replicated(rates.seed, method.replicas))
    arguments = state, sums, rates, pixels, rows, span
    shapes, structure = jax.tree.flatten(arguments)

    def run(*arrays: Any) -> list[Any]:
        return jax.tree.leaves(body(*jax.tree.unflatten(structure, arrays)))

    donated, structure_after = len(jax.tree.leaves(state)), jax.tree.structure(state)
    places_on = placed(arguments, method.devices) if method.devices > 1 else {}
    found = disk_cache.compiled(run, shapes, donated, compile_options, architecture, method, **places_on)
    return found, structure_after


@lru_cache(maxsize=KEPT)
def _state(size: int, weight_count: int, optimizer: OptimizerName) -> State:
    """Shapes of the state of a network with so many numbers, of which the first are weights."""
    values, weights = _shape(jnp.float32, size), _shape(jnp.float32, weight_count)
    moments = jax.eval_shape(transformation(optimizer, 0.0, 0.0, 0.0).init, weights)
    return State(values, values, moments, _shape(jnp.int32))


def _replicated(tree: Any, replicas: int) -> Any:
    return jax.tree.map(lambda leaf: _shape(leaf.dtype, replicas, *leaf.shape), tree)


def _rates_shape(method: Method, weights: Any, classes: int) -> Rates:
    scalar, table = _shape(jnp.float32), _shape(jnp.float32, QUANTILES)
    strengths = Strengths(**dict.fromkeys(Strengths._fields, scalar))._replace(mixup=table, cutmix=table)
    return Rates(**dict.fromkeys(Rates._fields, scalar))._replace(
        seed=_shape(jnp.uint32),
        strengths=strengths,
        speeds=weights if method.layered else None,
        decayed=weights if method.masked else None,
        by_class=_shape(jnp.float32, classes) if method.weighted else None,
    )


@lru_cache(maxsize=1)
def compile_options() -> dict[str, Any] | None:
    """Those of `CPU_OPTIONS` that this jaxlib knows: options come and go between its versions (0.12 lacks one).

    None on accelerators.
    """
    if not on_cpu():
        return None
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
