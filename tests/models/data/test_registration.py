"""Registered once, the same for ever: problems by policy, resuming after a kill, caches, the registry."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.data.file_layout import MANIFEST, images_file
from models.data.loading import load
from models.data.problems import DEFAULTS, KINDS, MEANING, NEVER_KEPT, POLICIES, explained, policies
from models.data.registration import RegistrationRequest, add, remove
from models.data.registry import DATASETS, DatasetInfo, Pinned, Registry
from models.errors import InvalidDataset, RefusedImages, SourceChanged, UnknownDataset
from tests.models.data.conftest import Register, encoded, picture, problems, put


def test_what_was_registered_is_loaded(folder: Path, tmp_path: Path, register: Register) -> None:
    found = register(folder)
    data = load("pets", tmp_path / "datasets")
    assert data.fingerprint == found["content_hash"]
    assert data.classes == 2
    images = np.concatenate([split.images for split in (data.train, data.validation, data.test)])
    assert images.shape == (20, 12, 12, 3)
    assert isinstance(data.train.images, np.memmap)
    expected = {np.asarray(picture(100 * label + i)).tobytes(): label for label in (0, 1) for i in range(10)}
    labels = np.concatenate([split.labels for split in (data.train, data.validation, data.test)])
    assert {image.tobytes(): int(label) for image, label in zip(images, labels, strict=True)} == expected
    np.testing.assert_allclose(data.mean, data.train.images.mean((0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(data.deviation, data.train.images.std((0, 1, 2)), rtol=1e-5)
    np.testing.assert_array_equal(data.train.images[[3, 1]], np.asarray(data.train.images)[[3, 1]])


def test_the_split_hangs_on_the_content_alone(folder: Path, tmp_path: Path, register: Register) -> None:
    """Other names, another order, other formats: the same images in the same splits."""
    register(folder)
    for label, name in enumerate(("cat", "dog")):
        for i in range(10):
            path = tmp_path / "other" / name / f"{9 - i:03}.bmp"
            put(path, 100 * label + i, "BMP")
    register(tmp_path / "other", name="again")
    first, second = (load(name, tmp_path / "datasets") for name in ("pets", "again"))
    for one, other in ((first.train, second.train), (first.validation, second.validation), (first.test, second.test)):
        assert {image.tobytes() for image in one.images} == {image.tobytes() for image in other.images}


def spoiled(folder: Path) -> Path:
    """Every kind of problem once."""
    put(folder / "cat" / "named.jpg", 50)
    put(folder / "cat" / "same.png", 3)  # as cat/3.png
    put(folder / "dog" / "cat.png", 4)  # as cat/4.png
    (folder / "cat" / "words.png").write_text("no image")
    (folder / "cat" / "cut.jpg").write_bytes(encoded(picture(51, 64), "JPEG")[:-200])
    (folder / "dog" / "cmyk.jpg").write_bytes(encoded(picture(52).convert("CMYK"), "JPEG"))
    frames = [picture(53), picture(54)]
    (folder / "dog" / "moving.webp").write_bytes(encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:]))
    return folder


SPOILED = {
    "corrupt": ["cat/words.png"],
    "truncated": ["cat/cut.jpg"],
    "non-rgb": ["dog/cmyk.jpg"],
    "animated": ["dog/moving.webp"],
    "misnamed": ["cat/named.jpg"],
    "duplicate": ["cat/same.png"],
    "conflicting": ["cat/4.png", "dog/cat.png"],
}


def test_problems_are_told_by_name_and_treated_as_declared(folder: Path, tmp_path: Path, register: Register) -> None:
    found = register(spoiled(folder))
    assert problems(found) == SPOILED
    assert {problem["kind"]: problem["policy"] for problem in found["problems"]} == {k: DEFAULTS[k] for k in SPOILED}
    assert found["read"] == 27
    assert found["train"] + found["validation"] + found["test"] == 27 - 5
    listed = [json.loads(line) for line in (tmp_path / "datasets" / "pets" / "problems.jsonl").read_text().splitlines()]
    assert {(entry["kind"], entry["name"]) for entry in listed} == {
        (k, n) for k, names in SPOILED.items() for n in names
    }
    assert {"kind": "duplicate", "name": "cat/same.png", "detail": "same pixels as cat/3.png"} in listed


@pytest.mark.parametrize("kind", sorted(SPOILED))
def test_a_refusal_lists_the_files_and_decodes_nothing_again(folder: Path, register: Register, kind: str) -> None:
    spoiled(folder)
    with pytest.raises(RefusedImages, match=f"{len(SPOILED[kind])} {kind}") as refused:
        register(folder, on=[f"{kind}=refuse"])
    assert all(name in str(refused.value) for name in SPOILED[kind])
    stages: list[tuple[str, int]] = []
    add_again(folder, stages)
    assert next(done for stage, done in stages if stage == "decoding") == 27  # all of it was there


def add_again(folder: Path, stages: list[tuple[str, int]], name: str = "pets") -> dict:
    request = RegistrationRequest(name, folder, policies())
    return add(folder.parent / "datasets", request, lambda stage, done, _total: stages.append((stage, done)))


@pytest.mark.parametrize("kind", ["non-rgb", "animated", "misnamed"])
def test_what_is_kept_can_be_skipped(folder: Path, register: Register, kind: str) -> None:
    found = register(spoiled(folder), on=[f"{kind}=skip"])
    assert found["train"] + found["validation"] + found["test"] == 27 - 6


@pytest.mark.parametrize("kind", ["truncated", "duplicate"])
def test_what_is_skipped_can_be_kept(folder: Path, register: Register, kind: str) -> None:
    found = register(spoiled(folder), on=[f"{kind}=keep"])
    assert found["train"] + found["validation"] + found["test"] == 27 - 4


def test_equal_images_that_are_kept_stay_in_one_split(tmp_path: Path, register: Register) -> None:
    for label in ("a", "b"):
        for i in range(30):
            put(tmp_path / "s" / label / f"{i}.png", i % 10 + 100 * (label == "b"))
    found = register(tmp_path / "s", on=["duplicate=keep"])
    data = load("pets", tmp_path / "datasets")
    seen = [{image.tobytes() for image in split.images} for split in (data.train, data.validation, data.test)]
    assert not (seen[0] & seen[1] | seen[0] & seen[2] | seen[1] & seen[2])
    assert found["per_class"] == {"train": [18, 18], "validation": [6, 6], "test": [6, 6]}


def leaking(root: Path) -> Path:
    for split, first in {"train": 0, "val": 20, "test": 40}.items():
        for label in ("a", "b"):
            for i in range(5):
                put(root / split / label / f"{i}.png", first + i + 100 * (label == "b"))
    put(root / "train" / "a" / "seen.png", 41)  # as test/a/1.png
    put(root / "val" / "b" / "seen.png", 142)  # as test/b/2.png
    return root


def test_leakage_between_splits_is_found_and_the_evaluation_kept(tmp_path: Path, register: Register) -> None:
    found = register(leaking(tmp_path / "s"))
    assert problems(found) == {"leakage": ["train/a/seen.png", "val/b/seen.png"]}
    assert (found["train"], found["validation"], found["test"]) == (10, 10, 10)
    with pytest.raises(RefusedImages, match=r"train/a/seen\.png: same pixels as test/a/1\.png"):
        register(tmp_path / "s", on=["leakage=refuse"], name="strict")
    assert register(tmp_path / "s", on=["leakage=keep"], name="loose")["train"] == 11


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bad=skip", "kinds: corrupt"),
        ("huge", "policies: keep"),
        ("corrupt=keep", "cannot be kept"),
        ("empty-class=keep", "cannot be trained"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(text: str, said: str) -> None:
    with pytest.raises(InvalidDataset, match=said):
        policies([text])


KILLED = """
import os, signal, sys
from pathlib import Path
from models.data.problems import policies
from models.data.registration import RegistrationRequest, add

