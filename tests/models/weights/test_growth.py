"""A grown network computes what its parent computes, and one that cannot is refused."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from models.errors import InvalidWeights
from models.layers.flat_layout import layout
from models.scaling.architecture import ScaledArchitecture, StageSpec
from models.scaling.baselines import BASELINES
from models.scaling.cost import cost
from models.weights import start_weights
from models.weights.growth import check, grow
from models.weights.torch_layouts import entries
from tests.benchmarks.gpu import there
from tests.models.answers import logits, random_arrays
from tests.models.small import SMALL

IMAGES = np.random.default_rng(0).normal(size=(3, 16, 16, 3)).astype(np.float32)
WIDTHS = st.sampled_from([8, 12, 16, 20])


def parent(stages: tuple[StageSpec, ...], **form: Any) -> ScaledArchitecture:
    return ScaledArchitecture(stem=8, stages=stages, resolution=16, classes=5, **{"head": 0, **form})


EFFICIENT = parent((StageSpec(1, 3, 1, 1, 8), StageSpec(2, 3, 2, 4, 12)), head=16)
V2 = parent(
    (
        StageSpec(1, 3, 1, 1, 8, 0, "fused-mbconv"),
        StageSpec(1, 3, 2, 2, 12, 0.25, "fused-mbconv"),
        StageSpec(1, 3, 1, 2, 12),
    ),
    head=16,
)
SEPARABLE = parent((StageSpec(1, 3, 1, 1, 12, 0, "separable"), StageSpec(2, 3, 2, 1, 16, 0, "separable")))
RESNET = {"activation": "relu", "padding": "symmetric", "norm_epsilon": 1e-5}
BASIC = parent((StageSpec(2, 3, 1, 1, 8, 0, "basic"), StageSpec(1, 3, 2, 1, 12, 0, "basic")), **RESNET)
BOTTLENECK = parent(
    (StageSpec(1, 3, 1, 4, 16, 0, "bottleneck"), StageSpec(1, 3, 2, 4, 16, 0, "bottleneck")), stem_pool=True, **RESNET
)
PARENTS = {"efficient": EFFICIENT, "v2": V2, "separable": SEPARABLE, "basic": BASIC, "bottleneck": BOTTLENECK}


def widened(architecture: ScaledArchitecture, by: tuple[int, ...], depths: tuple[int, ...]) -> ScaledArchitecture:
    """Every width `by` steps of 4 wider; the stem as the first stage, which may be tied to it by a skip."""
    steps = [step * 4 for step in by]
    stages = tuple(
        replace(stage, width=stage.width + extra, repeats=stage.repeats + more)
        for stage, extra, more in zip(architecture.stages, steps, depths, strict=False)
    )
    stem = architecture.stem + (stages[0].width - architecture.stages[0].width)
    return replace(architecture, stem=stem, stages=stages, head=architecture.head and architecture.head + steps[-1])


def tied(architecture: ScaledArchitecture, by: tuple[int, ...]) -> tuple[int, ...]:
    """Steps that keep a stage of stride 1 and unchanged width so: its first block skips, and must go on to."""
    steps = list(by)
    for number in range(1, len(architecture.stages)):
        stage, before = architecture.stages[number], architecture.stages[number - 1]
        same = stage.stride == 1 and stage.width == before.width
        steps[number] = steps[number - 1] if same else steps[number]
    return tuple(steps)


@settings(max_examples=10)
@given(
    name=st.sampled_from(sorted(PARENTS)),
    by=st.tuples(*[st.integers(0, 3)] * 3),
    depths=st.tuples(*[st.integers(0, 2)] * 3),
    seed=st.integers(0, 2**31),
)
def test_wider_and_deeper_networks_compute_the_same(
    name: str, by: tuple[int, ...], depths: tuple[int, ...], seed: int
) -> None:
    old = PARENTS[name]
    new = widened(old, tied(old, by), (0, 0, 0) if name == "separable" else depths)
    arrays = random_arrays(old, seed % 100)
    grown = grow(old, arrays, new, seed)
    assert {leaf: array.shape for leaf, array in grown.items()} == {
        leaf.name: leaf.shape for leaf in (*layout(new).weights, *layout(new).statistics)
    }
    assert {array.dtype for array in grown.values()} == {np.dtype("f4")}
    expected = logits(old, arrays, IMAGES)
    np.testing.assert_allclose(logits(new, grown, IMAGES), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("training", [False, True], ids=["evaluating", "training"])
@pytest.mark.parametrize("name", ["efficient", "v2", "basic", "bottleneck"])
def test_deeper_networks_compute_the_same_to_a_millionth(name: str, training: bool) -> None:
    old = PARENTS[name]
    arrays = random_arrays(old, 1)
    new = replace(old, stages=tuple(replace(stage, repeats=stage.repeats + 2) for stage in old.stages))
    expected = logits(old, arrays, IMAGES, training=training)
    found = logits(new, grow(old, arrays, new, 0), IMAGES, training=training)
    assert np.abs(expected).max() > 0.1
    assert np.abs(found - expected).max() <= 1e-6


def test_the_networks_of_every_family_grow() -> None:
    """As their own rules round them. TinyNet's stem stays, and its first stage comes to be as wide: it would skip."""
    for baseline in BASELINES.values():
        small = baseline.build(baseline.depths_at(1), baseline.widths_at(1), baseline.resolution)
        for multiplier in (1.1, 1.3, 1.6, 2.0):
            depth = 1 if "mobilenet-v1" in baseline.name else multiplier
            large = baseline.build(baseline.depths_at(depth), baseline.widths_at(multiplier), 64)
            if (baseline.name, multiplier) == ("tinynet", 2.0):
                with pytest.raises(InvalidWeights, match="stage 1: its first block goes from 32 to 16 channels"):
                    check(small, large)
            else:
                check(small, large)


