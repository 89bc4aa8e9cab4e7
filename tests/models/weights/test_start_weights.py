"""Weights from elsewhere: the recorded logits of PyTorch, the libraries' own names, and files that do not fit."""

import csv
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from models.errors import InvalidWeights
from models.layers.flat_layout import layout
from models.scaling.architecture import ScaledArchitecture
from models.scaling.baselines import BASELINES, from_table
from models.scaling.coefficients import Multipliers
from models.scaling.presets import get_preset
from models.weights import start_weights
from models.weights.torch_layouts import entries
from tests.benchmarks.torch_reference_cases import V2_S
from tests.models.answers import logits, random_arrays
from tests.models.small import SMALL

FOLDER = Path(__file__).parents[2] / "golden" / "torch"
CASES: list[dict[str, Any]] = json.loads((FOLDER / "cases.json").read_text(encoding="utf-8"))
NAMES = list(csv.DictReader((FOLDER / "names.csv").read_text(encoding="utf-8").splitlines()[1:]))
CLOSE = 1e-4  # of logits of order 1; PyTorch's float32 is 1e-6 from its float64
ONE = Multipliers(1, 1, 1)

EFFICIENT = next(case for case in CASES if case["name"] == "torchvision-efficientnet")


def network(case: Mapping[str, Any], **changed: Any) -> ScaledArchitecture:
    return replace(from_table(case["ours"]).scale(ONE), **changed)


def file(case: Mapping[str, Any]) -> Path:
    return FOLDER / f"{case['name']}.safetensors"


def difference(case: Mapping[str, Any], architecture: ScaledArchitecture) -> float:
    both = load_file(FOLDER / f"{case['name']}.io.safetensors")
    start = start_weights.load(file(case), architecture, layout=case["layout"])
    found = logits(architecture, start.arrays, both["images"].astype(np.float32).transpose(0, 2, 3, 1))
    assert np.abs(both["logits"]).max() > 0.5
    return float(np.abs(found - both["logits"]).max())


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_outputs_are_pytorchs(case: dict[str, Any]) -> None:
    assert difference(case, network(case)) <= CLOSE


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("torchvision-efficientnet", {"padding": "same"}),
        ("timm-tf-efficientnet", {"padding": "symmetric"}),
        ("resnet-basic", {"norm_epsilon": 1e-3}),
        ("torchvision-efficientnet", {"activation": "relu"}),
    ],
)
def test_the_recorded_outputs_tell_conventions_apart(name: str, changed: dict[str, Any]) -> None:
    """What would slip through a comparison that is too easy: the weights fit, the network is another."""
    case = next(case for case in CASES if case["name"] == name)
    assert difference(case, network(case, **changed)) > 2 * CLOSE


@pytest.mark.parametrize("row", NAMES, ids=lambda row: f"{row['library']}-{row['model']}")
def test_names_and_shapes_are_the_librarys_own(row: dict[str, str]) -> None:
    architecture = published(row["model"])
    places = layout(architecture)
    shapes = {leaf.name: leaf.shape for leaf in (*places.weights, *places.statistics)}
    table = entries(architecture, "timm" if row["library"] == "timm" else "torchvision")
    assert sorted(entry.ours for entry in table) == sorted(shapes)
    lines = sorted(f"{entry.theirs} {'x'.join(map(str, entry.there(shapes[entry.ours])))}" for entry in table)
    listed = FOLDER / f"{row['library']}-{row['model']}.txt"
    if listed.exists():
        assert lines == listed.read_text(encoding="utf-8").splitlines()
    assert len(lines) == int(row["arrays"])
    assert hashlib.sha256("\n".join(lines).encode()).hexdigest() == row["sha256"]


def published(model: str) -> ScaledArchitecture:
    name = model.removeprefix("tf_")
    fixed = {"mobilenet_v2": "mobilenet-v2", "mobilenetv2_100": "mobilenet-v2", "mobilenetv1_100": "mobilenet-v1"}
    fixed |= {"resnet18": "resnet-18", "resnet50": "resnet-50"}
    if name == "efficientnet_v2_s":
        return from_table(V2_S).scale(ONE)
    if name in fixed:
        return BASELINES[fixed[name]].scale(ONE)
    family, _, member = name.partition("_")
    baseline = {"efficientnet": "efficientnet-b0", "efficientnetv2": "efficientnetv2-b0"}.get(family, family)
    return get_preset(baseline, member).network(BASELINES[baseline])


