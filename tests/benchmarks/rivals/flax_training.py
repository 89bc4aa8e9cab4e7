"""Training in Flax and optax as their documentation writes it: one jitted step, called in a Python loop."""

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from tests.benchmarks.rivals.flax_network import Network


class State(NamedTuple):
    """What a step changes. `average` is the moving average of both kinds of variables."""

    params: Any
    statistics: Any
    moments: Any
    average: Any
    step: Any


def optimizer(recipe: Mapping[str, Any], steps_per_epoch: int) -> optax.GradientTransformation:
    """L2, then SGD or TensorFlow's RMSprop, both with momentum; a constant rate, or warm-up and a cosine."""
    rate = recipe["learning_rate"]
    if recipe["schedule"] == "cosine":
        warmup, steps = recipe["warmup_epochs"] * steps_per_epoch, recipe["epochs"] * steps_per_epoch
        peak = rate

        def rate(step):
            ramp = jnp.minimum(1.0, (step + 1) / jnp.maximum(warmup, 1.0))
            along = jnp.clip((step - warmup) / (steps - warmup), 0, 1)
            return peak * jnp.where(ramp < 1, ramp, 0.5 * (1 + jnp.cos(jnp.pi * along)))

    def decays(params):
        return jax.tree_util.tree_map_with_path(lambda path, _: all(part.key != "norm" for part in path), params)

    if recipe["optimizer"] == "sgd":
        chosen = optax.sgd(rate, recipe["momentum"])
    else:
        chosen = optax.rmsprop(
            rate, decay=0.9, eps=1e-3, initial_scale=1.0, eps_in_sqrt=True, momentum=recipe["momentum"]
        )
    decay = recipe["weight_decay"]
    return optax.chain(optax.add_decayed_weights(decay, decays), chosen) if decay else chosen


class Training:
    """One network and its state, from these variables or from random ones."""

    def __init__(
        self, shape: Mapping[str, Any], recipe: Mapping[str, Any], steps_per_epoch: int, start: Any = None
    ) -> None:
        self.network, self.recipe = Network(shape), recipe
        self.optimizer = optimizer(recipe, steps_per_epoch)
        images = jnp.zeros((1, shape["resolution"], shape["resolution"], 3))
        given = (
            jax.jit(partial(self.network.init, training=False))(jax.random.key(0), images) if start is None else start
        )
        params, statistics = given["params"], given["batch_stats"]
        average = jax.tree.map(jnp.copy, (params, statistics)) if recipe["ema_decay"] else None
        self.state = State(params, statistics, self.optimizer.init(params), average, jnp.zeros((), jnp.int32))
        self._step = jax.jit(self._stepped, donate_argnums=0)
        self._evaluate = jax.jit(self._evaluated)

    def step(self, images: Any, labels: Any) -> Any:
        """One step; its loss, which may still be under way."""
        self.state, loss = self._step(self.state, images, labels)
        return loss

    def evaluate(self, images: Any, labels: Any) -> Any:
        """(sum of losses, number of hits), of the average where there is one; labels below 0 do not count."""
        chosen = self.state.average or (self.state.params, self.state.statistics)
        return self._evaluate(chosen, images, labels)

    def _stepped(self, state: State, images: Any, labels: Any) -> Any:
        def cost(params):
            given = {"params": params, "batch_stats": state.statistics}
            logits, changed = self.network.apply(given, images, training=True, mutable=["batch_stats"])
            wanted = optax.smooth_labels(jax.nn.one_hot(labels, logits.shape[-1]), self.recipe["label_smoothing"])
            return optax.softmax_cross_entropy(logits, wanted).mean(), changed["batch_stats"]

        (loss, statistics), gradient = jax.value_and_grad(cost, has_aux=True)(state.params)
        updates, moments = self.optimizer.update(gradient, state.moments, state.params)
        params, average = optax.apply_updates(state.params, updates), state.average
        if average is not None:
            share = 1 - jnp.minimum(self.recipe["ema_decay"], (1.0 + state.step) / (10.0 + state.step))
            average = optax.incremental_update((params, statistics), average, share)
        return State(params, statistics, moments, average, state.step + 1), loss

    def _evaluated(self, chosen: Any, images: Any, labels: Any) -> Any:
        params, statistics = chosen
        logits = self.network.apply({"params": params, "batch_stats": statistics}, images, training=False)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, jnp.maximum(labels, 0))
        counted = labels >= 0
        return jnp.where(counted, losses, 0).sum(), (counted & (logits.argmax(-1) == labels)).sum()