def tell(stage, done, total):
    if (stage, done >= int(sys.argv[3])) == (sys.argv[2], True):
        os.kill(os.getpid(), signal.SIGKILL)

add(Path(sys.argv[1]).parent / "datasets", RegistrationRequest("killed", Path(sys.argv[1]), policies()), tell)
"""


@pytest.mark.parametrize(("stage", "done"), [("decoding", 0), ("decoding", 64), ("decoding", 400), ("gathering", 0)])
def test_killed_in_the_middle_it_continues_to_the_same_hash(tmp_path: Path, stage: str, done: int) -> None:
    for label in ("a", "b"):
        for i in range(200):
            put(tmp_path / "s" / label / f"{i}.png", i + 1000 * (label == "b"), px=6)
    put(tmp_path / "s" / "a" / "again.png", 3, px=6)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "s"), stage, str(done)], check=False)
    assert killed.returncode == -signal.SIGKILL
    stages: list[tuple[str, int]] = []
    resumed = add_again(tmp_path / "s", stages, "killed")
    assert next(count for name, count in stages if name == "decoding") >= done
    fresh = add_again(tmp_path / "s", [], "fresh")
    assert resumed["content_hash"] == fresh["content_hash"]
    caches = [(tmp_path / "datasets" / name / images_file(6)).read_bytes() for name in ("killed", "fresh")]
    assert caches[0] == caches[1]


def test_a_source_that_changed_begins_again(folder: Path, register: Register) -> None:
    with pytest.raises(RefusedImages):
        register(spoiled(folder), on=["corrupt=refuse"])
    put(folder / "cat" / "words.png", 60)
    stages: list[tuple[str, int]] = []
    found = add_again(folder, stages)
    assert ("decoding", 0) in stages
    assert "corrupt" not in problems(found)


def test_an_image_that_kills_its_decoder_costs_itself_alone(
    folder: Path, register: Register, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "decoder.py"
    program.write_text(
        "import os, models.data.decoder as d\n"
        "real = d.decode_file\n"
        "d.decode_file = lambda n, p, o: os.abort() if p.name == '7.png' else real(n, p, o)\n"
        "d.main()\n"
    )
    monkeypatch.setattr("models.data.pool.PROGRAM", (sys.executable, str(program)))
    assert problems(register(folder)) == {"corrupt": ["cat/7.png", "dog/7.png"]}


def test_the_cache_is_as_large_as_the_images_or_as_asked(tmp_path: Path, register: Register) -> None:
    for label in ("a", "b"):
        for i in range(6):
            put(tmp_path / "s" / label / f"{i}.png", i + 100 * (label == "b"), px=300)
    found = register(tmp_path / "s")
    assert (found["native_px"], found["source_px"]) == (256, 300)
    small = register(tmp_path / "s", name="small", px=64)
    assert small["native_px"] == 64
    directory = tmp_path / "datasets"
    assert load("small", directory, px=48).train.images.shape[1:] == (64, 64, 3)
    assert load("small", directory, px=65).train.images.shape[1:] == (128, 128, 3)
    large = load("small", directory, px=1000)
    assert large.train.images.shape[1:] == (300, 300, 3)
    assert large.fingerprint == small["content_hash"]
    order = np.load(directory / "small" / "order.npy")
    names = [json.loads(line) for line in (directory / "small" / "names.jsonl").read_text().splitlines()]
    first = np.asarray(Image.open(tmp_path / "s" / names[order[0]]).convert("RGB"))
    np.testing.assert_array_equal(large.train.images[0], first)


def test_a_larger_cache_needs_the_very_images(tmp_path: Path, register: Register) -> None:
    for label in ("a", "b"):
        for i in range(6):
            put(tmp_path / "s" / label / f"{i}.png", i + 100 * (label == "b"), px=40)
    register(tmp_path / "s", px=10)
    put(tmp_path / "s" / "a" / "0.png", 999, px=40)
    with pytest.raises(
        SourceChanged, match=r"a/0\.png is not the image that was registered: add it again with --px 40"
    ):
        load("pets", tmp_path / "datasets", px=40)
    shutil.rmtree(tmp_path / "s")
    with pytest.raises(SourceChanged, match="there is nothing at"):
        load("pets", tmp_path / "datasets", px=40)
    assert load("pets", tmp_path / "datasets", px=10).classes == 2


def test_damaged_files_say_so(folder: Path, tmp_path: Path, register: Register) -> None:
    register(folder)
    place = tmp_path / "datasets" / "pets"
    os.truncate(place / images_file(12), 100)
    with pytest.raises(InvalidDataset, match="missing or damaged"):
        load("pets", tmp_path / "datasets")
    (place / "labels.npy").write_bytes(b"")
    with pytest.raises(InvalidDataset, match="cannot be read"):
        load("pets", tmp_path / "datasets")
    registry = Registry(tmp_path / "datasets")
    for text in ("", "[]", '{"schema": "other"}', '{"schema": "effscale/dataset/1", "info": {"name": 3}}'):
        (place / MANIFEST).write_text(text)
        with pytest.raises(InvalidDataset):
            registry.get("pets")
        assert [info.name for info in registry.all()] == sorted(DATASETS)


def test_the_registry_knows_both_kinds(folder: Path, tmp_path: Path, register: Register) -> None:
    found = register(folder)
    registry = Registry(tmp_path / "datasets")
    assert registry.names() == ("digits", "pets", "shapes")
    info = registry.get("pets")
    assert DatasetInfo.read(json.loads(json.dumps(info.document()))) == info
    assert Pinned(info).get("pets") == info
    assert Pinned(info).get("digits") == DATASETS["digits"]
    assert found == registry.details("pets")
    with Image.open(registry.thumbnails("pets")) as sheet:
        layout = found["thumbnails"]
        assert sheet.size == (layout["columns"] * layout["px"], layout["rows"] * layout["px"])
    for name in ("none", "../pets", ".pets.partial", "pets/../pets"):
        with pytest.raises(UnknownDataset, match="there are: digits, pets, shapes"):
            registry.get(name)


def test_removed_is_gone_and_may_come_again(folder: Path, tmp_path: Path, register: Register) -> None:
    register(folder)
    with pytest.raises(InvalidDataset, match="there is a data set 'pets' already"):
        register(folder)
    remove(tmp_path / "datasets", "pets")
    assert Registry(tmp_path / "datasets").names() == ("digits", "shapes")
    assert len(list(folder.rglob("*.png"))) == 20
    with pytest.raises(UnknownDataset):
        remove(tmp_path / "datasets", "pets")
    with pytest.raises(InvalidDataset, match="built in"):
        remove(tmp_path / "datasets", "digits")
    register(folder)


def test_a_full_disk_is_said_before_anything_is_decoded(
    folder: Path, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "posix_fallocate", _full)
    with pytest.raises(InvalidDataset, match=r"20 images of 12 px need .* No space left"):
        register(folder)


def _full(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_names_of_any_bytes_are_read_and_shown(tmp_path: Path, register: Register) -> None:
    for label in (b"a\xff", b"line\nbreak"):
        for i in range(6):
            path = tmp_path / "s" / os.fsdecode(label) / os.fsdecode(b"%d\xfe.png" % i)
            put(path, i + 100 * (label != b"a\xff"))
    (tmp_path / "s" / "line\nbreak" / "bad\n.png").write_text("text")
    found = register(tmp_path / "s")
    assert found["class_names"] == ["a\\udcff", "line\\nbreak"]
    assert problems(found) == {"corrupt": ["line\\nbreak/bad\\n.png"]}
    json.dumps(found, ensure_ascii=False).encode()


def warned(source: Path, on: Sequence[str] = (), name: str = "pets") -> tuple[list[str], list[str], dict | str]:
    """What a registration warned of, its stages, and its details or its error."""
    warnings: list[str] = []
    stages: list[str] = []
    request = RegistrationRequest(name, source, policies(on))
    try:
        found = add(source.parent / "datasets", request, lambda stage, *_: stages.append(stage), warnings.append)
    except InvalidDataset as error:
        return warnings, stages, str(error)
    return warnings, stages, found


def empty_bird(folder: Path) -> Path:
    """A class before the others that holds no image: nothing but a text and a hidden file."""
    (folder / "bird").mkdir()
    (folder / "bird" / "notes.txt").write_text("no image")
    put(folder / "bird" / ".hidden.png", 77)
    return folder


def test_a_class_without_images_is_left_out_and_told_before_decoding(folder: Path, tmp_path: Path) -> None:
    before: list[str] = []
    request = RegistrationRequest("pets", empty_bird(folder), policies())
    found = add(tmp_path / "datasets", request, lambda stage, *_: before.append(stage), before.append)
    assert before.index("1 class without images, left out: bird") < before.index("decoding")
    assert (found["classes"], found["class_names"]) == (2, ["cat", "dog"])
    assert [(each["kind"], each["count"], each["policy"]) for each in found["problems"]] == [("empty-class", 1, "skip")]
    assert found["problems"][0]["examples"] == [{"name": "bird", "detail": "no image"}]
    assert found["problems"][0]["meaning"] == "a class without a usable image to train on; the class is left out"
    assert found["policies"]["empty-class"] == "skip"
    (folder / "bird" / "notes.txt").unlink()
    (folder / "bird" / ".hidden.png").unlink()
    (folder / "bird").rmdir()
    again = add(tmp_path / "datasets", RegistrationRequest("same", folder, policies()))
    assert again["content_hash"] == found["content_hash"]  # as if the class had never been there
    assert again["problems"] == []


def test_a_class_without_images_is_refused_before_decoding_where_that_is_the_policy(folder: Path) -> None:
    _, stages, error = warned(empty_bird(folder), ["empty-class=refuse"])
    assert "decoding" not in stages
    assert "1 empty-class (a class without a usable image to train on), refused by empty-class=refuse:" in str(error)
    assert "bird: no image" in str(error)


def test_one_class_that_is_left_is_told_before_decoding(folder: Path) -> None:
    for path in (folder / "dog").iterdir():
        path.unlink()
    empty_bird(folder)
    _, stages, error = warned(folder)
    assert "decoding" not in stages
    assert error == ("two classes are needed, and 1 class of 3 has usable images to train on; without: 'bird', 'dog'")


def test_too_few_images_for_a_split_are_told_before_decoding(tmp_path: Path) -> None:
    for label in "ab":
        for i in range(2):
            put(tmp_path / "s" / label / f"{i}.png", i + 10 * (label == "b"))
    _, stages, error = warned(tmp_path / "s")
    assert "decoding" not in stages
    assert "too few images for a validation split" in str(error)
    put(tmp_path / "s" / "a" / "2.png", 5)
    assert isinstance(warned(tmp_path / "s")[2], dict)


def test_a_class_of_unreadable_files_alone_is_left_out_too(folder: Path) -> None:
    for i in range(3):
        (folder / "bat").mkdir(exist_ok=True)
        (folder / "bat" / f"{i}.png").write_text("no image")
    warnings, stages, found = warned(folder)
    assert warnings == []  # nobody can know before decoding
    assert "decoding" in stages
    assert isinstance(found, dict)
    assert problems(found)["empty-class"] == ["bat"]
    assert found["problems"][-1]["examples"][0]["detail"] == "of 3 images none is left to train on"
    assert found["class_names"] == ["cat", "dog"]
    data = load("pets", folder.parent / "datasets")
    assert sorted(set(data.train.labels.tolist())) == [0, 1]
    error = warned(folder, ["empty-class=refuse"], "strict")[2]
    assert "bat: of 3 images none is left to train on" in str(error)


def test_a_source_of_unreadable_files_alone_is_an_error_and_no_accident(folder: Path) -> None:
    for path in folder.rglob("*.png"):
        path.write_text("no image")
    error = warned(folder)[2]
    assert str(error).startswith("two classes are needed, and 0 classes of 2 have usable images to train on")
    assert str(error).endswith("(of 20 images: 20 corrupt)")


def test_a_class_that_train_has_lost_leaves_the_other_splits_too(tmp_path: Path) -> None:
    leaking(tmp_path / "s")
    for split, first in {"train": 0, "val": 200, "test": 300}.items():
        for i in range(3):
            put(tmp_path / "s" / split / "aa" / f"{i}.png", 500 + first + i)
    for path in (tmp_path / "s" / "train" / "aa").iterdir():
        path.write_text("no image")
    found = warned(tmp_path / "s")[2]
    assert isinstance(found, dict)
    assert (found["class_names"], found["per_class"]) == (
        ["a", "b"],
        {"train": [5, 5], "validation": [5, 5], "test": [5, 5]},
    )


@pytest.mark.parametrize("policy", ["keep", "skip"])
def test_the_text_of_a_problem_follows_the_policy_in_force(folder: Path, register: Register, policy: str) -> None:
    found = register(spoiled(folder), on=[f"{kind}={policy}" for kind in SPOILED if kind != "corrupt"])
    texts = {problem["kind"]: problem["meaning"] for problem in found["problems"]}
    assert (
        texts["truncated"]
        == "ends before its last row; " + {"keep": "the missing rows are grey", "skip": "left out"}[policy]
    )
    assert texts["duplicate"].endswith({"keep": "all of them stay", "skip": "the first one stays"}[policy])
    assert texts["corrupt"].endswith("; left out")


def test_every_kind_says_what_becomes_of_it_under_every_policy() -> None:
    for kind in KINDS:
        texts = {explained(kind, policy) for policy in POLICIES if not (policy == "keep" and kind in NEVER_KEPT)}
        assert len(texts) == (2 if kind in NEVER_KEPT else 3)
        assert all(text.startswith(f"{MEANING[kind]}; ") for text in texts)


def test_an_unknown_name_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(UnknownDataset) as missing:
        Registry(tmp_path / "nowhere").get("pets")
    assert str(missing.value) == (
        "there is no data set 'pets'; there are: digits, shapes "
        f"(looked in {tmp_path / 'nowhere'}, which does not exist)"
    )
    with pytest.raises(UnknownDataset, match=rf"shapes \(looked in {tmp_path}\)$"):
        Registry(tmp_path).get("pets")
    with pytest.raises(UnknownDataset, match=r"there are: digits, shapes$"):
        Registry().get("pets")
