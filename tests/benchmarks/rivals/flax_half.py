"""The side `plain Flax` in bfloat16: weights and images are cast at the door, statistics and loss stay float32."""

from typing import Any

import jax
import jax.numpy as jnp

from tests.benchmarks.rivals import flax_plain
from tests.benchmarks.rivals.channel import serve


class Half:
    """A network whose products are in bfloat16; its logits are float32. Flax's BatchNorm sums in float32 anyway."""

    def __init__(self, network: Any) -> None:
        self._network = network

    def apply(self, variables: dict[str, Any], images: Any, **options: Any) -> Any:
        """As the network's own."""
        params = jax.tree.map(lambda array: array.astype(jnp.bfloat16), variables["params"])
        found = self._network.apply({**variables, "params": params}, images.astype(jnp.bfloat16), **options)
        if not isinstance(found, tuple):
            return found.astype(jnp.float32)
        logits, changed = found
        return logits.astype(jnp.float32), changed


def load(**given: Any) -> dict[str, Any]:
    """As plain Flax, and halved before anything is traced."""
    told = flax_plain.load(**given)
    training = flax_plain.held["training"]
    training.network = Half(training.network)
    return told


if __name__ == "__main__":
    serve({"load": load, "epoch": flax_plain.epoch})