def test_copies_of_a_channel_are_not_alike() -> None:
    """Their weights to and from them differ, or their gradients would be equal for ever."""
    new = replace(EFFICIENT, stages=(EFFICIENT.stages[0], replace(EFFICIENT.stages[1], width=24)))
    grown = grow(EFFICIENT, random_arrays(EFFICIENT, 0), new, 0)
    kernel = grown["blocks.2.expand.kernel"][0, 0]  # (24, 96): 12 channels twice, 48 twice
    assert len({tuple(row / np.abs(row).sum()) for row in kernel.tolist() for row in [np.asarray(row)]}) == 24
    assert len({tuple(column) for column in kernel.T.tolist()}) == 96


def test_what_is_not_added_is_the_parents_to_the_bit() -> None:
    arrays = random_arrays(EFFICIENT, 0)
    assert all(np.array_equal(array, arrays[name]) for name, array in grow(EFFICIENT, arrays, EFFICIENT, 9).items())


def test_a_seed_gives_the_same_network_again() -> None:
    arrays, new = random_arrays(EFFICIENT, 0), widened(EFFICIENT, (1, 2), (1, 1))
    first, again, other = (grow(EFFICIENT, arrays, new, seed) for seed in (4, 4, 5))
    assert all(np.array_equal(array, again[name]) for name, array in first.items())
    assert not all(np.array_equal(array, other[name]) for name, array in first.items())


def stage(number: int, **changed: Any) -> ScaledArchitecture:
    stages = [*EFFICIENT.stages]
    stages[number] = replace(stages[number], **changed)
    return replace(EFFICIENT, stages=tuple(stages))


@pytest.mark.parametrize(
    ("child", "said"),
    [
        (stage(1, repeats=1), "stage 2: the depth of the parent is 2, that of the network to grow 1"),
        (stage(1, width=8), "stage 2: the width of the parent is 12"),
        (replace(EFFICIENT, stem=4), "the stem: the width"),
        (replace(EFFICIENT, head=8), "the head: the width"),
        (replace(EFFICIENT, head=0), "the head has 16 channels"),
        (stage(1, kernel=5), "stage 2: kernel is 3 in the parent and 5"),
        (stage(1, stride=1), "stage 2: stride is 2"),
        (stage(1, block="fused-mbconv"), "stage 2: block is 'mbconv'"),
        (replace(EFFICIENT, padding="symmetric"), "padding is 'same' in the parent and 'symmetric'"),
        (replace(EFFICIENT, stages=EFFICIENT.stages[:1]), "2 stages, the network to grow 1"),
        (replace(EFFICIENT, stem=12), "stage 1: its first block"),
    ],
)
def test_what_cannot_hold_the_parent_is_refused(child: ScaledArchitecture, said: str) -> None:
    with pytest.raises(InvalidWeights, match=said):
        grow(EFFICIENT, random_arrays(EFFICIENT, 0), child, 0)


