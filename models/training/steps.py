"""A training as steps, as pure functions of flat vectors: `programs` compiles them.

One loop body serves training, validation, test and recalibration: the forward pass is the same, and what follows it is
conditional. That halves what is compiled for an evaluation, which is most of a small trial's time. Everything that may
differ between trainings of one network without changing a shape (`Rates`) is traced, so that all its seeds and rates
share one program. Images lie on the device as bytes; augmentation, resize and normalisation happen inside the program.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array, lax

from models.augmentation.augmentation import (
    LEVELS,
    Strengths,
    coloured,
    interpolation,
    prepare,
    resize_matrix,
    resized,
    windows,
)
from models.augmentation.mixing import Targets, erased, mixed
from models.augmentation.policy import applied
from models.layers.flat_layout import Layout, flat
from models.layers.frozen_parts import part_of
from models.layers.layers import Noise
from models.training.class_counts import ClassCounts, Metric
from models.training.optimizer import averaged, blended, clipped, rate, transformation
from models.training.program_shape import Method


class Rates(NamedTuple):
    """What a recipe says in numbers: float32 scalars, and `seed` as uint32. `settled` is 1 or 0.

    `speeds` and `decayed` are there where the method is `layered` and `masked`: a factor of the learning rate, and
    whether weight decay acts, for each weight. `by_class`, where it is `weighted`, are factors of the loss by
    class.
    """

    epochs: Array
    learning_rate: Array
    decay_rate: Array
    decay_epochs: Array
    warmup_epochs: Array
    momentum: Array
    clip_norm: Array
    weight_decay: Array
    label_smoothing: Array
    dropout: Array
    drop_path: Array
    ema_decay: Array
    bn_momentum: Array
    settled: Array
    seed: Array
    strengths: Strengths
    speeds: Array | None = None
    decayed: Array | None = None
    by_class: Array | None = None


class State(NamedTuple):
    """All that training changes. `values` and `average` are flat (weights, then running statistics); `step` int32."""

    values: Array
    average: Array
    moments: optax.OptState
    step: Array


class Pixels(NamedTuple):
    """Images on the device: uint8 (n, h, w, c), int32 (n,), and the normalisation per channel, float32 (c,) twice.

    All splits, train, validation and test behind each other; or those of a chunk of steps.
    """

    images: Array
    labels: Array
    mean: Array
    deviation: Array


class Sums(NamedTuple):
    """Over images: the loss, and how many were classified correctly: float32 scalars. And three counts of images by
    class, int32 (3, classes): named rightly, named so at all, of the class.
    """

    loss: Array
    correct: Array
    counts: Array

    @property
    def by_class(self) -> ClassCounts:
        """The counts on the host."""
        return ClassCounts(*np.asarray(self.counts).tolist())

    def scores(self, images: int) -> dict[Metric, float]:
        """Each metric, where these are the sums over a split of so many images."""
        counts = self.by_class
        correct = float(self.correct) / images
        return {"accuracy": correct, "balanced_accuracy": counts.balanced_accuracy, "macro_f1": counts.macro_f1}


def no_sums(classes: int, *replicas: int) -> Sums:
    """Before the first step."""
    zeros = jnp.zeros(replicas, jnp.float32)
    return Sums(zeros, zeros, jnp.zeros((*replicas, 3, classes), jnp.int32))


class Span(NamedTuple):
    """Which steps: int32 scalars. `first` to `stop` - 1 of a 0-based `epoch`; row 0 of the rows is of step `base`."""

    epoch: Array
    base: Array
    first: Array
    stop: Array


class Turn(NamedTuple):
    """What is special about one step: its number, whether it trains or recalibrates, its images' rows, its key."""

    number: Array
    training: Array
    recalibrating: Array
    rows: Array
    key: Array


def run_steps(
    places: Layout, method: Method, state: State, sums: Sums, rates: Rates, data: Pixels, rows: Array, span: Span
) -> tuple[State, Sums]:
    """Run the steps of a span and add to the sums. Training goes on from `state`, evaluation uses its average.

    `rows` (steps, batch) int32 are indices into `data`, -1 for none. All other randomness is a function of (seed,
    epoch, step). One program does one epoch's training, a recalibration, a validation, a test.
    """
    key = jax.random.fold_in(jax.random.key(rates.seed), span.epoch)

    def body(number: Array, carry: tuple[State, Sums]) -> tuple[State, Sums]:
        state, sums = carry
        recalibrating = jnp.asarray(number >= method.recalibration.start)
        training = number < len(method.training)
        turn = Turn(number, training, recalibrating, rows[number - span.base], jax.random.fold_in(key, number))
        state, more = _step(places, method, state, rates, data, turn)
        return state, jax.tree.map(jnp.add, sums, more)

    done: tuple[State, Sums] = lax.fori_loop(span.first, span.stop, body, (state, sums))
    return done