def test_our_own_file_gives_the_very_same_numbers(tmp_path: Path) -> None:
    arrays = random_arrays(SMALL, 3)
    digest = start_weights.save(tmp_path / "weights.safetensors", SMALL, arrays)
    start = start_weights.load(tmp_path / "weights.safetensors", SMALL)
    assert digest == start.sha256 == hashlib.sha256((tmp_path / "weights.safetensors").read_bytes()).hexdigest()
    assert (sorted(start.taken), start.drawn, start.grown, start.warnings) == (sorted(arrays), (), (), ())
    images = np.random.default_rng(0).normal(size=(2, 16, 16, 3)).astype(np.float32)
    assert np.array_equal(logits(SMALL, start.arrays, images), logits(SMALL, arrays, images))
    assert [path.name for path in tmp_path.iterdir()] == ["weights.safetensors"]


def test_another_class_count_draws_the_classifier_and_nothing_else(tmp_path: Path) -> None:
    wider = network(EFFICIENT, classes=7)
    first, again = (start_weights.load(file(EFFICIENT), wider, layout="torchvision", seed=5) for _ in range(2))
    assert first.drawn == ("classifier.kernel", "classifier.bias")
    assert first.arrays["classifier.kernel"].shape == (32, 7)
    assert set(first.taken) == set(first.arrays) - set(first.drawn)
    assert np.array_equal(first.arrays["classifier.kernel"], again.arrays["classifier.kernel"])
    other = start_weights.load(file(EFFICIENT), wider, layout="torchvision", seed=6)
    assert not np.array_equal(first.arrays["classifier.kernel"], other.arrays["classifier.kernel"])
    whole = start_weights.load(file(EFFICIENT), network(EFFICIENT), layout="torchvision")
    assert all(np.array_equal(first.arrays[name], whole.arrays[name]) for name in first.taken)


def changed(tmp_path: Path, **arrays: Any) -> Path:
    """The recorded file with arrays replaced, added, or (None) left out."""
    held = load_file(file(EFFICIENT)) | arrays
    save_file({name: array for name, array in held.items() if array is not None}, tmp_path / "wrong.safetensors")
    return tmp_path / "wrong.safetensors"


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        (
            {"features.0.0.weight": np.zeros((16, 3, 3, 3), "f4")},
            ["features.0.0.weight", "(16, 3, 3, 3)", "(8, 3, 3, 3)"],
        ),
        ({"features.0.0.weight": np.zeros((8, 3, 3), "f4")}, ["(8, 3, 3)", "(8, 3, 3, 3)"]),
        ({"features.1.0.block.1.fc1.weight": np.zeros((2, 8), "f4")}, ["fc1.weight", "(2, 8)", "(2, 8, 1, 1)"]),
        ({"classifier.1.weight": np.zeros((5, 31), "f4")}, ["classifier.1.weight", "(5, 31)", "(5, 32)"]),
        (
            {"classifier.1.weight": np.zeros((9, 31), "f4"), "classifier.1.bias": np.zeros(9, "f4")},
            ["classifier.1.weight", "(9, 31)", "(9, 32)"],
        ),
        ({"classifier.1.bias": np.zeros((9,), "f4")}, ["classifier.1.weight", "(5, 32)", "(9, 32)"]),
        ({"features.0.1.bias": None}, ["lacks features.0.1.bias"]),
        ({"classifier.1.bias": None}, ["lacks classifier.1.bias"]),
        (
            {"features.9.weight": np.zeros(3, "f4"), "zz": np.zeros(1, "f4")},
            ["holds features.9.weight, zz", "no place"],
        ),
        ({"features.0.1.bias": np.zeros(8, "i4")}, ["features.0.1.bias", "int32"]),
        ({"features.0.1.bias": np.full(8, np.nan, "f4")}, ["features.0.1.bias", "finite"]),
        ({"features.0.1.bias": np.full(8, 1e300)}, ["features.0.1.bias", "finite"]),
        ({"features.0.1.running_var": np.full(8, -1, "f4")}, ["running_var", "negative"]),
    ],
)
def test_a_file_that_does_not_fit_is_refused_by_name(tmp_path: Path, arrays: dict[str, Any], said: list[str]) -> None:
    with pytest.raises(InvalidWeights) as refused:
        start_weights.load(changed(tmp_path, **arrays), network(EFFICIENT), layout="torchvision")
    assert all(part in str(refused.value) for part in said), refused.value


def test_many_wrong_names_are_counted(tmp_path: Path) -> None:
    with pytest.raises(InvalidWeights, match=r"lacks blocks\.0.* and \d+ more"):
        start_weights.load(file(EFFICIENT), network(EFFICIENT))


