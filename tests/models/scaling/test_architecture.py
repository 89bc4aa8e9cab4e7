import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InvalidArchitecture, InvalidBaseline, InvalidScaling, UnknownBaseline
from models.scaling.architecture import Baseline, StageSpec
from models.scaling.baselines import BASELINES, EFFICIENTNET_B0, EFFICIENTNET_NANO, from_table, get_baseline
from models.scaling.coefficients import DepthRounding, Multipliers
from tests.models.scaling import golden

UNITS = golden.facts("units")
KERNELS = st.sampled_from((1, 3, 5, 7, 9))
EXCITED = st.builds(
    StageSpec,
    repeats=st.integers(1, 6),
    kernel=KERNELS,
    stride=st.integers(1, 4),
    expansion=st.integers(1, 8),
    width=st.integers(1, 400),
    se_ratio=st.sampled_from((0, 0.0, 0.25, 1.0)),
    block=st.sampled_from(("mbconv", "fused-mbconv")),
)
PLAIN = st.builds(
    StageSpec,
    repeats=st.integers(1, 6),
    kernel=KERNELS,
    stride=st.integers(1, 4),
    expansion=st.just(1),
    width=st.integers(1, 400),
    se_ratio=st.just(0.0),
    block=st.sampled_from(("separable", "basic", "bottleneck")),
)
BOTTLENECKS = st.builds(
    lambda inner, ratio, repeats: StageSpec(repeats, 3, 2, ratio, inner * ratio, 0.0, "bottleneck"),
    st.integers(1, 100),
    st.integers(2, 4),
    st.integers(1, 6),
)
STAGES = st.one_of(EXCITED, PLAIN, BOTTLENECKS)
BASELINE = st.builds(
    Baseline,
    name=st.text(max_size=20),
    stem=st.integers(1, 100),
    stages=st.lists(STAGES, min_size=1, max_size=6).map(tuple),
    head=st.integers(0, 2000),
    resolution=st.integers(8, 512),
    classes=st.integers(1, 2000),
    dropout=st.floats(0, 0.9),
    drop_path=st.floats(0, 0.9),
    summary=st.text(max_size=50),
    depth_rounding=st.sampled_from(("ceil", "round")),
    stem_scaling=st.sampled_from(("scaled", "fixed")),
    head_scaling=st.sampled_from(("scaled", "fixed", "at-least")),
    width_divisor=st.sampled_from((1, 4, 8, 16)),
    width_floor=st.sampled_from((0.0, 0.5, 0.9)),
    stem_kernel=st.sampled_from((3, 7)),
    stem_stride=st.integers(1, 4),
    stem_pool=st.booleans(),
    activation=st.sampled_from(("swish", "relu", "relu6")),
    padding=st.sampled_from(("same", "symmetric")),
    norm_epsilon=st.sampled_from((1e-5, 1e-3)),
)
MULTIPLIERS = st.builds(Multipliers, depth=st.floats(1, 4), width=st.floats(1, 4), resolution=st.floats(1, 4))


@pytest.mark.parametrize("depth", ["1.1", "2.0", "3.1"])
def test_depths_as_published(depth: str) -> None:
    assert " ".join(map(str, EFFICIENTNET_B0.depths_at(float(depth)))) == UNITS[f"repeats_d{depth}"]


def test_depth_breaks_of_b0() -> None:
    """Between 1 and 2 there are seven depth vectors: alpha is only known up to these intervals."""
    breaks = (1, 1.25, 4 / 3, 1.5, 5 / 3, 1.75, 2)
    vectors = [EFFICIENTNET_B0.depths_at(at) for at in breaks]
    assert len(set(vectors)) == 7
    for low, vector in zip(breaks[:-1], vectors[1:], strict=True):
        assert EFFICIENTNET_B0.depths_at(low + 1e-9) == vector


@given(BASELINE)
def test_a_table_reads_back(baseline: Baseline) -> None:
    assert from_table(baseline.document()) == baseline


@given(BASELINE, MULTIPLIERS)
def test_the_key_names_the_integers(baseline: Baseline, at: Multipliers) -> None:
    network = baseline.scale(at)
    widths = (network.stem, *network.widths, network.head)
    assert baseline.build(network.depths, widths, network.resolution).key == network.key
    assert baseline.build(network.depths, widths, network.resolution + 1).key != network.key
    assert baseline.build(network.depths, widths, network.resolution, classes=network.classes + 1).key != network.key
    assert baseline.build((network.depths[0] + 1, *network.depths[1:]), widths, network.resolution).key != network.key


