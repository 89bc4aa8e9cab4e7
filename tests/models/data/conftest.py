"""Real image files, made by Pillow, and registrations of them."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from models.data.problems import policies
from models.data.registration import RegistrationRequest, add

Register = Callable[..., dict[str, Any]]


def picture(number: int, px: int = 12) -> Image.Image:
    """A picture that no other number has: left dark, right light, over a colour of its own."""
    values = np.random.default_rng(number).integers(0, 60, (px, px, 3))
    values[:, px // 2 :] += 150
    values[..., number % 3] += 40
    return Image.fromarray(values.astype(np.uint8))


def encoded(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    """The bytes of an image file."""
    data = io.BytesIO()
    image.save(data, form, **options)
    return data.getvalue()


def put(path: Path, number: int, form: str = "PNG", px: int = 12, **options: Any) -> Path:
    """Write `picture(number)` as a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(picture(number, px), form, **options))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of ten pictures."""
    for label, name in enumerate(("cat", "dog")):
        for i in range(10):
            put(tmp_path / "source" / name / f"{i}.png", 100 * label + i)
    return tmp_path / "source"


@pytest.fixture
def register(tmp_path: Path) -> Register:
    """Registers a source under `tmp_path/datasets`, by default as `pets`; its details."""

    def run(source: Path, on: Sequence[str] = (), name: str = "pets", **options: Any) -> dict[str, Any]:
        return add(tmp_path / "datasets", RegistrationRequest(name, source, policies(on), **options))

    return run


def problems(details: dict[str, Any]) -> dict[str, list[str]]:
    """Names of the images with a problem, by kind."""
    return {found["kind"]: [image["name"] for image in found["examples"]] for found in details["problems"]}
