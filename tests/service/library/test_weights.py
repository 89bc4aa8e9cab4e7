"""Registered weights: by name in a data directory, and pinned by what a search starts from."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from search.errors import InvalidSpec
from search.spec.spec import SearchSpec
from service.errors import Conflict, InvalidFile, NotFound
from service.library.weights import Weights, weights_of
from tests.service.fleet import SPEC


def file_of(path: Path, value: float = 1.0) -> Path:
    """A small safetensors file."""
    save_file({"a": np.full((2, 3), value, np.float32), "b": np.zeros(4, np.float16)}, path)
    return path


@pytest.fixture
def weights(tmp_path: Path) -> Weights:
    """An empty registry."""
    return weights_of(tmp_path / "data")


def test_a_file_is_copied_and_known_by_its_bytes(weights: Weights, tmp_path: Path) -> None:
    info = weights.add("parent", file_of(tmp_path / "some.safetensors"))
    assert (info.name, info.arrays, info.parameters, info.source) == ("parent", 2, 10, "some.safetensors")
    (tmp_path / "some.safetensors").unlink()
    assert weights.list() == [weights.get("parent")] == [info]
    assert weights.locate("parent", info.sha256).stat().st_size == info.size
    assert weights.locate("another name", info.sha256) == weights.locate("parent", info.sha256)
    assert weights.remove("parent") == info
    assert weights.list() == []
    assert list((tmp_path / "data" / "weights").iterdir()) == []


def test_the_same_file_again_is_harmless_and_another_is_refused(weights: Weights, tmp_path: Path) -> None:
    first = weights.add("parent", file_of(tmp_path / "some.safetensors"))
    assert weights.add("parent", file_of(tmp_path / "same.safetensors")) == first
    with pytest.raises(Conflict, match="stands for other weights already"):
        weights.add("parent", file_of(tmp_path / "other.safetensors", 2.0))
    assert weights.locate("parent", first.sha256)
    assert len(list((tmp_path / "data" / "weights").iterdir())) == 2


@pytest.mark.parametrize("name", ["", "../climbs", "a/b", ".hidden", "a" * 101, "ünï", "two words", "a\n"])
def test_a_name_cannot_climb_out_of_the_folder(weights: Weights, tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidFile, match="is no name for weights"):
        weights.add(name, file_of(tmp_path / "some.safetensors"))
    with pytest.raises(NotFound):
        weights.get(name)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.pt", b"PK\x03\x04", "pickle"),
        ("a.safetensors", b"", "no safetensors file"),
        ("a.safetensors", b"\xff" * 64, "no safetensors file"),
        ("a.safetensors", b"\x02\0\0\0\0\0\0\0{}", "holds no arrays"),
    ],
)
def test_only_safetensors_files_are_taken(weights: Weights, tmp_path: Path, name: str, data: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InvalidFile, match=said):
        weights.add("parent", tmp_path / name)
    with pytest.raises(InvalidFile):
        weights.add("parent", tmp_path / "nothing.safetensors")
    with pytest.raises(InvalidFile):
        weights.add("parent", tmp_path)
    assert weights.list() == []


def test_bytes_that_changed_are_not_used(weights: Weights, tmp_path: Path) -> None:
    info = weights.add("parent", file_of(tmp_path / "some.safetensors"))
    path = weights.locate("parent", info.sha256)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(NotFound, match="register the file that the search calls 'parent'"):
        weights.locate("parent", info.sha256)


def start(name: str = "parent", **fields: Any) -> dict[str, Any]:
    """A spec that starts from weights."""
    return {**SPEC, "start": {"weights": name, **fields}}


def test_a_spec_pins_the_bytes(weights: Weights, tmp_path: Path) -> None:
    info = weights.add("parent", file_of(tmp_path / "some.safetensors"))
    pinned = weights.pin(SearchSpec.model_validate(start()))
    assert pinned.start is not None
    assert pinned.start.sha256 == info.sha256
    assert weights.pin(pinned) == pinned
    assert weights.pin(SearchSpec.model_validate(SPEC)).start is None
    for spec, pointer in ((start("nothing"), "/start/weights"), (start(sha256="0" * 64), "/start/sha256")):
        with pytest.raises(InvalidSpec) as raised:
            weights.pin(SearchSpec.model_validate(spec))
        assert raised.value.pointer == pointer