def test_counters_are_ignored_and_wide_floats_are_narrowed(tmp_path: Path) -> None:
    bias = load_file(file(EFFICIENT))["features.0.1.bias"].astype("f8")
    counter = {"features.0.1.num_batches_tracked": np.asarray(7)}
    path = changed(tmp_path, **counter, **{"features.0.1.bias": bias})
    start = start_weights.load(path, network(EFFICIENT), layout="torchvision")
    assert {array.dtype for array in start.arrays.values()} == {np.dtype("f4")}
    assert np.array_equal(start.arrays["stem.norm.bias"], bias)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"PK\x03\x04rest of a zip", "save_file"),
        (b"\x80\x02rest of a pickle", "save_file"),
        (b"", "safetensors"),
        (b"\xff" * 64, "safetensors"),
        ((10).to_bytes(8, "little") + b"[1,2,3,4] ", "safetensors"),
    ],
)
def test_other_files_are_refused_with_the_way_out(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(data)
    with pytest.raises(InvalidWeights, match=said) as refused:
        start_weights.load(path, SMALL)
    assert str(path) in str(refused.value)


def test_a_path_that_is_no_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(InvalidWeights, match="cannot be read"):
            start_weights.load(path, SMALL)


def test_a_damaged_file_of_ours_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    start_weights.save(path, SMALL, random_arrays(SMALL, 0))
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    with pytest.raises(InvalidWeights, match="damaged"):
        start_weights.load(path, SMALL)


def test_arrays_of_another_network_are_not_saved(tmp_path: Path) -> None:
    arrays = random_arrays(SMALL, 0)
    with pytest.raises(InvalidWeights, match=r"classifier\.bias has the shape \(10,\).*\(11,\)"):
        start_weights.save(tmp_path / "w", replace(SMALL, classes=11), arrays)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("layout_name", "padding", "epsilon", "said"),
    [
        ("timm", "symmetric", 1e-5, None),
        ("timm", "same", 1e-3, "right only for its tf_ models"),
        ("timm", "same", 1e-5, "right for none"),
        ("torchvision", "symmetric", 1e-3, "b5 to b7"),
    ],
)
def test_conventions_that_no_file_tells_are_pointed_out(
    tmp_path: Path, layout_name: Any, padding: Any, epsilon: float, said: str | None
) -> None:
    case = next(case for case in CASES if case["layout"] == layout_name and case["family"] == "resnet")
    start = start_weights.load(file(case), network(case, padding=padding, norm_epsilon=epsilon), layout=layout_name)
    assert len(start.warnings) == (0 if said is None else 1)
    assert said is None or said in start.warnings[0]


def test_our_files_tell_their_conventions(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    start_weights.save(path, SMALL, random_arrays(SMALL, 0))
    stages = (SMALL.stages[0], replace(SMALL.stages[1], stride=1))
    warnings = start_weights.load(path, replace(SMALL, padding="symmetric", resolution=24, stages=stages)).warnings
    assert [warning.split(" was ")[0] for warning in warnings] == ["padding", "the stride of stage 2"]
    save_file(random_arrays(SMALL, 0), path)
    assert "does not say which network" in start_weights.load(path, SMALL).warnings[0]


@pytest.mark.parametrize(
    ("name", "layout_name", "said"),
    [
        ("mobilenet-v1", "torchvision", "separable"),
        ("efficientnetv2-nano", "torchvision", None),
        ("resnet-nano", "timm", None),
    ],
)
def test_a_layout_without_such_networks_says_so(name: str, layout_name: Any, said: str | None) -> None:
    architecture = BASELINES[name].scale(ONE)
    if said is None:
        assert len(entries(architecture, layout_name)) > 50
        return
    with pytest.raises(InvalidWeights, match=said):
        entries(architecture, layout_name)


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ({"block": "fused-mbconv", "se_ratio": 0.25}, "fused-mbconv"),
        ({"block": "basic", "se_ratio": 0.0}, "basic blocks beside"),
        ({"se_ratio": 0.0}, "some mbconv blocks alone"),
    ],
)
def test_blocks_that_no_library_mixes_are_refused(stage: dict[str, Any], said: str) -> None:
    stages = (SMALL.stages[0], replace(SMALL.stages[1], **{"expansion": 1, **stage}))
    with pytest.raises(InvalidWeights, match=said):
        entries(replace(SMALL, stages=stages), "torchvision")
