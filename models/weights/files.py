"""A file of weights: safetensors, and nothing else is read. Ours say in their metadata which network they are of."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from models.errors import CorruptCheckpoint, InvalidWeights, ModelError
from models.scaling.architecture import ScaledArchitecture, StageSpec
from models.weights.checkpoint import pack, unpack

FORMAT = "effscale-weights"
PICKLES = (
    b"PK\x03\x04",
    b"\x80\x02",
    b"\x80\x03",
    b"\x80\x04",
    b"\x80\x05",
)  # torch.save: a zip file, or a bare pickle


@dataclass(frozen=True, slots=True)
class WeightFile:
    """What a file holds, by the names it has there; `architecture` when it says which network it is of."""

    path: Path
    sha256: str
    arrays: dict[str, NDArray[Any]] = field(repr=False)
    architecture: ScaledArchitecture | None


def read(path: Path) -> WeightFile:
    """A safetensors file. `InvalidWeights` when it cannot be read, is damaged, or is a pickle."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidWeights(f"{path} cannot be read: {error.strerror or error}") from None
    if data.startswith(PICKLES):
        raise InvalidWeights(
            f"{path} is a pickle, as torch.save writes it, and loading one may run any program: convert it where "
            "PyTorch is, with `from safetensors.torch import save_file; save_file(torch.load(FILE, weights_only=True), "
            "'weights.safetensors')`"
        )
    try:
        arrays = load(data)
    except KeyError as error:
        raise InvalidWeights(f"{path} holds arrays of type {error}: save them as float32 or float16") from None
    except (SafetensorError, ValueError) as error:
        raise InvalidWeights(f"{path} is no safetensors file: {error}") from None
    return WeightFile(path, hashlib.sha256(data).hexdigest(), arrays, _architecture(path, data))


def write(path: Path, architecture: ScaledArchitecture, arrays: Mapping[str, NDArray[np.float32]]) -> str:
    """Weights with the network they are of; answers the file's SHA-256. It appears whole or not at all."""
    data = pack(arrays, {"format": FORMAT, "key": architecture.key, "architecture": asdict(architecture)})
    unfinished = path.with_name(f"{path.name}.part")
    unfinished.write_bytes(data)
    unfinished.replace(path)
    return hashlib.sha256(data).hexdigest()


def _architecture(path: Path, data: bytes) -> ScaledArchitecture | None:
    header: dict[str, Any] = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    if "document" not in header.get("__metadata__", {}):
        return None
    try:
        document: Any = unpack(data)[1]
    except CorruptCheckpoint as error:
        raise InvalidWeights(f"{path} is damaged: {error}") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        return None
    try:
        fields = document["architecture"]
        if not all(type(fields[name]) is int for name in ("stem", "head", "resolution", "classes")):
            raise TypeError("its widths, resolution and classes must be whole numbers")
        if fields["stem"] < 1 or fields["head"] < 0:
            raise TypeError(f"its stem has {fields['stem']} channels, its head {fields['head']}")
        return ScaledArchitecture(**{**fields, "stages": tuple(StageSpec(**row) for row in fields["stages"])})
    except (TypeError, KeyError, ModelError) as error:
        raise InvalidWeights(f"{path} says it is of a network that cannot be: {error}") from None