def test_the_key_never_changes() -> None:
    """Keys are stored: another key for the same network would train it again."""
    assert EFFICIENTNET_B0.scale(Multipliers(1, 1, 1)).key == "4366a326b2d2387c"
    assert EFFICIENTNET_NANO.scale(Multipliers(1, 1, 1)).key == "f155dba57be2c7d3"


def test_regularization_is_not_part_of_the_key() -> None:
    table = {**EFFICIENTNET_NANO.document(), "dropout": 0.5, "drop_path": 0.0, "name": "other", "summary": ""}
    at = Multipliers(1, 1, 1)
    assert from_table(table).scale(at).key == EFFICIENTNET_NANO.scale(at).key


def test_the_document_has_the_contract_shape() -> None:
    document = EFFICIENTNET_B0.scale(Multipliers(1.2, 1.1, 1.15)).document()
    assert document.pop("key")
    assert document == {
        "depths": [2, 3, 3, 4, 4, 5, 2],
        "widths": [16, 24, 48, 88, 120, 208, 352],
        "stem": 32,
        "head": 1408,
        "resolution": 258,
        "classes": 1000,
        "dropout": 0.2,
    }


def test_a_wrong_number_of_integers_is_named() -> None:
    with pytest.raises(InvalidArchitecture, match="has 3 stages: it takes that many depths"):
        EFFICIENTNET_NANO.build((1, 2), (16, 24), 32)


def test_scaling_beyond_sense_is_refused() -> None:
    with pytest.raises(InvalidArchitecture, match="resolution must be 8 to 8192 pixels"):
        EFFICIENTNET_B0.scale(Multipliers(1, 1, 60))
    wide = from_table({**EFFICIENTNET_NANO.document(), "stages": [_stage(width=60_000)]})
    with pytest.raises(InvalidScaling, match="cannot be scaled so far: width must be a whole number"):
        wide.scale(Multipliers(1, 2, 1))


def _stage(**changed: object) -> dict[str, object]:
    return {"repeats": 1, "kernel": 3, "stride": 1, "expansion": 4, "width": 16, **changed}


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ({"repeats": 0}, "stages/0: repeats must be a whole number from 1"),
        ({"repeats": True}, "stages/0: repeats"),
        ({"repeats": 1.5}, "stages/0: repeats"),
        ({"kernel": 4}, "stages/0: kernel must be one of 1, 3, 5, 7, 9, got 4"),
        ({"stride": 9}, "stages/0: stride"),
        ({"se_ratio": 2}, r"stages/0: se_ratio must be in \[0, 1\]"),
        ({"se_ratio": "0.25"}, "stages/0: se_ratio must be a number"),
        ({"block": "resnet"}, "stages/0: block must be one of 'mbconv', 'fused-mbconv', 'separable'"),
        ({"block": "basic", "se_ratio": 0.25}, "stages/0: se_ratio must be 0 in a basic block"),
        ({"block": "separable", "expansion": 2}, "stages/0: expansion must be 1 in a separable block, got 2"),
        (
            {"block": "bottleneck", "width": 30},
            "stages/0: the width of a bottleneck block must be a multiple of its exp",
        ),
        ({"block": ["mbconv"]}, "stages/0: block must be one of"),
        ({"padding": 1}, "stages/0: unknown field 'padding'; allowed: repeats, kernel"),
    ],
)
def test_a_wrong_stage_is_named(stage: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidBaseline, match=said):
        from_table({**EFFICIENTNET_NANO.document(), "stages": [_stage(**stage)]})


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"stages": []}, "at least one stage"),
        ({"stages": {}}, "stages must be a list"),
        ({"stages": [3]}, "stages/0 must be an object, got 3"),
        ({"stem": 0}, "stem must be a whole number from 1"),
        ({"dropout": 1}, r"dropout must be in \[0, 1\)"),
        ({"name": 3}, "name must be a string"),
        ({"wings": 2}, "unknown field 'wings'"),
        ({"head": -1}, "head must be a whole number from 0"),
        ({"activation": "gelu"}, "activation must be one of 'swish', 'relu', 'relu6', got 'gelu'"),
        ({"padding": "valid"}, "padding must be one of 'same', 'symmetric'"),
        ({"norm_epsilon": 0}, r"norm_epsilon must be in \(0, 1\]"),
        ({"norm_epsilon": "tiny"}, "norm_epsilon must be a number"),
        ({"stem_pool": 1}, "stem_pool must be one of False, True, got 1"),
        ({"stem_kernel": 2}, "stem_kernel must be one of 1, 3, 5, 7, 9"),
        ({"depth_rounding": "floor"}, "depth_rounding must be one of 'ceil', 'round'"),
        ({"head_scaling": "shrunk"}, "head_scaling must be one of 'scaled', 'fixed', 'at-least'"),
        ({"width_floor": 2}, r"width_floor must be in \[0, 1\]"),
        ({"width_divisor": 0}, "width_divisor must be a whole number from 1 to 256"),
        ({"extends": "efficientnet-b9"}, "there is no baseline 'efficientnet-b9'"),
        ({"extends": 3}, "extends must be a string"),
    ],
)
def test_a_wrong_table_is_named(changed: dict[str, object], said: str) -> None:
    with pytest.raises((InvalidBaseline, UnknownBaseline), match=said):
        from_table({**EFFICIENTNET_NANO.document(), **changed})


