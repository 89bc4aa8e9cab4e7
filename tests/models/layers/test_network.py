"""The network that is built is the one that was counted, starts as published, and regularizes as published."""

import math
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.layers.flat_layout import layout
from models.layers.layers import MBConv, Noise, Path, StochasticDepth
from models.layers.network import Network
from models.scaling.architecture import MIN_RESOLUTION, ScaledArchitecture
from models.scaling.baselines import BASELINES, EFFICIENTNET_B0, EFFICIENTNET_NANO
from models.scaling.coefficients import Multipliers
from models.scaling.cost import cost, profile
from models.training.programs import compile_options

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
        jnp.asarray(random.random((batch, architecture.features)), jnp.float32),
        jnp.float32(drop_path),
        jnp.float32(dropout),
    )


def small(name: str) -> ScaledArchitecture:
    """A baseline shrunk until it compiles in seconds: every kind of block is there, and a 2x2 map at the end."""
    baseline = BASELINES[name]
    return baseline.build(
        baseline.depths_at(0.2), baseline.widths_at(0.25), max(MIN_RESOLUTION, 2 * baseline.resolution // 7), classes=10
    )


@settings(max_examples=15)
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
    assert np.abs(head).max() <= 1 / math.sqrt(2560)
    assert head.std() == pytest.approx(1 / math.sqrt(3 * 2560), rel=0.02)
    assert all((array == 1).all() for name, array in arrays.items() if name.endswith(("norm.scale", "norm.var")))
    assert all((array == 0).all() for name, array in arrays.items() if name.endswith(("bias", "norm.mean")))


def test_seeds_give_other_weights_and_the_same_again() -> None:
    places = layout(NANO)
    assert np.array_equal(places.initial(3), places.initial(3))
    assert not np.array_equal(places.initial(3), places.initial(4))


def test_batch_normalisation_as_published() -> None:
    assert NANO.norm_epsilon == EFFICIENTNET_B0.norm_epsilon == 1e-3
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
        path = found.path(block, architecture.blocks, part=1)
        branch = jnp.ones((10_000, 2, 2, 3))
        kept = StochasticDepth()(branch, path)
        dropped = np.asarray((kept == 0).all((1, 2, 3)))
        rate = 0.2 * block / 16
        assert dropped.mean() == pytest.approx(rate, abs=4 * math.sqrt(rate * (1 - rate) / 10_000))
        assert float(kept.max()) == pytest.approx(1 / (1 - rate))
        assert bool(((kept == 0) == (kept == 0).all((1, 2, 3), keepdims=True)).all())
    assert found.path(0, 16, part=1).rate == 0
    assert float(found.path(15, 16, part=7).rate) == pytest.approx(0.1875)


def test_skip_only_where_the_shape_stays() -> None:
    stage = EFFICIENTNET_NANO.stages[1]
    assert MBConv(NANO, stage, stage.width, 1).depth is not None
    assert MBConv(NANO, stage, stage.width, 2).depth is None
    assert MBConv(NANO, stage, 16, 1).depth is None
    assert MBConv(NANO, EFFICIENTNET_B0.stages[0], 32, 1).expand is None


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
    architecture = small(name)
    places = layout(architecture)
    vector = jnp.asarray(places.initial(0))
    images = jax.random.normal(jax.random.key(1), (4, architecture.resolution, architecture.resolution, 3))
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


@pytest.mark.parametrize("name", sorted(BASELINES))
def test_the_compilers_count_is_near_ours(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """XLA counts two operations a multiply-add, and element-wise ones besides; a loop's body it counts once."""
    monkeypatch.setattr("models.layers.network.LOOP_FROM", 1000)
    architecture = BASELINES[name].scale(ONE)
    images = jax.ShapeDtypeStruct((1, architecture.resolution, architecture.resolution, 3), jnp.float32)
    places = layout(architecture)
    vector = jax.ShapeDtypeStruct((places.size,), jnp.float32)
    lowered = jax.jit(lambda vector, images: places.network(*places.arrays(vector))(images)).lower(vector, images)
    ratio = lowered.cost_analysis()["flops"] / 2 / cost(architecture).macs
    assert 0.9 < ratio < 1.15


@pytest.mark.parametrize("name", ["efficientnet-b0", "resnet-18", "mobilenet-v1"])
def test_activations_keep_their_scale_at_the_start(name: str) -> None:
    """With unit-variance images no map grows or dies on its way: what each BatchNorm sees is of order one."""
    baseline = BASELINES[name]
    architecture = baseline.build(baseline.depths_at(1), baseline.widths_at(0.25), 64, classes=10)
    places = layout(architecture)
    images = jax.random.normal(jax.random.key(1), (8, 64, 64, 3))
    found = noise(8, training=True, drop_path=0.0, dropout=0.0, architecture=architecture)

    @jax.jit
    def variances(vector: jax.Array) -> tuple[jax.Array, jax.Array]:
        network = places.network(*places.arrays(vector))
        features = network.features(images, found)
        _, statistics = places.arrays(
            jnp.concatenate([vector[: places.weight_count], places.batch_statistics(network)])
        )
        means = [s.mean() for leaf, s in zip(places.statistics, statistics, strict=True) if leaf.path[-1] == "var"]
        return jnp.stack(means), features

    seen, features = variances(jnp.asarray(places.initial(0)))
    assert float(seen.min()) > 0.05
    assert float(seen.max()) < 50
    assert 0.05 < float(features.std()) < 5


def test_fixed_parts_keep_to_their_stored_statistics() -> None:
    images = jax.random.normal(jax.random.key(1), (2, 32, 32, 3)) + 3
    loud = noise(2, training=True, drop_path=0.0, dropout=0.0, architecture=NANO)
    parts = len(NANO.stages) + 2
    places = layout(NANO)

    @partial(jax.jit, static_argnums=0)
    def after(fixed: int) -> tuple[jax.Array, jax.Array]:
        network = started(NANO)
        logits = network(images, replace(loud, fixed=fixed))
        return logits, places.batch_statistics(network)

    stored = places.initial(0)[places.weight_count :]
    logits, statistics = after(parts)
    np.testing.assert_array_equal(statistics, stored)
    np.testing.assert_allclose(logits, jax.jit(lambda: started(NANO)(images))(), rtol=1e-5, atol=1e-6)
    _, partly = after(2)
    names = [leaf.name for leaf in places.statistics for _ in range(leaf.size)]
    changed = {name for name, one, other in zip(names, partly, stored, strict=True) if one != other}
    first = NANO.depths[0]
    kept = ("stem.", *(f"blocks.{number}." for number in range(first)))
    assert changed
    assert not any(name.startswith(kept) for name in changed)
    assert any(name.startswith(f"blocks.{first}.") for name in changed)


def test_bfloat16_images_give_float32_logits_near_the_exact_ones() -> None:
    images = jax.random.normal(jax.random.key(1), (4, 32, 32, 3))
    exact, rough = jax.jit(lambda: (started(NANO)(images), started(NANO)(images.astype(jnp.bfloat16))))()
    assert rough.dtype == jnp.float32
    np.testing.assert_allclose(rough, exact, atol=0.05 * float(jnp.abs(exact).max()) + 0.02)
