"""A training as steps, as pure functions of flat vectors: `programs` compiles them.

One loop body serves training, validation and test: the forward pass is the same, and what follows it is conditional.
That halves what is compiled for an evaluation, which is most of a small trial's time. Everything that may differ
between trainings of one network without changing a shape (`Rates`) is traced, so that all its seeds and rates share
one program. The data set lies on the device as bytes; permutation, augmentation, resize and normalisation happen
inside the program.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array, lax
from numpy.typing import NDArray

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
    """All splits on the device, train, validation and test behind each other: uint8 (n, h, w, c), int32 (n,), and the
    normalisation per channel, float32 (c,) twice.
    """

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
    """What shapes the program besides the network. `shift` in source pixels, `sizes` in images a split.

    Steps are numbered through: those of training, then of validation, then of test.
    """

    batch_size: int
    optimizer: OptimizerName
    schedule: ScheduleName
    shift: int
    sizes: tuple[int, int, int]

    @property
    def training(self) -> range:
        """Training steps. Images that fill no batch are left out, other ones every epoch."""
        return range(self.sizes[0] // self.batch_size)

    @property
    def validation(self) -> range:
        """Steps over the validation split; the last one may be partly empty."""
        first = self.training.stop
        return range(first, first - (-self.sizes[1] // self.batch_size))

    @property
    def test(self) -> range:
        """Steps over the test split; the last one may be partly empty."""
        first = self.validation.stop
        return range(first, first - (-self.sizes[2] // self.batch_size))

    def evaluated(self) -> NDArray[np.int32]:
        """Rows of `Pixels` for each step of validation and test, -1 where a batch is not full: (steps, batch)."""
        rows, start = [], self.sizes[0]
        for size in self.sizes[1:]:
            missing = -size % self.batch_size
            rows.append(np.pad(np.arange(start, start + size, dtype=np.int32), (0, missing), constant_values=-1))
            start += size
        return np.concatenate(rows).reshape(-1, self.batch_size)


def run_steps(
    places: Layout,
    method: Method,
    state: State,
    rates: Rates,
    data: Pixels,
    epoch: Array,
    first: Array,
    stop: Array,
) -> tuple[State, Sums]:
    """Steps `first` to `stop` - 1 of a 0-based epoch. Training goes on from `state`, evaluation uses its average.

    All randomness is a function of (seed, epoch, step). One program does one epoch's training, a validation, a test.
    """
    key = jax.random.fold_in(jax.random.key(rates.seed), epoch)
    steps = len(method.training)
    order = jax.random.permutation(jax.random.fold_in(key, method.test.stop), method.sizes[0])
    trained = order[: steps * method.batch_size].reshape(steps, method.batch_size).astype(jnp.int32)
    batches = jnp.concatenate([trained, method.evaluated()])

    def body(number: Array, carry: tuple[State, Sums]) -> tuple[State, Sums]:
        state, sums = carry
        turn = Turn(number < steps, batches[number], jax.random.fold_in(key, number))
        state, more = _step(places, method, state, rates, data, turn)
        return state, jax.tree.map(jnp.add, sums, more)

    done: tuple[State, Sums] = lax.fori_loop(first, stop, body, (state, Sums(jnp.zeros(()), jnp.zeros(()))))
    return done


class Turn(NamedTuple):
    """What is special about one step: whether it trains, the rows of its images, its key."""

    training: Array
    rows: Array
    key: Array


def _step(places: Layout, method: Method, state: State, rates: Rates, data: Pixels, turn: Turn) -> tuple[State, Sums]:
    images, labels = data.images[turn.rows], jnp.where(turn.rows >= 0, data.labels[turn.rows], -1)
    shifts, noise = _noise(places, method, rates, turn)
    resolution = places.architecture.resolution
    tables = (jnp.asarray(shifted_resizes(size, resolution, method.shift)) for size in images.shape[1:3])
    down, across = (table[shift] for table, shift in zip(tables, shifts, strict=True))
    inputs = prepare(images, down, across, data.mean, data.deviation)
    weights, statistics = places.arrays(jnp.where(turn.training, state.values, state.average))

    def loss(weights: list[Array]) -> tuple[Array, tuple[Array, Array]]:
        network = places.network(weights, statistics)
        logits = network(inputs, noise)
        smoothing = jnp.where(turn.training, rates.label_smoothing, 0.0)
        total = jnp.where(labels >= 0, _cross_entropy(logits, labels, smoothing), 0.0).sum()
        return total / method.batch_size, (_hits(logits, labels), places.batch_statistics(network))

    mean, backward, (hits, batch) = jax.vjp(loss, weights, has_aux=True)

    def train() -> State:
        (gradient,) = backward(jnp.ones(()))
        return _updated(places, method, state, rates, flat(gradient), batch)

    state = lax.cond(turn.training, train, lambda: state)
    return state, Sums(mean * method.batch_size, hits)


def _updated(places: Layout, method: Method, state: State, rates: Rates, gradient: Array, batch: Array) -> State:
    weights, running = state.values[: places.weight_count], state.values[places.weight_count :]
    steps = len(method.training)
    speed = rate(method.schedule, state.step, steps, rates.learning_rate, rates.warmup_epochs, rates.epochs)
    decayed = (jnp.arange(places.weight_count) < places.decayed_count).astype(weights.dtype)
    optimizer = transformation(method.optimizer, speed, rates.weight_decay, decayed)
    change, moments = optimizer.update(gradient, state.moments, weights)
    running = rates.bn_momentum * running + (1 - rates.bn_momentum) * batch
    values = jnp.concatenate([weights + change, running])
    return State(values, averaged(state.average, values, rates.ema_decay, state.step), moments, state.step + 1)


def _noise(places: Layout, method: Method, rates: Rates, turn: Turn) -> tuple[Array, Noise]:
    """All random numbers of a step in one draw: shifts (2, batch), and those inside the network."""
    blocks, features = places.architecture.blocks, places.architecture.features
    uniform = jax.random.uniform(turn.key, (method.batch_size, 2 + blocks + features))
    shifts = jnp.floor(uniform[:, :2].T * (2 * method.shift + 1)).astype(jnp.int32)
    on = turn.training.astype(jnp.float32)
    noise = Noise(
        turn.training, uniform[:, 2 : 2 + blocks], uniform[:, 2 + blocks :], on * rates.drop_path, on * rates.dropout
    )
    return jnp.where(turn.training, shifts, method.shift), noise


def _cross_entropy(logits: Array, labels: Array, smoothing: Array) -> Array:
    """(batch, classes), (batch,) -> (batch,); `smoothing` is the share of the target spread over all classes."""
    classes = logits.shape[-1]
    targets = jax.nn.one_hot(labels, classes) * (1 - smoothing) + smoothing / classes
    return -(targets * jax.nn.log_softmax(logits)).sum(-1)


def _hits(logits: Array, labels: Array) -> Array:
    return (logits.argmax(-1) == labels).sum().astype(jnp.float32)