def test_a_missing_field_is_named() -> None:
    table = EFFICIENTNET_NANO.document()
    del table["head"]
    with pytest.raises(InvalidBaseline, match="'head'"):
        from_table(table)


def test_an_unknown_baseline_is_answered_with_those_there_are() -> None:
    with pytest.raises(
        UnknownBaseline, match="efficientnet-b0, efficientnet-nano, efficientnet-pico, efficientnetv2-b0"
    ):
        get_baseline("efficientnet-b8")
    assert all(get_baseline(name).name == name for name in BASELINES)


def test_a_table_may_extend_another() -> None:
    torch = from_table({"extends": "efficientnet-b0", "padding": "symmetric", "norm_epsilon": 1e-5})
    assert torch.stages == EFFICIENTNET_B0.stages
    assert (torch.padding, torch.norm_epsilon) == ("symmetric", 1e-5)
    one = Multipliers(1, 1, 1)
    assert torch.scale(one).key != EFFICIENTNET_B0.scale(one).key


def test_every_baseline_is_what_its_table_says_after_rounding() -> None:
    """The unscaled network has the table's own integers: no width of a built-in table is off its divisor."""
    for baseline in BASELINES.values():
        network = baseline.scale(Multipliers(1, 1, 1))
        assert (network.stem, network.stages, network.head) == (baseline.stem, baseline.stages, baseline.head)


def test_scaling_rules() -> None:
    tiny, mobile, resnet = (BASELINES[name] for name in ("tinynet", "mobilenet-v2", "resnet-50"))
    assert tiny.depths_at(0.695) == (1, 1, 1, 2, 2, 3, 1)
    assert (tiny.widths_at(0.54)[0], tiny.widths_at(0.54)[-1]) == (32, 1280)
    assert (mobile.widths_at(0.5)[-1], mobile.widths_at(1.4)[-1]) == (1280, 1792)
    assert resnet.widths_at(1.1) == (72, 288, 576, 1120, 2240, 0)  # inside: 72, 144, 280, 560
    assert BASELINES["efficientnetv2-b0"].widths_at(1.2)[:2] == (40, 16)  # 19.2 -> 16: no 10 % rule there
    assert EFFICIENTNET_B0.widths_at(1.2)[:2] == (40, 24)


@given(st.sampled_from(sorted(BASELINES)), st.floats(1e-6, 64), st.floats(1e-6, 64), st.sampled_from(("ceil", "round")))
def test_nothing_rounds_away(name: str, depth: float, width: float, rounding: DepthRounding) -> None:
    """A stage keeps a block, a width one divisor, whatever it shrinks by; the smallest input keeps a pixel."""
    baseline = BASELINES[name]
    assert min(baseline.depths_at(depth, rounding)) >= 1
    stem, *stages, head = baseline.widths_at(width)
    units = [stage.unit for stage in baseline.stages]
    assert stem >= min(baseline.stem, baseline.width_divisor)
    assert all(one >= baseline.width_divisor * unit for one, unit in zip(stages, units, strict=True))
    assert head >= min(baseline.head, baseline.width_divisor)
    last = baseline.smallest_resolution / baseline.total_stride
    assert last >= min(1, baseline.resolution / baseline.total_stride)
