import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.architecture import Baseline, StageSpec
from models.baselines import BASELINES, EFFICIENTNET_B0, EFFICIENTNET_NANO, from_table, get_baseline
from models.errors import InvalidArchitecture, InvalidBaseline, InvalidScaling, UnknownBaseline
from models.scaling import Multipliers
from tests.ground import golden

UNITS = golden.facts("units")
STAGES = st.builds(
    StageSpec,
    repeats=st.integers(1, 6),
    kernel=st.sampled_from((1, 3, 5, 7, 9)),
    stride=st.integers(1, 4),
    expansion=st.integers(1, 8),
    width=st.integers(1, 400),
    se_ratio=st.sampled_from((0, 0.0, 0.25, 1.0)),
)
BASELINE = st.builds(
    Baseline,
    name=st.text(max_size=20),
    stem=st.integers(1, 100),
    stem_stride=st.integers(1, 4),
    stages=st.lists(STAGES, min_size=1, max_size=6).map(tuple),
    head=st.integers(1, 2000),
    resolution=st.integers(8, 512),
    classes=st.integers(1, 2000),
    dropout=st.floats(0, 0.9),
    drop_path=st.floats(0, 0.9),
    summary=st.text(max_size=50),
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
    assert EFFICIENTNET_B0.scale(Multipliers(1, 1, 1)).key == "573f8c1567b90933"
    assert EFFICIENTNET_NANO.scale(Multipliers(1, 1, 1)).key == "5eadb363c13866b1"


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
        ({"kernel": 4}, "stages/0: kernel must be odd"),
        ({"stride": 9}, "stages/0: stride"),
        ({"se_ratio": 2}, r"stages/0: se_ratio must be in \[0, 1\]"),
        ({"se_ratio": "0.25"}, "stages/0: se_ratio must be a number"),
        ({"block": "resnet"}, "stages/0: block must be 'mbconv'"),
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
    ],
)
def test_a_wrong_table_is_named(changed: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidBaseline, match=said):
        from_table({**EFFICIENTNET_NANO.document(), **changed})


def test_a_missing_field_is_named() -> None:
    table = EFFICIENTNET_NANO.document()
    del table["head"]
    with pytest.raises(InvalidBaseline, match="'head'"):
        from_table(table)


def test_an_unknown_baseline_is_answered_with_those_there_are() -> None:
    with pytest.raises(UnknownBaseline, match="efficientnet-b0, efficientnet-nano"):
        get_baseline("efficientnet-b8")
    assert all(get_baseline(name).name == name for name in BASELINES)
