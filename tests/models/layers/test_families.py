"""Any stage table is either refused with a reason, or it is built, counted, traced and trained on."""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import ModelError
from models.layers.flat_layout import layout
from models.layers.layers import Noise
from models.scaling.architecture import ScaledArchitecture
from models.scaling.baselines import from_table
from models.scaling.coefficients import Multipliers
from models.scaling.cost import cost
from models.training.programs import compile_options

BATCH = 4
WILD = st.one_of(st.none(), st.booleans(), st.integers(-2, 9), st.floats(), st.text(max_size=3), st.just([]))


def mostly(values: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """The given values, and now and then anything."""
    return st.integers(0, 40).flatmap(lambda turn: WILD if turn == 0 else values)


def sound(block: str) -> st.SearchStrategy[dict[str, object]]:
    """Stages of one kind of block that are all legal."""
    expands = block in ("mbconv", "fused-mbconv", "bottleneck")
    return st.fixed_dictionaries(
        {
            "block": st.just(block),
            "repeats": st.integers(1, 2),
            "kernel": st.sampled_from((1, 3, 5)),
            "stride": st.integers(1, 2),
            "width": st.sampled_from((4, 8, 12, 24)),
            "expansion": st.sampled_from((1, 2, 4)) if expands else st.just(1),
            "se_ratio": st.sampled_from((0, 0.25)) if block in ("mbconv", "fused-mbconv") else st.just(0),
        }
    )


BLOCKS = ("mbconv", "fused-mbconv", "separable", "basic", "bottleneck")
SOUND = st.fixed_dictionaries(
    {
        "stem": st.sampled_from((4, 8)),
        "head": st.sampled_from((0, 16)),
        "resolution": st.sampled_from((8, 17, 24)),
        "classes": st.integers(1, 5),
        "stages": st.lists(st.sampled_from(BLOCKS).flatmap(sound), min_size=1, max_size=2),
        "stem_kernel": st.sampled_from((1, 3, 7)),
        "stem_pool": st.booleans(),
        "activation": st.sampled_from(("swish", "relu", "relu6")),
        "padding": st.sampled_from(("same", "symmetric")),
    }
)
STAGE = st.fixed_dictionaries(
    {
        "repeats": mostly(st.integers(1, 4)),
        "kernel": mostly(st.sampled_from((1, 3, 5))),
        "stride": mostly(st.integers(1, 2)),
        "width": mostly(st.sampled_from((4, 8, 12, 24))),
    },
    optional={
        "block": mostly(st.sampled_from(BLOCKS)),
        "expansion": mostly(st.sampled_from((1, 2, 4))),
        "se_ratio": mostly(st.sampled_from((0, 0.25))),
    },
)
TABLE = st.fixed_dictionaries(
    {
        "stem": mostly(st.sampled_from((4, 8))),
        "head": mostly(st.sampled_from((0, 16))),
        "resolution": mostly(st.sampled_from((8, 17, 24))),
        "classes": mostly(st.integers(1, 5)),
        "stages": st.lists(STAGE, min_size=1, max_size=3),
    },
    optional={
        "stem_kernel": mostly(st.sampled_from((1, 3, 7))),
        "stem_stride": mostly(st.integers(1, 2)),
        "stem_pool": mostly(st.booleans()),
        "activation": mostly(st.sampled_from(("swish", "relu", "relu6"))),
        "padding": mostly(st.sampled_from(("same", "symmetric"))),
        "norm_epsilon": mostly(st.sampled_from((1e-5, 1e-3))),
        "depth_rounding": mostly(st.sampled_from(("ceil", "round"))),
        "head_scaling": mostly(st.sampled_from(("scaled", "fixed", "at-least"))),
        "width_divisor": mostly(st.sampled_from((1, 4, 8))),
        "width_floor": mostly(st.sampled_from((0, 0.9))),
    },
)
WHEELS = st.integers(0, 9).map(lambda turn: {"wheels": 4} if turn == 0 else {})


def built(table: dict[str, object]) -> ScaledArchitecture | None:
    """The network of a table scaled a little; None when the table is refused, and the refusal says what and why."""
    try:
        return from_table(table).scale(Multipliers(1.3, 1.2, 1.2))
    except ModelError as error:
        said = str(error)
        assert len(said) > 10
        assert "Error" not in said
        assert any(name in said for name in ("stage", *table, "width", "depth", "resolution"))
        return None


def step(architecture: ScaledArchitecture) -> tuple[object, jax.ShapeDtypeStruct]:
    """(loss and gradient as a function of the flat vector, the vector's shape)."""
    places = layout(architecture)
    random = np.random.default_rng(0)
    images = random.normal(size=(BATCH, architecture.resolution, architecture.resolution, 3)).astype(np.float32)
    noise = Noise(
        jnp.asarray(True),
        jnp.asarray(random.random((BATCH, architecture.blocks)), jnp.float32),
        jnp.asarray(random.random((BATCH, architecture.features)), jnp.float32),
        jnp.float32(0.1),
        jnp.float32(0.1),
    )

    def loss(vector: jax.Array) -> jax.Array:
        logits = places.network(*places.arrays(vector))(jnp.asarray(images), noise)
        return -jax.nn.log_softmax(logits)[:, 0].mean()

    return jax.value_and_grad(loss), jax.ShapeDtypeStruct((places.size,), jnp.float32)


@settings(max_examples=40)
@given(st.one_of(TABLE, SOUND), WHEELS)
def test_a_table_is_refused_with_a_reason_or_traced(table: dict[str, object], more: dict[str, object]) -> None:
    architecture = built(table | more)
    if architecture is None:
        return
    places = layout(architecture)
    assert places.weight_count == cost(architecture).params
    run, vector = step(architecture)
    value, gradient = jax.eval_shape(run, vector)
    assert (value.shape, gradient.shape) == ((), vector.shape)


@settings(max_examples=4)
@given(SOUND)
def test_what_is_accepted_takes_a_training_step(table: dict[str, object]) -> None:
    architecture = built(table)
    assert architecture is not None
    run, vector = step(architecture)
    values = jnp.asarray(layout(architecture).initial(0))
    loss, gradient = jax.jit(run).lower(vector).compile(compile_options())(values)
    assert np.isfinite(float(loss))
    assert bool(jnp.isfinite(gradient).all())
