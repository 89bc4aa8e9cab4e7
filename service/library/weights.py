"""Weights to start from: safetensors files of a data directory, registered by name and known by their SHA-256.

A search pins the SHA-256. A worker looks for a file of it in its own data directory, which may be a copy.
"""

import hashlib
import json
import math
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from search.errors import InvalidSpec
from search.spec.parts import WEIGHTS_NAME
from search.spec.spec import SearchSpec
from service.errors import Conflict, InvalidFile, NotFound

SUFFIX = ".safetensors"
PARTIAL = ".partial"
CHUNK_BYTES = 1 << 20
PICKLED = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle")  # loading one runs whatever code it holds


@dataclass(frozen=True, slots=True)
class WeightsInfo:
    """A registered file: its SHA-256 (hexadecimal), size in bytes, arrays and the numbers in them, and its origin."""

    name: str
    sha256: str
    size: int
    arrays: int
    parameters: int
    source: str
    added_at: str

    def document(self) -> dict[str, str | int]:
        """As JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Weights:
    """The folder `weights` of a data directory: for each name the file and a JSON document beside it."""

    root: Path

    def add(self, name: str, source: Path) -> WeightsInfo:
        """Copy a file into the folder under a name. The same file again is harmless.

        Raises `InvalidFile` for one that is no safetensors file, `Conflict` when the name stands for other bytes.
        """
        if not re.fullmatch(WEIGHTS_NAME, name):
            raise InvalidFile(
                f"{name!r} is no name for weights: 1 to 100 letters, digits, '.', '_', '-', not beginning with a sign"
            )
        arrays, parameters = _counts(source)
        partial = self._folder() / f"{secrets.token_hex(8)}{PARTIAL}"
        try:
            sha256 = _copy(source, partial)
            known = self._read(name)
            if known is not None and known.sha256 != sha256:
                raise Conflict(
                    f"the name {name} stands for other weights already: remove them first, or choose another"
                )
            if known is not None:
                return known
            info = WeightsInfo(
                name,
                sha256,
                partial.stat().st_size,
                arrays,
                parameters,
                source.name,
                f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            )
            partial.replace(self._file(name))
        finally:
            partial.unlink(missing_ok=True)
        partial.write_text(json.dumps(info.document()), encoding="utf-8")
        partial.replace(self._note(name))
        return info

    def list(self) -> "list[WeightsInfo]":
        """All there are, by name."""
        names = sorted(path.stem for path in self.root.glob("*.json"))
        return [info for name in names if (info := self._read(name)) is not None]

    def get(self, name: str) -> WeightsInfo:
        """What is known of one; `NotFound` names those there are."""
        info = self._read(name) if re.fullmatch(WEIGHTS_NAME, name) else None
        if info is None:
            there_are = ", ".join(each.name for each in self.list()) or "none yet ('effscale weights add NAME FILE')"
            raise NotFound(f"there are no weights {name!r}; there are: {there_are}")
        return info

    def remove(self, name: str) -> WeightsInfo:
        """Forget a name and delete its file. A search that starts from it cannot go on."""
        info = self.get(name)
        self._note(name).unlink(missing_ok=True)
        self._file(name).unlink(missing_ok=True)
        return info

    def locate(self, name: str, sha256: str) -> Path:
        """The file of that SHA-256, under this name or another, with its bytes checked; `NotFound` when none has it."""
        for info in sorted(self.list(), key=lambda info: info.name != name):
            if info.sha256 == sha256 and _digest(self._file(info.name)) == sha256:
                return self._file(info.name)
        raise NotFound(
            f"no weights in {self.root} have the SHA-256 {sha256}: register the file that the search calls {name!r} "
            "here too ('effscale weights add')"
        )

    def pin(self, spec: SearchSpec) -> SearchSpec:
        """The spec with the SHA-256 of the weights it starts from; `InvalidSpec` when there are none, or others."""
        if spec.start is None:
            return spec
        try:
            info = self.get(spec.start.weights)
        except NotFound as error:
            raise InvalidSpec(str(error), "/start/weights") from None
        if spec.start.sha256 not in (None, info.sha256):
            raise InvalidSpec(
                f"the weights {info.name} have the SHA-256 {info.sha256}, not {spec.start.sha256}", "/start/sha256"
            )
        return spec.model_copy(update={"start": spec.start.model_copy(update={"sha256": info.sha256})})

    def _folder(self) -> Path:
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self.root

    def _file(self, name: str) -> Path:
        return self.root / f"{name}{SUFFIX}"

    def _note(self, name: str) -> Path:
        return self.root / f"{name}.json"

    def _read(self, name: str) -> WeightsInfo | None:
        try:
            return WeightsInfo(**json.loads(self._note(name).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise InvalidFile(
                f"{self._note(name)} is damaged ({error}): remove it and register the weights again"
            ) from None


def weights_of(data_dir: Path) -> Weights:
    """The weights of a data directory."""
    return Weights(data_dir / "weights")


def _counts(source: Path) -> tuple[int, int]:
    """(arrays, numbers in them) of a safetensors file, from its header alone."""
    from safetensors import SafetensorError, safe_open

    if source.suffix.lower() in PICKLED:
        raise InvalidFile(
            f"{source} is a pickle by its name, which may run code when it is read: convert it to safetensors"
        )
    try:
        with safe_open(source, framework="numpy") as opened:
            names = list(opened.keys())
            sizes = [math.prod(opened.get_slice(name).get_shape()) for name in names]
    except OSError as error:
        raise InvalidFile(f"cannot read {source}: {error.strerror or error}") from None
    except SafetensorError as error:
        raise InvalidFile(f"{source} is no safetensors file: {error}") from None
    if not names:
        raise InvalidFile(f"{source} holds no arrays")
    return len(names), sum(sizes)


def _copy(source: Path, to: Path) -> str:
    """Copy a file durably; its SHA-256."""
    digest = hashlib.sha256()
    try:
        with to.open("wb") as file:
            for chunk in _chunks(source):
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise InvalidFile(f"cannot copy {source} into {to.parent}: {error.strerror or error}") from None
    return digest.hexdigest()


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        for chunk in _chunks(path):
            digest.update(chunk)
    except OSError:
        return ""
    return digest.hexdigest()


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
