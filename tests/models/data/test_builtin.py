"""The built-in data sets: what the registry and the files in the repository say of them is true."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.data.builtin import shapes
from models.data.builtin.describe import describe
from models.data.file_layout import MANIFEST, SPRITE
from models.data.loading import load
from models.data.registry import BUILT_IN, DATASETS


@pytest.mark.parametrize("name", sorted(DATASETS))
def test_what_lies_in_the_repository_is_what_the_images_give(name: str, tmp_path: Path) -> None:
    """Otherwise: python -m models.data.manifest."""
    describe(name, tmp_path)
    texts = [json.loads((folder / MANIFEST).read_text()) for folder in (tmp_path, BUILT_IN / name)]
    assert texts[0] == texts[1]
    with Image.open(tmp_path / SPRITE) as ours, Image.open(BUILT_IN / name / SPRITE) as theirs:
        np.testing.assert_array_equal(np.asarray(ours.convert("RGB")), np.asarray(theirs.convert("RGB")))


@pytest.mark.parametrize("name", sorted(DATASETS))
def test_the_registry_knows_the_content_hash(name: str) -> None:
    """It may never change under published results."""
    assert load(name).fingerprint == DATASETS[name].content_hash


def test_an_image_is_a_function_of_its_number_and_size() -> None:
    assert (shapes.draw(7, 48) == load("shapes").train.images[7]).all()
    assert shapes.draw(7, 48).tobytes() != shapes.draw(15, 48).tobytes()
    assert load("shapes").train.labels[:10].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 0, 1]
    assert len(
        {image.tobytes() for split in (load("shapes").train, load("shapes").test) for image in split.images}
    ) == (shapes.TRAIN + shapes.TEST)


@pytest.mark.parametrize("px", [8, 33, 96])
def test_every_size_shows_the_same_scene(px: int) -> None:
    """Averaged down to 8 x 8 areas, two sizes differ by the noise and the edges alone."""
    for number in range(8):
        ours = np.asarray(Image.fromarray(shapes.draw(number, px)).resize((8, 8), Image.Resampling.BOX), np.float32)
        native = shapes.draw(number, shapes.NATIVE_PX).reshape(8, 6, 8, 6, 3).mean((1, 3))
        assert np.abs(ours - native).mean() < (12 if px == 8 else 4)


def test_texture_fades_with_the_size() -> None:
    """The contrast along the lines of a part is there at the native size and mostly gone at a third of it."""
    spread = {}
    for px in (48, 16):
        x, y = shapes._grid(px)
        wave = shapes._hatching(x, y, np.random.default_rng(0), 1, px)
        spread[px] = float(wave.max() - wave.min())
    assert spread[48] > 0.6
    assert spread[16] < 0.35
