"""The network that is built is the one that was counted, starts as published, and regularizes as published."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.architecture import ScaledArchitecture
from models.baselines import BASELINES, EFFICIENTNET_B0, EFFICIENTNET_NANO
from models.cost import cost, profile
from models.layers import MBConv, Noise, Path, StochasticDepth
from models.layout import layout
from models.network import Network
from models.normalization import EPSILON
from models.programs import compile_options
from models.scaling import Multipliers

ONE = Multipliers(1, 1, 1)
NANO = EFFICIENTNET_NANO.scale(ONE)


def started(architecture: ScaledArchitecture, seed: int = 0) -> Network:
    places = layout(architecture)
    return places.network(*places.arrays(jnp.asarray(places.initial(seed))))


def noise(batch: int, *, training: bool, drop_path: float, dropout: float, architecture: ScaledArchitecture) -> Noise:
    random = np.random.default_rng(0)
    return Noise(
        jnp.asarray(training),
        jnp.asarray(random.random((batch, architecture.blocks)), jnp.float32),
        jnp.asarray(random.random((batch, architecture.head)), jnp.float32),
        jnp.float32(drop_path),
        jnp.float32(dropout),
    )


@settings(max_examples=15, deadline=None)
@given(
    name=st.sampled_from(sorted(BASELINES)),
    depth=st.floats(1, 2.5),
    width=st.floats(1, 2),
    classes=st.integers(1, 1000),
)
def test_built_parameters_are_the_counted_ones(name: str, depth: float, width: float, classes: int) -> None:
    architecture = BASELINES[name].scale(Multipliers(depth, width, 1), classes=classes)
    places = layout(architecture)
    assert places.weight_count == cost(architecture).params
    normalised = sum(leaf.size for leaf in places.weights if not leaf.decays)
    assert places.size - places.weight_count == normalised  # a running mean and variance for each scale and offset


def test_map_sizes_are_the_counted_ones() -> None:
    pixels = profile(NANO).areas(NANO.resolution)
    assert math.isqrt(pixels[-1]) * 8 == NANO.resolution
    assert math.isqrt(profile(NANO).areas(24)[-1]) == 3


def test_initial_distributions() -> None:
    """tensorflow/tpu: N(0, sqrt(2 / fan_out)); of a depthwise filter sqrt(2) / k, not smaller by sqrt(channels)."""
    places = layout(EFFICIENTNET_B0.scale(Multipliers(1, 2, 1)))
    arrays = places.named(places.initial(0))
    by_kernel: dict[int, list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]] = {3: [], 5: []}
    for name, array in arrays.items():
        if name.endswith("depthwise.kernel"):
            by_kernel[array.shape[0]].append(array.ravel())
    for kernel, found in by_kernel.items():
        assert np.concatenate(found).std() == pytest.approx(math.sqrt(2) / kernel, rel=0.01)
    expand = arrays["blocks.5.expand.kernel"]
    assert expand.std() == pytest.approx(math.sqrt(2 / expand.shape[-1]), rel=0.02)
    head = arrays["classifier.kernel"]
    assert np.abs(head).max() <= 1 / math.sqrt(1000)
    assert head.std() == pytest.approx(1 / math.sqrt(3000), rel=0.02)
    assert all((array == 1).all() for name, array in arrays.items() if name.endswith(("norm.scale", "norm.var")))
    assert all((array == 0).all() for name, array in arrays.items() if name.endswith(("bias", "norm.mean")))


def test_seeds_give_other_weights_and_the_same_again() -> None:
    places = layout(NANO)
    assert np.array_equal(places.initial(3), places.initial(3))
    assert not np.array_equal(places.initial(3), places.initial(4))


def test_batch_normalisation_as_published() -> None:
    assert EPSILON == 1e-3
    x = jax.random.normal(jax.random.key(0), (8, 16, 16, 3)) * 3 + 2
    network = started(NANO)
    y = network.stem(x, jnp.asarray(True))
    assert bool(jnp.isfinite(y).all())
    assert network.blocks[0](y, None).shape[-1] == NANO.widths[0]


def test_stochastic_depth_drops_whole_samples_at_the_published_rate() -> None:
    """Block i of N drops with 0.2 * i / N, per sample, and what is kept is scaled by 1 / keep."""
    architecture = EFFICIENTNET_B0.scale(ONE)
    found = noise(10_000, training=True, drop_path=0.2, dropout=0.0, architecture=architecture)
    for block in (1, 8, 15):
        path = found.path(block, architecture.blocks)
        branch = jnp.ones((10_000, 2, 2, 3))
        kept = StochasticDepth()(branch, path)
        dropped = np.asarray((kept == 0).all((1, 2, 3)))
        rate = 0.2 * block / 16
        assert dropped.mean() == pytest.approx(rate, abs=4 * math.sqrt(rate * (1 - rate) / 10_000))
        assert float(kept.max()) == pytest.approx(1 / (1 - rate))
        assert bool(((kept == 0) == (kept == 0).all((1, 2, 3), keepdims=True)).all())
    assert found.path(0, 16).rate == 0
    assert float(found.path(15, 16).rate) == pytest.approx(0.1875)


def test_skip_only_where_the_shape_stays() -> None:
    stage = EFFICIENTNET_NANO.stages[1]
    assert MBConv(stage, stage.width, 1).depth is not None
    assert MBConv(stage, stage.width, 2).depth is None
    assert MBConv(stage, 16, 1).depth is None
    assert MBConv(EFFICIENTNET_B0.stages[0], 32, 1).expand is None


def test_a_dropped_branch_leaves_the_input() -> None:
    stage = EFFICIENTNET_NANO.stages[1]
    network = started(NANO)
    block = network.blocks[3]
    assert block.depth is not None
    x = jax.random.normal(jax.random.key(0), (4, 8, 8, stage.width))
    path = Path(jnp.asarray(True), jnp.asarray([0.99, 0.0, 0.99, 0.0]), jnp.float32(0.5))
    y = block(x, path)
    assert bool((y[0] == x[0]).all())
    assert not bool((y[1] == x[1]).all())


@pytest.mark.parametrize("name", sorted(BASELINES))
def test_outputs_and_gradients_are_finite(name: str) -> None:
    architecture = BASELINES[name].build(BASELINES[name].depths_at(1), BASELINES[name].widths_at(1), 32, classes=10)
    places = layout(architecture)
    vector = jnp.asarray(places.initial(0))
    images = jax.random.normal(jax.random.key(1), (4, 32, 32, 3))
    found = noise(4, training=True, drop_path=0.2, dropout=0.2, architecture=architecture)

    def loss(vector: jax.Array) -> jax.Array:
        network = places.network(*places.arrays(vector))
        return (network(images, found) ** 2).mean()

    value, gradient = jax.jit(jax.value_and_grad(loss)).lower(vector).compile(compile_options())(vector)
    assert bool(jnp.isfinite(value))
    assert bool(jnp.isfinite(gradient).all())
    reached = np.asarray(gradient[: places.weight_count] != 0).mean()
    assert reached > 0.7  # of the weights; those of branches that were dropped in this step get nothing


def test_evaluation_needs_no_random_numbers() -> None:
    images = jax.random.normal(jax.random.key(1), (2, 32, 32, 3))
    quiet = noise(2, training=False, drop_path=0.0, dropout=0.0, architecture=NANO)
    alone, with_noise = jax.jit(lambda: (started(NANO)(images), started(NANO)(images, quiet)))()
    assert alone.shape == (2, 10)
    np.testing.assert_allclose(with_noise, alone, rtol=1e-5, atol=1e-6)