def _step(places: Layout, method: Method, state: State, rates: Rates, data: Pixels, turn: Turn) -> tuple[State, Sums]:
    augmenting, noise = _noise(places, method, rates, turn)
    inputs, targets = _inputs(places, method, rates, data, turn, augmenting)
    weights, statistics = places.chosen(state.values, state.average, turn.training)

    def loss(weights: list[Array]) -> tuple[Array, tuple[tuple[Array, Array], Array]]:
        network = places.network(_thawed(places, method, weights), statistics)
        logits = network(inputs, noise)
        smoothing = jnp.where(turn.training, rates.label_smoothing, 0.0)
        factors = None if rates.by_class is None else jnp.where(turn.training, rates.by_class, 1.0)
        total = jnp.where(targets.labels >= 0, _cross_entropy(logits, targets, smoothing, factors), 0.0).sum()
        return total / method.batch_size, (_hits(logits, targets), places.batch_statistics(network))

    mean, backward, ((hits, counts), batch) = jax.vjp(loss, weights, has_aux=True)

    def train() -> State:
        (gradient,) = backward(jnp.ones(()))
        return _updated(places, method, state, rates, flat(gradient), batch)

    if method.recalibrated:
        idle = partial(lax.cond, turn.recalibrating, lambda: _recalibrated(places, method, state, batch, turn))
        state = lax.cond(turn.training, train, lambda: idle(lambda: state))
    else:
        state = lax.cond(turn.training, train, lambda: state)
    return state, Sums(mean * method.batch_size, hits, counts)


def _inputs(
    places: Layout, method: Method, rates: Rates, data: Pixels, turn: Turn, uniform: tuple[Array, ...]
) -> tuple[Array, Targets]:
    """What the network sees of the turn's images, augmented if it trains, and what it is to say of them."""
    on, strengths, kinds = turn.training, rates.strengths, method.augmentation
    moving, mixing, erasing, operations = uniform
    images, labels = data.images[turn.rows], jnp.where(turn.rows >= 0, data.labels[turn.rows], -1)
    size, (height, width) = places.architecture.resolution, images.shape[1:3]
    if kinds.moves:
        down, across = windows(moving, strengths, height, width, on)
        rows, columns = interpolation(down, height, size), interpolation(across, width, size)
    else:
        rows, columns = (jnp.asarray(resize_matrix(side, size)) for side in (height, width))
    if kinds.policy == "none":
        inputs = prepare(images, rows, columns, data.mean, data.deviation)
    else:
        raw = resized(images.astype(jnp.float32) / LEVELS, rows, columns)
        fill = data.mean / LEVELS
        changed = partial(applied, kinds.policy, raw, operations, strengths.policy_magnitude, fill)
        raw = lax.cond(on, changed, lambda: raw)
        inputs = coloured((raw - fill) * (LEVELS / data.deviation))
    targets = Targets(labels)
    if kinds.mixes:
        inputs, targets = mixed(inputs, labels, mixing, strengths, on)
    if kinds.erases:
        inputs = erased(inputs, erasing, jnp.where(on, strengths.erasing, 0.0))
    return inputs.astype(jnp.bfloat16 if method.precision == "bf16" else jnp.float32), targets


def _thawed(places: Layout, method: Method, weights: list[Array]) -> list[Array]:
    """The weights, without a gradient to those that are frozen: their backward pass is then not compiled at all."""
    if not method.frozen:
        return weights
    parts = [part_of(leaf, places.architecture) for leaf in places.weights]
    return [
        lax.stop_gradient(array) if part < method.frozen else array for array, part in zip(weights, parts, strict=True)
    ]


