"""A checkpoint with a single wrong byte is refused: safetensors alone would restore it without a word."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import CorruptCheckpoint
from models.weights.checkpoint import pack, unpack

ARRAYS = {
    "vector": np.arange(5, dtype=np.float32),
    "scalar": np.asarray(7, np.int32),
    "empty": np.zeros((0, 2), np.float32),
}
DOCUMENT = {"progress": {"epoch": 3, "accuracy": 0.5}}
DATA = pack(ARRAYS, DOCUMENT)


def test_round_trip_keeps_shapes_types_and_values() -> None:
    arrays, document = unpack(DATA)
    assert document == DOCUMENT
    for name, array in ARRAYS.items():
        assert arrays[name].shape == array.shape
        assert arrays[name].dtype == array.dtype
        assert np.array_equal(arrays[name], array)


@given(position=st.integers(0, len(DATA) - 1), bit=st.integers(0, 7))
def test_any_flipped_bit_is_noticed(position: int, bit: int) -> None:
    damaged = bytearray(DATA)
    damaged[position] ^= 1 << bit
    with pytest.raises(CorruptCheckpoint):
        unpack(bytes(damaged))


@given(length=st.integers(0, len(DATA) - 1))
def test_any_truncation_is_noticed(length: int) -> None:
    with pytest.raises(CorruptCheckpoint):
        unpack(DATA[:length])