def test_depth_needs_a_skip_that_is_the_identity() -> None:
    deeper = replace(SEPARABLE.stages[1], repeats=3)
    with pytest.raises(InvalidWeights, match="stage 2: separable blocks have no skip"):
        check(SEPARABLE, replace(SEPARABLE, stages=(SEPARABLE.stages[0], deeper)))
    swish = replace(BASIC, activation="swish")
    with pytest.raises(InvalidWeights, match="stage 1: a basic block ends in its activation, and swish of swish"):
        check(swish, replace(swish, stages=(replace(BASIC.stages[0], repeats=3), BASIC.stages[1])))


def test_arrays_of_another_network_are_refused() -> None:
    arrays = random_arrays(EFFICIENT, 0)
    with pytest.raises(InvalidWeights, match=r"'stem\.kernel' must have the shape \(3, 3, 3, 8\), got \(2,\)"):
        grow(EFFICIENT, {**arrays, "stem.kernel": np.zeros(2)}, EFFICIENT, 0)
    with pytest.raises(InvalidWeights, match="got None"):
        grow(EFFICIENT, {name: array for name, array in arrays.items() if name != "stem.kernel"}, EFFICIENT, 0)


def test_growing_from_a_file_of_ours(tmp_path: Any) -> None:
    path = tmp_path / "parent.safetensors"
    arrays = random_arrays(SMALL, 0)
    start_weights.save(path, SMALL, arrays)
    deeper = replace(SMALL.stages[1], repeats=2)
    child = replace(SMALL, stages=(SMALL.stages[0], deeper), resolution=24, dropout=0.3)
    start = start_weights.load(path, child, grow=True)
    assert sorted(start.taken) == sorted(arrays)
    assert all(name.startswith("blocks.2.") for name in start.grown)
    assert start.drawn == ()
    other = start_weights.load(path, replace(child, classes=3, head=32), grow=True)
    assert other.drawn == ("classifier.kernel", "classifier.bias")
    assert "head.kernel" in other.grown
    np.testing.assert_allclose(logits(child, start.arrays, IMAGES), logits(SMALL, arrays, IMAGES), rtol=0, atol=1e-6)


@pytest.mark.parametrize(("name", "torch_layout"), [("efficient", "torchvision"), ("v2", "timm"), ("basic", "timm")])
def test_growing_from_a_file_of_pytorchs(tmp_path: Any, name: str, torch_layout: Any) -> None:
    """Names and shapes tell the parent's depths and widths."""
    old = PARENTS[name] if name != "v2" else replace(V2, stages=(V2.stages[0], V2.stages[2]))
    arrays, table = random_arrays(old, 0), entries(old, torch_layout)
    turned = {entry.theirs: there(entry, arrays[entry.ours]) for entry in table}
    path = tmp_path / "parent.safetensors"
    save_file(turned, path)
    child = widened(old, (1, 1, 1), (1, 1, 1))
    start = start_weights.load(path, child, layout=torch_layout, grow=True)
    assert cost(child).params > cost(old).params
    np.testing.assert_allclose(logits(child, start.arrays, IMAGES), logits(old, arrays, IMAGES), rtol=1e-5, atol=1e-5)


def test_a_parent_that_is_not_told_is_refused(tmp_path: Any) -> None:
    path = tmp_path / "plain.safetensors"
    save_file(random_arrays(SMALL, 0), path)
    with pytest.raises(InvalidWeights, match="does not say which network it is of"):
        start_weights.load(path, SMALL, grow=True)
    with pytest.raises(InvalidWeights, match="0 stages in timm's layout, not 2"):
        start_weights.load(path, SMALL, layout="timm", grow=True)
    plain = replace(SMALL, stages=tuple(replace(stage, se_ratio=0.0) for stage in SMALL.stages))
    with pytest.raises(InvalidWeights, match="without their stages"):
        start_weights.load(path, plain, layout="torchvision", grow=True)