def _updated(places: Layout, method: Method, state: State, rates: Rates, gradient: Array, batch: Array) -> State:
    weights, running = state.values[: places.weight_count], state.values[places.weight_count :]
    stairs = rates.decay_rate, rates.decay_epochs
    length = rates.learning_rate, rates.warmup_epochs, rates.epochs
    speed = rate(method.schedule, state.step, len(method.training), *length, *stairs)
    decayed = rates.decayed
    if decayed is None:
        decayed = (jnp.arange(places.weight_count) < places.decayed_count).astype(weights.dtype)
    sizes = [leaf.size for leaf in places.weights]
    optimizer = transformation(
        method.optimizer, speed, rates.weight_decay, decayed, momentum=rates.momentum, sizes=sizes
    )
    gradient = clipped(gradient, rates.clip_norm) if method.clips else gradient
    change, moments = optimizer.update(gradient, state.moments, weights)
    change = change if rates.speeds is None else change * rates.speeds
    weights, running = weights + change, blended(running, batch, 1 - rates.bn_momentum)
    average = _averaged(places, state, rates, weights, running, batch)
    return State(jnp.concatenate([weights, running]), average, moments, state.step + 1)


def _averaged(places: Layout, state: State, rates: Rates, weights: Array, running: Array, batch: Array) -> Array:
    """What is evaluated after this step: averages of the weights and of statistics that suit them.

    The published rule averages the running statistics, which are averages themselves: they lag behind the weights' by
    as much again, and that decides what a short run shows. Settled ones average those of the batches over the very
    steps that the weights are averaged over. Where batch statistics change no more both rules end with the same: what
    is left of the difference falls as momentum ** steps.
    """
    settled = rates.settled > 0
    slower = jnp.where(settled, jnp.maximum(rates.ema_decay, rates.bn_momentum), rates.ema_decay)
    seen = jnp.where(settled, batch, running)
    before = state.average[: places.weight_count], state.average[places.weight_count :]
    return jnp.concatenate(
        [
            averaged(before[0], weights, rates.ema_decay, state.step),
            averaged(before[1], seen, slower, state.step),
        ]
    )


def _recalibrated(places: Layout, method: Method, state: State, batch: Array, turn: Turn) -> State:
    """The average's statistics as the mean over the batches of this recalibration so far."""
    weights, found = state.average[: places.weight_count], state.average[places.weight_count :]
    share = 1 / (turn.number - method.recalibration.start + 1)
    found = jnp.where(share == 1, batch, blended(found, batch, share))
    return state._replace(average=jnp.concatenate([weights, found]))


def _noise(places: Layout, method: Method, rates: Rates, turn: Turn) -> tuple[tuple[Array, ...], Noise]:
    """All random numbers of a step in one draw: of the four kinds of augmentation, and those inside the network."""
    sizes = (*method.augmentation.draws, places.architecture.blocks, places.architecture.features)
    uniform = jax.random.uniform(turn.key, (method.batch_size, sum(sizes)))
    parts, start = [], 0
    for size in sizes:
        parts.append(uniform[:, start : start + size])
        start += size
    *augmenting, paths, units = parts
    on = turn.training.astype(jnp.float32)
    normed = turn.training | turn.recalibrating if method.recalibrated else turn.training
    noise = Noise(normed, paths, units, on * rates.drop_path, on * rates.dropout, method.fixed)
    return tuple(augmenting), noise


def _cross_entropy(logits: Array, targets: Targets, smoothing: Array, class_weights: Array | None) -> Array:
    """(batch, classes) -> (batch,); `smoothing` is the share of the target spread over all classes.

    With `class_weights` (classes,) an image counts as much as the class it shows, or as its classes in their shares.
    """
    classes = logits.shape[-1]
    shown = jax.nn.one_hot(targets.labels, classes)
    if targets.mixture is not None:
        others, share = targets.mixture
        shown = blended(jax.nn.one_hot(others, classes), shown, share[:, None])
    wanted = shown * (1 - smoothing) + smoothing / classes
    losses = -(wanted * jax.nn.log_softmax(logits)).sum(-1)
    return losses if class_weights is None else losses * (shown * class_weights).sum(-1)


def _hits(logits: Array, targets: Targets) -> tuple[Array, Array]:
    """How many images are called what they show most of, and the counts by class. Empty rows are in none of them."""
    wanted = targets.labels
    if targets.mixture is not None:
        others, share = targets.mixture
        wanted = jnp.where(share < 0.5, others, wanted)
    named, classes, there = logits.argmax(-1), logits.shape[-1], targets.labels >= 0
    right = (named == wanted) & there
    kinds = jnp.where(right, wanted, -1), jnp.where(there, named, -1), wanted
    counts = jnp.stack([jax.nn.one_hot(kind, classes, dtype=jnp.int32).sum(0) for kind in kinds])
    return right.sum().astype(jnp.float32), counts
