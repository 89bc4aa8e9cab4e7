"""Layouts: what is a data set, and what is said of what is none."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import InvalidDataset
from tests.models.data.conftest import Register, encoded, picture, problems, put

SPLIT_NAMES = {"train": "train", "validation": "val", "test": "test"}


def arrays(count: int = 20, px: int = 8) -> np.ndarray:
    return np.stack([np.asarray(picture(i, px)) for i in range(count)])


def npz(path: Path, **given: Any) -> Path:
    np.savez_compressed(path, **given)
    return path


def test_one_directory_a_class_at_any_depth(folder: Path, register: Register) -> None:
    put(folder / "dog" / "more" / "deep.png", 500)
    (folder / "dog" / "notes.txt").write_text("good dogs")
    (folder / ".hidden").mkdir()
    found = register(folder)
    assert found["class_names"] == ["cat", "dog"]
    assert (found["train"], found["validation"], found["test"]) == (13, 4, 4)
    assert found["per_class"] == {"train": [6, 7], "validation": [2, 2], "test": [2, 2]}
    assert found["ignored"] == [str(folder / "dog" / "notes.txt")]
    assert (found["native_px"], found["channels"], found["kind"]) == (12, 3, "folder")


def test_given_splits_stay_as_they_are(tmp_path: Path, register: Register) -> None:
    for split, (name, count) in enumerate({"train": 6, "valid": 3, "test": 2}.items()):
        for label in ("a", "b"):
            for i in range(count):
                put(tmp_path / "s" / name / label / f"{i}.png", 1000 * split + 100 * (label == "b") + i)
    found = register(tmp_path / "s")
    assert found["per_class"] == {"train": [6, 6], "validation": [3, 3], "test": [2, 2]}


def test_a_split_that_is_missing_is_taken_from_train(tmp_path: Path, register: Register) -> None:
    for label in ("a", "b"):
        for i in range(10):
            put(tmp_path / "s" / "train" / label / f"{i}.png", 100 * (label == "b") + i)
        put(tmp_path / "s" / "val" / label / "0.png", 500 + (label == "b"))
    assert register(tmp_path / "s")["per_class"] == {"train": [8, 8], "validation": [1, 1], "test": [2, 2]}


def build(root: Path, *files: str) -> Path:
    root.mkdir(exist_ok=True)
    for number, file in enumerate(files):
        if file.endswith("/"):
            (root / file).mkdir(parents=True)
        elif file.endswith(".txt"):
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            (root / file).write_text("words")
        else:
            put(root / file, number)
    return root


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([], "holds no directories of classes"),
        (["a.png", "b.png"], "2 images beside the directories of classes, a.png for one"),
        (["a/1.png", "loose.png"], "1 image beside the directories"),
        (["a/1.png"], "holds one class only, 'a'"),
        (["s/a/1.png", "s/b/1.png"], "perhaps .*/s was meant"),
        (["a/", "b/"], "holds no image files"),
        (["a/x.txt", "b/y.txt"], "holds no image files"),
        (["train/a/1.png", "train/b/1.png", "extra/1.png"], "and others \\(extra\\)"),
        (["val/a/1.png", "test/a/1.png"], "and no train"),
        (["train/a/1.png", "train/b/2.png", "val/a/1.png", "valid/a/1.png"], "names one split twice"),
        (["train/a/1.png", "train/b/2.png", "val/c/1.png"], "classes of which train has no image: 'c'"),
        (["train/1.png", "train/2.png"], "beside the directories of classes"),
        (["a/1.png", "b/2.png"], "too few images for a validation split"),
        (["a/1.png", "b/"], "1 class of 2 has usable images to train on; without: 'b'"),
    ],
)
def test_a_wrong_layout_says_what_is_wrong(tmp_path: Path, register: Register, files: list[str], said: str) -> None:
    with pytest.raises(InvalidDataset, match=said):
        register(build(tmp_path / "s", *files))


def test_a_source_that_is_none_is_refused(tmp_path: Path, register: Register) -> None:
    (tmp_path / "a.csv").write_text("1,2")
    (tmp_path / "a.npz").write_bytes(b"no zip")
    (tmp_path / "a.parquet").write_bytes(b"no parquet")
    for name, said in {
        "a.csv": "is none of these",
        "gone": "there is nothing at",
        "a.npz": "cannot be read as .npz",
    }.items():
        with pytest.raises(InvalidDataset, match=said):
            register(tmp_path / name)
    with pytest.raises(InvalidDataset, match=r"no Parquet file|needs the extra"):
        register(tmp_path / "a.parquet")


@pytest.mark.parametrize("name", ["", "Pets", "a/b", "..", "-x", "digits", "shapes", "x" * 64, "ü"])
def test_a_name_must_fit_a_folder_and_be_free(folder: Path, register: Register, name: str) -> None:
    with pytest.raises(InvalidDataset, match=r"no name for a data set|built in"):
        register(folder, name=name)


def test_arrays_of_bytes(tmp_path: Path, register: Register) -> None:
    labels = np.arange(20) % 2
    found = register(npz(tmp_path / "a.npz", images=arrays(), labels=labels, class_names=["even", "odd"]))
    assert found["class_names"] == ["even", "odd"]
    assert (found["kind"], found["native_px"], found["train"]) == ("npz", 8, 12)


@pytest.mark.parametrize(
    "how", ["x_train", "train_images", "channels first", "grey", "floats", "floats to 255", "int64", "names"]
)
def test_arrays_in_the_ways_that_people_write_them(tmp_path: Path, register: Register, how: str) -> None:
    images, labels = arrays(), np.arange(20) % 2
    plain = register(npz(tmp_path / "plain.npz", images=images, labels=labels), name="plain")
    given: dict[str, Any] = {"images": images, "labels": labels}
    match how:
        case "x_train" | "train_images":
            keys = ("x_{}", "y_{}") if how == "x_train" else ("{}_images", "{}_labels")
            parts = {"train": slice(0, 12), "val": slice(12, 16), "test": slice(16, 20)}
            given = {keys[0].format(name): images[part] for name, part in parts.items()}
            given |= {keys[1].format(name): labels[part][:, None] for name, part in parts.items()}
        case "channels first":
            given["images"] = images.transpose(0, 3, 1, 2)
        case "grey":
            given["images"] = images[..., 0]
        case "floats":
            given["images"] = (images / 255).astype(np.float32)
        case "floats to 255":
            given["images"] = images.astype(np.float64)
        case "int64":
            given["images"] = images.astype(np.int64)
        case "names":
            given["labels"] = np.array(["zero", "one"])[labels]
    found = register(npz(tmp_path / "other.npz", **given), name="other")
    if how in ("channels first", "floats", "floats to 255", "int64"):
        assert found["content_hash"] == plain["content_hash"]
    assert found["class_names"] == (["one", "zero"] if how == "names" else ["0", "1"])
    assert sum(found[split] for split in ("train", "validation", "test")) == 20


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"pictures": arrays()}, "holds the arrays pictures"),
        ({"images": arrays()}, "holds the arrays images"),
        ({"images": arrays(), "labels": np.arange(19) % 2}, "20 images and labels 19 labels"),
        ({"images": arrays().reshape(20, -1), "labels": np.arange(20)}, "has the shape"),
        ({"images": arrays()[..., :2], "labels": np.arange(20)}, "has the shape"),
        ({"images": arrays().astype(np.float32) - 300, "labels": np.arange(20)}, "has values from -300"),
        ({"images": np.full((4, 4, 4), np.nan), "labels": np.arange(4)}, "has values from nan"),
        ({"images": arrays().astype(np.complex64), "labels": np.arange(20)}, "pixels are whole numbers"),
        ({"images": arrays(), "labels": np.linspace(0, 1, 20)}, "labels are whole numbers or texts"),
        ({"images": arrays(), "labels": np.array([{}] * 20)}, "holds Python objects"),
        (
            {"images": arrays(), "labels": np.arange(20), "class_names": ["a"]},
            "labels run from 0 to 19 and the file names 1 class:",
        ),
        ({"images": arrays(), "labels": np.zeros(20, int)}, "2 to 100,000 classes, got 1"),
        ({"images": arrays()[:0], "labels": np.zeros(0, int)}, "has the shape"),
        ({"x_test": arrays(), "y_test": np.arange(20) % 2}, "no images of train"),
        ({"x": arrays(), "data": arrays(), "y": np.arange(20) % 2}, "name the same thing"),
    ],
)
def test_arrays_that_are_no_images_say_why(
    tmp_path: Path, register: Register, given: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidDataset, match=said):
        register(npz(tmp_path / "a.npz", **given))


def hugging_face(path: Path, numbers: range, names: list[str] | None, label: str = "label", bare: bool = False) -> Path:
    """A Parquet file as `datasets` writes it."""
    arro3 = pytest.importorskip("arro3.core", reason='reading Parquet needs the extra "parquet"')
    from arro3.io import write_parquet

    data = [encoded(picture(number)) for number in numbers]
    binary = arro3.Array(data, arro3.DataType.binary())
    paths = arro3.Array([f"{number}.png" for number in numbers], arro3.DataType.string())
    fields = [arro3.Field("bytes", binary.type), arro3.Field("path", paths.type)]
    image = binary if bare else arro3.struct_array([binary, paths], fields=fields)
    labels = arro3.Array([number % 2 for number in numbers], arro3.DataType.int64())
    features = {"image": {"_type": "Image"}, label: {"names": names, "_type": "ClassLabel"}}
    metadata = {} if names is None else {"huggingface": json.dumps({"info": {"features": features}})}
    table = arro3.Table.from_pydict({"image": image, label: labels})
    path.parent.mkdir(parents=True, exist_ok=True)
    write_parquet(table.with_schema(table.schema.with_metadata(metadata)), path)
    return path


def test_parquet_as_the_hub_has_it(tmp_path: Path, register: Register) -> None:
    for split, numbers in {"train": range(12), "validation": range(20, 24), "test": range(30, 34)}.items():
        hugging_face(tmp_path / "s" / "data" / f"{split}-00000-of-00001.parquet", numbers, ["cat", "dog"])
    found = register(tmp_path / "s")
    assert found["class_names"] == ["cat", "dog"]
    assert found["per_class"] == {"train": [6, 6], "validation": [2, 2], "test": [2, 2]}
    assert (found["kind"], found["native_px"], found["problems"]) == ("parquet", 12, [])


@pytest.mark.parametrize("bare", [False, True])
def test_a_parquet_file_without_names_or_splits(tmp_path: Path, register: Register, bare: bool) -> None:
    found = register(hugging_face(tmp_path / "all.parquet", range(20), None, "labels", bare))
    assert found["class_names"] == ["0", "1"]
    assert found["train"] == 12


def test_a_damaged_parquet_file_is_refused(
    tmp_path: Path, register: Register, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = hugging_face(tmp_path / "all.parquet", range(20), ["a", "b"]).read_bytes()
    for number, data in enumerate((whole[:500], whole[:-8] + b"\xff" * 4 + b"PAR1", b"PAR1" * 3)):
        (tmp_path / f"{number}.parquet").write_bytes(data)
        with pytest.raises(InvalidDataset):
            register(tmp_path / f"{number}.parquet")
    assert "panicked" not in capfd.readouterr().err


def test_files_without_an_image_are_reported(tmp_path: Path, register: Register) -> None:
    data = io.BytesIO()
    images = np.zeros((1,), np.uint8)
    np.save(data, images)
    folder = tmp_path / "s"
    for label in ("a", "b"):
        for i in range(6):
            put(folder / label / f"{i}.png", i + 50 * (label == "b"))
    (folder / "a" / "words.png").write_text("these are words")
    (folder / "b" / "picture").write_bytes(encoded(picture(77)))
    found = register(folder)
    assert problems(found) == {"corrupt": ["a/words.png"]}
    assert sum(found["per_class"]["train"]) + found["validation"] + found["test"] == 13
