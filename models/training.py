"""One training step, one epoch, one evaluation, as pure functions of flat vectors: `programs` compiles them.

Everything that may differ between trainings of one network without changing a shape (`Rates`) is traced, so that all
its seeds and rates share one program. The data set lies on the device as bytes; permutation, augmentation, resize and
normalisation happen inside the program.
"""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array, lax

from models.data.augmentation import prepare, shifted_resizes
from models.layers import Noise
from models.layout import Layout, flat
from models.optimizer import averaged, rate, transformation
from models.recipe import OptimizerName, ScheduleName


class Rates(NamedTuple):
    """What a recipe says in numbers: float32 scalars, and `seed` as uint32."""

    epochs: Array
    learning_rate: Array
    warmup_epochs: Array
    weight_decay: Array
    label_smoothing: Array
    dropout: Array
    drop_path: Array
    ema_decay: Array
    bn_momentum: Array
    seed: Array


class State(NamedTuple):
    """All that training changes. `values` and `average` are flat (weights, then running statistics); `step` int32."""

    values: Array
    average: Array
    moments: optax.OptState
    step: Array


class Pixels(NamedTuple):
    """A split on the device: uint8 (n, h, w, c), int32 (n,), and the normalisation per channel, float32 (c,) twice."""

    images: Array
    labels: Array
    mean: Array
    deviation: Array


class Sums(NamedTuple):
    """Over images: the loss, and how many were classified correctly. float32 scalars."""

    loss: Array
    correct: Array


@dataclass(frozen=True, slots=True)
class Method:
    """The parts of a recipe that shape the program. `shift` in source pixels."""

    batch_size: int
    optimizer: OptimizerName
    schedule: ScheduleName
    shift: int


def train_epoch(
    places: Layout, method: Method, state: State, rates: Rates, data: Pixels, epoch: Array
) -> tuple[State, Sums]:
    """One pass over `data` in an order drawn from (seed, 0-based epoch) alone.

    Images that fill no batch are left out, other ones every epoch.
    """
    steps = len(data.labels) // method.batch_size
    key = jax.random.fold_in(jax.random.key(rates.seed), epoch)
    order = jax.random.permutation(jax.random.fold_in(key, steps), len(data.labels))
    batches = order[: steps * method.batch_size].reshape(steps, method.batch_size)
    step = partial(_train_step, places, method, steps)

    def advance(carry: tuple[State, Sums], turn: tuple[Array, Array]) -> tuple[tuple[State, Sums], None]:
        number, rows = turn
        state, more = step(carry[0], rates, data, rows, jax.random.fold_in(key, number))
        return (state, jax.tree.map(jnp.add, carry[1], more)), None

    nothing = Sums(jnp.zeros(()), jnp.zeros(()))
    return lax.scan(advance, (state, nothing), (jnp.arange(steps), batches))[0]


def evaluate(places: Layout, values: Array, data: Pixels) -> Sums:
    """Loss (without smoothing) and hits of the network `values`. Images come in batches: (batches, batch, h, w, c).

    A label of -1 fills the last batch and counts for nothing.
    """
    weights, statistics = places.arrays(values)
    rows, columns = (jnp.asarray(shifted_resizes(size, places.architecture.resolution, 0)) for size in data.images.shape[2:4])

    def advance(sums: Sums, batch: tuple[Array, Array]) -> tuple[Sums, None]:
        images, labels = batch
        logits = places.network(weights, statistics)(prepare(images, rows, columns, data.mean, data.deviation))
        losses = jnp.where(labels >= 0, _cross_entropy(logits, labels, jnp.zeros(())), 0.0)
        return Sums(sums.loss + losses.sum(), sums.correct + _hits(logits, labels)), None

    return lax.scan(advance, Sums(jnp.zeros(()), jnp.zeros(())), (data.images, data.labels))[0]


def _train_step(
    places: Layout,
    method: Method,
    steps: int,
    state: State,
    rates: Rates,
    data: Pixels,
    rows: Array,
    key: Array,
) -> tuple[State, Sums]:
    images, labels = data.images[rows], data.labels[rows]
    shifts, noise = _noise(places, method, rates, key)
    resolution = places.architecture.resolution
    tables = (jnp.asarray(shifted_resizes(size, resolution, method.shift)) for size in images.shape[1:3])
    chosen = (table[shift] for table, shift in zip(tables, shifts, strict=True))
    inputs = prepare(images, *chosen, data.mean, data.deviation)
    weights, statistics = places.arrays(state.values)

    def loss(weights: list[Array]) -> tuple[Array, tuple[Array, Array]]:
        network = places.network(weights, statistics)
        logits = network(inputs, noise)
        mean = _cross_entropy(logits, labels, rates.label_smoothing).mean()
        return mean, (_hits(logits, labels), places.batch_statistics(network))

    (mean, (hits, batch)), gradient = jax.value_and_grad(loss, has_aux=True)(weights)
    state = _updated(places, method, steps, state, rates, flat(gradient), batch)
    return state, Sums(mean * method.batch_size, hits)


def _updated(
    places: Layout, method: Method, steps: int, state: State, rates: Rates, gradient: Array, batch: Array
) -> State:
    weights, running = state.values[: places.weight_count], state.values[places.weight_count :]
    speed = rate(method.schedule, state.step, steps, rates.learning_rate, rates.warmup_epochs, rates.epochs)
    decayed = (jnp.arange(places.weight_count) < places.decayed_count).astype(weights.dtype)
    optimizer = transformation(method.optimizer, speed, rates.weight_decay, decayed)
    change, moments = optimizer.update(gradient, state.moments, weights)
    running = rates.bn_momentum * running + (1 - rates.bn_momentum) * batch
    values = jnp.concatenate([weights + change, running])
    return State(values, averaged(state.average, values, rates.ema_decay, state.step), moments, state.step + 1)


def _noise(places: Layout, method: Method, rates: Rates, key: Array) -> tuple[Array, Noise]:
    """All random numbers of a step in one draw: shifts (2, batch), and those inside the network."""
    blocks, head = places.architecture.blocks, places.architecture.head
    uniform = jax.random.uniform(key, (method.batch_size, 2 + blocks + head))
    shifts = jnp.floor(uniform[:, :2].T * (2 * method.shift + 1)).astype(jnp.int32)
    return shifts, Noise(uniform[:, 2 : 2 + blocks], uniform[:, 2 + blocks :], rates.drop_path, rates.dropout)


def _cross_entropy(logits: Array, labels: Array, smoothing: Array) -> Array:
    """(batch, classes), (batch,) -> (batch,); `smoothing` is the share of the target spread over all classes."""
    classes = logits.shape[-1]
    targets = jax.nn.one_hot(labels, classes) * (1 - smoothing) + smoothing / classes
    return -(targets * jax.nn.log_softmax(logits)).sum(-1)


def _hits(logits: Array, labels: Array) -> Array:
    return (logits.argmax(-1) == labels).sum().astype(jnp.float32)
